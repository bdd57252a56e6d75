"""The ONNX local functions of domain ``bitrill``: what QONNX cannot say. `docs/format.md`.

Each is specified by its body, a list of ONNX's own operators, written here once: builders make a
``FunctionProto`` of it for exporters, and the reader of models compares with it node for node. A
body of a file is never run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, TypeAlias

from . import limits
from .names import shown, text

DOMAIN = "bitrill"

VERSION = 1
"""Version of the domain."""

STANDARD = ("", "ai.onnx")
"""ONNX's own domain."""

OPSETS = range(13, 21)
"""Versions of ONNX's own operators that a body may declare; those used mean the same in all."""

IR_VERSION = 8
"""The first version of the file format that knows functions."""

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

    def __str__(self) -> str:
        told = "" if self.attribute is None else f" with {self.attribute[0]} = {self.attribute[1]}"
        return f"{self.op} of {', '.join(self.inputs) or 'nothing'}{told}"


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
        DOMAIN,
        body.name,
        list(body.inputs),
        [body.output],
        [_node(line) for line in body.lines],
        [helper.make_opsetid("", opset)],
        attributes=list(body.attributes),
    )


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


def faults(model: Any, domains: AbstractSet[str], opset: int) -> list[str]:
    """What is wrong with the functions of a ``ModelProto`` whose nodes have these ``domains``."""
    if len(model.functions) > limits.NODE_ITEMS:
        return [f"functions must be at most {limits.NODE_ITEMS}, not {len(model.functions)}"]
    found = [fault for f in model.functions for fault in _function_faults(f)]
    names = [text(f.name) for f in model.functions if text(f.domain) == DOMAIN]
    found += [f"function {n} must be there once, not twice" for n in BODIES if names.count(n) > 1]
    if DOMAIN not in domains and DOMAIN not in {text(f.domain) for f in model.functions}:
        return found
    versions = sorted({o.version for o in model.opset_import if text(o.domain) == DOMAIN})
    if versions != [VERSION]:
        given = " and ".join(map(str, versions)) or "none"
        found.append(f"the model must declare version {VERSION} of domain {DOMAIN}, not {given}")
    if opset < OPSETS[0]:
        found.append(
            f"beside functions of domain {DOMAIN} the opset must be at least {OPSETS[0]},"
            f" not {opset}"
        )
    if model.ir_version < IR_VERSION:
        found.append(
            f"beside functions of domain {DOMAIN} the IR version must be at least {IR_VERSION},"
            f" not {model.ir_version}"
        )
    return found


def _function_faults(function: Any) -> Iterator[str]:
    """Why a ``FunctionProto`` is none of `BODIES`; the first reason only."""
    name, domain = text(function.name), text(function.domain)
    body = BODIES.get(name) if domain == DOMAIN else None
    if body is None or getattr(function, "overload", ""):
        yield (
            f"function {shown(name)} of domain {shown(domain)} is not accepted; only"
            f" {' and '.join(BODIES)} of domain {DOMAIN} are, as docs/format.md has them"
        )
        return
    fault = _difference(function, body)
    if fault:
        yield f"function {name} must be node for node as docs/format.md has it: {fault}"


def _difference(function: Any, body: Body) -> str:
    """Where a ``FunctionProto`` differs from ``body``; empty where it does not."""
    counts = [len(function.input), len(function.output), len(function.node)]
    if counts != [len(body.inputs), 1, len(body.lines)]:
        return (
            f"{len(body.inputs)} inputs, 1 output and {len(body.lines)} nodes,"
            f" not {counts[0]}, {counts[1]} and {counts[2]}"
        )
    attributes = tuple(map(text, function.attribute))
    if attributes != body.attributes or len(getattr(function, "attribute_proto", ())):
        return f"its attributes must be {', '.join(body.attributes) or 'none'}, without defaults"
    declared = [(text(o.domain), o.version) for o in function.opset_import]
    if len(declared) != 1 or declared[0][0] not in STANDARD or declared[0][1] not in OPSETS:
        return f"it must declare ONNX's opset {OPSETS[0]} to {OPSETS[-1]} alone"
    names = dict(zip(map(text, function.input), body.inputs, strict=True))
    if len(names) != len(body.inputs):
        return "two inputs have one name"
    for k, (node, line) in enumerate(zip(function.node, body.lines, strict=True)):
        if not _is_line(node, line, names):
            return f"node {k} must be {line}"
    if names.get(text(function.output[0])) != body.output:
        return f"its output must be what node {len(body.lines) - 1} gives"
    return ""


def _is_line(node: Any, line: Line, names: dict[str, str]) -> bool:
    """Whether ``node`` says ``line``; ``names``: what the file calls its tensors, and we do."""
    outputs = list(map(text, node.output))
    inputs = tuple(names.get(text(i), "") for i in node.input)
    if len(outputs) != 1 or not outputs[0] or outputs[0] in names or getattr(node, "overload", ""):
        return False
    names[outputs[0]] = line.output
    same = text(node.op_type) == line.op and text(node.domain) in STANDARD and inputs == line.inputs
    if line.attribute is None:
        return same and not len(node.attribute)
    return same and len(node.attribute) == 1 and _is_attribute(node.attribute[0], *line.attribute)


def _is_attribute(given: Any, name: str, value: Attribute) -> bool:
    """Whether an ``AttributeProto`` holds ``value``, by its type alone."""
    if text(given.name) != name:
        return False
    if isinstance(value, str):
        return given.type == given.INT and text(given.ref_attr_name) == value[1:]
    if given.ref_attr_name:
        return False
    if isinstance(value, tuple):
        return given.type == given.INTS and tuple(given.ints) == value
    if isinstance(value, float):
        return given.type == given.FLOAT and given.f == value
    return given.type == given.INT and given.i == value
