"""Units: the forms of hardware that multiply a matrix by a vector, one object each."""

from .base import Unit, coding_matters, find_unit, free_styles, unit_styles, unit_ways
from .dsp import Dsp
from .folded import Folded
from .hashed import Hashed
from .indexed import Indexed
from .prefix import Prefix
from .runtime import Runtime, Streamed
from .select import Select
from .serial import Serial
from .sparse import Sparse
from .unrolled import Unrolled

__all__ = [
    "Dsp",
    "Folded",
    "Hashed",
    "Indexed",
    "Prefix",
    "Runtime",
    "Select",
    "Serial",
    "Sparse",
    "Streamed",
    "Unit",
    "Unrolled",
    "coding_matters",
    "find_unit",
    "free_styles",
    "unit_styles",
    "unit_ways",
]
