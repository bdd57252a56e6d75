"""Import of QONNX models, and import rules of one's own (`rule`); ONNX exists only here."""

from .importer import load_model
from .reader.functions import Body, Line
from .rules.table import Rule, rule
from .symbolic.call import Call
from .symbolic.constants import Const, Quantized
from .symbolic.data import Data, Known
from .symbolic.refusal import RefusedError

__all__ = [
    "Body",
    "Call",
    "Const",
    "Data",
    "Known",
    "Line",
    "Quantized",
    "RefusedError",
    "Rule",
    "load_model",
    "rule",
]
