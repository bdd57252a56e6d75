"""Applies Relu, Clip and integer factors to quantized data, by a table of its integers.

A Relu or Clip at a point of the data's grid results in integers of the same grid, and so does an
integer factor for each channel. So a model need not quantize after them.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from ...exact import Real, Surd, sign
from ...ir import IntType
from ...ops import Depthwise
from ...ops.lookup import ADDRESS_BITS
from ...passes.thresholding import MAX_ENTRIES
from ...real import Affine, Channels, Clip, Step, at, chain, compact
from ..reader.model import Node
from .builder import GraphBuilder
from .refusal import RefusedError, brief
from .values import Data


def clipped(builder: GraphBuilder, data: Data, node: Node) -> Data:
    """Return quantized ``data`` with its clips done by a table of its integers.

    It is unchanged if there is no clip, or more than one affine map on either side. Raises
    `RefusedError` if a clip cuts between two integers.
    """
    parts = _parts(data.steps)
    if not data.quantized or data.type is None or parts is None:
        return data
    first, clips, last = parts
    _check_size(data.type, data.channels)
    rows = [_row(data.type, first, c, clips) for c in range(first.n_channels)]
    edge = builder.table(data.edge, np.array(rows), node)
    meaning = Affine(first.scale, _clipped_offsets(first, clips))
    return replace(data, edge=edge, type=builder.edges[edge].type, steps=chain((meaning,), last))


def _clipped_offsets(meaning: Affine, clips: list[Clip]) -> Channels:
    """Return the offsets after clips, which change those of channels with scale 0."""
    if all(map(sign, meaning.scale)):
        return meaning.offset
    offsets = []
    for c in range(meaning.n_channels):
        offset = at(meaning.offset, c)
        if not sign(at(meaning.scale, c)):
            for clip in clips:
                offset = clip(offset, c)
        offsets.append(offset)
    return compact(offsets)


def living(builder: GraphBuilder, data: Data, node: Node) -> Data:
    """Return ``data`` with another scale for channels with scale 0, whose integers become 0.

    It is unchanged if no scale is 0, or if all are: such data are constant, which readers check.
    """
    real = data.affine
    if data.type is None or data.deferred is not None or real is None:
        return data
    alive = [bool(sign(s)) for s in real.scale]
    if all(alive) or not any(alive):
        return data
    edge = multiplied(builder, data.edge, [int(a) for a in alive], node)
    other = real.scale[alive.index(True)]
    scale = compact([s if a else other for s, a in zip(real.scale, alive, strict=True)])
    meaning = Affine(scale, real.offset)
    return replace(data, edge=edge, type=builder.edges[edge].type, steps=(meaning,))


def is_constant(meaning: Affine) -> bool:
    """Return whether the integers do not matter: the scales of all channels are 0."""
    return not any(map(sign, meaning.scale))


def _parts(steps: tuple[Step, ...]) -> tuple[Affine, list[Clip], tuple[Step, ...]] | None:
    """Return ``steps`` as an affine map, clips, and at most one affine map; None if they differ."""
    first, rest = Affine(), steps
    if steps and isinstance(steps[0], Affine):
        first, rest = steps[0], steps[1:]
    clips = [s for s in rest if isinstance(s, Clip)]
    last = rest[len(clips) :]
    if not clips or tuple(clips) != rest[: len(clips)]:
        return None
    return (
        None
        if len(last) > 1 or any(not isinstance(s, Affine) for s in last)
        else (first, clips, last)
    )


def _row(t: IntType, meaning: Affine, channel: int, clips: list[Clip]) -> np.ndarray:
    """Return the results for all integers of ``t`` on one channel."""
    values = t.values()
    scale, offset = at(meaning.scale, channel), at(meaning.offset, channel)
    for clip in clips if sign(scale) else ():
        for bound, is_low in ((clip.lo, True), (clip.hi, False)):
            if bound is None:
                continue
            place = (bound - offset) / scale
            low = is_low is (sign(scale) > 0)
            if (sign(place - t.lo) <= 0) if low else (sign(place - t.hi) >= 0):
                continue
            if isinstance(place, Surd) or place.denominator != 1:
                raise RefusedError(
                    f"the bound {brief(bound)} of a Relu or Clip must be on the grid of its"
                    f" data, {brief(scale)} * integer + {brief(offset)}; put Quant after it"
                )
            values = np.maximum(values, int(place)) if low else np.minimum(values, int(place))
    return values


def multiplied(builder: GraphBuilder, edge: str, factors: list[int], node: Node) -> str:
    """Return the edge with each channel's integers times its factor, by a table or a product."""
    tensor = builder.edges[edge]
    if tensor.type.bits > ADDRESS_BITS or tensor.type.n_values * len(factors) > MAX_ENTRIES:
        weights = np.array(factors)[:, None]
        held = IntType.for_range(lo=int(weights.min()), hi=int(weights.max()))
        made = builder.emit(
            Depthwise, node, edge, part=True, share=True, weights=weights, weight_type=held
        )
        return made.name
    return builder.table(edge, np.outer(factors, tensor.type.values()), node)


def _check_size(t: IntType, channels: int) -> None:
    if t.bits > ADDRESS_BITS or t.n_values * channels > MAX_ENTRIES:
        raise RefusedError(
            f"a table of its integers must have at most {ADDRESS_BITS} bits and {MAX_ENTRIES}"
            f" values over all channels, not {t.bits} and {t.n_values * channels}"
        )


def ratios(a: tuple[Real, ...], b: tuple[Real, ...], bits: int) -> list[tuple[int, int]] | None:
    """Return ``(p, q)`` of ``bits`` bits with ``a / b = p / q`` for each channel, or None."""
    pairs = []
    for c in range(max(len(a), len(b))):
        ratio = at(a, c) / at(b, c) if at(b, c) else Fraction(0)
        if not isinstance(ratio, Fraction) or not ratio:
            return None
        pairs.append((ratio.numerator, ratio.denominator))
    small = all(max(abs(p), q) < 1 << bits for p, q in pairs)
    return pairs if small else None
