"""The one data structure: integer types, operators, graphs, and what operators are written with."""

from .activation import Activation, Function, Quantizer
from .channels import Ranges, Wiring, alike, channelwise, product_ranges
from .coding import CODINGS, Coding, Planes, Values
from .even_lanes import INTERVAL, Buffered, EvenLanes, Joined, divisors
from .graph import INPUT, Graph, Stage, verify
from .host import HostAttribute, HostFunction, Output, Segment
from .impl import (
    Choice,
    Cost,
    Folding,
    Impl,
    Memory,
    Multiply,
    Primitives,
    Style,
    Work,
    is_searched,
)
from .interface import USED_ONLY, InputQuantizer, Sink, Source, raw_numbers
from .operator import Operator
from .parameters import (
    freeze,
    freeze_channels,
    frozen_array,
    must_be_numbers,
    must_be_style,
    must_divide,
    unchecked,
)
from .rounded_line import rounded_line
from .schedule import Rule, Schedule, Stream, pipeline, port
from .structure import (
    Coefficients,
    Structure,
    bits_for,
    different_bits,
    different_bits_each,
    is_deep,
    turned_bits,
)
from .types import BIPOLAR, WIDEST, IntType, Tensor
from .written_memories import Note, Table

__all__ = [
    "BIPOLAR",
    "CODINGS",
    "INPUT",
    "INTERVAL",
    "USED_ONLY",
    "WIDEST",
    "Activation",
    "Buffered",
    "Choice",
    "Coding",
    "Coefficients",
    "Cost",
    "EvenLanes",
    "Folding",
    "Function",
    "Graph",
    "HostAttribute",
    "HostFunction",
    "Impl",
    "InputQuantizer",
    "IntType",
    "Joined",
    "Memory",
    "Multiply",
    "Note",
    "Operator",
    "Output",
    "Planes",
    "Primitives",
    "Quantizer",
    "Ranges",
    "Rule",
    "Schedule",
    "Segment",
    "Sink",
    "Source",
    "Stage",
    "Stream",
    "Structure",
    "Style",
    "Table",
    "Tensor",
    "Values",
    "Wiring",
    "Work",
    "alike",
    "bits_for",
    "channelwise",
    "different_bits",
    "different_bits_each",
    "divisors",
    "freeze",
    "freeze_channels",
    "frozen_array",
    "is_deep",
    "is_searched",
    "must_be_numbers",
    "must_be_style",
    "must_divide",
    "pipeline",
    "port",
    "product_ranges",
    "raw_numbers",
    "rounded_line",
    "turned_bits",
    "unchecked",
    "verify",
]
