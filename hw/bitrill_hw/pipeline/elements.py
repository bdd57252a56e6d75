"""Elements of a beat as numbers."""

from __future__ import annotations

from amaranth import *
from bitrill.ir import IntType


def elements(payload: Value, t: IntType) -> list[Value]:
    """A beat's elements, element 0 first: signed where the type is; a bipolar one as -1 or +1."""
    lanes = [payload[p : p + t.bits] for p in range(0, len(payload), t.bits)]
    if t.coding.is_bipolar:
        return [Cat(C(1, 1), ~lane).as_signed() for lane in lanes]
    return [lane.as_signed() if t.signed else lane for lane in lanes]


def code(value: Value, t: IntType) -> Value:
    """The bits of a number that ``t`` holds; of -1 or +1 where it is bipolar."""
    if t.coding.is_bipolar:
        return ~value[1]
    return (value if len(value) >= t.bits else value + C(0, t.bits))[: t.bits]
