"""Rules for pools: maxima, which may move after the next quantizer, and sums over windows.

Words: ``docs/glossary.md``, "Importing" (edge, frame, place, meaning, step, deferred).
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from math import lcm, prod

import numpy as np

from ...exact import sign
from ...geometry.pooling import Pooling
from ...ir import IntType, Quantizer
from ...ops import Convert, Depthwise, MaxPool, Pad, SumPool, Window
from ...real import Affine, Step, chain
from ..reader.model import Node
from ..symbolic import Call, Data, Deferred, GraphBuilder, Known, RefusedError
from .layouts import on_last
from .places import WINDOW, Placing, padded, placing, sizes, zero_of
from .table import CHANNELS_LAST, Versioned, rule, since

FACTOR_BITS = 16
"""Bits of the widest factors that bring averages over different numbers of places to one scale."""

MAX_POOL: dict[str, type | Versioned] = WINDOW | {
    "ceil_mode": since(10, int),
    "dilations": since(10, tuple),
    "storage_order": since(8, int),
}


@rule("MaxPool", inputs=1, layout="spatial", integers="kept", attributes=MAX_POOL)
def max_pool(call: Call) -> Known:
    if call.int_attribute("storage_order", 0):
        raise RefusedError("storage_order must be 0")
    x = call.image(0)
    return maximum(call, x, placing(call, x, _kernel(call, x)))


rule("MaxPool", domain=CHANNELS_LAST, inputs=1, layout="spatial", attributes=MAX_POOL)(
    on_last(max_pool)
)


@rule("GlobalMaxPool", inputs=1, layout="spatial")
def global_max_pool(call: Call) -> Known:
    x = call.image(0)
    return maximum(call, x, whole(x))


@rule(
    "AveragePool",
    inputs=1,
    layout="spatial",
    count_include_pad=int,
    attributes=WINDOW | {"ceil_mode": since(10, int), "dilations": since(19, tuple)},
)
def average_pool(call: Call) -> Known:
    x = call.image(0)
    place = placing(call, x, _kernel(call, x))
    return average(call, x, place, _counts(call, x, place))


@rule("GlobalAveragePool", inputs=1, layout="spatial")
def global_average_pool(call: Call) -> Known:
    x = call.image(0)
    return average(call, x, whole(x), np.array(prod(x.frame[:-1])))


def _kernel(call: Call, x: Data) -> tuple[int, ...]:
    if "kernel_shape" not in call.attributes:
        raise RefusedError("attribute kernel_shape must be given")
    return sizes(call, "kernel_shape", len(x.frame) - 1, 1)


def whole(x: Data) -> Placing:
    """Return the placing of a single window that contains all places."""
    size = x.frame[:-1]
    one, none = (1,) * len(size), (0,) * len(size)
    return Placing(size, one, one, none, none, none)


def _frame(x: Data, place: Placing) -> tuple[int, ...]:
    """Return the edge's shape after the windows."""
    n, axes = len(x.frame) - 1, range(len(x.frame) - 1)
    span = [(k - 1) * d + 1 for k, d in zip(place.kernel, place.dilation, strict=True)]
    room = [x.frame[a] + place.pads[a] + place.pads[n + a] - span[a] for a in axes]
    return (*(room[a] // place.stride[a] + 1 for a in axes), x.channels)


def maximum(call: Call, x: Data, place: Placing) -> Data:
    """Return the maximum over windows, deferred to the next quantizer unless data are quantized."""
    call.check_quantized(x)
    if place.is_point:
        return x
    *size, channels = frame = _frame(x, place)
    waiting = replace(
        x,
        shape=(channels, *size),
        frame=frame,
        steps=(),
        quantized=False,
        deferred=Maximum(call.builder, x, place, call.node),
    )
    settled = x.quantized and x.deferred is None and _rises(x.steps)
    return call.builder.settle(waiting) if settled else waiting


@dataclass(frozen=True, eq=False)
class Maximum(Deferred):
    """A `MaxPool` of ``before``, built after the next quantizer if the order is kept until then.

    Few-bit integers are cheaper to store and compare than sums. Channels on which batch norm
    reverses the order, so that the greatest sum is not the greatest value, are handled, too. If the
    order is reversed after the pool, the pool compares sums.
    """

    builder: GraphBuilder
    before: Data
    place: Placing
    node: Node

    def quantize(self, data: Data, quantizer: Quantizer, node: Node) -> str:
        if _rises(data.steps) and all(sign(s) > 0 for s in quantizer.scale):
            inner = replace(self.before, steps=chain(self.before.steps, data.steps))
            return self._pool(self.builder.quantize(inner, quantizer, node))
        return self.builder.quantize(self.settle(data), quantizer, node)

    def settle(self, data: Data) -> Data:
        before = self.builder.settle(self.before)
        if not _rises(before.steps):
            raise RefusedError(
                f"the maximum of {self.node} is over numbers with negative scales, and no quantizer"
                " that keeps their order follows; quantize before it"
            )
        pool = self._pool(before.edge)
        kind = self.builder.edges[pool].type
        inner = replace(data, edge=pool, type=kind, quantized=before.quantized)
        return replace(inner, steps=chain(before.steps, data.steps), deferred=None)

    def _pool(self, edge: str) -> str:
        place, emit = self.place, self.builder.emit
        if any(place.pads):
            low = self.builder.edges[edge].type.lo
            pad = emit(Pad, self.node, edge, part=True, share=True, pads=place.pads, value=low)
            edge = pad.name
        return pooled(self.builder, self.node, MaxPool, edge, place)


def _rises(steps: tuple[Step, ...]) -> bool:
    """Return whether ``steps`` keep the order of numbers on every channel."""
    return all(s.rises for s in steps)


def _counts(call: Call, x: Data, place: Placing) -> np.ndarray:
    """Return the number of places that count in each window."""
    counts = []
    for axis, n in enumerate(x.frame[:-1]):
        first, end = place.before[axis], place.before[axis] + n
        if call.int_attribute("count_include_pad", 0):
            first, end = 0, end + place.after[axis]
        starts = np.arange(_frame(x, place)[axis]) * place.stride[axis]
        taps = starts[:, None] + np.arange(place.kernel[axis]) * place.dilation[axis]
        counts.append(((taps >= first) & (taps < end)).sum(1))
    return reduce(np.multiply.outer, counts)


def average(call: Call, x: Data, place: Placing, counts: np.ndarray) -> Data:
    """Sum over windows; the scale is divided by the number of places that count in each.

    If the numbers differ, each sum is multiplied by a factor, up to a common multiple of them.
    """
    x = call.clipped(call.settled(x))
    meaning = x.meaning("its data", "; quantize before it")
    zero = zero_of(meaning) if any(place.pads) else 0
    uneven = counts.min() < counts.max()
    if uneven and zero:
        table = call.builder.edges[x.edge].type.values() - zero
        x = replace(x, edge=call.builder.table(x.edge, table[None], call.node))
        meaning, zero = Affine(meaning.scale), 0
    edge = pooled(call.builder, call.node, SumPool, padded(call, x.edge, place.pads, zero), place)
    multiple = int(counts.max())
    if uneven:
        multiple, factors = _common(counts)
        edge = _weighted(call, edge, factors)
    n = Fraction(prod(place.kernel))
    total = Affine(meaning.scale, tuple(n * o for o in meaning.offset))
    y = call.builder.edges[edge]
    out = Data(edge, y.type, (y.channels, *y.shape[:-1]), y.shape)
    out = replace(call.then(out, total), quantized=x.quantized)
    return call.then(out, Affine((Fraction(1, multiple),)))


def _common(counts: np.ndarray) -> tuple[int, np.ndarray]:
    """Return a common multiple of all counts, and its quotient with each count."""
    different = np.unique(counts).tolist()
    if different[0] == 0:
        raise RefusedError("each of its windows must have a place that counts, and one has none")
    multiple = lcm(*different)
    if multiple // different[0] >= 1 << FACTOR_BITS:
        raise RefusedError(
            f"its windows have {different[0]} to {different[-1]} places that count, and these"
            f" numbers must have a common multiple below {different[0] << FACTOR_BITS}; set"
            " count_include_pad to 1, or choose pads that fit"
        )
    return multiple, multiple // counts


def _weighted(call: Call, edge: str, factors: np.ndarray) -> str:
    """Return the edge of integers times the factor of their place; each element is a channel."""
    tensor = call.builder.edges[edge]
    weights = factors.reshape(-1).repeat(tensor.channels)[:, None]
    kind = IntType.for_range(lo=0, hi=int(weights.max()))
    flat = call.emit(Convert, edge, part=True, share=True, shape=(tensor.size,))
    times = call.emit(
        Depthwise, flat.name, part=True, share=True, weights=weights, weight_type=kind
    )
    return call.emit(Convert, times.name, part=True, share=True, shape=tensor.shape).name


def pooled(
    builder: GraphBuilder, node: Node, pool: type[Pooling], edge: str, place: Placing
) -> str:
    """Return the edge of ``pool`` over the windows of ``edge``.

    The taps of a dilated window are gathered first: a map with a row for each window.
    """
    emit, kernel, stride = builder.emit, place.kernel, place.stride
    if all(k == 1 or d == 1 for k, d in zip(kernel, place.dilation, strict=True)):
        return emit(pool, node, edge, share=True, kernel=kernel, stride=stride).name
    dilation = place.dilation
    gathered = emit(
        Window, node, edge, part=True, share=True, kernel=kernel, stride=stride, dilation=dilation
    )
    *places, _ = gathered.y.shape
    row = (1, prod(kernel))
    shape = (prod(places), row[1], builder.edges[edge].channels)
    rows = emit(Convert, node, gathered.name, part=True, share=True, shape=shape).name
    made = emit(pool, node, rows, share=True, kernel=row, stride=row).name
    return emit(Convert, node, made, part=True, share=True, shape=(*places, shape[-1])).name
