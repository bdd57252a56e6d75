"""Finds a common grid for each row of a matrix whose columns, or input channels, differ in scale.

A row computes ``sum_j s[j] * w[j] * x[j]``, where s is the scale of a weight times the scale of its
channel. If all s are whole multiples of one unit, as powers of two are, the row is that unit times
an integer sum: the multiples go into the weights. Columns of weight 0 are left out.

Words: ``docs/glossary.md``, "Importing" (edge, grid, meaning).
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
    """Return integer rows, their type, and the scales and offsets of the matrix product.

    ``w``: int64 ``[rows, columns]`` of type ``t``; ``scale``: exact numbers that broadcast to it.
    ``meaning``: scale and offset of the data's integers, by channel; in a row of ``w`` the channel
    is the fastest index. Raises `RefusedError` where the scales of a row have no common grid.
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
        common = _unit(every)
        if common is None:
            raise _refusal(call, edge, every, meaning)
        unit, multiples = common
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
    """Return one scale for each row of weights; None where a row has several scales."""
    scale = scale.reshape(len(scale), -1)
    if scale.shape[1] != 1:
        columns = [compact(row) for row in scale.tolist()]
        if any(len(c) != 1 for c in columns):
            return None
        scale = np.array(columns, object)
    return compact(scale[:, 0].tolist())


def offset_sums(w: np.ndarray, offset: Channels, call: Call) -> Channels:
    """Return ``w @ offset`` for each row, exact; the channel is the fastest index in a row."""
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
    """Return the largest number of which all ``scales`` are multiples, and these multiples.

    None where the scales have no common unit, or the multiples do not fit into 32 bits.
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


def _refusal(call: Call, edge: str, every: list[Real], meaning: Affine) -> RefusedError:
    """Return the refusal of a row whose scales have no common grid."""
    first = every[0]
    other = next((s for s in every if _unit([first, s]) is None), every[-1])
    return RefusedError(
        f"{_whose(call, edge, meaning)} must lie on one grid, and the ratio of {brief(first)} to"
        f" {brief(other)} is not one of small whole numbers; {_remedy(call, edge, meaning)}"
    )


def _whose(call: Call, edge: str, meaning: Affine) -> str:
    if len(meaning.scale) == 1:
        return "the scales of its weights in a row"
    origin = call.builder.origin(edge)
    if origin is None:
        return "the scales of its data's channels"
    return f"the scales of the branches of {origin}, whose channels this node adds up,"


def _remedy(call: Call, edge: str, meaning: Affine) -> str:
    if len(meaning.scale) == 1:
        return "give each output one scale, or scales that differ by powers of two"
    if call.builder.origin(edge) is None:
        return "quantize with one scale, or with scales that differ by powers of two"
    return (
        f"put one {call.node.op} after each branch, with its part of the weights, and add their"
        " results before a quantizer, which is the same function; or give the branches one"
        " quantizer or scales that differ by powers of two"
    )
