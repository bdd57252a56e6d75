"""Symbolic values of tensors that depend on the model's input.

While the importer goes through a model, each tensor has one value:

- `Data`: an integer edge of the new graph (or the model's float input), and the exact real
  functions (steps) that the model has applied to it since;
- `constants.Const`, `constants.Quantized`: known numbers;
- `hosted.Hosted`: what the host computes at the end of the network;
- `Unknown`: the result of a refused node; nodes that read it are checked only in part.

The importer's words (frame, order, stream, place, edge, grid, meaning, step) are explained in
``docs/glossary.md``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import TypeAlias

import numpy as np

from ...ir import IntType, Operator, Quantizer
from ...real import Affine, Channels, Leaky, append_step, chain, compact
from ...steps import Step
from ..reader import limits
from ..reader.model import Node
from .constants import Const, Quantized, WorkLimit, check_exact
from .refusal import RefusedError


class Deferred(ABC):
    """A layer that is not in the graph yet, because its form depends on the next quantizer.

    A maximum is cheaper after the quantizer than before it, and a sum of unlike scales needs to
    know how finely its result is quantized. `Data.steps` are then the functions after the layer.
    """

    @abstractmethod
    def quantize(self, data: Data, quantizer: Quantizer, node: Node) -> str:
        """Add the layer to the graph and return the edge of ``quantizer(data)``."""

    @abstractmethod
    def settle(self, data: Data) -> Data:
        """Add the layer to the graph without a quantizer, or refuse; return data without it."""


@dataclass(frozen=True, eq=False)
class Data:
    """An edge of the graph, and real functions applied to its integers: ``steps(integers)``.

    ``type``: the edge's integer type, None for the model's float input. ``shape``: the tensor's
    shape in the model, without the batch axis. ``frame``: the edge's shape, ``[*places,
    channels]``; the channels of ``steps`` are these. ``order``: for each element of ``shape``, row
    by row, its index in the edge's elements with channels first (`image`); None if they are in that
    order. ``quantized``: whether the edge is the result of a quantizer. ``deferred``: a layer that
    waits for the next quantizer; ``type`` and ``frame`` are those of its result. ``stored``: if the
    tensor has integers in the model, ONNX's name of their type; empty for floats.
    ``lifted``: whether ``shape`` is the whole tensor, because its batch of 1 was moved to another
    axis.
    """

    edge: str
    type: IntType | None
    shape: tuple[int, ...]
    frame: tuple[int, ...]
    steps: tuple[Step, ...] = ()
    quantized: bool = False
    order: np.ndarray | None = None
    deferred: Deferred | None = None
    stored: str = ""
    lifted: bool = False

    @property
    def size(self) -> int:
        """Number of elements of one frame."""
        return prod(self.shape)

    @property
    def channels(self) -> int:
        """Size of the edge's innermost axis."""
        return self.frame[-1]

    @property
    def image(self) -> tuple[int, ...]:
        """The edge's shape with channels first, as in ONNX: ``(channels, *places)``."""
        return (self.channels, *self.frame[:-1])

    @property
    def is_image(self) -> bool:
        """Whether the tensor is the edge as it is: channels, then one or two spatial axes."""
        return len(self.frame) > 1 and self.shape == self.image and self.order is None

    @property
    def is_last(self) -> bool:
        """Whether the tensor is the edge with channels last, ``[*places, channels]``."""
        return (
            1 < len(self.frame) <= 3
            and self.shape == self.frame
            and not self.is_image
            and bool(np.array_equal(self.stream, np.arange(self.size)))
        )

    def placed(self, edge: str, frame: tuple[int, ...], stream: np.ndarray) -> Data:
        """Return data of another edge with that frame, without steps.

        Its shape is ``stream``'s; element i, row by row, is element ``stream[i]`` of the stream.
        """
        data = replace(
            self, edge=edge, frame=frame, shape=stream.shape, steps=(), order=None, deferred=None
        )
        where = np.argsort(data.stream)[stream.reshape(-1)]
        same = np.array_equal(where, np.arange(where.size))
        return replace(data, order=None if same else where)

    def first(self) -> Data:
        """Return the same edge as ``[channels, *places]``."""
        return replace(self, shape=self.image, order=None)

    def last(self) -> Data:
        """Return the same edge as ``[*places, channels]``."""
        return self.streamed(self.frame)

    def streamed(self, shape: tuple[int, ...]) -> Data:
        """Return the same edge as ``shape``, with its elements in the order of the stream."""
        places = np.arange(self.size).reshape(self.image)
        return self.first().reordered(np.moveaxis(places, 0, -1).reshape(-1), shape)

    @cached_property
    def stream(self) -> np.ndarray:
        """For each element of ``shape``, row by row, its index in the edge's stream."""
        places = np.moveaxis(np.arange(self.size).reshape(self.frame), -1, 0).reshape(-1)
        return places if self.order is None else places[self.order]

    def reordered(self, order: np.ndarray, shape: tuple[int, ...]) -> Data:
        """Return data in which element ``i`` of ``shape`` is the present element ``order[i]``."""
        if self.order is not None:
            order = self.order[order]
        same = np.array_equal(order, np.arange(order.size))
        return replace(self, shape=shape, order=None if same else order)

    def then(self, step: Step, work: WorkLimit) -> Data:
        """Return data with one more step; refuse too many steps, and numbers that are too long."""
        steps = append_step(self.steps, step)
        if sum(s.length for s in steps) > limits.STEPS:
            raise RefusedError(
                f"functions and maps between two quantizers must be at most {limits.STEPS}"
            )
        if isinstance(last := steps[-1], Affine):
            check_exact([*last.scale, *last.offset])
            work.spend(last.n_channels)
        elif isinstance(last, Leaky):
            check_exact(list(last.slope))
        return replace(self, steps=steps)

    def behind(self, node: Operator, meaning: Affine, *, quantized: bool) -> Data:
        """Return the same steps on the result of ``node``, which replaces the deferred layer.

        ``meaning``: scale and offset of its integers.
        """
        return replace(
            self,
            edge=node.name,
            type=node.y.type,
            quantized=quantized,
            deferred=None,
            steps=chain((meaning,), self.steps),
        )

    @property
    def affine(self) -> Affine | None:
        """The steps as one affine map, or None if there is a clip or curve among them."""
        if not self.steps:
            return Affine()
        (first, *rest) = self.steps
        return first if not rest and isinstance(first, Affine) else None

    def meaning(self, whose: str, advice: str = "") -> Affine:
        """Return `affine`, the scale and offset of the integers, or refuse ``whose`` data.

        ``advice``: ends the message of the refusal.
        """
        if self.affine is None:
            raise RefusedError(
                f"{whose} must be a scale times integers plus an offset, not the result of a"
                f" function such as Relu or Sigmoid{advice}"
            )
        return self.affine


@dataclass(frozen=True)
class Unknown:
    """The result of a refused node, whose reason is already listed.

    ``depends``: whether it depends on the model's input.
    """

    depends: bool = True


Known: TypeAlias = Data | Const | Quantized


def transposed(value: Known, perm: tuple[int, ...]) -> Known:
    """Return ``value`` with axis ``perm[i]`` as the i-th; the batch axis of data stays first."""
    if isinstance(value, Const):
        return value.each(lambda a: a.transpose(perm))
    if isinstance(value, Quantized):
        return Quantized(value.integers.transpose(perm), value.scale.transpose(perm), value.type)
    places = np.arange(value.size).reshape(value.shape)
    moved = places.transpose([p - 1 for p in perm[1:]])
    return value.reordered(moved.reshape(-1), moved.shape)


def rank_of(value: Known) -> int:
    """Return the number of axes, the batch axis included."""
    if isinstance(value, Data):
        return len(value.shape) + 1
    return value.array.ndim if isinstance(value, Const) else value.integers.ndim


def per_channel(values: np.ndarray, data: Data, *, what: str) -> Channels:
    """Return exact ``values`` by channel; they broadcast to ``[batch, *data.shape]`` as in ONNX."""
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
            f"{what} must be one for each of {data.channels} channels, not one for each"
            " place; hardware computes the same at every place"
        )
    return compact([row[0] for row in rows])
