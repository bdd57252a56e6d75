"""What operators are made of whose constants are written or streamed: counts for
`plan.structures`. The names of counts are those of the fit, or of LUTs and flip-flops as they are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from math import ceil
from typing import Any

from ..ir.structure import Structure, bits_for

REGISTER = 32
JOINED = 3
"""Registers of a word that one LUT a bit joins to what is read."""


def runtime(op: Any, folded: Callable[[Any], Structure]) -> Structure:
    """As ``folded``, and its tables' registers; a threshold's parallel comparisons."""
    if op.kind == "threshold":
        return _threshold(op)
    s = folded(op)
    impl, y_bits = op.folded, op.y.type.bits
    lanes = 1 if op.kind == "depthwise" else impl.simd
    results = op.groups if op.kind == "depthwise" else op.passes
    words = results * (op.taps if op.kind == "depthwise" else op.beats)
    _registers(s, words, impl.pe * lanes * op.weight_type.bits)
    if op.kind == "depthwise" or not op.popcount:
        _registers(s, results, impl.pe * y_bits)
    return s


def streamed(op: Any, folded: Callable[[Any], Structure]) -> Structure:
    """As ``folded`` in distributed memory, with a FIFO of two words in place of its table."""
    s = folded(op.replace(impl=dataclasses.replace(op.folded, memory="distributed")))
    for name in ("table", "rom"):
        s.lcs.pop(name, None)
    word = op.folded.pe * op.folded.simd * op.weight_type.bits
    word += 0 if op.popcount else op.folded.pe * op.y.type.bits
    s.luts(words=word)
    s.flops(words=2 * word)
    return s


def _registers(s: Structure, words: int, bits: int) -> None:
    """A word's registers: which is written, which is read, and at which address."""
    registers = ceil(bits / REGISTER)
    s.luts(written=registers, shown=REGISTER * ceil(registers / JOINED), reached=bits_for(words))
    s.flops(shown=REGISTER)


def _threshold(op: Any) -> Structure:
    s, pe, n = Structure(), op.folded.pe, op.levels
    turns, x_bits = op.x.channels // pe, op.x.type.bits
    bits = pe * (n * (x_bits + 1) + 1)
    s.counters(turns)
    s.luts(stages=op.latency, compare=pe * n * x_bits, flips=pe * op.y.type.bits)
    s.flops(held=op.latency + bits + pe * (x_bits + op.y.type.bits + (n > 1) * n))
    if turns > 1:
        s.ram(turns, bits, block=op.folded.memory == "block")
    else:
        s.flops(written=bits)
    _registers(s, turns, bits)
    return s
