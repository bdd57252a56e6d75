"""What matrices of multiply ``serial`` and ``dsp`` are made of: counts for `plan.structures`."""

from __future__ import annotations

from typing import Any

from ..arith.bitserial import serial_plan
from ..arith.dsp_packing import dsp_plan
from ..ir.structure import Structure
from ..parts.memories import fills, spilled

_SELECT = {1: 0.0, 2: 0.5, 4: 1.0, 8: 2.0}
"""LUTs that choose one of so many bits."""


def weights(s: Structure, op: Any, depth: int, width: int) -> None:
    """Their memory, and the register behind it."""
    if fills(op):
        rest = spilled(depth, width)
        s.rom(depth, width - rest, memory="block")
        s.rom(depth, rest)
    else:
        s.rom(depth, width, memory=op.folded.memory)
    if op.read_stages > 1:
        s.flops(held=width)


def serial(s: Structure, op: Any) -> None:
    """Behind the replay buffer: planes, counts, accumulators and the bits below them."""
    plan, impl = serial_plan(op), op.folded
    words = op.passes * op.beats
    s.counters(op.beats, op.passes * op.sweeps, op.sweeps, op.passes)
    if op.beats & (op.beats - 1):
        s.counters(words, words)
    weights(s, op, op.weight_type.bits * words, impl.pe * impl.simd)
    s.luts(sums=impl.simd * next(n for k, n in _SELECT.items() if op.x.type.bits <= k))
    s.flops(held=impl.simd)
    more = sum(c.luts for c in plan.count.counters) if impl.primitives != "xc7" else 0
    s.luts(sums=impl.pe * (plan.luts + more))
    held = plan.count.held + (plan.count.width if plan.count.added else 0)
    s.flops(held=impl.pe * (held + plan.total.bits + plan.shifts))
    s.flops(held=4 * op.latency)


def dsp(s: Structure, op: Any) -> None:
    """Behind the beats: words of fields, slices, what is left of a step."""
    plan, impl = dsp_plan(op), op.folded
    found = plan.packing
    s.counters(op.steps, op.beats, op.passes)
    bits = found.bits(impl.pe)
    weights(s, op, op.steps, impl.simd * bits)
    outside = sum(max(0, found.chain - n + k - 2) for n in found.chains for k in range(n))
    s.flops(held=outside * (bits + op.x.type.bits) + impl.simd * op.x.type.bits)
    if impl.primitives == "xc7":
        s.dsp += found.slices(impl.pe)
    else:  # plain products
        s.luts(sums=impl.pe * impl.simd * op.weight_type.bits * op.x.type.bits)
    more = sum(c.luts for c in plan.sums.counters) if impl.primitives != "xc7" else 0
    s.luts(sums=impl.pe * (plan.luts + more))
    s.flops(held=impl.pe * (plan.sums.held + op.y.type.bits))
    s.flops(held=3 * op.latency)
