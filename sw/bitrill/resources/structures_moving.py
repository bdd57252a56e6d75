"""What FIFOs, and operators that move elements about, are made of: counts for `plan.structures`."""

from __future__ import annotations

from math import gcd
from typing import Any

from ..ir.structure import Structure, bits_for, is_deep

DEEP_LOAD = 8
"""Beats out of one from which on a converter's counter no longer fits the LUT of each bit."""


def convert(op: Any) -> Structure:
    s, a, b = Structure(), op.lanes_in, op.lanes_out
    common = gcd(a, b)
    u, v, capacity = a // common, b // common, op.capacity // common
    unit = common * op.x.type.bits
    places = capacity - u + 1
    # a bit is held, moved down or loaded in one LUT; to choose among several places to load it
    # from takes another, and so do bits that are moved down from where they may be loaded
    loads = [sum(p <= j < p + u for p in range(places)) for j in range(capacity)]
    s.luts(held=unit * capacity, choose=unit * sum(n - 1 for n in loads))
    s.luts(several=unit * sum(n > 1 for n in loads), down=unit * (u - 1) * (v > 1))
    # how many are held arrives last: where what leaves changes all of its bits, each place is
    # found both ways
    late = v % 2 and u > 1 and capacity >= DEEP_LOAD
    kind = "late" if v > 1 else "deep" if u < 32 else "deeper"
    plain = (u, v) == (32, 1) or (kind == "deeper" and unit == 1)
    s.luts(**{kind: unit * capacity if late and not plain else 0})
    s.counters(capacity + 1)
    s.luts(places=unit * max(0, v - 14) if u == 1 and unit > 1 else 0)
    s.luts(aside=unit * capacity if u == 1 and v in (4, 6) else 0)
    s.flops(held=capacity * unit)
    return s


def fifo_structure(width: int, depth: int) -> Structure:
    """A FIFO of ``depth`` slots of ``width`` bits, in the form that it has of itself."""
    s = Structure()
    if depth == 2:
        s.luts(head=width)
        s.flops(held=2 * width)
        return s
    block = is_deep(depth, width)
    words = depth - block
    s.ram(words, width, block=block)
    s.counters(depth + 1, words, words)
    if block:
        s.luts(bypass=width, block=1)
        s.flops(held=width)
    return s


def turned_bits(depth: int) -> int:
    """Bits of an address that going around a ring of ``depth`` changes: none below the lowest 1
    of the depth, and none at all of a power of two."""
    return bits_for(depth) - (depth & -depth).bit_length() + 1


def window(op: Any) -> Structure:
    s, w = Structure(), op.windows
    width, (kh, kw), (dh, _) = op.lanes_in * op.x.type.bits, w.kernel, w.dilation
    if op.folded.style == "parallel":
        columns = w.span[1]
        s.counters(w.width, w.height, columns, w.span[0])
        s.flops(held=width * (1 + kh * (columns - 1)))
        n = dh * w.width - columns + 1
        for _ in range(kh - 1):
            if n <= 2:
                s.flops(held=width * n)
                continue
            s.ram(n - 1, width, block=is_deep(n - 1, width))
            s.counters(n - 1)
            s.luts(turns=bits_for(n - 1))
            s.flops(held=0 if is_deep(n - 1, width) else width)
        return s
    capacity, most = op.capacity, max(op.advances)
    s.counters(op.pieces, kw, kh, w.out[1], w.out[0])
    s.counters(op.span * op.pieces, most + 1, capacity + 2 * most + 1, capacity + most + 1)
    addresses = 3 * bits_for(capacity)
    s.luts(address=addresses, around=3 * turned_bits(capacity))
    s.flops(held=addresses)
    block = is_deep(capacity, width)
    s.ram(capacity, width, block=block)
    s.flops(held=0 if block else width)
    return s


def concat(op: Any) -> Structure:
    s, n = Structure(), len(op.operands)
    width = op.lanes_out * op.y.type.bits
    s.luts(choose=width * max(1, (n + 1) // 3), turns=n)
    s.counters(sum(op.turns))
    s.flops(held=width)
    return s


def split(op: Any) -> Structure:
    s = Structure()
    s.luts(turns=len(op.sizes))
    s.counters(sum(op.turns))
    s.flops(held=op.lanes_out * op.x.type.bits + len(op.sizes))
    return s


def fork(op: Any) -> Structure:
    s = Structure()
    s.luts(turns=op.copies)
    s.flops(held=op.lanes_out * op.x.type.bits + op.copies)
    return s


def pad(op: Any) -> Structure:
    s, (height, width), (top, left, bottom, right) = Structure(), op.plane, op.sides
    s.counters(op.x.channels // op.lanes_in, left + width + right, top + height + bottom)
    s.luts(width=op.lanes_in * op.x.type.bits)
    s.flops(held=op.lanes_in * op.x.type.bits + 2)
    return s


def deconv(op: Any) -> Structure:
    s = Structure()
    sizes = [n for axis in zip(op.strides, op.x.shape[:-1], strict=True) for n in axis]
    s.counters(op.pixel, *sizes)
    # zeros are the registers' reset; of a bipolar element the one bit tells it from them, in all
    # lanes alike, and the other is its complement
    told = op.y.type.bits > op.x.type.bits
    s.luts(width=told * op.lanes_out)
    s.flops(held=op.lanes_out * op.x.type.bits + 1 + told)
    return s


def upsample(op: Any) -> Structure:
    s, (down, across) = Structure(), op.copies
    width, depth = op.lanes_in * op.x.type.bits, op.capacity
    block = op.folded.memory == "block"
    s.ram(depth, width, block=block)
    s.counters(op.pixel, across, op.row, down, depth + 1, depth + 1)
    s.luts(address=4 * bits_for(depth), around=2 * turned_bits(depth))
    s.flops(held=4 * bits_for(depth) + (0 if block else width) + 1)
    return s


def shuffle(op: Any) -> Structure:
    s, bits = Structure(), op.x.type.bits
    s.counters(op.pixel, op.pixel)
    s.luts(held=op.x.channels * bits, deep=(op.pixel > DEEP_LOAD) * op.x.channels * bits)
    s.flops(held=(2 * op.x.channels - op.lanes_in) * bits)
    return s


def rearrange(op: Any) -> Structure:
    s, (outer, inner, run) = Structure(), op.beats
    width, depth = op.lanes_in * op.x.type.bits, 2 << bits_for(outer * inner * run)
    block = op.folded.memory == "block"
    s.ram(depth, width, block=block)
    s.counters(outer, inner, run, depth // 2)
    s.luts(address=2 * bits_for(depth))
    s.flops(held=2 * bits_for(depth) + (0 if block else width))
    return s
