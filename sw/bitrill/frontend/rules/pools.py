"""Rules for pools: a maximum, which may move behind the next quantizer, and sums over windows."""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from math import prod

import numpy as np

from ...exact import sign
from ...ir import Quantizer
from ...ops import MaxPool, Pad, SumPool
from ...real import Affine, Step, chain
from ..reader.model import Node
from ..symbolic import Call, Data, Deferred, GraphBuilder, Known, RefusedError
from .layouts import on_last
from .places import WINDOW, Placing, padded, placing, sizes, zero_of
from .table import CHANNELS_LAST, Versioned, rule, since

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
    return average(call, x, place, _divisor(call, x, place))


@rule("GlobalAveragePool", inputs=1, layout="spatial")
def global_average_pool(call: Call) -> Known:
    x = call.image(0)
    return average(call, x, whole(x), prod(x.frame[:-1]))


def _kernel(call: Call, x: Data) -> tuple[int, ...]:
    if "kernel_shape" not in call.attributes:
        raise RefusedError("attribute kernel_shape must be given")
    kernel = sizes(call, "kernel_shape", len(x.frame) - 1, 1)
    if {*sizes(call, "dilations", len(kernel), 1)} != {1}:
        raise RefusedError("dilations of a pool must be 1")
    return kernel


def whole(x: Data) -> Placing:
    """Return the placing of one window that holds every place."""
    size = x.frame[:-1]
    one, none = (1,) * len(size), (0,) * len(size)
    return Placing(size, one, one, none, none, none)


def _frame(x: Data, place: Placing) -> tuple[int, ...]:
    """Return the shape of the edge behind the windows."""
    n, axes = len(x.frame) - 1, range(len(x.frame) - 1)
    room = [x.frame[a] + place.pads[a] + place.pads[n + a] - place.kernel[a] for a in axes]
    return (*(room[a] // place.stride[a] + 1 for a in axes), x.channels)


def maximum(call: Call, x: Data, place: Placing) -> Data:
    """Return the maximum over windows, which waits for a quantizer unless data have one."""
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
    """A `MaxPool` of ``before``, put behind the next quantizer where the order is kept until there.

    Few-bit integers are cheaper to keep and compare than sums. Channels on which batch norm turns
    the order, so that the greatest sum is not the greatest value, come out right, too. Where the
    order turns behind the pool instead, the pool compares sums.
    """

    builder: GraphBuilder
    before: Data
    place: Placing
    node: Node

    def quantize(self, data: Data, quantizer: Quantizer, node: Node) -> str:
        if _rises(data.steps) and all(sign(s) > 0 for s in quantizer.scale):
            inner = replace(self.before, steps=chain(self.before.steps, data.steps))
            return self._pool(self.builder.quantize(inner, quantizer, node)).name
        return self.builder.quantize(self.settle(data), quantizer, node)

    def settle(self, data: Data) -> Data:
        before = self.builder.settle(self.before)
        if not _rises(before.steps):
            raise RefusedError(
                f"the maximum of {self.node} is over numbers with negative scales, and no quantizer"
                " that keeps their order follows; quantize in front of it"
            )
        pool = self._pool(before.edge)
        inner = replace(data, edge=pool.name, type=pool.y.type, quantized=before.quantized)
        return replace(inner, steps=chain(before.steps, data.steps), deferred=None)

    def _pool(self, edge: str) -> MaxPool:
        place, emit = self.place, self.builder.emit
        if any(place.pads):
            low = self.builder.edges[edge].type.lo
            pad = emit(Pad, self.node, edge, part=True, share=True, pads=place.pads, value=low)
            edge = pad.name
        return emit(MaxPool, self.node, edge, share=True, kernel=place.kernel, stride=place.stride)


def _rises(steps: tuple[Step, ...]) -> bool:
    """Whether ``steps`` keep the order of numbers on every channel."""
    return all(s.rises for s in steps)


def _divisor(call: Call, x: Data, place: Placing) -> int:
    """Return the number of places that count in a window, which all windows must share."""
    counts = []
    for axis, n in enumerate(x.frame[:-1]):
        first, end = place.before[axis], place.before[axis] + n
        if call.int_attribute("count_include_pad", 0):
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


def average(call: Call, x: Data, place: Placing, divisor: int) -> Data:
    """Sum over windows; the scale is divided by the number of places."""
    x = call.clipped(call.settled(x))
    meaning = x.meaning("its data", "; quantize in front of it")
    edge = padded(call, x.edge, place.pads, zero_of(meaning) if any(place.pads) else 0)
    node = call.emit(SumPool, edge, share=True, kernel=place.kernel, stride=place.stride)
    n = Fraction(prod(place.kernel))
    total = Affine(meaning.scale, tuple(n * o for o in meaning.offset))
    out = call.result(node, total, quantized=x.quantized)
    return call.then(out, Affine((Fraction(1, divisor),)))
