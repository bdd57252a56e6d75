"""What a tensor of the model stands for while the importer walks the graph.

- `Data`: an integer edge of the new graph (or the model's float input) and the exact real
  functions that were applied to it since.
- `Const`: known numbers: floats as they are in the file, int64, or exact reals (object arrays).
- `Quantized`: a constant behind a quantizer: integers times an exact scale.
- `Head`: the end of the network: decisions, or scores of which only the order counts.
- `Unknown`: the result of something refused; whatever reads it says nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ...errors import BitrillError
from ...exact import Real, Surd
from ...ir.types import IntType
from ...real import Affine, Channels, Leaky, Step, append_step
from ..reader import limits

if TYPE_CHECKING:
    from .deferred import Deferred


class RefusedError(BitrillError):
    """Why one node is refused; the importer adds its name and goes on."""

    exit_code = 1


@dataclass(frozen=True, eq=False)
class Data:
    """``steps(edge's real meaning)``; ``shape`` as in the model, without the batch axis.

    ``type``: of the edge, None for the model's float input. ``frame``: the edge's shape, channel
    last; the steps' channels are its innermost axis. ``order``: for each element of ``shape``, row
    by row, its place in the edge read channel first; None where that is the same order.
    ``quantized``: whether a quantizer gives it. ``deferred``: a layer that is put behind the next
    quantizer; ``type`` and ``frame`` are then those of its result.
    """

    edge: str
    type: IntType | None
    shape: tuple[int, ...]
    frame: tuple[int, ...]
    steps: tuple[Step, ...] = ()
    quantized: bool = False
    order: np.ndarray | None = None
    deferred: Deferred | None = None

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def channels(self) -> int:
        """Size of the edge's innermost axis."""
        return self.frame[-1]

    @property
    def image(self) -> tuple[int, ...]:
        """``(channels, *places)``: the shape that the model gives to such an edge."""
        return (self.channels, *self.frame[:-1])

    @property
    def is_image(self) -> bool:
        """Whether the model sees the edge as it is: channels, then one or two axes."""
        return len(self.frame) > 1 and self.shape == self.image and self.order is None

    @property
    def is_last(self) -> bool:
        """Whether the model sees the edge as ``[*places, channels]``."""
        return (
            1 < len(self.frame) <= 3
            and self.shape == self.frame
            and not self.is_image
            and bool(np.array_equal(self.stream, np.arange(self.size)))
        )

    def first(self) -> Data:
        """The edge as ``[channels, *places]``."""
        return replace(self, shape=self.image, order=None)

    def last(self) -> Data:
        """The edge as ``[*places, channels]``."""
        places = np.arange(self.size).reshape(self.image)
        return self.first().reordered(np.moveaxis(places, 0, -1).reshape(-1), self.frame)

    @cached_property
    def stream(self) -> np.ndarray:
        """For each element of ``shape``, row by row, its place in the edge as it stands."""
        places = np.moveaxis(np.arange(self.size).reshape(self.frame), -1, 0).reshape(-1)
        return places if self.order is None else places[self.order]

    def reordered(self, order: np.ndarray, shape: tuple[int, ...]) -> Data:
        """With element ``i`` of the new ``shape`` being element ``order[i]`` of the present."""
        if self.order is not None:
            order = self.order[order]
        same = np.array_equal(order, np.arange(order.size))
        return replace(self, shape=shape, order=None if same else order)

    def then(self, step: Step, work: Work) -> Data:
        """With one more step; too many, or numbers too long, are refused."""
        steps = append_step(self.steps, step)
        if len(steps) > limits.STEPS:
            raise RefusedError(
                f"clips and maps between two quantizers must be at most {limits.STEPS}"
            )
        if isinstance(last := steps[-1], Affine):
            check_exact([*last.scale, *last.offset])
            work.spend(max(len(last.scale), len(last.offset)))
        elif isinstance(last, Leaky):
            check_exact(list(last.slope))
        return replace(self, steps=steps)

    @property
    def affine(self) -> Affine | None:
        """The steps as one affine map, or None if they hold a clip."""
        if not self.steps:
            return Affine()
        (first, *rest) = self.steps
        return first if not rest and isinstance(first, Affine) else None


@dataclass(frozen=True, eq=False)
class Const:
    """Known numbers. ``batch`` marks those that are the (free) size of the batch."""

    array: np.ndarray
    batch: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Quantized:
    """``integers * scale``: int64, and exact reals (an object array) that broadcast to them."""

    integers: np.ndarray
    scale: np.ndarray
    type: IntType


@dataclass(frozen=True, eq=False)
class Head:
    """What may stand at the end only: scores that a Softmax was dropped behind, or decisions."""

    data: Data
    decided: bool = False


@dataclass(frozen=True)
class Unknown:
    """Nothing is known, and the reason was told."""


Known: TypeAlias = Data | Const | Quantized
Value: TypeAlias = Known | Head | Unknown


class Work:
    """Counts the exact arithmetic done for one model, so that no file asks for hours of it."""

    def __init__(self) -> None:
        self.done = 0

    def spend(self, n: int) -> None:
        """Count ``n`` numbers, refuse above the limits."""
        self.done += n
        if n > limits.EXACT_ELEMENTS:
            raise RefusedError(
                f"parameters computed in the graph must have at most {limits.EXACT_ELEMENTS}"
                f" elements, not {n}"
            )
        if self.done > limits.EXACT_WORK:
            raise RefusedError(
                f"parameters computed in the graph must have at most {limits.EXACT_WORK}"
                " elements together"
            )


def check_exact(values: list[Real]) -> None:
    """Refuse numbers that have grown too long."""
    for v in values:
        terms = v.terms if isinstance(v, Surd) else ((1, v),)
        bits = max(
            max(d.bit_length(), q.numerator.bit_length(), q.denominator.bit_length())
            for d, q in terms
        )
        if bits > limits.EXACT_BITS or len(terms) > limits.EXACT_TERMS:
            raise RefusedError(
                f"parameters computed in the graph must have at most {limits.EXACT_BITS} bits"
                f" and {limits.EXACT_TERMS} square roots"
            )
        if any(q and abs(exponent(d, q)) > limits.EXACT_EXPONENT for d, q in terms):
            raise RefusedError(
                f"parameters must be 0 or between 2**-{limits.EXACT_EXPONENT} and"
                f" 2**{limits.EXACT_EXPONENT} in size"
            )


def exponent(d: int, q: Fraction) -> int:
    """About the binary logarithm of ``q * sqrt(d)``."""
    return q.numerator.bit_length() - q.denominator.bit_length() + d.bit_length() // 2


def brief(x: Real) -> str:
    """A number for a message."""
    try:
        return f"{float(x):g}"
    except OverflowError:
        return "a huge number"


def exact_array(value: Const | Quantized, work: Work) -> np.ndarray:
    """The exact numbers of a constant, an object array of its shape."""
    if isinstance(value, Quantized):
        work.spend(value.integers.size)
        return as_objects(to_fractions(value.integers) * value.scale, value.integers.shape)
    if value.batch is not None and value.batch.any():
        raise RefusedError("numbers must not depend on the size of the batch")
    work.spend(value.array.size)
    return to_fractions(value.array)


def to_fractions(array: np.ndarray) -> np.ndarray:
    """Floats and integers as the rationals they are, in an object array."""
    if array.dtype == object:
        return array
    out = np.empty(array.shape, object)
    flat = out.reshape(-1)
    flat[:] = [Fraction(v) for v in array.reshape(-1).tolist()]
    return out


def as_objects(value: object, shape: tuple[int, ...]) -> np.ndarray:
    """A result of object arithmetic as an array (numpy unwraps those without axes)."""
    if isinstance(value, np.ndarray):
        return value
    out = np.empty(shape, object)
    out[()] = value
    return out


def compact(values: list[Real]) -> Channels:
    """One number a channel, or a single one where all are equal."""
    first = values[0]
    if all(v is first or v == first for v in values):
        return (first,)
    return tuple(values)


def per_channel(values: np.ndarray, data: Data, *, what: str) -> Channels:
    """Exact ``values``, broadcast as ONNX does to ``[batch, *data.shape]``, one a channel."""
    rank = len(data.shape) + 1
    if values.size == 1 and values.ndim <= rank:
        return (values.reshape(-1)[0],)
    shape = (1,) * (rank - values.ndim) + values.shape
    fits = len(shape) == rank and shape[0] == 1
    if not fits or any(s not in (1, d) for s, d in zip(shape[1:], data.shape, strict=False)):
        raise RefusedError(
            f"{what} must be a single number or one for each channel of"
            f" {['batch', *data.shape]}, not of shape {list(values.shape)}"
        )
    if data.is_image and shape[1] == values.size:
        return compact(values.reshape(-1).tolist())
    every = np.broadcast_to(values.reshape(shape[1:]), data.shape).reshape(-1)
    placed = np.empty(data.size, object)
    placed[data.stream] = every
    rows = [compact(row) for row in placed.reshape(-1, data.channels).T.tolist()]
    if any(len(row) != 1 for row in rows):
        raise RefusedError(
            f"{what} must be one for each of {data.channels} channels, not one for each place"
        )
    return compact([row[0] for row in rows])
