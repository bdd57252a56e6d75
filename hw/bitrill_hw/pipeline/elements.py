"""Converts between the elements of a beat, in their codings, and Amaranth numbers."""

from __future__ import annotations

from amaranth import *
from bitrill.ir import IntType


def elements(payload: Value, t: IntType) -> list[Value]:
    """The elements of a beat, element 0 first, as numbers; a bipolar one is -1 or +1."""
    lanes = [payload[p : p + t.bits] for p in range(0, len(payload), t.bits)]
    if t.coding.is_bipolar:
        return [Cat(C(1, 1), ~lane).as_signed() for lane in lanes]
    return [lane.as_signed() if t.signed else lane for lane in lanes]


def code(value: Value, t: IntType) -> Value:
    """The bits of a number that ``t`` holds (-1 or +1 where it is bipolar)."""
    if t.coding.is_bipolar:
        return ~value[1]
    return (value if len(value) >= t.bits else value + C(0, t.bits))[: t.bits]
