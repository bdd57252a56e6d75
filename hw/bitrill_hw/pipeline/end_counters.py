"""Counters whose ends are registers, so that no comparison stands in front of what they decide."""

from __future__ import annotations

from amaranth import *


class Lap:
    """``value`` counts 0 .. ``size - 1`` and round again, on at an edge at which ``moves`` is 1.

    ``first``, ``last``: whether it stands at 0, and at ``size - 1``.
    """

    def __init__(self, m: Module, size: int, moves: Value, *, name: str) -> None:
        self.value: Value = C(0, 1)
        self.first: Value = C(1, 1)
        self.last: Value = C(1, 1)
        if size == 1:
            return
        self.value = value = Signal(range(size), name=name)
        self.first = first = Signal(init=1, name=f"{name}_first")
        self.last = last = Signal(name=f"{name}_last")
        wraps = 1 << len(value) == size
        with m.If(moves):
            m.d.sync += [
                first.eq(last),
                last.eq(value == size - 2),
                value.eq(value + 1 if wraps else Mux(last, 0, value + 1)),
            ]


class Stock:
    """How many there are, 0 .. ``size``: one more where ``comes``, one less where ``goes``, which
    are 0 where there is no room, and where there is none. At least 2 in ``size``.

    ``room``, ``some``: whether there are fewer than ``size``, and more than 0.
    """

    def __init__(self, m: Module, size: int, comes: Value, goes: Value, *, name: str) -> None:
        value = Signal(range(size + 1), name=name)
        self.room = room = Signal(init=1, name=f"{name}_room")
        self.some = some = Signal(name=f"{name}_some")
        one, nearly = Signal(name=f"{name}_one"), Signal(name=f"{name}_nearly")
        m.d.sync += [
            room.eq(goes | (room & ~(comes & nearly))),
            some.eq(comes | (some & ~(goes & one))),
        ]
        with m.If(comes != goes):
            m.d.sync += [
                value.eq(value + Cat(1, goes.replicate(len(value) - 1))),
                one.eq(Mux(comes, ~some, value == 2)),
                nearly.eq(Mux(comes, value == size - 2, ~room)),
            ]
