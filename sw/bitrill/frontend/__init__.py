"""Imports QONNX and ONNX models; `rule` adds import rules of your own. ONNX is used only here."""

from .importer import load_model
from .reader.local_functions import Body, BodyNode
from .rules.table import ImportRule, rule
from .symbolic.call import Call
from .symbolic.constants import Const, Quantized
from .symbolic.refusal import RefusedError
from .symbolic.values import Data, Known

__all__ = [
    "Body",
    "BodyNode",
    "Call",
    "Const",
    "Data",
    "ImportRule",
    "Known",
    "Quantized",
    "RefusedError",
    "load_model",
    "rule",
]
