"""Tensors whose first axis is not the batch's, in models whose batch is fixed at 1.

PyTorch's attention computes on ``[T, 1, C]`` and ``[heads, T, d]``. Such a tensor is taken with one
more axis of size 1 in front, which then is the batch's, and the nodes that read it are rewritten.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from .reader.model import Attribute, Node
from .reader.proto import QUANT_DOMAINS
from .rules.table import rule_of
from .symbolic import Const, Data, GraphBuilder, Operand, RefusedError, Value

AXES = ("ReduceMax", "ReduceMean", "ReduceSum", "Squeeze", "Unsqueeze")
"""Operators whose axes are an attribute or their second input."""

AXIS = {"Concat": 0, "Split": 0, "QuantizeLinear": 1, "DequantizeLinear": 1}
"""Operators with one axis as an attribute, and its default."""

QUANT = ("BipolarQuant", "IntQuant", "Quant")

MOVED = "the batch axis must stay the first"


def rewritten(
    builder: GraphBuilder, node: Node, operands: Sequence[Operand]
) -> tuple[Node, list[Operand]]:
    """Return a node that moves the batch axis, or reads what such a node gives, rewritten.

    Its data have one more axis of size 1 in front; other nodes stay as they are. Raises
    `RefusedError` for a node that cannot be rewritten.
    """
    data = [v for v in operands if isinstance(v, Data)]
    fixed = not builder.batch_is_free and builder.batch == 1
    if not fixed or not data or not (any(d.lifted for d in data) or _moves(node, operands)):
        return node, [*operands]
    inner = [
        replace(v, shape=(1, *v.shape), lifted=True) if isinstance(v, Data) and not v.lifted else v
        for v in operands
    ]
    return _with_axis(node, inner)


def _moves(node: Node, operands: Sequence[Operand]) -> bool:
    """Whether a node leaves another axis in front than the batch's of size 1."""
    if node.domain or not isinstance(operands[0], Data):
        return False
    if node.op == "Transpose":
        perm = node.attributes.get("perm")
        rank = len(operands[0].shape) + 1
        return isinstance(perm, tuple) and sorted(perm) == list(range(rank)) and perm[0] != 0
    target = operands[1] if node.op == "Reshape" and len(operands) == 2 else None
    whole = isinstance(target, Const) and target.array.dtype == np.int64 and target.array.ndim == 1
    return whole and isinstance(target, Const) and target.array.size > 0 and target.array[0] > 1


def _with_axis(node: Node, operands: list[Operand]) -> tuple[Node, list[Operand]]:
    """Return a node for operands with one more axis in front."""
    attributes = dict(node.attributes)
    op = "" if node.domain else node.op
    if op == "Transpose":
        perm = attributes.get("perm")
        attributes["perm"] = (0, *(int(p) + 1 for p in perm)) if isinstance(perm, tuple) else perm
    elif op == "Reshape":
        operands = [operands[0], _each(operands[1], lambda a: np.append(np.int64(1), a))]
    elif op in AXES:
        if "axes" in attributes:
            attributes["axes"] = _later(attributes["axes"])
        operands = [operands[0], *(_each(v, _behind) for v in operands[1:])]
    elif op in AXIS:
        attributes["axis"] = _later(attributes.get("axis", AXIS[op]))
    elif rule_of(node) is None:
        raise RefusedError("the host computes it, at the model's end, where the batch is axis 0")
    elif not _sees_no_axes(node):
        raise RefusedError(f"{MOVED} of its data")
    return replace(node, attributes=attributes), operands


def _sees_no_axes(node: Node) -> bool:
    """Whether a node does the same whatever axes its data have in front of the last one."""
    if node.domain in QUANT_DOMAINS:
        return node.op in QUANT
    rule = rule_of(node)
    return rule is not None and rule.layout in ("same", "last")


def _later(axes: Attribute) -> Attribute:
    if isinstance(axes, tuple):
        return tuple(int(a) + (int(a) >= 0) for a in axes)
    return axes + 1 if isinstance(axes, int) and axes >= 0 else axes


def _behind(axes: np.ndarray) -> np.ndarray:
    return np.where(axes >= 0, axes + 1, axes)


def _each(value: Operand, change: Callable[[np.ndarray], np.ndarray]) -> Operand:
    return Const(change(value.array)) if isinstance(value, Const) else value


def lowered(value: Value) -> Value:
    """Return a result of a rewritten node, without the axis in front where the next one is 1."""
    if not isinstance(value, Data):
        return value
    if value.shape[0] == 1 and len(value.shape) > 1:
        return replace(value, shape=value.shape[1:], lifted=False)
    return replace(value, lifted=True)
