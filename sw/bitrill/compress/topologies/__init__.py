"""Float networks by name, at the sizes of our data sets; steps quantize and compress them.

Each takes a `Frame` (channels, height and width of an input, classes) and a width, and is added by
`topology`. Those of `bitrill train` are quantized from the start; these are not.
"""

from __future__ import annotations

from . import chains, concatenated, mobile, one_bit, residual  # noqa: F401 - they register themselves
from .float_networks import TOPOLOGIES, Frame, make, topology

__all__ = ["TOPOLOGIES", "Frame", "make", "topology"]
