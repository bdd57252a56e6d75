"""Writes Amaranth's statements as Verilog: what each signal is assigned, under which conditions.

Each signal of a clock domain has an ``always`` block of its own. A combinational signal has plain
``assign`` lines if its assignments have no conditions, else an ``always`` block of its own, too: in
one block for several signals that depend on each other, they would be a loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from amaranth.hdl import ClockSignal, ResetSignal, Signal, Value
from amaranth.hdl._ast import Assign, Concat, Operator, Part, Slice, Statement, Switch, SwitchValue
from bitrill.errors import SpecError

from .bits import Bits, constant, cut, extended, size, text
from .expressions import Expressions, Patterns


@dataclass(slots=True)
class Store:
    """The assignment of ``bits`` to a signal from bit ``start``."""

    signal: Signal
    start: int
    bits: Bits

    @property
    def stop(self) -> int:
        """The bit above the last one."""
        return self.start + size(self.bits)


Entry = Store | list[str]
"""An assignment, or the lines of conditional assignments."""


@dataclass(slots=True)
class DrivenSignal:
    """The assignments to a signal in order, and a mask of the bits that any of them assigns."""

    signal: Signal
    entries: list[Entry] = field(default_factory=list)
    mask: int = 0

    def add(self, entry: Entry, mask: int) -> None:
        self.entries.append(entry)
        self.mask |= mask

    @property
    def straight(self) -> list[Store] | None:
        """The assignments, if none has a condition and no two overlap; else None."""
        stores = [entry for entry in self.entries if isinstance(entry, Store)]
        whole = sum(size(store.bits) for store in stores) == self.mask.bit_count()
        return stores if whole and len(stores) == len(self.entries) else None


Block = dict[int, DrivenSignal]
"""The assignments of a list of statements, by the `id` of each signal."""


class Statements:
    """Converts the assignments of one domain in one module; ``sign`` is ``=`` or ``<=``.

    ``target`` returns the Verilog of a signal's bits ``start`` to ``stop - 1``, to be assigned.
    """

    def __init__(
        self, values: Expressions, target: Callable[[Signal, int, int], str], sign: str
    ) -> None:
        self._values, self._target, self._sign = values, target, sign

    def block(self, statements: Iterable[Statement]) -> Block:
        """The assignments that ``statements`` make to each signal."""
        out: Block = {}
        for statement in statements:
            if isinstance(statement, Assign):
                bits, signed = self._values.number(statement.rhs)
                width = len(statement.lhs)
                bits = cut(extended(bits, signed, width), 0, width)
                self._assign(out, statement.lhs, 0, bits)
            elif isinstance(statement, Switch):
                cases = [(patterns, self.block(body)) for patterns, body, _ in statement.cases]
                self._switch(out, self._values.bits(statement.test), cases)
            else:
                kind = type(statement).__name__
                raise SpecError(f"hardware must assign signals; it must not hold a {kind}")
        return out

    def assigned(self, place: Value, bits: Bits) -> Block:
        """The assignments to signals that an assignment of ``bits`` to ``place`` consists of."""
        out: Block = {}
        self._assign(out, place, 0, bits)
        return out

    def _assign(self, out: Block, lhs: Value, start: int, bits: Bits) -> None:
        """Add an assignment to the bits of ``lhs`` from ``start`` on; bits too many are dropped."""
        bits = cut(bits, 0, max(0, len(lhs) - start))
        if not bits:
            return
        if isinstance(lhs, Signal):
            store = Store(lhs, start, bits)
            mask = (1 << store.stop) - (1 << start)
            out.setdefault(id(lhs), DrivenSignal(lhs)).add(store, mask)
        elif isinstance(lhs, Slice):
            self._assign(out, lhs.value, start + lhs.start, bits)
        elif isinstance(lhs, Operator):  # as_signed, as_unsigned
            self._assign(out, lhs.operands[0], start, bits)
        elif isinstance(lhs, ClockSignal | ResetSignal):
            self._assign(out, self._values.lowered(lhs), start, bits)
        elif isinstance(lhs, Concat):
            self._assign_parts(out, lhs.parts, start, bits)
        else:
            self._assign_chosen(out, lhs, start, bits)

    def _assign_parts(self, out: Block, parts: Sequence[Value], start: int, bits: Bits) -> None:
        at, stop = 0, start + size(bits)
        for part in parts:
            end = at + len(part)
            if at < stop and end > start:
                low, high = max(at, start), min(end, stop)
                self._assign(out, part, low - at, cut(bits, low - start, high - start))
            at = end

    def _assign_chosen(self, out: Block, lhs: Value, start: int, bits: Bits) -> None:
        """Add an assignment to one of several places, which a value chooses."""
        places: list[tuple[Patterns, Value, int]]
        if isinstance(lhs, SwitchValue):
            test = self._values.bits(lhs.test)
            places = [(patterns, place, start) for patterns, place in lhs.cases]
        elif isinstance(lhs, Part):
            test = self._values.bits(lhs.offset)
            digits = size(test)
            steps = min(-(-len(lhs.value) // lhs.stride), 1 << digits)
            places = [
                ((f"{k:0{digits}b}" if digits else "",), lhs.value, start + k * lhs.stride)
                for k in range(steps)
            ]
        else:
            kind = type(lhs).__name__
            raise SpecError(f"hardware must assign signals and their parts, not a {kind}")
        cases: list[tuple[Patterns, Block]] = []
        for patterns, place, at in places:
            body: Block = {}
            self._assign(body, place, at, bits)
            cases.append((patterns, body))
        self._switch(out, test, cases)

    def _switch(self, out: Block, test: Bits, cases: Sequence[tuple[Patterns, Block]]) -> None:
        """Add the assignments of all cases, of which the first that matches ``test`` applies."""
        signals = {key: driven.signal for _, block in cases for key, driven in block.items()}
        for key, signal in signals.items():
            bodies: list[tuple[Patterns, list[str]]] = []
            mask = 0
            for patterns, block in cases:
                driven = block.get(key)
                bodies.append((patterns, [] if driven is None else self.lines(driven)))
                mask |= 0 if driven is None else driven.mask
            out.setdefault(key, DrivenSignal(signal)).add(switch(test, bodies), mask)

    def lines(self, driven: DrivenSignal) -> list[str]:
        """The lines of a signal's assignments.

        Yosys treats an assignment that follows a condition in the same branch as if it preceded
        the condition. So such an assignment is put under a condition that always holds.
        """
        out: list[str] = []
        conditions = False
        for entry in driven.entries:
            if isinstance(entry, Store):
                place = self._target(entry.signal, entry.start, entry.stop)
                line = f"{place} {self._sign} {text(entry.bits)};"
                out += ["if (1'h1) begin", f"  {line}", "end"] if conditions else [line]
            else:
                out += entry
                conditions = True
        return out


def switch(test: Bits, cases: Sequence[tuple[Patterns, list[str]]]) -> list[str]:
    """The lines of cases, of which the first whose patterns match ``test`` is executed."""
    known = "".join(f"{p.start:0{p.width}b}" if not p.net else "-" * p.width for p in test[::-1])
    live: list[tuple[Patterns, list[str]]] = []
    for patterns, lines in cases:
        if patterns is not None and "-" not in known:
            patterns = None if any(_covers(p, known) for p in patterns) else ()
        if patterns is None or patterns:  # without a pattern a case never matches
            live.append((patterns, lines))
        if patterns is None:
            break
    while live and not live[-1][1]:
        live.pop()
    if not live:
        return []
    if all(p is None or (len(p) == 1 and p[0].strip("-") == "1") for p, _ in live):
        return _if_else(test, live)
    return _case(test, live)


def _covers(pattern: str, digits: str) -> bool:
    return all(p in ("-", digit) for p, digit in zip(pattern, digits, strict=True))


def _if_else(test: Bits, cases: Sequence[tuple[Patterns, list[str]]]) -> list[str]:
    """The lines of cases that each match if a single bit is 1."""
    out: list[str] = []
    opening = ""
    for patterns, lines in cases:
        if patterns is None:
            head = f"{opening}begin" if opening else "if (1'h1) begin"
        else:
            at = len(patterns[0]) - 1 - patterns[0].index("1")
            head = f"{opening}if ({text(cut(test, at, at + 1))}) begin"
        out += [head, *(f"  {line}" for line in lines)]
        opening = "end else "
    return [*out, "end"]


def _case(test: Bits, cases: Sequence[tuple[Patterns, list[str]]]) -> list[str]:
    free = any("-" in p for patterns, _ in cases for p in patterns or ())
    out = [f"{'casez' if free else 'case'} ({text(test)})"]
    for patterns, lines in cases:
        labels = "default" if patterns is None else ", ".join(map(_label, patterns))
        out += [f"  {labels}: begin", *(f"    {line}" for line in lines), "  end"]
    return [*out, "endcase"]


def _label(pattern: str) -> str:
    if "-" in pattern:
        return f"{len(pattern)}'b{pattern.replace('-', '?')}"
    return text(constant(int(pattern, 2), len(pattern)))
