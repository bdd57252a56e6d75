"""Writes Amaranth's values as Verilog: each operator's result is a wire of the result's width.

So Verilog's rules about widths in nested expressions never apply. An operator's operands are signed
if Amaranth takes them as signed; an unsigned one is then extended by a zero as its sign bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from amaranth.hdl import Const, Signal, Value
from amaranth.hdl._ast import ClockSignal, Concat, Operator, Part, ResetSignal, Slice, SwitchValue
from bitrill.errors import SpecError

from .bits import Bits, constant, cut, extended, joined, size, text

Number = tuple[Bits, bool]
"""Bits, and whether they are signed."""

Patterns = tuple[str, ...] | None
"""Patterns of a case, of the digits 0, 1 and - for any; None: the case always matches."""

_REDUCTIONS = {"b": "|", "r|": "|", "r&": "&", "r^": "^"}
_COMPARISONS = frozenset(("==", "!=", "<", ">", "<=", ">="))


class Expressions:
    """Converts values to bits in one module.

    ``read`` returns the bits of a signal; ``lowered``, the clock or reset signal of a domain.
    ``wire`` makes a net with a width and a Verilog expression that drives it; ``choose``, a net
    that has the value of the first case whose patterns match.
    """

    def __init__(
        self,
        *,
        read: Callable[[Signal], Bits],
        lowered: Callable[[ClockSignal | ResetSignal], Value],
        wire: Callable[[int, str], Bits],
        choose: Callable[[int, Bits, Sequence[tuple[Patterns, Bits]]], Bits],
    ):
        self.lowered, self._wire, self._choose = lowered, wire, choose
        self._done: dict[int, tuple[Number, Value]] = {}
        self._kinds: dict[type, Callable[[Any], Number]] = {
            Const: lambda v: (constant(v.value, len(v)), v.shape().signed),
            Signal: lambda v: (read(v), v.shape().signed),
            Operator: self._operator,
            Slice: self._slice,
            Part: self._part,
            Concat: lambda v: (joined(self.bits(part) for part in v.parts), False),
            SwitchValue: self._switch,
            ClockSignal: lambda v: self.number(lowered(v)),
            ResetSignal: lambda v: self.number(lowered(v)),
        }

    def bits(self, value: Value) -> Bits:
        """The bits of a value."""
        return self.number(value)[0]

    def number(self, value: Value) -> Number:
        """The bits of a value, and whether they are signed.

        Raises `SpecError` for values that hardware cannot have, such as those of assertions.
        """
        if (done := self._done.get(id(value))) is not None:
            return done[0]
        kind = self._kinds.get(type(value))
        if kind is None:
            raise SpecError(f"hardware must not hold a value of Amaranth's {type(value).__name__}")
        number = kind(value)
        # the value is kept, so that no later one has the same `id`
        self._done[id(value)] = number, value
        return number

    def _slice(self, value: Slice) -> Number:
        return cut(self.bits(value.value), value.start, value.stop), False

    def _operator(self, value: Operator) -> Number:
        numbers = [self.number(operand) for operand in value.operands]
        if len(numbers) == 1:
            return self._unary(value.operator, *numbers[0])
        if value.operator in ("<<", ">>"):
            return self._shift(value.operator, *numbers)
        return self._binary(value.operator, *numbers)

    def _unary(self, operator: str, a: Bits, signed: bool) -> Number:
        if operator in "us":
            return a, operator == "s"
        if operator in _REDUCTIONS:
            if not a:
                return constant(operator == "r&", 1), False
            return self._wire(1, f"{_REDUCTIONS[operator]}{text(a)}"), False
        if operator == "~":
            return (self._wire(size(a), f"~{text(a)}") if a else a), signed
        return self._wire(size(a) + 1, f"-{_operand(a, signed, signed)}"), True

    def _binary(self, operator: str, one: Number, other: Number) -> Number:
        (a, signed_a), (b, signed_b) = one, other
        signed = signed_a or signed_b
        if operator in ("//", "%"):
            return self._quotient(operator, one, other)
        written = f"{_operand(a, signed_a, signed)} {operator} {_operand(b, signed_b, signed)}"
        if operator in _COMPARISONS:
            return self._wire(1, written), False
        if operator == "*":
            width = size(a) + size(b)
            return (self._wire(width, written) if width else []), signed
        width = max(size(a) + (signed and not signed_a), size(b) + (signed and not signed_b))
        if operator in "+-":
            return self._wire(width + 1, written), signed or operator == "-"
        a, b = extended(a, signed_a, width), extended(b, signed_b, width)
        return (self._wire(width, f"{text(a)} {operator} {text(b)}") if width else []), signed

    def _quotient(self, operator: str, one: Number, other: Number) -> Number:
        """Quotient or remainder; 0 if the divisor is 0."""
        (a, signed_a), (b, signed_b) = one, other
        if signed_a or signed_b:
            raise SpecError(f"hardware must apply {operator} to unsigned values alone")
        width = size(a) if operator == "//" else size(b)
        if not width or not b:
            return constant(0, width), False
        verilog = "/" if operator == "//" else "%"
        whole = self._wire(max(size(a), size(b)), f"{text(a)} {verilog} {text(b)}")
        zero = text(constant(0, width))
        return self._wire(width, f"|{text(b)} ? {text(cut(whole, 0, width))} : {zero}"), False

    def _shift(self, operator: str, one: Number, other: Number) -> Number:
        (a, signed), (b, _) = one, other
        width = size(a) + ((1 << size(b)) - 1 if operator == "<<" else 0)
        if not b or not a:
            return extended(a, signed, width), signed
        verilog = f"{operator}>" if signed and operator == ">>" else operator
        return self._wire(width, f"{_operand(a, signed, signed)} {verilog} {text(b)}"), signed

    def _part(self, value: Part) -> Number:
        """A part of a value that begins at a multiple of a stride; bits above the value are 0.

        Signed values are refused: Amaranth's simulator and netlists disagree on the bits above.
        """
        (a, signed), offset = self.number(value.value), self.bits(value.offset)
        if signed:
            raise SpecError("hardware must choose parts of unsigned values alone")
        if value.stride != 1 and offset:
            stride = constant(value.stride, value.stride.bit_length())
            width = size(offset) + size(stride)
            offset = self._wire(width, f"{text(offset)} * {text(stride)}")
        (shifted, _) = self._shift(">>", (a, False), (offset, False))
        return cut(extended(shifted, False, value.width), 0, value.width), False

    def _switch(self, value: SwitchValue) -> Number:
        test = self.bits(value.test)
        numbers = [self.number(case) for _, case in value.cases]
        signed = any(signed for _, signed in numbers)
        width = max(size(bits) + (signed and not s) for bits, s in numbers)
        if not width:
            return [], signed
        cases = [extended(bits, s, width) for bits, s in numbers]
        patterns = [patterns for patterns, _ in value.cases]
        if patterns == [("0" * size(test),), None]:
            condition = text(test) if size(test) == 1 else f"|{text(test)}"
            return self._wire(width, f"{condition} ? {text(cases[1])} : {text(cases[0])}"), signed
        return self._choose(width, test, list(zip(patterns, cases, strict=True))), signed


def _operand(bits: Bits, signed: bool, both: bool) -> str:
    """The text of an operand; ``both``: whether the operator takes both operands as signed."""
    if not both:
        return text(bits)
    if not signed:
        bits = joined([bits, constant(0, 1)])
    return f"$signed({text(bits)})"
