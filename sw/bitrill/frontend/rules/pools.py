"""Rules for pools: a maximum, which may wait for the quantizer behind it, and sums over windows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from math import prod

import numpy as np

from ...exact import sign
from ...ops.avgpool import SumPool
from ...ops.maxpool import MaxPool
from ...ops.pad import Pad
from ...real import Affine, Quantizer
from ..reader.model import Node
from ..symbolic.context import RAW_HINT, Builder, Call
from ..symbolic.deferred import Deferred, chain, rises
from ..symbolic.values import Data, Known, RefusedError
from .places import Placing, padded, placing, sizes, zero_of


def max_pool(call: Call) -> Known:
    if call.attributes.get("storage_order", 0):
        raise RefusedError("storage_order must be 0")
    x = call.image(0)
    return _maximum(call, x, placing(call, x, _kernel(call, x)))


def global_max_pool(call: Call) -> Known:
    x = call.image(0)
    return _maximum(call, x, whole(x))


def average_pool(call: Call) -> Known:
    x = call.image(0)
    place = placing(call, x, _kernel(call, x))
    return _average(call, x, place, _divisor(call, x, place))


def global_average_pool(call: Call) -> Known:
    x = call.image(0)
    return _average(call, x, whole(x), prod(x.frame[:-1]))


def reduce_mean(call: Call) -> Known:
    """ReduceMean over all places, axes as attribute or (from opset 18 on) as input."""
    x = call.builder.settle(call.data(0))
    axes = call.attributes.get("axes", ())
    if call.has(1):
        axes = tuple(call.integers(1, "axes").reshape(-1).tolist())
    rank = len(x.shape) + 1
    over = {a % rank for a in axes}
    places = {a for a, n in enumerate(x.shape, 1) if a > 1 and n > 1}
    if x.order is not None or x.shape[0] != x.channels or len(x.frame) < 2:
        x = call.arranged(x)
    if over & {0, 1} or not places <= over:
        raise RefusedError(
            f"its axes must be all places, {list(range(2, rank))}, not {list(axes)[:8]}"
        )
    out = _average(call, replace(x, shape=x.image), whole(x), prod(x.frame[:-1]))
    keep = call.attributes.get("keepdims", 1)
    kept = [1 if a in over else n for a, n in enumerate(x.shape, 1) if keep or a not in over]
    return replace(out, shape=tuple(kept))


def _kernel(call: Call, x: Data) -> tuple[int, ...]:
    if "kernel_shape" not in call.attributes:
        raise RefusedError("attribute kernel_shape must be given")
    kernel = sizes(call, "kernel_shape", len(x.frame) - 1, 1)
    if {*sizes(call, "dilations", len(kernel), 1)} != {1}:
        raise RefusedError("dilations of a pool must be 1")
    return kernel


def whole(x: Data) -> Placing:
    """One window that holds all places."""
    size = x.frame[:-1]
    one, none = (1,) * len(size), (0,) * len(size)
    return Placing(size, one, one, none, none, none)


def _frame(x: Data, place: Placing) -> tuple[int, ...]:
    """Shape of the edge behind ``place``."""
    n, axes = len(x.frame) - 1, range(len(x.frame) - 1)
    room = [x.frame[a] + place.pads[a] + place.pads[n + a] - place.kernel[a] for a in axes]
    return (*(room[a] // place.stride[a] + 1 for a in axes), x.channels)


def _maximum(call: Call, x: Data, place: Placing) -> Known:
    if x.type is None:
        raise RefusedError(f"it takes unquantized floats; {RAW_HINT}")
    if place.is_point:
        return x
    *size, channels = frame = _frame(x, place)
    waiting = replace(
        x,
        shape=(channels, *size),
        frame=frame,
        steps=(),
        quantized=False,
        deferred=Maximum(x, place, call.node),
    )
    settled = x.quantized and x.deferred is None and rises(x.steps)
    return call.builder.settle(waiting) if settled else waiting


@dataclass(frozen=True, eq=False)
class Maximum(Deferred):
    """A `MaxPool` of ``before``: behind the quantizer, where all in between keeps the order.

    Few-bit integers are cheaper to keep and compare than sums, and channels on which batch norm
    turns the order (so that the greatest sum is not the greatest value) are right, too. Where the
    order turns behind the pool instead, it is a pool of sums.
    """

    before: Data
    place: Placing
    node: Node

    def quantize(self, builder: Builder, data: Data, quantizer: Quantizer, node: Node) -> str:
        if rises(data.steps) and all(sign(s) > 0 for s in quantizer.scale):
            inner = replace(self.before, steps=chain(self.before.steps, data.steps))
            return self._pool(builder, builder.quantize(inner, quantizer, node))
        return builder.quantize(self.settle(builder, data), quantizer, node)

    def settle(self, builder: Builder, data: Data) -> Data:
        before = builder.settle(self.before)
        if not rises(before.steps):
            raise RefusedError(
                f"the maximum of {self.node} is over numbers with negative scales, and no quantizer"
                " that keeps their order follows; quantize in front of it"
            )
        edge = self._pool(builder, before.edge)
        return replace(
            data,
            edge=edge,
            type=builder.edges[edge].type,
            quantized=before.quantized,
            steps=chain(before.steps, data.steps),
            deferred=None,
        )

    def _pool(self, builder: Builder, edge: str) -> str:
        pads = self.place.pads
        if any(pads):
            lowest = builder.edges[edge].type.lo
            edge = builder.emit(Pad, self.node, edge, pads=pads, value=lowest).name
        pool = builder.emit(
            MaxPool, self.node, edge, kernel=self.place.kernel, stride=self.place.stride
        )
        return pool.name


def _divisor(call: Call, x: Data, place: Placing) -> int:
    """Places that count in a window, the same for all windows."""
    counts = []
    for axis, n in enumerate(x.frame[:-1]):
        first, end = place.before[axis], place.before[axis] + n
        if call.attributes.get("count_include_pad", 0):
            first, end = 0, end + place.after[axis]
        starts = np.arange(_frame(x, place)[axis]) * place.stride[axis]
        stops = np.minimum(starts + place.kernel[axis], end)
        counts.append(stops - np.maximum(starts, first))
    table = reduce(np.multiply.outer, counts)
    if table.min() != table.max():
        raise RefusedError(
            "its windows must all hold equally many places, not"
            f" {table.min()} to {table.max()} of them (padding with count_include_pad 0, or"
            " ceil_mode); set count_include_pad to 1, or choose pads that fit"
        )
    return int(table.max())


def _average(call: Call, x: Data, place: Placing, divisor: int) -> Data:
    """A sum over windows, whose scale is the data's over the number of places."""
    x = call.builder.settle(x)
    if x.type is None:
        raise RefusedError(f"it takes unquantized floats; {RAW_HINT}")
    x = call.clipped(x)
    meaning = x.affine
    if meaning is None:
        raise RefusedError(
            "its data must be a scale times integers plus an offset, not what a Relu or Clip"
            " gives of them; quantize in front of it"
        )
    edge = padded(call, x.edge, place.pads, zero_of(meaning) if any(place.pads) else 0)
    node = call.emit(SumPool, edge, kernel=place.kernel, stride=place.stride)
    n = Fraction(prod(place.kernel))
    total = Affine(meaning.scale, tuple(n * o for o in meaning.offset))
    out = call.result(node, total, quantized=x.quantized)
    return call.then(out, Affine((Fraction(1, divisor),)))
