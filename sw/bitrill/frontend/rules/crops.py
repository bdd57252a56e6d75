"""Slices of data: a part of each axis, some steps apart, which waits for what reads it.

Slices of one tensor that a Concat puts side by side again are only another order of its elements
(a space-to-depth in YOLO's Focus); `gathered` tells so. Any other becomes a `Crop`.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from ...ir import Quantizer
from ...ops import Crop, Shuffle
from ...real import Step, chain, pick
from ..reader.model import Node
from ..symbolic import Call, Data, Deferred, GraphBuilder, Known, RefusedError

Part: TypeAlias = tuple[int, int, int]
"""First place, step and number of places along an axis."""


def part_of(start: int, end: int, step: int, n: int) -> Part:
    """Return the part that a Slice with these numbers takes of ``n`` places."""
    taken = range(*slice(start, end, step).indices(n))
    if step < 1 or not taken:
        raise RefusedError(
            f"it must take at least one place of {n} in steps of at least 1, not {start} to {end}"
            f" in steps of {step}"
        )
    return taken[0], step if len(taken) > 1 else 1, len(taken)


def sliced(call: Call, x: Data, parts: list[Part]) -> Known:
    """Return ``parts`` of data, one for each axis behind the batch's."""
    if parts == [(0, 1, n) for n in x.shape]:
        return x
    if x.is_last:
        made = sliced(call, x.first(), [parts[-1], *parts[:-1]])
        return made.last() if isinstance(made, Data) else made
    if (x.type is not None and x.shape != x.image) or x.order is not None:
        x = call.arranged(call.builder.settle(x))
    if x.shape != x.image:
        raise RefusedError(
            "its data must be [batch, channels], or with one or two axes behind the channels, in"
            f" the order that a layer gives them, not {['batch', *x.shape]}"
        )
    box = (*parts[1:], parts[0])
    if isinstance(x.deferred, Sliced) and not x.steps:
        box = tuple(map(_within, x.deferred.box, box))
        x = x.deferred.before
    *places, channels = (n for _, _, n in box)
    return replace(
        x,
        shape=(channels, *places),
        frame=(*places, channels),
        steps=(),
        deferred=Sliced(call.builder, x, box, call.node),
    )


def _within(outer: Part, inner: Part) -> Part:
    """Return the part ``inner`` of the part ``outer``."""
    return outer[0] + inner[0] * outer[1], outer[1] * inner[1], inner[2]


@dataclass(frozen=True, eq=False)
class Sliced(Deferred):
    """The part ``box`` of ``before``, for each axis of its edge.

    Behind the model's float input the quantizer moves in front of it.
    """

    builder: GraphBuilder
    before: Data
    box: tuple[Part, ...]
    node: Node

    @property
    def channels(self) -> list[int]:
        """The channels that it takes."""
        start, step, n = self.box[-1]
        return list(range(start, start + (n - 1) * step + 1, step))

    def quantize(self, data: Data, quantizer: Quantizer, node: Node) -> str:
        if self.before.type is not None:
            return self.builder.quantize(self.settle(data), quantizer, node)
        where = {c: k for k, c in enumerate(self.channels)}
        every = [where.get(c, 0) for c in range(self.before.channels)]
        wide = replace(
            quantizer, scale=pick(quantizer.scale, every), zero=pick(quantizer.zero, every)
        )
        steps = tuple(s.pick(every) for s in data.steps)
        inner = replace(self.before, steps=chain(self.before.steps, steps))
        return self._crop(self.builder.quantize(inner, wide, node))

    def settle(self, data: Data) -> Data:
        before = self.builder.settle(self.before)
        if before.type is None:
            return data
        steps: tuple[Step, ...] = tuple(s.pick(self.channels) for s in before.steps)
        return replace(
            data,
            edge=self._crop(before.edge),
            type=before.type,
            quantized=before.quantized,
            steps=chain(steps, data.steps),
            deferred=None,
        )

    def _crop(self, edge: str) -> str:
        emit, box = self.builder.emit, self.box
        _, step, n = box[-1]
        if step > 1:  # the channels that are taken first, then the others
            rest = sorted({*range(self.before.channels)} - {*self.channels})
            order = np.array([*self.channels, *rest])
            edge = emit(Shuffle, self.node, edge, part=True, share=True, order=order).name
            box = (*box[:-1], (0, 1, n))
        starts, steps, sizes = zip(*box, strict=True)
        if sizes == self.builder.edges[edge].shape:
            return edge
        return emit(Crop, self.node, edge, share=True, starts=starts, steps=steps, sizes=sizes).name


def gathered(branches: list[Known], axis: int) -> Data | None:
    """Return slices side by side as an order of the tensor that they are of, each element once.

    None where they are of several tensors, or leave something out.
    """
    cut = [d.deferred for d in branches if isinstance(d, Data) and not d.steps and d.order is None]
    parts = [c for c in cut if isinstance(c, Sliced)]
    if not parts or len(parts) < len(branches):
        return None
    whole = parts[0].before
    if any((p.before.edge, p.before.steps) != (whole.edge, whole.steps) for p in parts):
        return None
    places = np.arange(whole.size).reshape(whole.image)
    taken = []
    for p in parts:
        box = (p.box[-1], *p.box[:-1])
        taken.append(places[tuple(slice(s, s + (n - 1) * t + 1, t) for s, t, n in box)])
    order = np.concatenate(taken, axis - 1)
    if order.size != whole.size or len(np.unique(order)) < whole.size:
        return None
    return whole.reordered(order.reshape(-1), order.shape)
