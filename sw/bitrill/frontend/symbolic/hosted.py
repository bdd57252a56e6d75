"""Symbolic values that the host computes from the network's last integers.

Each is an ONNX operator applied to earlier ones, down to the integers of an edge. If a value keeps
the order of its scores, as Softmax does, an ArgMax or TopK of it is made from the scores, exactly
and in hardware.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import TypeAlias

import numpy as np

from ...exact import to_float
from ...functions import Elementary
from ...ir import HostAttribute, Segment
from ...real import Affine, Channels
from ...steps import Step
from ..reader.model import Node
from .call import Call
from .refusal import RefusedError
from .values import Data, Known, Unknown

MOST_AXES = 5
"""Largest number of axes whose permutations are tried one by one."""

PROBES = 64
"""Number of elements that are compared first when a permutation of axes is tried."""

FLOAT = "float"
"""Element type of numbers; the model's outputs say how many bits they have."""


@dataclass(frozen=True, eq=False)
class Leaf:
    """The integers of an edge; ``meaning``: their scale and offset, None for decisions (indices).

    ``shape`` and ``channel_last``: the host's layout, see `bitrill.ir.interface.Sink`.
    """

    edge: str
    shape: tuple[int, ...]
    meaning: Affine | None
    channel_last: bool = False

    @property
    def scale(self) -> Channels:
        """Scale of the integers, for each channel or for all; empty for decisions."""
        return () if self.meaning is None else self.meaning.scale

    @property
    def offset(self) -> Channels:
        """Offset of the integers, the number that 0 means; empty for decisions."""
        return () if self.meaning is None else self.meaning.offset

    def segment(self, frame: tuple[int, ...]) -> Segment:
        """Return the leaf as a segment of a design's frame; ``frame``: the edge's shape."""
        return Segment(
            shape=self.shape,
            frame=frame,
            scale=self.scale,
            offset=self.offset,
            channel_last=self.channel_last,
        )


@dataclass(frozen=True, eq=False)
class Applied:
    """A function of earlier values; ``shape``: shape of the result, without the batch axis."""

    op: str
    inputs: tuple[Expression, ...]
    shape: tuple[int, ...]
    attributes: Mapping[str, HostAttribute] = field(default_factory=dict)


Expression: TypeAlias = Leaf | Applied


@dataclass(frozen=True, eq=False)
class Scores:
    """Data with the same order as some other values, within each group of elements.

    ``groups``: the group of each element of the edge, in the edge's layout.
    """

    data: Data
    groups: np.ndarray


@dataclass(frozen=True, eq=False)
class Hosted:
    """A value that the host computes.

    ``dtype``: `FLOAT`, or an integer type of numpy. ``origin``: the first node that the host
    computes; ``reason``: why hardware does not, unless there is no hardware for the operator.
    """

    expression: Expression
    dtype: str
    origin: Node
    reason: str = ""
    scores: Scores | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape in the model, without the batch axis."""
        return self.expression.shape

    def then(
        self,
        op: str,
        shape: tuple[int, ...] | None = None,
        attributes: Mapping[str, HostAttribute] | None = None,
        *,
        dtype: str = "",
        scores: Scores | None = None,
    ) -> Hosted:
        """Return a function of only this value; by default, it has the same shape and type."""
        shape = self.shape if shape is None else shape
        applied = Applied(op, (self.expression,), shape, attributes or {})
        return replace(self, expression=applied, dtype=dtype or self.dtype, scores=scores)


Value: TypeAlias = Known | Hosted | Unknown


def depends(value: Value | None) -> bool:
    """Return whether a value depends on the model's input."""
    return isinstance(value, Data | Hosted) or (isinstance(value, Unknown) and value.depends)


def on_host(call: Call, data: Data) -> Hosted:
    """Return the numbers of ``data`` as a value of the host."""
    data = call.settled(data)
    first, rest = Affine(), data.steps
    if rest and isinstance(rest[0], Affine):
        first, rest = rest[0], rest[1:]
    expression: Expression = Leaf(data.edge, data.image, first)
    for step in rest:
        expression = _stepped(expression, step, data)
    scores = None
    if all(_keeps_order(step) for step in rest):
        scores = Scores(replace(data, steps=(first,)), np.zeros(data.size, np.int64))
    dtype = data.stored.lower() or FLOAT
    return Hosted(ordered(expression, data), dtype, call.node, scores=scores)


def decided(call: Call, data: Data) -> Hosted:
    """Return the integers of ``data``, which are indices, as a value of the host."""
    return Hosted(ordered(Leaf(data.edge, data.image, None), data), "int64", call.node)


def _keeps_order(step: Step) -> bool:
    """Return whether the larger of two numbers stays the larger one, also on different channels."""
    if isinstance(step, Affine):
        return step.n_channels == 1 and step.rises
    return isinstance(step, Elementary) and not step.function.jumps


def _stepped(x: Expression, step: Step, data: Data) -> Expression:
    """Return ``step`` applied to each channel of the image ``x``."""

    def apply(
        op: str, inputs: tuple[Expression, ...], numbers: Mapping[str, Channels]
    ) -> Expression:
        return Applied(
            op, inputs, x.shape, {name: _for_channels(v, data) for name, v in numbers.items()}
        )

    return step.in_onnx(x, apply)


def _for_channels(values: Channels, data: Data) -> np.ndarray:
    """Return numbers as float64: one, or one for each channel, to broadcast to ``[N, C, ..]``."""
    floats = np.array([to_float(v) for v in values])
    places = [1] * (len(data.frame) - 1)
    return floats.reshape(()) if len(values) == 1 else floats.reshape(1, len(values), *places)


def ordered(x: Expression, data: Data) -> Expression:
    """Return the image ``x`` in the order and the shape in which the model has ``data``."""
    if data.order is None:
        return reshaped(x, data.shape)
    axes = _permutation(data.order, data.image)
    if axes is not None:
        shape = tuple(data.image[a] for a in axes)
        perm = (0, *(a + 1 for a in axes))
        return reshaped(Applied("Transpose", (x,), shape, {"perm": perm}), data.shape)
    order = data.order.astype(np.int64)
    return Applied("Reorder", (x,), data.shape, {"order": order, "shape": data.shape})


def folded(x: Expression, seen: dict[Expression, Expression]) -> Expression:
    """Return ``x`` with reshapes and transposes of a leaf folded into the leaf.

    ``seen``: results for earlier expressions, by identity.
    """
    if x not in seen:
        seen[x] = x if isinstance(x, Leaf) else _folded(x, seen)
    return seen[x]


def _folded(x: Applied, seen: dict[Expression, Expression]) -> Expression:
    inputs = tuple(folded(i, seen) for i in x.inputs)
    first = inputs[0]
    if isinstance(first, Leaf):
        last = (0, *range(2, len(first.shape) + 1), 1)
        if x.op == "Reshape":
            return replace(first, shape=x.shape)
        if x.op == "Transpose" and first is x.inputs[0] and x.attributes["perm"] == last:
            return replace(first, shape=x.shape, channel_last=True)
    return replace(x, inputs=inputs)


def reshaped(x: Expression, shape: tuple[int, ...]) -> Expression:
    """Return ``x`` with another shape of the same number of elements."""
    return x if shape == x.shape else Applied("Reshape", (x,), shape, {"shape": shape})


def _permutation(order: np.ndarray, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the permutation of the axes of ``shape`` that results in that order, if any."""
    if len(shape) > MOST_AXES:
        return None
    places = np.arange(order.size).reshape(shape)
    some = np.unique(np.linspace(0, order.size - 1, PROBES).astype(np.int64))
    for axes in permutations(range(len(shape))):
        moved = places.transpose(axes)
        likely = (moved[np.unravel_index(some, moved.shape)] == order[some]).all()
        if likely and np.array_equal(moved.reshape(-1), order):
            return axes
    return None


def unreadable(value: Hosted, reader: Node) -> str:
    """Return why a node that hardware must compute cannot read ``value``."""
    if value.reason:
        return value.reason
    return (
        f"{reader}: the host computes the result of {value.origin}, so it must be the model's"
        " output, or go to other functions that the host computes"
    )


def of_integers(stored: str) -> str:
    """Return why data are refused that have an integer type in the file."""
    return (
        f"its data must be real numbers, not integers of type {stored.lower()}; put"
        " DequantizeLinear or a Cast to float before it"
    )


def require_numbers(value: Hosted, reader: Node) -> None:
    """Refuse integers if real numbers are needed."""
    if value.dtype != FLOAT:
        if value.origin is reader:
            raise RefusedError(of_integers(value.dtype))
        raise RefusedError(
            f"the result of {value.origin} must be the model's output, or be cast to floats first"
        )
