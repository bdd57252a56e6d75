"""Settings of the documentation site; `make docs` builds it, with warnings as errors."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), *(str(HERE.parent / p) for p in ("sw", "hw", "sim", "boards"))]

from bitrill import __version__  # noqa: E402

project = "Bitrill"
release = version = __version__
copyright = "Bitrill's authors, Apache-2.0"
html_title = f"Bitrill {version}"
smartquotes = False  # `--json` in a heading keeps both of its hyphens

extensions = ["myst_parser", "sphinx.ext.autodoc", "docstrings", "verbs", "json_files", "gallery"]
exclude_patterns = ["_ext"]

# Markdown: headings have anchors down to ###, so that links into pages are checked
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

# Python: a name in backticks is a link if this site describes it, else it is only set as code
default_role = "py:obj"
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!bitrill\.(flow|errors)\.[A-Z]\w*$).*")]
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
python_display_short_literal_types = True
autodoc_class_signature = "mixed"

# a drawing or a page of this site is never fetched from elsewhere
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_last_updated_fmt = None
