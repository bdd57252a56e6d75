"""What operators that compute are made of at their folding: counts for `plan.structures`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arith.accumulate import starts, stored_weights, sum_plan
from ..arith.border import border
from ..arith.l1_products import front_stages, groups
from ..arith.unrolled import unrolled_plan
from ..ir.structure import Structure, bits_for, different_bits, is_deep
from ..parts.memories import fills, spilled
from .structures_multiply import dsp, serial

REPLAY_BLOCK = 512
"""Words from which on a replay buffer lies in block memory, as `bitrill_hw.matvec.steps` has it."""


TRIED = 1 << 16
"""Bits of weights up to which it is looked which of them are alike; past that, it is expected."""


def _pipe(s: Structure, stages: int, per_stage: float = 1) -> None:
    s.luts(stages=stages)
    s.flops(held=stages * per_stage)


def matvec(op: Any) -> Structure:
    s, impl = Structure(), op.folded
    if impl.style == "unrolled":
        plan = unrolled_plan(op)
        logic = 1 if impl.primitives == "xc7" else 2
        s.luts(unrolled=logic * plan.luts)
        s.flops(unrolled=plan.flops)
        _pipe(s, op.latency)
        return s
    pe, simd, passes, beats, steps = impl.pe, impl.simd, op.passes, op.beats, op.steps
    width, y_bits = simd * op.x.type.bits, op.y.type.bits
    if impl.multiply == "dsp":
        dsp(s, op)
    elif impl.multiply == "serial":
        serial(s, op)
    else:
        s.counters(steps, beats, passes)
    if passes * op.sweeps > 1:
        half = 1 << bits_for(beats)
        block = 2 * half >= REPLAY_BLOCK
        s.ram(2 * half, width, block=block)
        s.counters(beats, 2, 2, 2 * beats + 1, 2 * beats + 1)
        s.flops(held=0 if block else width)
    else:
        s.flops(held=width)
    if impl.multiply != "lut":
        _pipe(s, op.latency)
        return s
    words = pe * simd * op.weight_type.bits
    outside = op.inside is not None
    different = None
    if op.weights.size * op.weight_type.bits <= TRIED and not outside:
        different = different_bits(weight_words(op), 1)
    if fills(op):
        rest = spilled(steps, words)
        s.rom(steps, words - rest, memory="block")
        s.rom(steps, rest)
    else:
        s.rom(
            steps + (outside and impl.memory == "distributed"),
            words,
            memory=impl.memory,
            different=different,
        )
    if outside:
        groups, places = border(op).groups, [len(taps) for taps in op.inside]
        s.counters(*places)
        s.luts(outside=groups * (2 + bits_for(steps + 1)))
    if op.memory_stages == 2:
        s.flops(held=words + width)
    if op.kind == "l1matvec":
        _links(s, op)
    _sums(s, op, pe)
    if not op.popcount and passes > 1 and len(set(starts(op).tolist())) > 1:
        codes = starts(op).reshape(passes, pe)
        s.rom(passes, pe * y_bits, different=different_bits(codes, y_bits))
        s.flops(held=bits_for(passes) * max(0, op.latency - 2))
    s.flops(held=pe * y_bits)
    _pipe(s, op.latency, 1 if beats == 1 else 3)
    return s


def _links(s: Structure, op: Any) -> None:
    """Comparisons in front of the sums of distances, and the stages that they pass."""
    lanes, links = op.folded.pe * op.folded.simd, len(groups(op.x.type))
    s.luts(sums=lanes * links)
    for stage in range(front_stages(op)):
        known = min(links, (stage + 1) * op.folded.levels)
        s.flops(held=lanes * (op.x.type.bits + known) + op.folded.simd * op.x.type.bits)


def _sums(s: Structure, op: Any, pe: int) -> None:
    """The sums of ``pe`` rows and their accumulators' chains."""
    plan = sum_plan(op)
    if op.folded.primitives == "xc7":
        s.luts(sums=pe * plan.luts)
    else:  # counters of seven bits, and chains of three rows, as plain logic: about twice the LUTs
        counters = sum(2 * c.luts for c in plan.counters)
        s.luts(sums=pe * (plan.products.luts + counters + 2 * plan.width))
    s.flops(held=pe * plan.held)
    if op.x.type.coding.one_hot:  # planes decoded once for all rows, two of them a LUT
        s.luts(sums=len(plan.products.shared) / 2)
        s.flops(held=len(plan.products.shared) * (op.read_stages - 1))


def weight_words(op: Any) -> np.ndarray:
    """Bits of a folded `MatVec`'s table of weights, ``[steps, bits]``."""
    pe, simd, bits = op.folded.pe, op.folded.simd, op.weight_type.bits
    planes = stored_weights(op).reshape(op.passes, pe, op.beats, simd, bits)
    return planes.transpose(0, 2, 3, 4, 1).reshape(op.steps, -1)


def _running(s: Structure, depth: int, width: int) -> None:
    """`bitrill_hw.pipeline.running`: one word is a register, more are a memory and a register
    behind."""
    s.flops(held=width if depth == 1 or not is_deep(depth, width) else 0)
    if depth > 1:
        s.ram(depth, width, block=is_deep(depth, width))
        s.counters(depth)
        s.flops(held=bits_for(depth))


def depthwise(op: Any) -> Structure:
    s, impl, pe = Structure(), op.folded, op.folded.pe
    words = op.groups * op.taps
    s.counters(op.groups, op.taps, words)
    _pipe(s, op.latency, 3)
    s.flops(held=pe * op.x.type.bits * op.read_stages)
    s.rom(words, pe * op.weight_type.bits, memory=impl.memory)
    s.flops(held=pe * op.weight_type.bits * (op.read_stages - 1))
    _sums(s, op.rows, pe)
    bits = op.y.type.bits
    if op.groups > 1 and len(set(starts(op.rows).tolist())) > 1:
        codes = starts(op.rows).reshape(op.groups, pe)
        s.rom(op.groups, pe * bits, different=different_bits(codes, bits))
        s.flops(held=bits_for(op.groups) * (op.latency - 1))
    s.luts(total=pe * bits)
    _running(s, op.groups, pe * bits)
    return s


def pool(op: Any) -> Structure:
    s, w, pe = Structure(), op.windows, op.lanes_in
    down, along = op.open_windows
    narrow, wide = op.merged(w.kernel[1]).bits, op.y.type.bits
    s.counters(op.pieces, w.width, op.pieces, w.out[1], w.height, w.kernel[0], w.kernel[1])
    s.flops(held=pe * (op.x.type.bits + narrow))
    for slots, depth, bits in ((along, op.pieces, narrow), (down, op.pieces * w.out[1], wide)):
        if slots:
            _running(s, depth, slots * pe * bits)
            # the greatest of single bits is their OR, in the LUT that moves them
            either = op.kind == "maxpool" and bits == 1
            s.luts(**{"either" if either else "merge": slots * pe * bits})
            if op.kind == "maxpool":  # two bits of each are one LUT of both, more are compared
                s.luts(greater=slots * pe * max(0, bits - 2))
            s.luts(moves=(slots > 1 and not either) * slots * pe * bits)
    return s


def add(op: Any) -> Structure:
    s, pe = Structure(), op.folded.pe
    widths = [
        t.type.bits + (abs(g).bit_length() if abs(g) & (abs(g) - 1) else 0)
        for t, g in zip(op.operands, op.gains, strict=True)
    ]
    s.flops(held=pe * sum(t.type.bits for t in op.operands) + len(widths) + op.latency - 1)
    signed = any(t.type.lo < 0 for t in op.operands)
    for t, g, bits in zip(op.operands, op.gains, widths, strict=True):
        if bits > t.type.bits:
            overlap = t.type.bits + (1 if t.type.lo < 0 else -1)
            s.luts(times=pe * overlap * (abs(g).bit_count() - 1 or 1))
    s.flops(held=pe * sum(widths) if op.has_gains else 0)
    while len(widths) > 1:
        pairs = [widths[k : k + 2] for k in range(0, len(widths), 2)]
        # a bit that only one of two has adds the carry alone, unless its sign goes on
        s.luts(sum=pe * sum(max(p) if signed else min(p) for p in pairs if len(p) > 1))
        widths = [max(p) + len(p) - 1 for p in pairs]
        s.flops(held=pe * sum(widths))
    return s


def argmax(op: Any) -> Structure:
    s, score = Structure(), op.score_type.bits
    word = score + op.y.type.bits
    s.counters(op.x.channels)
    s.luts(first=word, place=(op.k - 1) * word, compares=op.k * score)
    s.luts(out=(op.k > 1) * op.k * op.y.type.bits)
    s.flops(held=(op.k * word) + op.k * op.y.type.bits)
    if not op.plain:
        gain = int(abs(op.gain).max()).bit_length()
        s.rom(op.x.channels, gain + int(abs(op.offset).max()).bit_length() + 1)
        s.luts(times=gain * op.x.type.bits)
    s.flops(held=word + (0 if op.plain else word))
    return s
