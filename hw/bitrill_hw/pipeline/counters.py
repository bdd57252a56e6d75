"""Counters: of positions, of windows that end there, of turns between streams, of stored items.

`Lap` and `Stock` have registers that say whether they are at an end of their range, so that the
logic that reads these starts at a register and not at a comparison.
"""

from __future__ import annotations

from typing import NamedTuple

from amaranth import *


class LoopCounter(NamedTuple):
    """A counter's ``value``; ``top``: it is at its last value; ``ends``: inner ones are, too."""

    value: Signal
    top: Value
    ends: Value


def count_up(m: Module, moves: Value, **sizes: int) -> list[LoopCounter]:
    """Nested counters of the given names and sizes, innermost first; they count with ``moves``."""
    out: list[LoopCounter] = []
    carry: Value = C(1)
    for name, size in sizes.items():
        value = Signal(range(max(2, size)), name=name)
        top, ends = Signal(name=f"{name}_top"), Signal(name=f"{name}_ends")
        m.d.comb += [top.eq(value == size - 1), ends.eq(carry & top)]
        if size > 1:
            with m.If(moves & carry):
                m.d.sync += value.eq(Mux(top, 0, value + 1))
        out.append(LoopCounter(value, top, ends))
        carry = ends
    return out


class Ends:
    """Finds the positions on an axis at which a window of ``span`` positions ends.

    ``moves``: the next position follows; ``top``: this position is the last one. ``since``: the
    distance from the first position of the oldest open window, below 0 before it starts; ``here``:
    that window ends at this position.
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

    A pixel has ``beats[j]`` beats of stream ``j``, in order of ``j``; ``moves``: a beat is
    transferred at the next clock edge.
    """
    total = sum(beats)
    place = Signal(range(total), name="place")
    with m.If(moves):
        m.d.sync += place.eq(Mux(place == total - 1, 0, place + 1))
    selected = []
    for j in range(len(beats)):
        start = sum(beats[:j])
        turn = Signal(name=f"turn{j}")
        m.d.comb += turn.eq((place >= start) & (place < start + beats[j]))
        selected.append(turn)
    return selected


class Lap:
    """A counter ``value`` from 0 to ``size - 1``, then 0 again; it counts when ``moves`` is 1.

    ``first``, ``last``: registers that are 1 if the value is 0, and if it is ``size - 1``.
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

    ``size`` is at least 2. ``comes`` must be 0 if there is no room, ``goes`` if there is no item.
    ``room``, ``some``: registers that are 1 if there are fewer than ``size`` items, and if there is
    at least one.
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
