"""The one data structure: integer types, operators, graphs."""

from .coding import Coding
from .graph import INPUT, Graph, Stage, verify
from .interface import InputQuantizer, Sink, Source
from .operator import Cost, Impl, Operator
from .schedule import Rule, Schedule, pipeline
from .types import BIPOLAR, IntType, Tensor

__all__ = [
    "BIPOLAR",
    "INPUT",
    "Coding",
    "Cost",
    "Graph",
    "Impl",
    "InputQuantizer",
    "IntType",
    "Operator",
    "Rule",
    "Schedule",
    "Sink",
    "Source",
    "Stage",
    "Tensor",
    "pipeline",
    "verify",
]
