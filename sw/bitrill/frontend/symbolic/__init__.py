"""Symbolic values of tensors while a model is imported, and the graph that is built from them."""

from .builder import GraphBuilder
from .call import Call
from .constants import (
    Const,
    Quantized,
    WorkLimit,
    as_objects,
    check_exact,
    check_floats,
    exact_array,
)
from .gains import PAIRS, combinations, thresholds_of_sum
from .grids import is_constant, multiplied, ratios
from .host_call import HostCall, Operand
from .hosted import Hosted, Value, decided, depends, of_integers, on_host, unreadable
from .orders import arrange, to_depth, to_space
from .refusal import RefusedError, brief
from .rounded import Rounded
from .values import Data, Deferred, Known, Unknown, per_channel, rank_of, transposed

__all__ = [
    "PAIRS",
    "Call",
    "Const",
    "Data",
    "Deferred",
    "GraphBuilder",
    "HostCall",
    "Hosted",
    "Known",
    "Operand",
    "Quantized",
    "RefusedError",
    "Rounded",
    "Unknown",
    "Value",
    "WorkLimit",
    "arrange",
    "as_objects",
    "brief",
    "check_exact",
    "check_floats",
    "combinations",
    "decided",
    "depends",
    "exact_array",
    "is_constant",
    "multiplied",
    "of_integers",
    "on_host",
    "per_channel",
    "rank_of",
    "ratios",
    "thresholds_of_sum",
    "to_depth",
    "to_space",
    "transposed",
    "unreadable",
]
