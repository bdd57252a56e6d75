"""Drivers in C for one network at a time: one header and one source, C99, no allocation.

``sources(spec, prefix)`` returns both from the content of a ``network.json``.
"""

from .generate import PREFIX, sources

__all__ = ["PREFIX", "sources"]
