"""Draws components of Amaranth at random: expressions, conditions, registers, assigned parts."""

from __future__ import annotations

import random
from typing import Any

from amaranth.hdl import Array, C, Cat, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

INPUTS = {"a": unsigned(3), "b": signed(4), "c": unsigned(1), "d": signed(2), "e": unsigned(5)}
BINARY = ("+", "-", "*", "&", "|", "^", "==", "!=", "<", "<=", ">", ">=", "<<", ">>", "cat", "mux")
UNARY = (
    "~",
    "-",
    "any",
    "all",
    "xor",
    "bool",
    "signed",
    "unsigned",
    "slice",
    "rotate",
    "word",
    "beyond",
    "//",
    "%",
)


class Drawn(wiring.Component):
    """A component whose outputs are drawn from ``seed``: some at once, some registers."""

    def __init__(self, seed: int):
        self.rng = random.Random(seed)
        ports = {name: In(shape) for name, shape in INPUTS.items()}
        super().__init__(ports | {f"{name}{k}": self.output() for name in "wyz" for k in range(3)})

    def output(self) -> Any:
        """An output of a drawn shape and initial value."""
        width = self.rng.randrange(1, 7)
        shape = self.rng.choice((unsigned, signed))(width)
        return Out(shape, init=self.rng.randrange(1 << width - shape.signed))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.inner = inner = Inner(self.rng)
        self.values: list[Value] = [getattr(self, name) for name in INPUTS]
        m.d.comb += inner.i.eq(self.value())
        self.values += [inner.o, inner.held]
        for domain, names in (("sync", "z"), ("comb", "y")):
            targets = [getattr(self, f"{names}{k}") for k in range(3)]
            self.statements(m, m.d[domain], targets, 2)
            self.values += targets if domain == "sync" else []
        for place in (self.w0, self.w1, self.w2):
            self.straight(m, place)
        return m

    def straight(self, m: Module, place: Signal) -> None:
        """Two assignments without a condition, to parts that overlap, touch or leave bits."""
        for _ in range(2):
            start = self.rng.randrange(len(place))
            stop = self.rng.randrange(start, len(place)) + 1
            m.d.comb += place[start:stop].eq(self.value(1))

    def value(self, depth: int = 2) -> Value:
        """A drawn expression."""
        rng = self.rng
        if not depth or rng.random() < 0.15:
            if rng.random() < 0.2:
                width, sign = rng.randrange(0, 5), rng.random() < 0.5
                low = -(1 << width - 1) if sign and width else 0
                return C(low + rng.randrange(1 << width), signed(width) if low else unsigned(width))
            return rng.choice(self.values)
        if rng.random() < 0.7:
            return binary(rng.choice(BINARY), *(self.value(depth - 1) for _ in range(3)))
        return unary(rng.choice(UNARY), self.value(depth - 1), rng)

    def statements(self, m: Module, domain: Any, targets: list[Signal], depth: int) -> None:
        """Drawn statements that assign ``targets`` or parts of them."""
        rng = self.rng
        for _ in range(rng.randrange(1, 2 + depth)):
            kind = rng.choice(("assign", "part", "if", "switch") if depth else ("assign", "part"))
            if kind == "if":
                with m.If(self.value(1).bool()):
                    self.statements(m, domain, targets, depth - 1)
                with m.Elif(self.value(1).bool()):
                    self.statements(m, domain, targets, depth - 1)
                with m.Else():
                    self.statements(m, domain, targets, depth - 1)
            elif kind == "switch":
                with m.Switch(Cat(self.value(1), C(0, 3))[:3]):
                    cases = ((("0--", "111"), (5,), (6, 4)), (("-0-",), ("1--",)))
                    for patterns in rng.choice(cases):
                        with m.Case(*patterns):
                            self.statements(m, domain, targets, depth - 1)
                    with m.Default():
                        self.statements(m, domain, targets, depth - 1)
            else:
                place = rng.choice(targets)
                domain += (self.part(targets, 1) if kind == "part" else place).eq(self.value())

    def part(self, targets: list[Signal], depth: int) -> Any:
        """A part of signals to assign to, a choice of them, or a part of that."""
        rng, offset = self.rng, Cat(self.value(1), C(0, 1))[:2]
        place = self.part(targets, depth - 1) if depth else rng.choice(targets)
        if not len(place):
            return place
        start, width = rng.randrange(len(place)), min(map(len, targets))
        equal = [target[:width] for target in targets]  # Amaranth's netlist is wrong for others
        return rng.choice(
            (
                lambda: place[start:],
                lambda: place.bit_select(offset, rng.randrange(1, 4)),
                lambda: place.word_select(offset, 2),
                lambda: Cat(place[start:], place[:start]),
                lambda: Cat(*rng.sample(targets, 2)),
                lambda: place.as_signed(),
                lambda: Mux(offset[0], *rng.sample(equal, 2)),
                lambda: Array(equal)[offset],
            )
        )()


class Inner(wiring.Component):
    """A component inside: a lookup in an array, and a register that keeps what it had."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        super().__init__({"i": In(4), "o": Out(3), "held": Out(5)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        table = Array([C(self.rng.randrange(8), 3) for _ in range(self.rng.randrange(3, 16))])
        m.d.comb += self.o.eq(table[self.i])
        with m.If(self.i[0]):
            m.d.sync += self.held.eq(self.held + self.i)
        return m


def binary(operator: str, a: Value, b: Value, c: Value) -> Value:
    """``a`` and ``b`` under an operator; ``c`` chooses where something is to be chosen."""
    if operator in ("<<", ">>"):
        b = b.as_unsigned()[:2]
        return a << b if operator == "<<" else a >> b
    if operator == "cat":
        return Cat(a, b, b)
    if operator == "mux":
        return Mux(c, a, b)
    return eval(f"a {operator} b", {"a": a, "b": b})


def unary(operator: str, a: Value, rng: random.Random) -> Value:
    """``a`` under an operator."""
    start = rng.randrange(len(a) + 1)
    plain = a.as_unsigned()
    return {
        "~": lambda: ~a,
        "-": lambda: -a,
        "any": a.any,
        "all": lambda: plain.all() if len(a) else C(1, 1),
        "xor": a.xor,
        "bool": a.bool,
        "signed": lambda: a.as_signed() if len(a) else a,
        "unsigned": lambda: plain,
        "slice": lambda: a[start : rng.randrange(start, len(a) + 1)],
        "rotate": lambda: plain.bit_select(plain[:2], 3),
        "word": lambda: plain.word_select(plain[:2], 2),
        "beyond": lambda: plain.bit_select(plain[:2], len(plain) + 1),
        "//": lambda: plain[:4] // plain[start:][:3],
        "%": lambda: plain[:4] % plain[start:][:3],
    }[operator]()
