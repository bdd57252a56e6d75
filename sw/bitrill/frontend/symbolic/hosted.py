"""Symbolic values that the host computes behind the network's last integers.

Each is a function of ONNX of earlier ones, down to the integers of an edge. Where a value keeps the
order of its scores, decisions of it are made of the scores, in hardware and exactly.
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
"""Axes of an array whose permutations are tried one by one."""

PROBES = 64
"""Elements at which a permutation of axes is tried before all are compared."""

FLOAT = "float"
"""Element type of numbers; the model's outputs say how many bits they have."""


@dataclass(frozen=True, eq=False)
class Leaf:
    """The integers of an edge, which mean ``meaning`` of themselves; decisions mean none.

    ``shape`` and ``channel_last``: how the host has them, see `bitrill.ir.interface.Sink`.
    """

    edge: str
    shape: tuple[int, ...]
    meaning: Affine | None
    channel_last: bool = False

    @property
    def scale(self) -> Channels:
        """What an integer counts, for each channel or all of them; none of decisions."""
        return () if self.meaning is None else self.meaning.scale

    @property
    def offset(self) -> Channels:
        """What the integer 0 means; none of decisions."""
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
    """A function of earlier values; ``shape`` is the result's, without the batch axis."""

    op: str
    inputs: tuple[Expression, ...]
    shape: tuple[int, ...]
    attributes: Mapping[str, HostAttribute] = field(default_factory=dict)


Expression: TypeAlias = Leaf | Applied


@dataclass(frozen=True, eq=False)
class Scores:
    """Data in whose order other values stand: those of elements of one group.

    ``groups``: the group of each element of the edge, as it stands.
    """

    data: Data
    groups: np.ndarray


@dataclass(frozen=True, eq=False)
class Hosted:
    """A value that the host computes.

    ``dtype``: `FLOAT`, or an integer type of numpy. ``origin``: the first node that the host
    computes; ``reason``: why hardware does not, where it is not that the operator has none.
    """

    expression: Expression
    dtype: str
    origin: Node
    reason: str = ""
    scores: Scores | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The model's shape, without the batch axis."""
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
        """Return a function of this value alone; of the same shape and type if none is given."""
        shape = self.shape if shape is None else shape
        applied = Applied(op, (self.expression,), shape, attributes or {})
        return replace(self, expression=applied, dtype=dtype or self.dtype, scores=scores)


Value: TypeAlias = Known | Hosted | Unknown


def depends(value: Value | None) -> bool:
    """Whether a value depends on the model's input."""
    return isinstance(value, Data | Hosted) or (isinstance(value, Unknown) and value.depends)


def on_host(call: Call, data: Data) -> Hosted:
    """Return the numbers that ``data`` stand for, as the host has them."""
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
    """Return indices, the integers of ``data`` themselves."""
    return Hosted(ordered(Leaf(data.edge, data.image, None), data), "int64", call.node)


def _keeps_order(step: Step) -> bool:
    """Whether of different numbers, on whatever channels, the higher one stays the higher one."""
    if isinstance(step, Affine):
        return step.n_channels == 1 and step.rises
    return isinstance(step, Elementary) and not step.function.jumps


def _stepped(x: Expression, step: Step, data: Data) -> Expression:
    """Return ``step`` of each channel of the image ``x``."""

    def apply(
        op: str, inputs: tuple[Expression, ...], numbers: Mapping[str, Channels]
    ) -> Expression:
        return Applied(
            op, inputs, x.shape, {name: _for_channels(v, data) for name, v in numbers.items()}
        )

    return step.in_onnx(x, apply)


def _for_channels(values: Channels, data: Data) -> np.ndarray:
    """Return numbers as float64: one, or one for each channel of an image with the batch axis."""
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
    """Return ``x`` with what only gives a leaf other axes, or its channels last, in the leaf.

    ``seen``: results for expressions that were met before, by identity.
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
    """Return ``x`` with another shape of as many elements."""
    return x if shape == x.shape else Applied("Reshape", (x,), shape, {"shape": shape})


def _permutation(order: np.ndarray, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the permutation of the axes of ``shape`` that gives that order, if one does."""
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
        f"{reader}: what {value.origin} gives is computed by the host, so it must be the model's"
        " output, or go to other functions that the host computes there"
    )


def of_integers(stored: str) -> str:
    """Return why data that are integers of a type in the file are refused."""
    return (
        f"its data must be real numbers, not integers of type {stored.lower()}; put"
        " DequantizeLinear or a Cast to float in front of it"
    )


def require_numbers(value: Hosted, reader: Node) -> None:
    """Refuse integers where real numbers are wanted."""
    if value.dtype != FLOAT:
        if value.origin is reader:
            raise RefusedError(of_integers(value.dtype))
        raise RefusedError(
            f"what {value.origin} gives must be the model's output, or be cast to floats first"
        )
