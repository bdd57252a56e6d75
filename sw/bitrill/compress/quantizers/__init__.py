"""Quantizers of layers: a table of patterns over names, and where in a network they are put."""

from . import bases, binary, integers, learned, powers, ternary  # noqa: F401 - they register their words
