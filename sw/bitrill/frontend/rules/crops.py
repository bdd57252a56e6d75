"""Selects positions along each axis, for Slice, Gather and Pad; deferred until they are read.

If a Concat joins slices that together have every element of a tensor, they are only another order
of its elements (space-to-depth in YOLO's Focus); `gathered` detects that. Other slices become a
`Crop`. Positions that go backwards or are repeated, as in a reflected border, become several crops
that are joined.

Words: ``docs/glossary.md``, "Importing" (edge, frame, order, place, deferred).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from math import prod
from typing import TypeAlias

import numpy as np

from ...ir import Quantizer
from ...ops import Concat, Convert, Crop, Shuffle, Upsample
from ...real import Step, chain, pick
from ..reader.model import Node
from ..symbolic import Call, Data, Deferred, GraphBuilder, Known, RefusedError
from .layouts import axes_of

Places: TypeAlias = Sequence[int]
"""The positions of an axis that are selected, in that order."""

RUNS = 16
"""Largest number of parts of an axis that are joined; each is a stream that waits for others."""


def slice_parts(call: Call, x: Data, *given: list[int]) -> list[range]:
    """Return the positions that a Slice selects on each axis after the batch axis.

    ``given``: starts, ends, axes and steps.
    """
    rank, builder = len(x.shape) + 1, call.builder
    # an open batch must be taken as a whole: only the largest number reaches its end
    sizes = [1 << 31 if builder.batch_is_free else builder.batch, *x.shape]
    parts = [range(n) for n in sizes]
    axes = axes_of(given[2], rank)
    for start, end, axis, step in zip(given[0], given[1], axes, given[3], strict=True):
        n = sizes[axis]
        # an end of the most negative integer means "to the front" when going backwards
        stop = None if step < 0 and end < -n else end
        parts[axis] = range(n)[slice(start, stop, step)]
        if not parts[axis]:
            raise RefusedError(
                f"it must select at least one of {n} positions, not {start} to {end} in steps of"
                f" {step}"
            )
    if parts[0] != range(sizes[0]):
        raise RefusedError("the batch axis must be taken as a whole")
    return list(parts[1:])


def sliced(call: Call, x: Data, parts: Sequence[Places]) -> Known:
    """Return ``parts`` of data: the positions selected on each axis after the batch axis."""
    if all(len(p) == n and tuple(p) == (*range(n),) for p, n in zip(parts, x.shape, strict=True)):
        return x
    if x.is_last:
        made = sliced(call, x.first(), [parts[-1], *parts[:-1]])
        return made.last() if isinstance(made, Data) else made
    if (x.type is not None and x.shape != x.image) or x.order is not None:
        x = call.arranged(call.builder.settle(x))
    if x.shape != x.image:
        raise RefusedError(
            "its data must be [batch, channels], or with one or two axes after the channels, in"
            f" the order that a layer gives them, not {['batch', *x.shape]}"
        )
    box = tuple(map(tuple, (*parts[1:], parts[0])))
    _check(box)
    if isinstance(x.deferred, Sliced) and not x.steps:
        box = tuple(tuple(o[i] for i in p) for o, p in zip(x.deferred.box, box, strict=True))
        x = x.deferred.before
    *places, channels = map(len, box)
    return replace(
        x,
        shape=(channels, *places),
        frame=(*places, channels),
        steps=(),
        deferred=Sliced(call.builder, x, box, call.node),
    )


def _check(box: tuple[tuple[int, ...], ...]) -> None:
    """Refuse positions that have too many runs, and channels that are selected twice."""
    *places, channels = box
    for taken in places:
        if sum(1 for _ in islice(_runs(taken), RUNS + 1)) > RUNS:
            raise RefusedError(
                f"rows and columns must be selected in at most {RUNS} ascending runs of equally"
                f" spaced positions, and these have more: {list(taken)[:8]}, .."
            )
    if len({*channels}) < len(channels):
        raise RefusedError(f"each channel must be selected once, not {list(channels)[:8]}")


@dataclass(frozen=True, eq=False)
class Sliced(Deferred):
    """The part ``box`` of ``before``: the positions selected on each axis of its edge.

    Of the model's float input, the quantizer after it is moved before it.
    """

    builder: GraphBuilder
    before: Data
    box: tuple[tuple[int, ...], ...]
    node: Node

    def quantize(self, data: Data, quantizer: Quantizer, node: Node) -> str:
        if self.before.type is not None:
            return self.builder.quantize(self.settle(data), quantizer, node)
        where = {c: k for k, c in enumerate(self.box[-1])}
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
        steps: tuple[Step, ...] = tuple(s.pick(self.box[-1]) for s in before.steps)
        return replace(
            data,
            edge=self._crop(before.edge),
            type=before.type,
            quantized=before.quantized,
            steps=chain(steps, data.steps),
            deferred=None,
        )

    def _crop(self, edge: str) -> str:
        emit, channels = self.builder.emit, self.box[-1]
        if channels != (*range(channels[0], channels[0] + len(channels)),):
            # the selected channels first, then the others
            rest = sorted({*range(self.before.channels)} - {*channels})
            order = np.array([*channels, *rest])
            edge = emit(Shuffle, self.node, edge, part=True, share=True, order=order).name
            channels = (*range(len(channels)),)
        runs = [list(_runs(taken)) for taken in self.box[:-1]]
        shape = self.builder.edges[edge].shape
        plain = [r[0] if len(r) == 1 else (*range(n),) for r, n in zip(runs, shape, strict=False)]
        edge = self._part(edge, (*plain, channels))
        for axis, several in enumerate(runs):
            if len(several) > 1:
                edge = self._joined(edge, axis, several)
        return edge

    def _part(self, edge: str, box: tuple[tuple[int, ...], ...]) -> str:
        """Return an edge of equally spaced positions, or of one position repeated."""
        emit, shape = self.builder.emit, self.builder.edges[edge].shape
        again = tuple(len(p) if len({*p}) < len(p) else 1 for p in box[:-1])
        box = tuple(p[:1] if len({*p}) < len(p) else p for p in box)
        sizes, starts = tuple(map(len, box)), tuple(p[0] for p in box)
        steps = tuple(p[1] - p[0] if len(p) > 1 else 1 for p in box)
        if sizes != shape:
            made = emit(Crop, self.node, edge, share=True, starts=starts, steps=steps, sizes=sizes)
            edge = made.name
        if max(again, default=1) > 1:
            edge = emit(Upsample, self.node, edge, share=True, factors=again).name
        return edge

    def _joined(self, edge: str, axis: int, runs: list[tuple[int, ...]]) -> str:
        """Return an edge with these runs of positions of one axis, one after the other.

        Each run is seen as a part of a long row.
        """
        emit, shape = partial(self.builder.emit, share=True), self.builder.edges[edge].shape
        rows, behind = prod(shape[:axis]), prod(shape[axis + 1 :])
        whole = [(*range(n),) for n in shape]
        rowed = []
        for run in runs:
            part = self._part(edge, (*whole[:axis], run, *whole[axis + 1 :]))
            row = (rows, len(run) * behind)
            rowed.append(emit(Convert, self.node, part, part=True, shape=row).name)
        joined = emit(Concat, self.node, *rowed, part=True, gains=(1,) * len(rowed)).name
        shape = (*shape[:axis], sum(map(len, runs)), *shape[axis + 1 :])
        return emit(Convert, self.node, joined, shape=shape).name


def _runs(taken: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Split positions into ascending, equally spaced ones, and repetitions of one position."""
    start = 0
    while start < len(taken):
        stop = start + 1
        step = taken[stop] - taken[start] if stop < len(taken) else -1
        while step >= 0 and stop < len(taken) and taken[stop] - taken[stop - 1] == step:
            stop += 1
        if step == 0 and stop < len(taken) and taken[stop] - taken[stop - 1] == 1:
            stop -= 1  # the last of them begins the next run
        yield taken[start:stop]
        start = stop


def gathered(branches: list[Known], axis: int) -> Data | None:
    """Return joined slices as their tensor in another order, if each element occurs once.

    None if they are slices of several tensors, or leave something out.
    """
    cut = [d.deferred for d in branches if isinstance(d, Data) and not d.steps and d.order is None]
    parts = [c for c in cut if isinstance(c, Sliced)]
    if not parts or len(parts) < len(branches):
        return None
    whole = parts[0].before
    if any((p.before.edge, p.before.steps) != (whole.edge, whole.steps) for p in parts):
        return None
    places = np.arange(whole.size).reshape(whole.image)
    taken = [places[np.ix_(p.box[-1], *p.box[:-1])] for p in parts]
    order = np.concatenate(taken, axis - 1)
    if order.size != whole.size or len(np.unique(order)) < whole.size:
        return None
    return whole.reordered(order.reshape(-1), order.shape)
