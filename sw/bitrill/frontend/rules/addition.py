"""Rules for Add and Sub of two tensors that depend on the input.

Each operand means ``scale * integer + offset``. Equal scales add integers. Others need integer
multipliers: the ratio of the scales itself where that has at most 8 bits, else the smallest ones
with which the next quantizer decides right for every pair of values (see `symbolic.gains`).
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from operator import add as plus

import numpy as np

from ...ir import Function, Quantizer
from ...ops import Add, Threshold
from ...real import Affine, Channels, at, compact, zip_channels
from ..reader.model import Node
from ..symbolic import (
    Call,
    Data,
    Deferred,
    GraphBuilder,
    Known,
    RefusedError,
    brief,
    is_constant,
    multiplied,
    ratios,
    thresholds_of_sum,
)

RATIO_BITS = 8
"""Widest multipliers that bring operands to one scale where no quantizer follows."""


def add(call: Call) -> Known:
    """Import Add or Sub of two edges."""
    (a, first), (b, second) = call.branch(0), call.branch(1)
    if a.shape != b.shape or a.frame != b.frame:
        raise RefusedError(
            f"its branches must have one shape, not {['batch', *a.shape]} and {['batch', *b.shape]}"
        )
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
    total = Sum(call.builder, a.edge, b.edge, first, second, quantized, call.node)
    waiting = replace(a, steps=(), quantized=False, deferred=total)
    return waiting if total.gains is None else call.builder.settle(waiting)


def _shifted(one: tuple[Data, Affine], other: tuple[Data, Affine]) -> Data:
    """Return the sum of two branches of which one is constant, as behind a gamma of 0."""
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


def small_ratio(a: Channels, b: Channels) -> tuple[int, int] | None:
    """Return ``(p, q)`` of at most `RATIO_BITS` with ``a / b = p / q`` everywhere, or None."""
    pairs = ratios(a, b, RATIO_BITS)
    return pairs[0] if pairs and len({*pairs}) == 1 else None


@dataclass(frozen=True, eq=False)
class Sum(Deferred):
    """``first(a) + second(b)`` of two edges, waiting for the quantizer that decides how exactly."""

    builder: GraphBuilder
    a: str
    b: str
    first: Affine
    second: Affine
    quantized: bool
    node: Node

    @property
    def gains(self) -> tuple[int, int] | None:
        """Multipliers that are exact whatever follows, or None where these are too wide."""
        return small_ratio(self.first.scale, self.second.scale)

    @property
    def offset(self) -> Channels:
        """The offset of the sum."""
        return zip_channels(plus, self.first.offset, self.second.offset)

    def settle(self, data: Data) -> Data:
        gains = self.gains
        if gains is None:
            raise RefusedError(self._why("no quantizer follows that could tell what is enough"))
        scale = zip_channels(lambda s: s / gains[0], self.first.scale)
        meaning = Affine(scale, self.offset)
        return data.behind(self._add(gains), meaning, quantized=self.quantized)

    def _add(self, gains: tuple[int, int]) -> Add:
        return self.builder.emit(Add, self.node, self.a, self.b, share=True, gains=gains)

    def quantize(self, data: Data, quantizer: Quantizer, node: Node) -> str:
        scale, other = compact(list(self.first.scale)), compact(list(self.second.scale))
        if len(scale) != 1 or len(other) != 1:
            raise RefusedError(self._why("its operands have a scale for each channel"))
        function = Function((Affine(offset=self.offset), *data.steps), quantizer)
        types = self.builder.edges[self.a].type, self.builder.edges[self.b].type
        decided = thresholds_of_sum(function, (scale[0], other[0]), types)
        if decided is None:
            raise RefusedError(
                self._why(
                    "none of the multipliers tried (at most 15 bits) decides every pair of values"
                )
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
