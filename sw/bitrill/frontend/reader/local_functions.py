"""Local functions of domain ``bitrill``, for what QONNX cannot express, and their bodies.

A function is specified by its body, a list of ONNX's own operators (docs/format.md). The body is
written here once: exporters make a ``FunctionProto`` from it, and the reader compares a file's
function with it, node by node. A body in a file is never executed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from onnx import FunctionProto, NodeProto

DOMAIN = "bitrill"

VERSION = 1
"""Version of the domain."""

STANDARD = ("", "ai.onnx")
"""Names of ONNX's own domain."""

OPSETS = range(13, 21)
"""Versions of ONNX's own operators that a body may declare; its operators are the same in all."""

IR_VERSION = 8
"""First version of the file format with functions."""

LARGEST_BITS = 4
"""Largest number of bits of a `LogQuant`: its largest value is then 2**14 steps."""

Attribute: TypeAlias = int | float | tuple[int, ...] | str
"""A value, or ``"@name"``: a reference to the function's integer attribute of that name."""


@dataclass(frozen=True)
class BodyNode:
    """One node of a body."""

    output: str
    op: str
    inputs: tuple[str, ...] = ()
    attribute: tuple[str, Attribute] | None = None

    def __str__(self) -> str:
        attribute = f" with {self.attribute[0]} = {self.attribute[1]}" if self.attribute else ""
        return f"{self.op} of {', '.join(self.inputs) or 'nothing'}{attribute}"

    def proto(self) -> NodeProto:
        """Return the node for a model file."""
        from onnx import AttributeProto, helper

        node = helper.make_node(self.op, list(self.inputs), [self.output])
        if self.attribute is not None:
            name, value = self.attribute
            if isinstance(value, str):
                made = AttributeProto(name=name, ref_attr_name=value[1:], type=AttributeProto.INT)
            else:
                whole = list(value) if isinstance(value, tuple) else value
                made = helper.make_attribute(name, whole)
            node.attribute.append(made)
        return node


@dataclass(frozen=True)
class Body:
    """A local function: signature, nodes in order, domain, and the domain's version."""

    name: str
    inputs: tuple[str, ...]
    attributes: tuple[str, ...]
    nodes: tuple[BodyNode, ...]
    output: str = "Y"
    domain: str = DOMAIN
    version: int = VERSION

    def proto(self, opset: int = OPSETS[0]) -> FunctionProto:
        """Return the function for a model file, on ``opset`` of ONNX's own operators."""
        from onnx import helper

        return helper.make_function(
            self.domain,
            self.name,
            list(self.inputs),
            [self.output],
            [node.proto() for node in self.nodes],
            [helper.make_opsetid("", opset)],
            attributes=list(self.attributes),
        )


def constant(output: str, value: Attribute) -> BodyNode:
    """Return the node of a body that defines a constant."""
    kinds = {int: "value_int", float: "value_float", tuple: "value_ints", str: "value_int"}
    return BodyNode(output, "Constant", (), (kinds[type(value)], value))


L1_MATMUL = Body(
    "L1MatMul",
    ("X", "W"),
    (),
    (
        constant("last", (-1,)),
        BodyNode("column", "Unsqueeze", ("X", "last")),
        BodyNode("difference", "Sub", ("column", "W")),
        BodyNode("distance", "Abs", ("difference",)),
        constant("features", (-2,)),
        BodyNode("sums", "ReduceSum", ("distance", "features"), ("keepdims", 0)),
        BodyNode("Y", "Neg", ("sums",)),
    ),
)

L1_CONV = Body(
    "L1Conv",
    ("X", "W"),
    (),
    (
        BodyNode("shape", "Shape", ("W",)),
        constant("zero", (0,)),
        constant("one", (1,)),
        constant("two", (2,)),
        constant("inner", (1, 2, 3)),
        BodyNode("filters", "Gather", ("shape", "zero")),
        BodyNode("window", "Gather", ("shape", "inner")),
        BodyNode("taps", "ReduceProd", ("window",)),
        BodyNode("square", "Concat", ("taps", "taps"), ("axis", 0)),
        BodyNode("zeros", "ConstantOfShape", ("square",)),
        BodyNode("unit", "EyeLike", ("zeros",)),
        BodyNode("each", "Concat", ("taps", "window"), ("axis", 0)),
        BodyNode("kernels", "Reshape", ("unit", "each")),
        BodyNode("windows", "Conv", ("X", "kernels")),
        BodyNode("column", "Unsqueeze", ("windows", "one")),
        BodyNode("flat", "Concat", ("filters", "taps", "one", "one"), ("axis", 0)),
        BodyNode("weights", "Reshape", ("W", "flat")),
        BodyNode("difference", "Sub", ("column", "weights")),
        BodyNode("distance", "Abs", ("difference",)),
        BodyNode("sums", "ReduceSum", ("distance", "two"), ("keepdims", 0)),
        BodyNode("Y", "Neg", ("sums",)),
    ),
)

LOG_QUANT = Body(
    "LogQuant",
    ("X", "scale"),
    ("bits",),
    (
        constant("zero", 0.0),
        constant("half", 0.5),
        constant("one", 1.0),
        constant("two", 2.0),
        constant("n", "@bits"),
        BodyNode("width", "Cast", ("n",), ("to", 1)),
        BodyNode("codes", "Pow", ("two", "width")),
        BodyNode("levels", "Sub", ("codes", "one")),
        BodyNode("k", "Range", ("zero", "levels", "one")),
        BodyNode("places", "Sub", ("k", "half")),
        BodyNode("bounds", "Pow", ("two", "places")),
        BodyNode("ratio", "Div", ("X", "scale")),
        constant("last", (-1,)),
        BodyNode("column", "Unsqueeze", ("ratio", "last")),
        BodyNode("reached", "GreaterOrEqual", ("column", "bounds")),
        BodyNode("counted", "Cast", ("reached",), ("to", 1)),
        BodyNode("code", "ReduceSum", ("counted", "last"), ("keepdims", 0)),
        BodyNode("exponent", "Sub", ("code", "one")),
        BodyNode("power", "Pow", ("two", "exponent")),
        BodyNode("present", "Greater", ("code", "half")),
        BodyNode("value", "Where", ("present", "power", "zero")),
        BodyNode("Y", "Mul", ("value", "scale")),
    ),
)

LUT_LAYER = Body(
    "LutLayer",
    ("X", "wires", "powers", "starts", "tables"),
    (),
    (
        BodyNode("read", "Gather", ("X", "wires"), ("axis", 1)),
        BodyNode("weighted", "Mul", ("read", "powers")),
        constant("last", (-1,)),
        BodyNode("address", "ReduceSum", ("weighted", "last"), ("keepdims", 0)),
        BodyNode("place", "Add", ("address", "starts")),
        BodyNode("index", "Cast", ("place",), ("to", 7)),
        BodyNode("entries", "Reshape", ("tables", "last")),
        BodyNode("Y", "Gather", ("entries", "index")),
    ),
)

THERMOMETER = Body(
    "Thermometer",
    ("X", "features", "limits"),
    (),
    (
        BodyNode("read", "Gather", ("X", "features"), ("axis", 1)),
        BodyNode("reached", "GreaterOrEqual", ("read", "limits")),
        BodyNode("Y", "Cast", ("reached",), ("to", 1)),
    ),
)

INT_SOFTMAX = Body(
    "IntSoftmax",
    ("X",),
    ("exponent", "bits"),
    (
        constant("one", 1.0),
        constant("two", 2.0),
        constant("n", "@exponent"),
        BodyNode("width", "Cast", ("n",), ("to", 1)),
        BodyNode("powers", "Pow", ("two", "width")),
        BodyNode("largest", "Sub", ("powers", "one")),
        constant("m", "@bits"),
        BodyNode("depth", "Cast", ("m",), ("to", 1)),
        BodyNode("steps", "Pow", ("two", "depth")),
        BodyNode("levels", "Sub", ("steps", "one")),
        constant("last", (-1,)),
        BodyNode("first", "Hardmax", ("X",)),
        BodyNode("kept", "Mul", ("first", "X")),
        BodyNode("top", "ReduceSum", ("kept", "last")),
        BodyNode("less", "Sub", ("X", "top")),
        BodyNode("real", "Exp", ("less",)),
        BodyNode("scaled", "Mul", ("real", "largest")),
        BodyNode("exponential", "Round", ("scaled",)),
        BodyNode("sum", "ReduceSum", ("exponential", "last")),
        BodyNode("part", "Mul", ("exponential", "levels")),
        BodyNode("share", "Div", ("part", "sum")),
        BodyNode("whole", "Floor", ("share",)),
        BodyNode("Y", "Div", ("whole", "levels")),
    ),
)


def l1_matmul_function(opset: int = OPSETS[0]) -> FunctionProto:
    """Return ``L1MatMul(X, W)`` for a model file."""
    return L1_MATMUL.proto(opset)


def l1_conv_function(opset: int = OPSETS[0]) -> FunctionProto:
    """Return ``L1Conv(X, W)`` for a model file."""
    return L1_CONV.proto(opset)


def log_quant_function(opset: int = OPSETS[0]) -> FunctionProto:
    """Return ``LogQuant(X, scale)`` with attribute ``bits`` for a model file."""
    return LOG_QUANT.proto(opset)


def lut_layer_function(opset: int = OPSETS[0]) -> FunctionProto:
    """Return ``LutLayer(X, wires, powers, starts, tables)`` for a model file."""
    return LUT_LAYER.proto(opset)


def thermometer_function(opset: int = OPSETS[0]) -> FunctionProto:
    """Return ``Thermometer(X, features, limits)`` for a model file."""
    return THERMOMETER.proto(opset)


def int_softmax_function(opset: int = OPSETS[0]) -> FunctionProto:
    """Return ``IntSoftmax(X)`` with attributes ``exponent`` and ``bits`` for a model file."""
    return INT_SOFTMAX.proto(opset)
