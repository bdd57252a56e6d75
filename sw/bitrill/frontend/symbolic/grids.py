"""Few-bit integers mapped onto the grid that they are on already, exactly: by a table.

A Relu or Clip of quantized data at a place of their grid gives integers of that grid again, and
so does a whole multiple for each channel; no quantizer is needed to say what they are.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from ...exact import Real, Surd, sign
from ...ir.types import IntType
from ...ops.lookup import ADDRESS_BITS, Lookup
from ...passes.thresholds import MAX_ENTRIES
from ...real import Affine, Clip, at
from ..reader.model import Node
from .context import Builder
from .deferred import chain
from .values import Data, RefusedError, brief


def clipped(builder: Builder, data: Data, node: Node) -> Data:
    """Quantized ``data`` whose clips, if they have any, are done by a table of their integers.

    As it is where the clips are none of integers; `RefusedError` where they cut between two.
    """
    first = data.steps[0] if data.steps and isinstance(data.steps[0], Affine) else Affine()
    rest = data.steps[isinstance(data.steps[0], Affine) if data.steps else 0 :]
    clips = [s for s in rest if isinstance(s, Clip)]
    tail = rest[len(clips) :]
    if not data.quantized or data.type is None or not clips or tuple(clips) != rest[: len(clips)]:
        return data
    if len(tail) > 1 or any(not isinstance(s, Affine) for s in tail):
        return data
    _check_size(data.type, data.channels)
    n = max(len(first.scale), len(first.offset))
    rows = [_row(data.type, first, c, clips) for c in range(n)]
    edge = _table(builder, data.edge, np.array(rows), node)
    return replace(data, edge=edge, type=builder.edges[edge].type, steps=chain((first,), tail))


def _row(t: IntType, meaning: Affine, channel: int, clips: list[Clip]) -> np.ndarray:
    """What the integers of ``t`` become on one channel."""
    values = t.values()
    scale, offset = at(meaning.scale, channel), at(meaning.offset, channel)
    for clip in clips:
        for bound, is_low in ((clip.lo, True), (clip.hi, False)):
            if bound is None:
                continue
            place = (bound - offset) / scale
            low = is_low is (sign(scale) > 0)
            if (sign(place - t.lo) <= 0) if low else (sign(place - t.hi) >= 0):
                continue
            if isinstance(place, Surd) or place.denominator != 1:
                raise RefusedError(
                    f"what a Relu or Clip cuts off at {brief(bound)} must end on the grid of its"
                    f" data, {brief(scale)} * integer + {brief(offset)}; put Quant behind it"
                )
            values = np.maximum(values, int(place)) if low else np.minimum(values, int(place))
    return values


def multiplied(builder: Builder, edge: str, factors: list[int], node: Node) -> str:
    """``edge`` with each channel's integers times its factor."""
    tensor = builder.edges[edge]
    _check_size(tensor.type, len(factors))
    return _table(builder, edge, np.outer(factors, tensor.type.values()), node)


def _check_size(t: IntType, channels: int) -> None:
    if t.bits > ADDRESS_BITS or t.n_values * channels > MAX_ENTRIES:
        raise RefusedError(
            f"a table of its integers must have at most {ADDRESS_BITS} bits and {MAX_ENTRIES}"
            f" values over all channels, not {t.bits} and {t.n_values * channels}"
        )


def _table(builder: Builder, edge: str, table: np.ndarray, node: Node) -> str:
    out = IntType.for_range(lo=int(table.min()), hi=int(table.max()))
    return builder.emit(Lookup, node, edge, table=table, out=out).name


def ratios(a: tuple[Real, ...], b: tuple[Real, ...], bits: int) -> list[tuple[int, int]] | None:
    """``(p, q)`` of at most ``bits`` bits with ``a / b = p / q``, for each channel; or None."""
    found = []
    for c in range(max(len(a), len(b))):
        ratio = at(a, c) / at(b, c) if at(b, c) else Fraction(0)
        if not isinstance(ratio, Fraction) or not ratio:
            return None
        found.append((ratio.numerator, ratio.denominator))
    small = all(max(abs(p), q) < 1 << bits for p, q in found)
    return found if small else None
