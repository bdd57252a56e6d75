"""Handles frames of a wrong length: the input makes them whole, and the output drops them.

Inside, every frame has the right number of beats: a short one is filled up with zeros, and the rest
of a long one is swallowed. So operators need not know of bad frames, and the network stays in step.
One bit for each frame, its verdict, travels beside the network in a queue from `FrameCheck` to
`FrameGate`.
"""

from __future__ import annotations

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..pipeline.stream import beats


class FrameCheck(wiring.Component):
    """Passes on frames of exactly ``n_beats`` beats, and a verdict with the last beat of each.

    A short frame (``last`` comes early) is filled up with zero beats, one a cycle, while ``i``
    waits. The surplus of a long frame, up to its ``last``, is swallowed, one beat a cycle. Good
    frames pass combinationally, without a register. The last beat of a frame also waits for
    ``verdict.ready``.

    Members
    -------
    i : In(stream of ``width`` bits), with last : In(1)
        Beats as they come, ``last`` with the last of a frame.
    o : Out(stream of ``width`` bits)
        Exactly ``n_beats`` beats a frame.
    verdict : Out(stream of 1 bit)
        1 for a bad frame.
    error : Out(1)
        Rises at the edge that accepts the beat that makes a frame bad; sticky until reset.
    """

    def __init__(self, width: int, n_beats: int):
        self.n_beats = n_beats
        super().__init__(
            {
                "i": In(beats(width)),
                "last": In(1),
                "o": Out(beats(width)),
                "verdict": Out(beats(1)),
                "error": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        filling, swallowing, offered, moves = Signal(), Signal(), Signal(), Signal()
        final = _final_beat(m, self.n_beats, moves)
        m.d.comb += [
            offered.eq(self.i.valid & ~swallowing | filling),
            # the final beat and its verdict leave together
            self.o.valid.eq(offered & (self.verdict.ready | ~final)),
            self.verdict.valid.eq(offered & final & self.o.ready),
            moves.eq(self.o.valid & self.o.ready),
            self.i.ready.eq(self.o.ready & (self.verdict.ready | ~final) & ~filling | swallowing),
            self.o.payload.eq(Mux(filling, 0, self.i.payload)),
            self.verdict.payload.eq(filling | ~self.last),
        ]
        short, long = Signal(), Signal()
        m.d.comb += [
            short.eq(moves & self.last & ~final),
            long.eq(moves & ~filling & ~self.last & final),
        ]
        with m.If(short | long):
            m.d.sync += self.error.eq(1)
        with m.If(short):
            m.d.sync += filling.eq(1)
        with m.Elif(moves & final):
            m.d.sync += filling.eq(0)
        with m.If(long):
            m.d.sync += swallowing.eq(1)
        with m.Elif(self.i.valid & self.last):
            m.d.sync += swallowing.eq(0)
        return m


class FrameGate(wiring.Component):
    """Passes good frames of ``n_beats`` beats combinationally, swallows bad ones, marks the ends.

    A beat waits until the verdict on its frame is known. In networks whose first output beat leaves
    after the last input beat went in (`bitrill.timing.frames_in_flight.whole_frame_first`), the
    verdict is always known in time, and the gate costs no cycle.

    Members
    -------
    i : In(stream of ``width`` bits)
    verdict : In(stream of 1 bit)
        1 for a bad frame; taken with the frame's last beat.
    o : Out(stream of ``width`` bits), with last : Out(1)
        Good frames; ``last`` with the last beat of each.
    """

    def __init__(self, width: int, n_beats: int):
        self.n_beats = n_beats
        super().__init__(
            {"i": In(beats(width)), "verdict": In(beats(1)), "o": Out(beats(width)), "last": Out(1)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bad, moves = Signal(), Signal()
        final = _final_beat(m, self.n_beats, moves)
        m.d.comb += [
            bad.eq(self.verdict.payload),
            self.o.payload.eq(self.i.payload),
            self.o.valid.eq(self.i.valid & self.verdict.valid & ~bad),
            self.i.ready.eq(self.verdict.valid & (self.o.ready | bad)),
            self.last.eq(final),
            moves.eq(self.i.valid & self.i.ready),
            self.verdict.ready.eq(moves & final),
        ]
        return m


def _final_beat(m: Module, n_beats: int, moves: Value) -> Signal:
    """Whether the next beat that ``moves`` ends a frame of ``n_beats``."""
    final = Signal(init=n_beats == 1)
    if n_beats > 1:
        # beats of the frame after this one
        following = Signal(range(n_beats), init=n_beats - 1, name="left")
        with m.If(moves):
            m.d.sync += [
                following.eq(Mux(final, n_beats - 1, following - 1)),
                final.eq(following == 1),
            ]
    return final
