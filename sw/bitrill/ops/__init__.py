"""The operators, one file each; ``hw/bitrill_hw/ops`` and ``tests/ops`` mirror the names."""

from .argmax import ArgMax
from .convert import Convert
from .matvec import MatVec
from .threshold import Threshold

OPERATORS = (MatVec, Threshold, Convert, ArgMax)

__all__ = ["OPERATORS", "ArgMax", "Convert", "MatVec", "Threshold"]
