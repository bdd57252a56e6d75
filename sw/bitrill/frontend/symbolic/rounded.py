"""Rounded numbers whose quantizer is deferred, because a later Clip may bound them.

QuantizeLinear results in all integers of 8 bits, and a Clip after it leaves fewer; Round results in
unbounded integers, which an Add may shift and a Clip bounds. So the quantizer is added to the graph
when a node reads the integers, with the range that they have by then.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from ...exact import Real, Surd, bracket, ceil, floor, sign
from ...ir import IntType, Quantizer
from ...real import Affine, Channels, Clip, Rounding, Step, at, chain, round_real
from ..reader import limits
from ..reader.model import Node
from .builder import GraphBuilder
from .refusal import RefusedError
from .values import Data, Deferred

_RANGE_BITS = 64
"""Binary places to which the range of a curved function is computed."""


@dataclass(frozen=True, eq=False)
class Rounded(Deferred):
    """``min(max(round(before / scale) + zero, lo), hi)``; a bound may be None.

    Zero points are integers, one for each channel, or one for all; with ``behind`` the zero point
    is added before rounding. ``made``: the edges of its quantizers that are in the graph already,
    so that all readers share them.
    """

    builder: GraphBuilder
    before: Data
    node: Node
    scale: Channels
    zero: tuple[int, ...] = (0,)
    lo: int | None = None
    hi: int | None = None
    rounding: Rounding = "ROUND"
    behind: bool = False
    made: dict[object, str] = field(default_factory=dict)

    def quantize(self, data: Data, quantizer: Quantizer, node: Node) -> str:
        return self.builder.quantize(self.settle(data), quantizer, node)

    def settle(self, data: Data) -> Data:
        lo, hi, first, rest = _cut(data.steps, self.lo, self.hi)
        if lo is None or hi is None:
            lo, hi = self._bounds(lo, hi)
        shift = _shift(first) if self.lo is self.hi is None else 0
        zero = tuple(z + shift for z in self.zero)
        if shift:
            first = Affine()
        type_ = IntType(lo + shift, hi + shift)
        if type_.bits > limits.ACTIVATION_BITS:
            raise RefusedError(
                f"the result of {self.node} must have at most {limits.ACTIVATION_BITS} bits, not"
                f" {type_.bits}; a Clip after it can reduce them"
            )
        constant = type_.n_values == 1
        if constant:
            type_ = IntType(type_.lo, type_.lo + 1)  # hardware needs two values
        key = type_, constant or zero
        if key not in self.made:
            self.made[key] = self._constant(type_) if constant else self._quantized(type_, zero)
        inner = replace(data, edge=self.made[key], type=type_, quantized=True, deferred=None)
        return replace(inner, steps=chain(() if first == Affine() else (first,), rest))

    def _constant(self, type_: IntType) -> str:
        """Return the edge of a quantizer that always returns the lowest integer."""
        steps = chain(self.before.steps, (Affine((Fraction(0),), (Fraction(type_.lo),)),))
        return self.builder.quantize(replace(self.before, steps=steps), Quantizer(type_), self.node)

    def _quantized(self, type_: IntType, zero: tuple[int, ...]) -> str:
        """Return the edge of the quantizer, which rounds before or after adding the zero point."""
        odd = {z % 2 for z in zero}
        if self.rounding != "ROUND" or self.behind or odd == {0}:
            return self._edge(type_, zero, self.rounding)
        if odd == {1}:
            return self._edge(type_, zero, "HALF_ODD")
        even = tuple(z - z % 2 for z in zero)
        edge = self._edge(IntType(type_.lo - 1, type_.hi), even, "ROUND")
        values = np.arange(type_.lo - 1, type_.hi + 1)
        table = np.array([np.clip(values + z % 2, type_.lo, type_.hi) for z in zero])
        return self.builder.table(edge, table, self.node)

    def _edge(self, type_: IntType, zero: tuple[int, ...], rounding: Rounding) -> str:
        quantizer = Quantizer(type_, self.scale, tuple(map(Fraction, zero)), rounding)
        return self.builder.quantize(self.before, quantizer, self.node)

    def _bounds(self, lo: int | None, hi: int | None) -> tuple[int, int]:
        """Return bounds of the integers, those that are not known from what is rounded."""
        try:
            before = self.builder.settle(self.before)
        except RefusedError:
            before = replace(self.before, type=None)  # its numbers go nobody knows how far
        ends: tuple[Real | None, Real | None] = (None, None)
        if before.type is not None:
            ends = Fraction(before.type.lo), Fraction(before.type.hi)
        divided = (*before.steps, Affine(tuple(1 / s for s in self.scale)))
        n = max(len(self.zero), *(s.n_channels for s in divided))
        spans = [_span(ends, divided, c) for c in range(n)]
        lows, highs = [low for low, _ in spans], [high for _, high in spans]
        if lo is None:
            lo = min(self._rounded(low, c) for c, low in enumerate(lows))
        if hi is None:
            hi = max(self._rounded(high, c) for c, high in enumerate(highs))
        return lo, max(lo, hi)

    def _rounded(self, end: Real | None, channel: int) -> int:
        if end is None:
            raise RefusedError(
                f"the input of {self.node} must have bounds; put a Clip after it, or a layer"
                " before it"
            )
        zero = self.zero[0] if len(self.zero) == 1 else self.zero[channel]
        return round_real(end, self.rounding) + zero


def _shift(first: Affine) -> int:
    """Return the integer that a map adds to integers; 0 if the map does anything else."""
    (offset, *others) = first.offset
    whole = not others and isinstance(offset, Fraction) and offset.denominator == 1
    return int(offset) if whole and first.scale == (1,) and isinstance(offset, Fraction) else 0


def _cut(
    steps: tuple[Step, ...], lo: int | None, hi: int | None
) -> tuple[int | None, int | None, Affine, tuple[Step, ...]]:
    """Return the bounds of integers after clips, the map before the clips, and the other steps."""
    first, rest = Affine(), steps
    if rest and isinstance(rest[0], Affine):
        first, rest = rest[0], rest[1:]
    (scale, *scales), (offset, *others) = first.scale, first.offset
    while rest and isinstance(clip := rest[0], Clip) and not (scales or others) and scale:
        low, high = (None if b is None else (b - offset) / scale for b in (clip.lo, clip.hi))
        if sign(scale) < 0:
            low, high = high, low
        least = _last(lo, None if low is None else floor(low), up=True)
        most = _last(hi, None if high is None else ceil(high), up=False)
        if least is not None and most is not None and least > most:
            break
        lo, hi = least, most
        if not (_is_whole(low) and _is_whole(high)):
            break
        rest = rest[1:]
    return lo, hi, first, rest


def _last(a: int | None, b: int | None, *, up: bool) -> int | None:
    """Return the tighter of two bounds: the larger of lower ones (``up``), the smaller of upper."""
    if a is None or b is None:
        return b if a is None else a
    return max(a, b) if up else min(a, b)


def _is_whole(x: Real | None) -> bool:
    return x is None or (not isinstance(x, Surd) and x.denominator == 1)


def _span(
    ends: tuple[Real | None, Real | None], steps: tuple[Step, ...], channel: int
) -> tuple[Real | None, Real | None]:
    """Return the smallest and the largest result of ``steps`` on numbers between ``ends``."""
    low, high = ends
    for step in steps:
        if isinstance(step, Clip):
            low = step.lo if low is None else step(low, channel)
            high = step.hi if high is None else step(high, channel)
            continue
        if step.curved:
            if low is None or high is None:
                return None, None
            ends = bracket(low, _RANGE_BITS)[0], bracket(high, _RANGE_BITS)[1]
            low, high = step.enclose(ends, channel, _RANGE_BITS)
            continue
        made = [None if e is None else step(e, channel) for e in (low, high)]
        if isinstance(step, Affine):
            if sign(at(step.scale, channel)) < 0:
                made.reverse()
            elif not sign(at(step.scale, channel)):
                made = [at(step.offset, channel)] * 2
        elif not step.is_monotone:
            known = None if None in (low, high) else [v for v in made if v is not None]
            made = [None, None] if known is None else [min(*known, Fraction(0)), max(known)]
        low, high = made
    return low, high
