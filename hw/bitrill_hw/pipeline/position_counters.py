"""Counters of places and of the windows that end there."""

from __future__ import annotations

from typing import NamedTuple

from amaranth import *


class Counter(NamedTuple):
    """``value``; ``top``: it stands at its last value; ``ends``: so do all inside of it."""

    value: Signal
    top: Value
    ends: Value


def count_up(m: Module, moves: Value, **sizes: int) -> list[Counter]:
    """Nested counters that go on when ``moves`` is 1, the innermost first, named as given."""
    out: list[Counter] = []
    carry: Value = C(1)
    for name, size in sizes.items():
        value = Signal(range(max(2, size)), name=name)
        top, ends = Signal(name=f"{name}_top"), Signal(name=f"{name}_ends")
        m.d.comb += [top.eq(value == size - 1), ends.eq(carry & top)]
        if size > 1:
            with m.If(moves & carry):
                m.d.sync += value.eq(Mux(top, 0, value + 1))
        out.append(Counter(value, top, ends))
        carry = ends
    return out


class Ends:
    """Which places of an axis end a window of ``span`` places, windows ``stride`` places apart.

    ``moves``: the next place follows; ``top``: this is the last one. ``since``: places from the
    first one of the oldest window that is open (below 0: it has still to come); ``here``: that
    window ends at this place.
    """

    def __init__(
        self, m: Module, moves: Value, top: Value, *, span: int, stride: int, name: str
    ) -> None:
        low = min(0, span - stride)
        self.since = Signal(range(low, max(span, low + 2)), name=f"{name}_since")
        self.here = Signal(name=f"{name}_ends")
        m.d.comb += self.here.eq(self.since == span - 1)
        with m.If(moves):
            following = Mux(self.here, span - stride, self.since + 1)
            m.d.sync += self.since.eq(Mux(top, 0, following))
