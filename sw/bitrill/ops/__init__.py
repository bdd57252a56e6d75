"""The operators, one file each; ``hw/bitrill_hw/ops`` and ``tests/ops`` mirror the names."""

from .add import Add
from .argmax import ArgMax
from .concat import Concat
from .convert import Convert
from .fork import Fork
from .matvec import MatVec
from .split import Split
from .threshold import Threshold

OPERATORS = (MatVec, Threshold, Convert, ArgMax, Fork, Add, Concat, Split)

__all__ = [
    "OPERATORS",
    "Add",
    "ArgMax",
    "Concat",
    "Convert",
    "Fork",
    "MatVec",
    "Split",
    "Threshold",
]
