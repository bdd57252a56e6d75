"""Compares a model's local functions with the accepted bodies, node by node.

The name of a function has a specified meaning. If its body in the file were different, the model
would mean one thing here and another in a runtime, so it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, TypeAlias

from . import limits
from .local_functions import DOMAIN, IR_VERSION, OPSETS, STANDARD, Attribute, Body, BodyNode
from .names import shown, text

if TYPE_CHECKING:
    from onnx import AttributeProto, FunctionProto, ModelProto, NodeProto

Bodies: TypeAlias = Mapping[tuple[str, str], Body | None]
"""Functions that a model may contain, by ``(domain, name)``; None: any body is accepted."""


def faults(model: ModelProto, domains: AbstractSet[str], opset: int, bodies: Bodies) -> list[str]:
    """Return what is wrong with a model's functions; ``domains``: those of its nodes.

    ``opset``: the model's version of ONNX's own operators. ``bodies``: the accepted functions.
    """
    if len(model.functions) > limits.NODE_ITEMS:
        return [f"functions must be at most {limits.NODE_ITEMS}, not {len(model.functions)}"]
    reasons = [fault for f in model.functions if (fault := _fault(f, bodies))]
    names = [(text(f.domain), text(f.name)) for f in model.functions]
    reasons += [
        f"function {key[1]} must be defined once, not twice"
        for key in bodies
        if names.count(key) > 1
    ]
    for domain in dict.fromkeys(d for d, _ in bodies):
        if domain in domains or domain in {d for d, _ in names}:
            version = next((b.version for k, b in bodies.items() if k[0] == domain and b), None)
            reasons += _version_faults(model, domain, version, opset)
    return reasons


def _version_faults(
    model: ModelProto, domain: str, version: int | None, opset: int
) -> Iterator[str]:
    """Yield what is wrong with the versions that a model with functions of a domain declares."""
    versions = sorted({o.version for o in model.opset_import if text(o.domain) == domain})
    if version is not None and versions != [version]:
        given = " and ".join(map(str, versions)) or "none"
        yield f"the model must declare version {version} of domain {domain}, not {given}"
    beside = f"with functions of domain {domain} the"
    if opset < OPSETS[0]:
        yield f"{beside} opset must be at least {OPSETS[0]}, not {opset}"
    if model.ir_version < IR_VERSION:
        yield f"{beside} IR version must be at least {IR_VERSION}, not {model.ir_version}"


def _fault(function: FunctionProto, bodies: Bodies) -> str:
    """Return the first reason why a function is not one of ``bodies``; empty if it is one."""
    key = text(function.domain), text(function.name)
    if key not in bodies or getattr(function, "overload", ""):
        return (
            f"function {shown(key[1])} of domain {shown(key[0])} is not accepted; only"
            f" {_listed(bodies)} are, as defined in docs/format.md"
        )
    body = bodies[key]
    fault = _difference(function, body) if body is not None else ""
    source = "docs/format.md defines it" if key[0] == DOMAIN else "its import rule declares it"
    return fault and f"function {key[1]} must be, node by node, as {source}: {fault}"


def _listed(bodies: Bodies) -> str:
    """Write the names of the functions, domain by domain."""
    names = {d: [n for domain, n in sorted(bodies) if domain == d] for d, _ in bodies}
    each = {d: " and ".join(filter(None, (", ".join(n[:-1]), n[-1]))) for d, n in names.items()}
    return ", ".join(f"{each[d]} of domain {d}" for d in names)


def _difference(function: FunctionProto, body: Body) -> str:
    """Return the first difference between a function and ``body``; empty if there is none."""
    counts = [len(function.input), len(function.output), len(function.node)]
    if counts != [len(body.inputs), 1, len(body.nodes)]:
        return (
            f"{len(body.inputs)} inputs, 1 output and {len(body.nodes)} nodes,"
            f" not {counts[0]}, {counts[1]} and {counts[2]}"
        )
    attributes = tuple(map(text, function.attribute))
    if attributes != body.attributes or len(getattr(function, "attribute_proto", ())):
        return f"its attributes must be {', '.join(body.attributes) or 'none'}, without defaults"
    declared = [(text(o.domain), o.version) for o in function.opset_import]
    if len(declared) != 1 or declared[0][0] not in STANDARD or declared[0][1] not in OPSETS:
        return f"it must declare only ONNX's opset {OPSETS[0]} to {OPSETS[-1]}"
    names = dict(zip(map(text, function.input), body.inputs, strict=True))
    if len(names) != len(body.inputs):
        return "two inputs have the same name"
    for k, (node, wanted) in enumerate(zip(function.node, body.nodes, strict=True)):
        if not _matches(node, wanted, names):
            return f"node {k} must be {wanted}"
    if names.get(text(function.output[0])) != body.output:
        return f"its output must be the result of node {len(body.nodes) - 1}"
    return ""


def _matches(node: NodeProto, wanted: BodyNode, names: dict[str, str]) -> bool:
    """Return whether ``node`` is ``wanted``; ``names``: the body's tensors by the file's names."""
    outputs = list(map(text, node.output))
    inputs = tuple(names.get(text(i), "") for i in node.input)
    if len(outputs) != 1 or not outputs[0] or outputs[0] in names or getattr(node, "overload", ""):
        return False
    names[outputs[0]] = wanted.output
    same = (
        text(node.op_type) == wanted.op
        and text(node.domain) in STANDARD
        and inputs == wanted.inputs
    )
    if wanted.attribute is None:
        return same and not len(node.attribute)
    return same and len(node.attribute) == 1 and _is_attribute(node.attribute[0], *wanted.attribute)


def _is_attribute(given: AttributeProto, name: str, value: Attribute) -> bool:
    """Return whether an attribute contains ``value`` and nothing else."""
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
