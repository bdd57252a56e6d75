"""Tells which of several streams the next beat of a pixel belongs to, for concat and split."""

from __future__ import annotations

from amaranth import *


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
