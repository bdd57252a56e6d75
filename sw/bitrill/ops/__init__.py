"""Bitrill's operators, one file each; `bitrill_hw.ops` has their hardware under the same names."""

from ..ir import Operator
from ..ir.registry import registered
from .add import Add
from .argmax import ArgMax
from .avgpool import SumPool
from .concat import Concat
from .convert import Convert
from .crop import Crop
from .deconv import Deconv
from .depthwise import Depthwise
from .divide import Divide
from .fork import Fork
from .l1matvec import L1MatVec
from .lookup import Lookup
from .matvec import MatVec
from .maxpool import MaxPool
from .mul import Mul
from .pad import Pad
from .rearrange import Rearrange
from .requantize import Requantize
from .shuffle import Shuffle
from .split import Split
from .tables import Tables
from .threshold import Threshold
from .upsample import Upsample
from .window import Window

OPERATORS: tuple[type[Operator], ...] = tuple(
    cls for cls in registered() if cls.__module__.startswith(f"{__name__}.")
)
"""Bitrill's own operators."""

__all__ = [
    "OPERATORS",
    "Add",
    "ArgMax",
    "Concat",
    "Convert",
    "Crop",
    "Deconv",
    "Depthwise",
    "Divide",
    "Fork",
    "L1MatVec",
    "Lookup",
    "MatVec",
    "MaxPool",
    "Mul",
    "Pad",
    "Rearrange",
    "Requantize",
    "Shuffle",
    "Split",
    "SumPool",
    "Tables",
    "Threshold",
    "Upsample",
    "Window",
]
