"""One grid for each row of a matrix, where its columns or its data's channels have own scales.

A row means ``sum_j s[j] * w[j] * x[j]``, with s the scale of a weight times that of a channel. If
these are whole multiples of one unit, as powers of two are, the row is the unit times an integer
sum: the multiples go into the weights. Columns of weight 0 do not count.
"""

from fractions import Fraction
from math import gcd

import numpy as np

from ...exact import Real, Surd, common_denominator
from ...ir import IntType
from ...real import Affine, Channels, at, compact
from ..reader import limits
from ..symbolic import Call, RefusedError, brief
from .weight_grids import narrowest

WEIGHT_BITS = 16
"""Bits of a weight on the common grid."""


def rows_on_grid(
    call: Call, edge: str, w: np.ndarray, scale: np.ndarray, t: IntType, meaning: Affine
) -> tuple[np.ndarray, IntType, tuple[Affine, ...]]:
    """Return integer rows, their type, and what the rows times the integers of ``edge`` mean.

    ``w``: int64 ``[rows, columns]`` of type ``t``; ``scale``: exact numbers that broadcast to it;
    ``meaning``: of the data, whose channels are innermost in a row. Raises `RefusedError` where
    the scales of a row have no common grid.
    """
    rows, meaning = row_scales(scale), Affine(compact(meaning.scale), meaning.offset)
    if rows is not None and len(meaning.scale) == 1:
        return w, t, (Affine(meaning.scale, offset_sums(w, meaning.offset, call)), Affine(rows))
    call.builder.work.spend(w.size)
    channels = np.arange(w.shape[1]) % meaning.n_channels
    made, units, sums = np.zeros_like(w), [], []
    for r, (row, scales) in enumerate(zip(w, np.broadcast_to(scale, w.shape), strict=True)):
        used = np.flatnonzero(row)
        where = list(zip(used.tolist(), scales[used], channels[used].tolist(), strict=True))
        every = [s * at(meaning.scale, c) for _, s, c in where]
        unit, multiples = _unit(every) or _refuse(call, edge, every, meaning)
        if used.size:
            made[r, used] = row[used] * np.array(multiples)
        units.append(unit)
        offsets = (int(row[j]) * s * at(meaning.offset, c) for j, s, c in where)
        sums.append(sum(offsets, Fraction(0)))
    if (bits := IntType.for_range(lo=int(made.min()), hi=int(made.max())).bits) > WEIGHT_BITS:
        raise RefusedError(
            f"{_whose(call, edge, meaning)} lie on one grid only with weights of {bits} bits, and"
            f" at most {WEIGHT_BITS} are accepted; {_remedy(call, edge, meaning)}"
        )
    return made, narrowest(made), (Affine(compact(units), compact(sums)),)


def row_scales(scale: np.ndarray) -> Channels | None:
    """Return scales of weights, rows first, as one for each row; None where a row has several."""
    scale = scale.reshape(len(scale), -1)
    if scale.shape[1] != 1:
        columns = [compact(row) for row in scale.tolist()]
        if any(len(c) != 1 for c in columns):
            return None
        scale = np.array(columns, object)
    return compact(scale[:, 0].tolist())


def offset_sums(w: np.ndarray, offset: Channels, call: Call) -> Channels:
    """Return ``w @ offset`` for each row, exact; channels are innermost in a row."""
    if len(offset) == 1:
        if not offset[0]:
            return (Fraction(0),)
        return compact([offset[0] * int(s) for s in w.sum(1)])
    w = w.reshape(len(w), -1, len(offset)).sum(1)
    rationals = [o for o in offset if not isinstance(o, Surd)]
    if len(rationals) < len(offset):
        call.builder.work.spend(w.size)
        return compact((w.astype(object) @ np.array(offset, object)).tolist())
    common = common_denominator(rationals)
    if common.bit_length() > limits.EXACT_BITS:
        raise RefusedError("its data's offsets must have a shorter common denominator")
    whole = np.array([int(o * common) for o in rationals], object)
    sums: list[Real] = [Fraction(int(row.astype(object) @ whole), common) for row in w]
    return compact(sums)


def _unit(scales: list[Real]) -> tuple[Real, list[int]] | None:
    """Return the largest number of which all ``scales`` are multiples, and the multiples.

    None where the multiples have no common unit, or do not fit 32 bits.
    """
    if not scales:
        return Fraction(1), []
    ratios = [s / scales[0] for s in scales]
    rational = [r for r in ratios if isinstance(r, Fraction)]
    if len(rational) < len(ratios):
        return None
    bottom = common_denominator(list(dict.fromkeys(rational)))
    whole = [int(r * bottom) for r in rational]
    top = gcd(*whole)
    if max(map(abs, whole)) // top >= 1 << 31:
        return None
    return scales[0] * Fraction(top, bottom), [n // top for n in whole]


def _refuse(call: Call, edge: str, every: list[Real], meaning: Affine) -> tuple[Real, list[int]]:
    """Raise the refusal of a row whose scales have no common grid."""
    first = every[0]
    other = next((s for s in every if _unit([first, s]) is None), every[-1])
    raise RefusedError(
        f"{_whose(call, edge, meaning)} must lie on one grid, and {brief(first)} and {brief(other)}"
        f" are in no ratio of small whole numbers; {_remedy(call, edge, meaning)}"
    )


def _whose(call: Call, edge: str, meaning: Affine) -> str:
    if len(meaning.scale) == 1:
        return "the scales of its weights in a row"
    origin = call.builder.origin(edge)
    if origin is None:
        return "the scales of its data's channels"
    return f"the scales of the branches of {origin}, whose channels it adds up,"


def _remedy(call: Call, edge: str, meaning: Affine) -> str:
    if len(meaning.scale) == 1:
        return "give each output one scale, or scales that are powers of two apart"
    if call.builder.origin(edge) is None:
        return "quantize with one scale, or with scales that are powers of two apart"
    return (
        f"put one {call.node.op} behind each branch, with its part of the weights, and add their"
        " results in front of a quantizer, which is the same function; or give the branches one"
        " quantizer or scales that are powers of two apart"
    )
