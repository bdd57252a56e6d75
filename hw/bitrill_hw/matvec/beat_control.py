"""The control of folded matrix units: counts beats and weight words, and replays the vector."""

from __future__ import annotations

from amaranth import *
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2, exact_log2
from bitrill.ops.units.base import REPLAY_BLOCK

from ..pipeline.counters import Lap, Stock


class Steps(wiring.Component):
    """Offers ``turns * beats`` steps for each vector; step ``n`` reads its beat ``n % beats``.

    With a single turn, each beat is a step. With several turns, the clock edge that accepts a beat
    writes it to one half of a replay buffer. The beat's step may fire from the next edge on; in the
    last turn, it frees the beat's slot. So the next vector is accepted while this one is replayed.
    ``styled``: whether the buffer has an attribute for the kind of memory, as not every part does.

    Members
    -------
    i : beats of ``width`` bits
    valid, ready : a step fires at a clock edge at which both are 1
    x : the beat of the step that fired last, in a register loaded at that edge
    address, beat, turn : number ``n``, beat and turn of the step that is offered
    first, last : whether that step is the first or last of its turn
    ends : whether the last step of a vector fires at the next edge

    ``load``: enable of the register of x: ``ready``, or another net of that value.
    """

    def __init__(self, *, width: int, beats: int, turns: int, styled: bool = True):
        self.beats, self.turns, self.styled = beats, turns, styled
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(width))),
                "valid": Out(1),
                "ready": In(1),
                "x": Out(width),
                "address": Out(range(max(2, turns * beats))),
                "beat": Out(range(max(2, beats))),
                "turn": Out(range(max(2, turns))),
                "first": Out(1),
                "last": Out(1),
                "ends": Out(1),
            }
        )
        self.load: Value = self.ready

    def elaborate(self, _) -> Module:
        m = Module()
        fires = self.valid & self.ready
        beat = Lap(m, self.beats, fires, name="beat")
        turn = Lap(m, self.turns, fires & beat.last, name="turn")
        m.d.comb += [
            self.beat.eq(beat.value),
            self.turn.eq(turn.value),
            self.first.eq(beat.first),
            self.last.eq(beat.last),
            self.ends.eq(fires & beat.last & turn.last),
        ]
        if self.beats & (self.beats - 1) == 0:
            m.d.comb += self.address.eq(Cat(beat.value[: exact_log2(self.beats)], turn.value))
        else:
            address = Lap(m, self.turns * self.beats, fires, name="step")
            m.d.comb += self.address.eq(address.value)
        if self.turns == 1:
            m.d.comb += [self.valid.eq(self.i.valid), self.i.ready.eq(self.ready)]
            with m.If(self.load):
                m.d.sync += self.x.eq(self.i.payload)
        else:
            self._replay(m, beat, turn)
        return m

    def _replay(self, m: Module, beat: Lap, turn: Lap) -> None:
        """Add a replay buffer of two vectors; ready and valid depend on registers only."""
        half = 1 << ceil_log2(self.beats)
        style = "block" if 2 * half >= REPLAY_BLOCK else "distributed"
        m.submodules.replay = replay = memory.Memory(
            shape=unsigned(len(self.x)),
            depth=2 * half,
            init=[],
            attrs={"ram_style": style} if self.styled else {},
        )
        write, read = replay.write_port(), replay.read_port()
        takes, frees, reads = Signal(), Signal(), Signal()
        slot = Lap(m, self.beats, takes, name="slot")
        into, source = Signal(), Signal()
        held = Stock(m, 2 * self.beats, takes, frees, name="held")
        unread = Stock(m, 2 * self.beats, takes, reads, name="unread")
        bits = ceil_log2(self.beats)
        m.d.comb += [
            takes.eq(self.i.valid & held.room),
            self.i.ready.eq(held.room),
            # after the first turn, all beats of the vector are in the buffer
            self.valid.eq(~turn.first | unread.some),
            reads.eq(turn.first & unread.some & self.ready),
            frees.eq(turn.last & self.ready),
            write.addr.eq(Cat(slot.value[:bits], into)),
            write.data.eq(self.i.payload),
            write.en.eq(takes),
            read.addr.eq(Cat(beat.value[:bits], source)),
            read.en.eq(self.load),
            self.x.eq(read.data),
        ]
        m.d.sync += [into.eq(into ^ (takes & slot.last)), source.eq(source ^ (frees & beat.last))]
