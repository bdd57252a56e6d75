"""Counters of positions in a feature map, and of the windows that end at them."""

from __future__ import annotations

from typing import NamedTuple

from amaranth import *


class Counter(NamedTuple):
    """A counter's ``value``; ``top``: it is at its last value; ``ends``: inner ones are, too."""

    value: Signal
    top: Value
    ends: Value


def count_up(m: Module, moves: Value, **sizes: int) -> list[Counter]:
    """Nested counters of the given names and sizes, innermost first; they count with ``moves``."""
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
    """Tells which places of an axis end a window of ``span`` places, with a stride of ``stride``.

    ``moves``: the next place follows; ``top``: this place is the last one. ``since``: distance from
    the first place of the oldest open window (below 0 if it has not begun); ``here``: that window
    ends at this place.
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
