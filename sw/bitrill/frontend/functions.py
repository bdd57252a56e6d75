"""The ONNX local functions of domain ``bitrill``: what QONNX cannot say. `docs/format.md`.

Each is specified by its body, a list of ONNX's own operators, written here once: builders make a
``FunctionProto`` of it for exporters, and the reader of models compares with it node for node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

DOMAIN = "bitrill"

VERSION = 1
"""Version of the domain."""

OPSETS = range(13, 21)
"""Versions of ONNX's own operators that a body may declare; those used mean the same in all."""

LARGEST_BITS = 4
"""Most bits of a `LogQuant`: the largest value is then 2**14 steps."""

Attribute: TypeAlias = int | float | tuple[int, ...] | str
"""A value, or as ``@name`` a reference to the function's attribute of that name, an integer."""


@dataclass(frozen=True)
class Line:
    """One node of a body."""

    output: str
    op: str
    inputs: tuple[str, ...] = ()
    attribute: tuple[str, Attribute] | None = None


@dataclass(frozen=True)
class Body:
    """A function: its signature, and the nodes in order."""

    name: str
    inputs: tuple[str, ...]
    attributes: tuple[str, ...]
    lines: tuple[Line, ...]
    output: str = "Y"


def _constant(output: str, value: Attribute) -> Line:
    kinds = {int: "value_int", float: "value_float", tuple: "value_ints", str: "value_int"}
    return Line(output, "Constant", (), (kinds[type(value)], value))


L1_MATMUL = Body(
    "L1MatMul",
    ("X", "W"),
    (),
    (
        _constant("last", (-1,)),
        Line("column", "Unsqueeze", ("X", "last")),
        Line("difference", "Sub", ("column", "W")),
        Line("distance", "Abs", ("difference",)),
        _constant("features", (-2,)),
        Line("sums", "ReduceSum", ("distance", "features"), ("keepdims", 0)),
        Line("Y", "Neg", ("sums",)),
    ),
)

LOG_QUANT = Body(
    "LogQuant",
    ("X", "scale"),
    ("bits",),
    (
        _constant("zero", 0.0),
        _constant("half", 0.5),
        _constant("one", 1.0),
        _constant("two", 2.0),
        _constant("n", "@bits"),
        Line("width", "Cast", ("n",), ("to", 1)),
        Line("codes", "Pow", ("two", "width")),
        Line("levels", "Sub", ("codes", "one")),
        Line("k", "Range", ("zero", "levels", "one")),
        Line("places", "Sub", ("k", "half")),
        Line("bounds", "Pow", ("two", "places")),
        Line("ratio", "Div", ("X", "scale")),
        _constant("last", (-1,)),
        Line("column", "Unsqueeze", ("ratio", "last")),
        Line("reached", "GreaterOrEqual", ("column", "bounds")),
        Line("counted", "Cast", ("reached",), ("to", 1)),
        Line("code", "ReduceSum", ("counted", "last"), ("keepdims", 0)),
        Line("exponent", "Sub", ("code", "one")),
        Line("power", "Pow", ("two", "exponent")),
        Line("present", "Greater", ("code", "half")),
        Line("value", "Where", ("present", "power", "zero")),
        Line("Y", "Mul", ("value", "scale")),
    ),
)

BODIES: Mapping[str, Body] = {b.name: b for b in (L1_MATMUL, LOG_QUANT)}


def l1_matmul_function(opset: int = OPSETS[0]) -> Any:
    """``L1MatMul(X, W)`` as a ``FunctionProto`` on ``opset`` of ONNX's own operators."""
    return _function(L1_MATMUL, opset)


def log_quant_function(opset: int = OPSETS[0]) -> Any:
    """``LogQuant(X, scale)`` with attribute ``bits``, as a ``FunctionProto``."""
    return _function(LOG_QUANT, opset)


def _function(body: Body, opset: int) -> Any:
    from onnx import helper

    return helper.make_function(
        DOMAIN, body.name, list(body.inputs), [body.output], [_node(line) for line in body.lines],
        [helper.make_opsetid("", opset)], attributes=list(body.attributes),
    )  # fmt: skip


def _node(line: Line) -> Any:
    from onnx import AttributeProto, helper

    node = helper.make_node(line.op, list(line.inputs), [line.output])
    if line.attribute is not None:
        name, value = line.attribute
        if isinstance(value, str):
            made = AttributeProto(name=name, ref_attr_name=value[1:], type=AttributeProto.INT)
        else:
            made = helper.make_attribute(name, list(value) if isinstance(value, tuple) else value)
        node.attribute.append(made)
    return node
