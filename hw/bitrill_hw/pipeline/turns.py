"""Whose turn it is, where the beats of a pixel belong to several streams one after the other."""

from __future__ import annotations

from amaranth import *


def turns(m: Module, beats: tuple[int, ...], moves: Value) -> list[Value]:
    """For each of the streams, whether the coming beat is its own.

    A pixel has ``beats[j]`` beats of stream ``j``, in order; ``moves``: a beat is taken at the
    coming edge.
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
