"""Counters of positions, of windows that end at them, of turns between streams, of stored items.

`Lap` and `Stock` keep their ends in registers, so that no comparison stands in front of what they
decide.
"""

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


def turns(m: Module, beats: tuple[int, ...], moves: Value) -> list[Value]:
    """For each stream, whether the next beat belongs to it.

    A pixel has ``beats[j]`` beats of stream ``j``, in order of ``j``; ``moves``: a beat is taken at
    the next edge.
    """
    total = sum(beats)
    place = Signal(range(total), name="place")
    with m.If(moves):
        m.d.sync += place.eq(Mux(place == total - 1, 0, place + 1))
    mine = []
    for j in range(len(beats)):
        start = sum(beats[:j])
        turn = Signal(name=f"turn{j}")
        m.d.comb += turn.eq((place >= start) & (place < start + beats[j]))
        mine.append(turn)
    return mine


class Lap:
    """A counter ``value`` from 0 to ``size - 1`` and round again; it counts when ``moves`` is 1.

    ``first``, ``last``: registers, whether the value is 0, and ``size - 1``.
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
    """A counter of stored items, 0 to ``size``: ``comes`` adds one, ``goes`` removes one.

    ``size`` is at least 2. ``comes`` must be 0 without room, and ``goes`` without an item.
    ``room``, ``some``: registers, whether there are fewer than ``size``, and more than 0.
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
