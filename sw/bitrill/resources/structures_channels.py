"""What operators with constants of each channel are made of: counts for `plan.structures`.

Where a lane serves one channel its constants are wires, and what is left of a comparison or a
product depends on their values; where it serves two, they are one bit, the turn.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ..ir.structure import Structure, bits_for, different_bits
from ..parts.memories import HALF_BITS, halves, place

WIDE = 13
"""Bits of x from which on Yosys compares with a constant by a carry chain over all of them."""


def threshold(op: Any) -> Structure:
    s, impl = Structure(), op.folded
    pe, turns, flips = impl.pe, op.x.channels // impl.pe, int(op.inverted.any())
    s.counters(turns)
    s.luts(stages=op.latency)
    s.flops(held=op.latency)
    (_parallel if impl.style == "parallel" else _search)(s, op, pe, turns, flips)
    return s


def limit_bits(op: Any) -> int:
    """Bits of a threshold: of ``x.type.lo .. x.type.hi + 1``."""
    t = op.x.type
    return max((~t.lo).bit_length() + 1 if t.lo < 0 else 0, (t.hi + 1).bit_length() + (t.lo < 0))


def compared_bits(op: Any, limits: np.ndarray | None = None) -> np.ndarray:
    """Bits of x that ``x >= t`` depends on, of every threshold ``[channels, levels]``: those
    below t's lowest 1 do not matter; 0 where it always or never holds."""
    t = op.x.type
    if limits is None:
        return compared_bits(op, op.thresholds)
    zeros = np.full(limits.shape, t.bits - 1)
    for k in reversed(range(t.bits - 1)):
        zeros[(limits >> k & 1).astype(bool)] = k
    return np.where((limits > t.lo) & (limits <= t.hi), t.bits - zeros, 0)


def _parallel(s: Structure, op: Any, pe: int, turns: int, flips: int) -> None:
    n, bits, memory = op.levels, limit_bits(op), op.folded.memory
    y_bits = op.y.type.bits
    compared = compared_bits(op).reshape(turns, pe, n).max(0)
    if op.within(turns):
        _within(s, compared, turns)
        s.flops(held=bits_for(turns) + int(compared.max(1).sum()))
        _counted(s, compared, n, y_bits)
        return
    codes = op.thresholds & ((1 << bits) - 1)
    if flips:
        codes = np.concatenate([codes, op.inverted[:, None]], 1)
    varying = codes.reshape(turns, -1)
    s.rom(turns, pe * (n * bits + flips), memory=memory, different=different_bits(varying, bits))
    wide = turns == 1 and op.x.type.bits >= WIDE
    s.flops(held=pe * op.x.type.bits if wide else int(compared.max(1).sum()))
    if wide:
        s.luts(wide=int((compared > 0).sum()) * op.x.type.bits)
    elif turns == 1:
        s.luts(settled=float(_settled(compared).sum()))
    else:
        s.luts(**{"chosen" if turns == 2 else "compare": int(compared.sum())})
    turned = flips * (turns > 1)
    _counted(s, compared, n, y_bits, flips=turned)
    s.flops(held=pe * turned * (n > 1))


def _within(s: Structure, compared: np.ndarray, words: int) -> None:
    """Comparators that hold their ``words`` constants: what is left of five inputs is for x."""
    s.luts(within=int((-(-compared // (5 - bits_for(words)))).sum()))


def _counted(s: Structure, compared: np.ndarray, n: int, y_bits: int, flips: int = 0) -> None:
    """What follows the comparisons ``[lanes, n]``."""
    live = int((compared > 0).sum())
    if n == 1:
        s.flops(held=live)
        return
    lanes = int((compared > 0).any(1).sum())
    s.luts(out=lanes * y_bits, flip=lanes * flips * y_bits)
    s.flops(held=live + lanes * y_bits)


def _settled(compared: np.ndarray) -> np.ndarray:
    """LUTs of comparisons ``[lanes, levels]`` with constants: six bits take one, five more each
    further one; two of one lane in five bits share one."""
    shared = 0.5 if compared.shape[1] > 1 else 1.0
    small = np.where(compared <= 1, 0.0, np.where(compared == 2, 0.5, shared))
    return np.where(compared <= 5, small, -(-(compared - 1) // 5))


def _search(s: Structure, op: Any, pe: int, turns: int, flips: int) -> None:
    depth, bits, memory = op.levels.bit_length(), limit_bits(op), op.folded.memory
    padded = np.full((op.x.channels, (1 << depth) - 1), op.x.type.hi + 1)
    padded[:, : op.levels] = op.thresholds
    for step in range(depth):
        limits = padded[:, (1 << (depth - 1 - step)) - 1 :: 1 << (depth - step)]
        flip = flips and step == depth - 1
        words = turns << step
        if op.within(words) and not flip:
            low = compared_bits(op, limits).reshape(turns, pe, -1).max((0, 2))
            _within(s, low, words)
            continue
        codes = limits & ((1 << bits) - 1)
        s.luts(compare=pe * bits)
        if memory == "block" and place(words, bits + flip, pe) != "distributed":
            s.blocks(halves(words, bits + flip, pe), pe * words * (bits + flip))
            continue
        for p in range(pe):
            own = different_bits(codes[p::pe].reshape(-1, 1), bits)
            own += flip and different_bits(op.inverted[p::pe, None].astype(int), 1)
            s.rom(words, bits + flip, different=own)
    s.luts(flip=pe * flips * op.y.type.bits)
    s.flops(held=pe * (op.x.type.bits + op.y.type.bits))
    s.flops(held=pe * (op.x.type.bits * 2 * (depth - 1) + depth * depth))
    s.flops(held=2 * (depth - 1) * bits_for(turns))


def lookup(op: Any) -> Structure:
    s, pe = Structure(), op.folded.pe
    turns = op.x.channels // pe if len(op.table) > 1 else 1
    s.counters(turns)
    copies = pe if len(op.table) > 1 else 1
    depth, memory = turns << op.x.type.bits, op.folded.memory
    same = len(op.table) == 1
    if memory == "block":
        memory = place(depth, op.out.bits, pe, same=same)
        found = halves(depth, op.out.bits, pe, same=same)
        s.blocks(found, min(found * HALF_BITS, pe * depth * op.out.bits))
    for p in range(pe if memory == "distributed" else 0):
        own = op.table[p::pe] if len(op.table) > 1 else op.table
        different = different_bits(own.reshape(-1, 1), op.out.bits)
        s.rom(depth, op.out.bits, different=different)
    s.luts(lanes=copies)
    return s


def requantize(op: Any) -> Structure:
    s, pe = Structure(), op.folded.pe
    turns = op.x.channels // pe
    s.counters(turns)
    for values in (op.gain, op.offset):
        bits = max(int(values.max()).bit_length(), int(~values.min()).bit_length()) + 1
        words = values.reshape(turns, pe)
        s.rom(turns, pe * bits, memory=op.folded.memory, different=different_bits(words, bits))
    s.flops(held=pe * (op.x.type.bits + op.sum_type.bits + op.out.bits) + 3)
    gains, offsets = op.gain.reshape(turns, pe), op.offset.reshape(turns, pe).any(0)
    if turns == 1:
        s.luts(settled=float(sum(_constant_adders(int(g), op.x.type.bits) for g in gains[0])))
        s.luts(sum=int(offsets.sum()) * op.x.type.bits)
    else:
        rows = _set_bits(gains) + offsets
        s.luts(times=float(np.maximum(rows - 2, 0).sum() * op.x.type.bits))
        s.luts(sum=int((rows > 1).sum()) * op.sum_type.bits)
    # what lies out of range shows in the bits above the result's
    above = max(0, op.sum_type.bits - op.shift - op.out.bits)
    s.luts(clamp=pe * op.out.bits * (above > 0), above=pe * above)
    return s


def _constant_adders(gain: int, bits: int) -> int:
    """Bits of the adders of a product with a constant: a row of x for each 1, of which the places
    below the next row's need none."""
    places = [k for k in range(gain.bit_length()) if gain >> k & 1]
    return sum(max(1, bits + 2 - (b - a)) for a, b in pairwise(places))


def _set_bits(words: np.ndarray) -> np.ndarray:
    """Of each lane, in how many places some word has a 1."""
    union = np.bitwise_or.reduce(words, axis=0)
    return np.array([int(v).bit_count() for v in union])
