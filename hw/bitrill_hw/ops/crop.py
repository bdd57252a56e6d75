"""Hardware of `bitrill.ops.Crop`: passes on some beats of each frame and drops the others."""

from __future__ import annotations

from amaranth import *
from bitrill.ops import Crop

from ..pipeline.counters import LoopCounter, count_up
from ..pipeline.stream import OneToOne


class CropCore(OneToOne):
    """A register for a beat that is kept; counters of row, column and beat decide which are."""

    op: Crop

    def elaborate(self, _) -> Module:
        m = Module()
        names = ("row", "column", "piece")
        axes = dict(zip(names, self.op.axes, strict=True))
        moves, kept, free, full = Signal(), Signal(), Signal(), Signal()
        held = Signal(len(self.i.payload), reset_less=True)
        sizes = {name: axes[name][0] for name in reversed(names)}
        counters = dict(zip(sizes, count_up(m, moves, **sizes), strict=True))
        within, turn = [], moves
        for name in sizes:
            within.append(wanted(m, counters[name], turn, name, *axes[name][1:]))
            turn = moves & counters[name].ends
        m.d.comb += [
            kept.eq(Cat(within).all()),
            free.eq(~full | self.o.ready),
            self.i.ready.eq(free | ~kept),
            moves.eq(self.i.valid & self.i.ready),
            self.o.valid.eq(full),
            self.o.payload.eq(held),
        ]
        with m.If(free):
            m.d.sync += [held.eq(self.i.payload), full.eq(self.i.valid & kept)]
        return m


def wanted(
    m: Module, place: LoopCounter, turn: Value, name: str, start: int, step: int, size: int
) -> Value:
    """Whether ``place`` is one of ``size`` values ``start``, ``start + step``, and so on.

    ``turn``: whether the place changes at the next clock edge.
    """
    last = start + (size - 1) * step
    inside = (place.value >= start) & (place.value <= last)
    if step == 1 or size == 1:
        return inside if step == 1 else place.value == start
    first = -start % step
    phase = Signal(range(step), init=first, name=f"{name}_phase")
    with m.If(turn):
        following = Mux(phase == step - 1, 0, phase + 1)
        m.d.sync += phase.eq(Mux(place.top, first, following))
    return inside & (phase == 0)
