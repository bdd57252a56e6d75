"""Pages that show a build, a search or a difference: one HTML file each, without anything outside.

Text and tables come first, drawings are inline SVG, and every name is escaped by the templates.
They need Jinja2, the extra ``report``.
"""
