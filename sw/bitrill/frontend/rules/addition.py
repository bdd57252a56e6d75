"""Rules for Add and Sub of tensors that depend on the input.

Each operand is ``scale * integer + offset``. With equal scales the integers are added. Otherwise
they need integer multipliers: the ratio of the scales if it has at most 8 bits, else the smallest
multipliers with which the next quantizer decides correctly for every pair of values (see
`symbolic.gains`).

Words: ``docs/glossary.md``, "Importing" (edge, grid, meaning, deferred).
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial, reduce
from math import lcm
from operator import add as plus

import numpy as np

from ...ir import Function, Quantizer
from ...ops import Add, Threshold
from ...real import Affine, Channels, at, compact, zip_channels
from ..reader.model import Node
from ..symbolic import (
    PAIRS,
    Call,
    Data,
    Deferred,
    GraphBuilder,
    Known,
    RefusedError,
    brief,
    combinations,
    is_constant,
    multiplied,
    ratios,
    thresholds_of_sum,
)
from .broadcasts import alike

RATIO_BITS = 8
"""Bits of the widest multipliers that bring operands to one scale if no quantizer follows."""


def add(call: Call) -> Known:
    """Import Add or Sub of two edges, or of sums that are deferred to the next quantizer."""
    waiting = _waiting(call)
    if waiting is not None:
        return waiting
    (a, first), (b, second) = alike(call, call.branch(0), call.branch(1))
    if call.node.op == "Sub":
        second = second.then(Affine((Fraction(-1),)))
    if is_constant(first) or is_constant(second):
        return _shifted((a, first), (b, second))
    if small_ratio(first.scale, second.scale) is None:
        a, first, b, second = _levelled(call, (a, first), (b, second))
    if a.edge == b.edge:
        both = Affine(
            zip_channels(plus, first.scale, second.scale),
            zip_channels(plus, first.offset, second.offset),
        )
        return replace(a, steps=(both,))
    quantized = a.quantized and b.quantized
    return _summed(Sum(call.builder, (a.edge, b.edge), (first, second), quantized, call.node), a)


def _summed(total: "Sum", shape: Data) -> Data:
    """Return a sum as data of that shape: an edge if its multipliers are known, else deferred."""
    waiting = replace(shape, steps=(), quantized=False, deferred=total)
    return waiting if total.gains is None else total.settle(waiting)


def _waiting(call: Call) -> Data | None:
    """Return the sum of operands if one of them is itself a deferred sum, else None."""
    given = [call.data(0), call.data(1)]
    sums = [x.deferred if x.affine is not None else None for x in given]
    if not any(isinstance(s, Sum) for s in sums):
        return None
    edges: list[str] = []
    meanings: list[Affine] = []
    quantized, shapes = True, []
    for i, x in enumerate(given):
        turn = Affine((Fraction(-1 if i and call.node.op == "Sub" else 1),))
        if isinstance(x.deferred, Sum) and x.affine is not None:
            outer, terms = x.affine, x.deferred
            quantized &= terms.quantized
            edges += terms.edges
            # the outer offset counts once
            inner = [m.then(Affine(outer.scale)) for m in terms.meanings]
            inner[0] = inner[0].then(Affine(offset=outer.offset))
        else:
            x, meaning = call.branch(i)
            quantized &= x.quantized
            edges.append(x.edge)
            inner = [meaning]
        meanings += [m.then(turn) for m in inner]
        shapes.append(x)
    if shapes[0].shape != shapes[1].shape or shapes[0].frame != shapes[1].frame:
        raise RefusedError(
            f"its branches must have the same shape, not {['batch', *shapes[0].shape]} and"
            f" {['batch', *shapes[1].shape]}"
        )
    total = Sum(call.builder, tuple(edges), tuple(meanings), quantized, call.node)
    return _summed(total, shapes[0])


def _shifted(one: tuple[Data, Affine], other: tuple[Data, Affine]) -> Data:
    """Return the sum of two branches one of which is constant, as after a gamma of 0."""
    (a, first), (_, second) = (other, one) if is_constant(one[1]) else (one, other)
    offset = zip_channels(plus, first.offset, second.offset)
    return replace(a, steps=(Affine(first.scale, offset),))


def _levelled(
    call: Call, one: tuple[Data, Affine], other: tuple[Data, Affine]
) -> tuple[Data, Affine, Data, Affine]:
    """Bring both branches to one grid on each channel, if the scales allow it."""
    (a, first), (b, second) = one, other
    if len(first.scale) == len(second.scale) == 1:
        return a, first, b, second  # the next quantizer may allow smaller multipliers
    pairs = ratios(first.scale, second.scale, RATIO_BITS)
    if pairs is None:
        return a, first, b, second
    gains = pairs * (a.channels // len(pairs))
    made = []
    for k, (data, meaning) in enumerate(((a, first), (b, second))):
        factors = [pair[k] for pair in gains]
        scale = compact([at(meaning.scale, c) / f for c, f in enumerate(factors)])
        edge = data.edge
        if {*factors} != {1}:
            edge = multiplied(call.builder, edge, factors, call.node)
        made += [replace(data, edge=edge), Affine(scale, meaning.offset)]
    return made[0], made[1], made[2], made[3]


def small_ratio(*scales: Channels) -> tuple[int, ...] | None:
    """Return integers of at most `RATIO_BITS` in the ratio of scales everywhere, or None."""
    first, *others = scales
    candidates = [ratios(s, first, RATIO_BITS) for s in others]
    pairs = [p for p in candidates if p]
    if len(pairs) < len(candidates) or any(len({*p}) != 1 for p in pairs):
        return None
    common = lcm(*(p[0][1] for p in pairs))
    gains = (common, *(p[0][0] * (common // p[0][1]) for p in pairs))
    if gains[1] < 0:
        gains = tuple(-g for g in gains)
    return gains if max(map(abs, gains)) < 1 << RATIO_BITS else None


@dataclass(frozen=True, eq=False)
class Sum(Deferred):
    """The sum of edges, deferred to the quantizer that determines how exact it must be.

    ``meanings``: scale and offset of each edge's integers.
    """

    builder: GraphBuilder
    edges: tuple[str, ...]
    meanings: tuple[Affine, ...]
    quantized: bool
    node: Node

    @property
    def gains(self) -> tuple[int, ...] | None:
        """Multipliers that are exact whatever follows, or None if they are too wide."""
        return small_ratio(*(m.scale for m in self.meanings))

    @property
    def offset(self) -> Channels:
        """The offset of the sum."""
        return reduce(partial(zip_channels, plus), (m.offset for m in self.meanings))

    def settle(self, data: Data) -> Data:
        gains = self.gains
        if gains is None:
            raise RefusedError(self._why("no quantizer follows that allows smaller multipliers"))
        scale = zip_channels(lambda s: s / gains[0], self.meanings[0].scale)
        meaning = Affine(scale, self.offset)
        return data.behind(self._add(gains), meaning, quantized=self.quantized)

    def _add(self, gains: tuple[int, ...]) -> Add:
        return self.builder.emit(Add, self.node, *self.edges, share=True, gains=gains)

    def quantize(self, data: Data, quantizer: Quantizer, node: Node) -> str:
        scales = [compact(list(m.scale)) for m in self.meanings]
        if any(len(s) != 1 for s in scales):
            raise RefusedError(self._why("its operands have a scale for each channel"))
        function = Function((Affine(offset=self.offset), *data.steps), quantizer)
        types = tuple(self.builder.edges[e].type for e in self.edges)
        if (n := combinations(types)) > PAIRS:
            raise RefusedError(
                self._why(f"a search over the {n} combinations of their values would be too long")
            )
        decided = thresholds_of_sum(function, tuple(s[0] for s in scales), types)
        if decided is None:
            raise RefusedError(
                self._why("no multipliers of at most 15 bits decide every pair of values correctly")
            )
        gains, table, inverted = decided
        made = self._add(gains)
        rows = made.y.channels // len(table)
        t = made.y.type
        return self.builder.emit(
            Threshold,
            node,
            made.name,
            out=quantizer.type,
            inverted=np.tile(inverted, rows),
            thresholds=np.clip(np.tile(table, (rows, 1)), t.lo, t.hi + 1),
        ).name

    def _why(self, cause: str) -> str:
        n = max(len(m.scale) for m in self.meanings)
        rows = [[at(m.scale, c) for m in self.meanings] for c in range(n)]
        odd = next((c for c, r in enumerate(rows) if small_ratio(*((s,) for s in r)) is None), 0)
        *others, last = map(brief, rows[odd])
        where = "" if n == 1 else f" of channel {odd}"
        return (
            f"the branches of {self.node} must come to one grid, but the ratio of their scales"
            f" {', '.join(others)} and {last}{where} has more than {RATIO_BITS} bits; {cause};"
            " give all branches one quantizer, or scales whose ratios are small fractions"
        )
