"""Channels last: QONNX's domain of such operators, and which layout a model's input has.

The channels of an edge are innermost whatever the model's layout; a Transpose between both views
of it costs nothing (`values.Data.is_last`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..reader.model import Model, Node
from ..symbolic.context import Call
from ..symbolic.values import Const, Data, Known, Quantized, RefusedError
from .shapes import transposed

DOMAINS = ("qonnx.custom_op.channels_last",)

SPATIAL = (
    "AveragePool",
    "BatchNormalization",
    "Conv",
    "ConvTranspose",
    "DepthToSpace",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "MaxPool",
    "ReduceMean",
    "Resize",
    "SpaceToDepth",
    "Split",
    "Upsample",
)
"""Operators that see places and channels: with one of them the input's edge has both, too."""

_ALIKE = (
    "Add",
    "BipolarQuant",
    "Cast",
    "Clip",
    "Div",
    "Dropout",
    "Identity",
    "IntQuant",
    "LeakyRelu",
    "Mul",
    "MultiThreshold",
    "Neg",
    "PRelu",
    "Quant",
    "Relu",
    "Sub",
    "Trunc",
)
"""Operators whose result has the axes of their operand."""


def on_last(apply: Callable[[Call], Any], *, weights: bool = False) -> Callable[[Call], Any]:
    """The rule of an operator in its channels-last form: data (and ``weights``) are turned."""

    def rule(call: Call) -> Known:
        values = list(call.values)
        for i in range(1 + weights):
            values[i] = _first(call.value(i))
        out = apply(Call(call.builder, call.node, values))
        rank = len(out.shape) + 1
        return transposed(out, (0, *range(2, rank), 1))

    return rule


def either(apply: Callable[[Call], Any], *, listed: bool = False) -> Callable[[Call], Any]:
    """A rule of a standard operator, on operands that are all channels last, too.

    ``listed``: whether input 1 lists axes.
    """

    def rule(call: Call) -> Any:
        data = [v for v in call.values if isinstance(v, Data)]
        numbers = [v for v in call.values if isinstance(v, Quantized) or _is_float(v)]
        if not data or numbers or not all(d.is_last for d in data):
            return apply(call)
        turn = {0: 0, (rank := _rank(data[0])) - 1: 1} | {a: a + 1 for a in range(1, rank - 1)}
        values = [v.first() if isinstance(v, Data) else v for v in call.values]
        if listed and call.has(1):
            axes = call.integers(1, "axes").reshape(-1).tolist()
            values[1] = Const(np.array([turn[a % rank] for a in axes], np.int64))
        inner = Call(call.builder, call.node, values)
        inner.attributes = dict(call.attributes)
        if "axis" in inner.attributes:
            inner.attributes["axis"] = turn.get(call.attributes["axis"] % rank, 0)
        if "axes" in inner.attributes:
            inner.attributes["axes"] = tuple(turn[a % rank] for a in call.attributes["axes"])
        out = apply(inner)
        return tuple(map(_last, out)) if isinstance(out, tuple) else _last(out)

    return rule


def _is_float(value: Known | None) -> bool:
    return isinstance(value, Const) and value.array.dtype != np.int64


def _last(value: Known) -> Known:
    return value.last() if isinstance(value, Data) and value.is_image else value


def _first(value: Known) -> Known:
    rank = _rank(value)
    if rank < 2:
        raise RefusedError("its operands must have at least 2 axes, the last for the channels")
    return transposed(value, (0, rank - 1, *range(1, rank - 1)))


def _rank(value: Known) -> int:
    if isinstance(value, Data):
        return len(value.shape) + 1
    return value.array.ndim if isinstance(value, Const) else value.integers.ndim


def is_spatial(model: Model) -> bool:
    """Whether some layer of the model sees places."""
    return any(n.op in SPATIAL and n.op != "BatchNormalization" for n in model.nodes)


def input_is_last(model: Model) -> bool:
    """Whether the model's input is ``[batch, *places, channels]``, as its first layers take it."""
    rank = len(model.shape) + 1
    axes: dict[str, tuple[int, ...]] = {model.input: tuple(range(rank))}
    for node in model.nodes:
        known = [axes[t] for t in node.inputs if t in axes]
        if not known:
            continue
        if node.op in SPATIAL:
            return rank > 2 and known[0][-1 if node.domain in DOMAINS else 1] == rank - 1
        if node.op == "Transpose" or node.op in _ALIKE:
            axes[node.outputs[0]] = _turned(node, known[0])
    return False


def _turned(node: Node, axes: tuple[int, ...]) -> tuple[int, ...]:
    """Which axis of the model's input each one of the node's result is."""
    if node.op != "Transpose":
        return axes
    perm = node.attributes.get("perm", range(len(axes) - 1, -1, -1))
    if not isinstance(perm, tuple | range) or sorted(perm) != list(range(len(axes))):
        return axes  # which its rule refuses
    return tuple(axes[p] for p in perm)
