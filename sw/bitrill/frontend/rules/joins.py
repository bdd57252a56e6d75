"""Rules where branches meet and part: Add and Sub of two edges, Concat, Split.

Each branch is ``scale * integer + offset``. A sum of equal scales adds integers; of others, it
takes integer multipliers: the ratio of the scales itself where that is of at most 8 bits, else the
smallest ones with which the next quantizer decides right for every pair of values (see
`gains`). What is concatenated keeps a scale a channel where a quantizer follows, else it
is brought to one scale by multipliers of at most 8 bits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, pairwise

import numpy as np

from ... import exact
from ...exact import Real
from ...ops.add import Add
from ...ops.concat import Concat
from ...ops.split import Split
from ...ops.threshold import Threshold
from ...real import Affine, Channels, Function, Quantizer, at, zip_channels
from ..reader.model import Node
from ..symbolic.context import RAW_HINT, Builder, Call
from ..symbolic.deferred import Deferred, chain
from ..symbolic.gains import thresholds_of_sum
from ..symbolic.grids import multiplied, ratios
from ..symbolic.values import Data, Known, RefusedError, brief, compact
from .arrange import pick

RATIO_BITS = 8
"""Widest multipliers that bring operands to one scale where no quantizer follows."""


def _branch(call: Call, i: int) -> tuple[Data, Affine]:
    """Input ``i`` as an edge, in the order of the edge, and its meaning."""
    data = call.builder.settle(call.data(i))
    if data.type is None:
        raise RefusedError(f"it takes unquantized floats; {RAW_HINT}")
    data = call.clipped(data)
    if data.order is not None:
        data = call.arranged(data)
    meaning = data.affine
    if meaning is None:
        raise RefusedError(
            f"its operand {i} must be a scale times integers plus an offset, not what a Relu or"
            " Clip gives of them; quantize each branch"
        )
    return data, meaning


def add(call: Call) -> Known:
    """Add and Sub of two edges."""
    (a, first), (b, second) = _branch(call, 0), _branch(call, 1)
    if a.shape != b.shape or a.frame != b.frame:
        raise RefusedError(
            f"its branches must have one shape, not {['batch', *a.shape]} and {['batch', *b.shape]}"
        )
    if call.node.op == "Sub":
        second = second.then(Affine((Fraction(-1),)))
    if small_ratio(first.scale, second.scale) is None:
        a, first, b, second = _levelled(call, (a, first), (b, second))
    if a.edge == b.edge:
        both = Affine(
            zip_channels(lambda s, t: s + t, first.scale, second.scale),
            zip_channels(lambda s, t: s + t, first.offset, second.offset),
        )
        return replace(a, steps=(both,))
    total = Sum(a.edge, b.edge, first, second, a.quantized and b.quantized, call.node)
    waiting = replace(a, steps=(), quantized=False, deferred=total)
    return waiting if total.gains is None else call.builder.settle(waiting)


def _levelled(
    call: Call, one: tuple[Data, Affine], other: tuple[Data, Affine]
) -> tuple[Data, Affine, Data, Affine]:
    """Both branches on one grid a channel, if their scales of each channel allow it."""
    (a, first), (b, second) = one, other
    if len(first.scale) == len(second.scale) == 1:
        return a, first, b, second  # for which a quantizer behind them may know better
    found = ratios(first.scale, second.scale, RATIO_BITS)
    if found is None:
        return a, first, b, second
    gains = found * (a.channels // len(found))
    made = []
    for k, (data, meaning) in enumerate(((a, first), (b, second))):
        factors = [pair[k] for pair in gains]
        scale = compact([at(meaning.scale, c) / f for c, f in enumerate(factors)])
        edge = data.edge
        if {*factors} != {1}:
            edge = multiplied(call.builder, edge, factors, call.node)
        made += [replace(data, edge=edge), Affine(scale, meaning.offset)]
    return made[0], made[1], made[2], made[3]


def small_ratio(a: Channels, b: Channels) -> tuple[int, int] | None:
    """``(p, q)`` of at most `RATIO_BITS` with ``a / b = p / q`` on every channel, or None."""
    ratios = zip_channels(lambda s, t: s / t if t else Fraction(0), a, b)
    first = ratios[0]
    if not isinstance(first, Fraction) or any(r != first for r in ratios):
        return None
    p, q = first.numerator, first.denominator
    return (p, q) if p and max(abs(p), q) < 1 << RATIO_BITS else None


@dataclass(frozen=True, eq=False)
class Sum(Deferred):
    """``first(a) + second(b)`` of two edges."""

    a: str
    b: str
    first: Affine
    second: Affine
    quantized: bool
    node: Node

    @property
    def gains(self) -> tuple[int, int] | None:
        """Multipliers that are exact whatever follows, or None."""
        return small_ratio(self.first.scale, self.second.scale)

    @property
    def offset(self) -> Channels:
        return zip_channels(lambda s, t: s + t, self.first.offset, self.second.offset)

    def settle(self, builder: Builder, data: Data) -> Data:
        if self.gains is None:
            raise RefusedError(self._why("no quantizer follows that could tell what is enough"))
        made = builder.emit(Add, self.node, self.a, self.b, gains=self.gains)
        scale = zip_channels(lambda s: s / self.gains[0] if self.gains else s, self.first.scale)
        return replace(
            data,
            edge=made.name,
            type=made.y.type,
            quantized=self.quantized,
            deferred=None,
            steps=chain((Affine(scale, self.offset),), data.steps),
        )

    def quantize(self, builder: Builder, data: Data, quantizer: Quantizer, node: Node) -> str:
        scale, other = compact(list(self.first.scale)), compact(list(self.second.scale))
        if len(scale) != 1 or len(other) != 1:
            raise RefusedError(self._why("its operands have a scale for each channel"))
        function = Function((Affine(offset=self.offset), *data.steps), quantizer)
        types = builder.edges[self.a].type, builder.edges[self.b].type
        found = thresholds_of_sum(function, (scale[0], other[0]), types)
        if found is None:
            raise RefusedError(
                self._why(
                    "none of the multipliers tried (at most 15 bits) decides every pair of values"
                )
            )
        gains, table, inverted = found
        made = builder.emit(Add, self.node, self.a, self.b, gains=gains)
        rows = made.y.channels // len(table)
        t = made.y.type
        return builder.emit(
            Threshold,
            node,
            made.name,
            out=quantizer.type,
            inverted=np.tile(inverted, rows),
            thresholds=np.clip(np.tile(table, (rows, 1)), t.lo, t.hi + 1),
        ).name

    def _why(self, cause: str) -> str:
        scales = self.first.scale, self.second.scale
        n = max(map(len, scales))
        pairs = [(at(scales[0], c), at(scales[1], c)) for c in range(n)]
        odd = next((c for c, (a, b) in enumerate(pairs) if small_ratio((a,), (b,)) is None), 0)
        a, b = map(brief, pairs[odd])
        where = "" if n == 1 else f" of channel {odd}"
        return (
            f"the branches of {self.node} must come to one grid, and their scales {a} and"
            f" {b}{where} are in no ratio of at most {RATIO_BITS} bits; {cause}; give both branches"
            " one quantizer, or scales whose ratio is a small fraction"
        )


def concat(call: Call) -> Known:
    """Concat of edges along the channels."""
    branches = [_branch(call, i) for i in range(len(call.values))]
    data = [d for d, _ in branches]
    rank = len(data[0].shape) + 1
    if call.attributes["axis"] not in (1, 1 - rank):
        raise RefusedError(f"its axis must be 1, the channels, not {call.attributes['axis']}")
    if any(
        d.shape[0] != d.channels
        or d.shape[1:] != data[0].shape[1:]
        or d.frame[:-1] != data[0].frame[:-1]
        for d in data
    ):
        shapes = " and ".join(str(["batch", *d.shape]) for d in data)
        raise RefusedError(f"its branches must have one shape but for their channels, not {shapes}")
    if len(data) == 1:
        return data[0]
    channels = sum(d.channels for d in data)
    joined = Joined(
        tuple(d.edge for d in data),
        tuple(m for _, m in branches),
        tuple(d.channels for d in data),
        all(d.quantized for d in data),
        call.node,
    )
    return replace(
        data[0],
        shape=(channels, *data[0].shape[1:]),
        frame=(*data[0].frame[:-1], channels),
        steps=(),
        quantized=joined.quantized,
        deferred=joined,
    )


@dataclass(frozen=True, eq=False)
class Joined(Deferred):
    """Channels of several edges, side by side."""

    edges: tuple[str, ...]
    meanings: tuple[Affine, ...]
    channels: tuple[int, ...]
    quantized: bool
    node: Node

    def _emit(self, builder: Builder, data: Data, gains: tuple[int, ...]) -> Data:
        made = builder.emit(Concat, self.node, *self.edges, gains=gains)
        scale: list[Real] = []
        offset: list[Real] = []
        for m, n, gain in zip(self.meanings, self.channels, gains, strict=True):
            scale += [at(m.scale, c) / gain for c in range(n)]
            offset += [at(m.offset, c) for c in range(n)]
        meaning = Affine(compact(scale), compact(offset))
        return replace(
            data,
            edge=made.name,
            type=made.y.type,
            quantized=self.quantized,
            deferred=None,
            steps=chain((meaning,), data.steps),
        )

    def settle(self, builder: Builder, data: Data) -> Data:
        return self._emit(builder, data, self._common() or (1,) * len(self.edges))

    def quantize(self, builder: Builder, data: Data, quantizer: Quantizer, node: Node) -> str:
        inner = self._emit(builder, data, (1,) * len(self.edges))
        return builder.quantize(inner, quantizer, node)

    def _common(self) -> tuple[int, ...] | None:
        """Multipliers of at most `RATIO_BITS` to one scale; None where there are none."""
        scales = [compact(list(m.scale)) for m in self.meanings]
        ratios = [s[0] / scales[0][0] for s in scales if len(s) == 1]
        if len(ratios) < len(scales) or not all(isinstance(r, Fraction) for r in ratios):
            return None
        exact_ratios = [r for r in ratios if isinstance(r, Fraction)]
        common = exact.common_denominator(exact_ratios)
        gains = [int(r * common) for r in exact_ratios]
        shared = int(np.gcd.reduce(gains)) if max(map(abs, gains)) < 1 << 62 else 1
        gains = [g // shared for g in gains]
        return tuple(gains) if max(map(abs, gains)) < 1 << RATIO_BITS else None


def split(call: Call) -> tuple[Known, ...]:
    """Split along the channels, sizes as attribute or input, or in equal parts."""
    x, meaning = _branch(call, 0)
    axis = call.attributes.get("axis", 0)
    if axis not in (1, -len(x.shape)) or x.shape[0] != x.channels:
        raise RefusedError(f"its axis must be 1, the channels, not {axis}")
    n = len(call.node.outputs)
    sizes = list(call.attributes.get("split", ()))
    if call.has(1):
        sizes = call.integers(1, "its sizes").reshape(-1).tolist()
    if not sizes:
        part = -(-x.channels // n)
        sizes = [part] * (n - 1) + [x.channels - part * (n - 1)]
    if len(sizes) != n or min(sizes) < 1 or sum(sizes) != x.channels:
        raise RefusedError(
            f"its {n} sizes must be of at least 1 and {x.channels} together, not {sizes[:8]}"
        )
    if n == 1:
        return (x,)
    node = call.emit(Split, x.edge, sizes=tuple(sizes))
    return tuple(_part(call, x, meaning, node, k) for k in range(n))


def slice_of(call: Call, first: int, end: int) -> Known:
    """Channels ``first .. end - 1``: a part of a Split, which other slices of the edge share."""
    x, meaning = _branch(call, 0)
    if x.shape[0] != x.channels:
        raise RefusedError("data must be sliced along their channels; flatten them afterwards")
    if first >= end:
        raise RefusedError(f"it must take at least one channel, not {first} to {end}")
    if (first, end) == (0, x.channels):
        return x
    node = call.builder.splits.get(x.edge)
    if node is None:
        cuts = sorted({0, first, end, x.channels})
        sizes = tuple(b - a for a, b in pairwise(cuts))
        node = call.builder.splits[x.edge] = call.emit(Split, x.edge, sizes=sizes)
    starts = [0, *accumulate(node.sizes)]
    if first not in starts or starts[(k := starts.index(first)) + 1] != end:
        raise RefusedError(
            f"slices of one tensor must fit together: channels {first} to {end} cross those at"
            f" {starts}; use Split"
        )
    return _part(call, x, meaning, node, k)


def _part(call: Call, x: Data, meaning: Affine, node: Split, k: int) -> Data:
    first = sum(node.sizes[:k])
    channels = np.arange(first, first + node.sizes[k])
    part = Affine(pick(meaning.scale, channels), pick(meaning.offset, channels))
    out = call.result(node, part, k=k, quantized=x.quantized)
    return replace(out, shape=(node.sizes[k], *x.shape[1:]))
