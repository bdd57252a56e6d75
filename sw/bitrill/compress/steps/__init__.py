"""Kinds of steps: one module each, which registers its class (`bitrill.compress.state.step`)."""

from . import batchnorm_folding, distil, factor, prune, quantize, share, train  # noqa: F401 - they register themselves
