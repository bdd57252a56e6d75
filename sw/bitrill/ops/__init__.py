"""The operators, one file each; ``hw/bitrill_hw/ops`` and ``tests/ops`` mirror the names."""

from .add import Add
from .argmax import ArgMax
from .convert import Convert
from .fork import Fork
from .matvec import MatVec
from .threshold import Threshold

OPERATORS = (MatVec, Threshold, Convert, ArgMax, Fork, Add)

__all__ = ["OPERATORS", "Add", "ArgMax", "Convert", "Fork", "MatVec", "Threshold"]
