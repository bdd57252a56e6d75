"""The steps of a folded matrix-vector unit: which beat, which weights, when."""

from __future__ import annotations

from amaranth import *
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

BLOCK_DEPTH = 512
"""Words from which on a replay buffer lies in block memory."""


class Steps(wiring.Component):
    """Offers ``passes * beats`` steps a vector: step ``n`` is beat ``n % beats`` of the vector.

    With one pass, a beat is a step. With more, a vector's beats are written to one half of a
    replay buffer at the edges that accept them; a step may fire from the next edge on, and frees
    its beat's slot in the last pass. So the next vector comes in while this one is replayed.

    Members
    -------
    i : beats of ``width`` bits
    valid, ready : a step fires at an edge at which both are 1
    x : the beat of the step that fired last, registered at that edge
    address, beat, turn : of the step that is offered: ``n``, its beat and its pass
    first, last : whether it is the first or last of its pass
    ends : whether it fires at the coming edge, its vector's last
    """

    i: stream.Interface
    valid: Signal
    ready: Signal
    x: Signal
    address: Signal
    beat: Signal
    turn: Signal
    first: Signal
    last: Signal
    ends: Signal

    def __init__(self, *, width: int, beats: int, passes: int):
        self.beats = beats
        self.passes = passes
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(width))),
                "valid": Out(1),
                "ready": In(1),
                "x": Out(width),
                "address": Out(range(max(2, passes * beats))),
                "beat": Out(range(max(2, beats))),
                "turn": Out(range(max(2, passes))),
                "first": Out(1),
                "last": Out(1),
                "ends": Out(1),
            }
        )

    def elaborate(self, _) -> Module:
        m = Module()
        fires = self.valid & self.ready
        beat = self.beat
        last_turn = Signal()
        m.d.comb += [
            self.first.eq(beat == 0),
            self.last.eq(beat == self.beats - 1),
            last_turn.eq(self.turn == self.passes - 1),
            self.ends.eq(fires & self.last & last_turn),
        ]
        with m.If(fires):
            m.d.sync += [self.address.eq(self.address + 1), beat.eq(beat + 1)]
            with m.If(self.last):
                m.d.sync += [beat.eq(0), self.turn.eq(self.turn + 1)]
                with m.If(last_turn):
                    m.d.sync += [self.address.eq(0), self.turn.eq(0)]
        if self.passes == 1:
            m.d.comb += [self.valid.eq(self.i.valid), self.i.ready.eq(self.ready)]
            with m.If(self.ready):
                m.d.sync += self.x.eq(self.i.payload)
        else:
            self._replay(m, beat, fires, last_turn)
        return m

    def _replay(self, m: Module, beat: Signal, fires: Value, last_turn: Signal) -> None:
        """Two vectors of beats; both ends see registered state only."""
        half = 1 << ceil_log2(self.beats)
        style = "block" if 2 * half >= BLOCK_DEPTH else "distributed"
        m.submodules.replay = replay = memory.Memory(
            shape=unsigned(len(self.x)), depth=2 * half, init=[], attrs={"ram_style": style}
        )
        write, read = replay.write_port(), replay.read_port()
        takes = self.i.valid & self.i.ready
        slot = Signal.like(beat)
        into, source = Signal(), Signal()
        held, unread = Signal(range(2 * self.beats + 1)), Signal(range(2 * self.beats + 1))
        # whether a beat has room, whether any is unread: registers, since many levels hang on them
        room, some = Signal(init=1), Signal()
        frees, reads = fires & last_turn, fires & (self.turn == 0)
        bits = ceil_log2(self.beats)
        m.d.comb += [
            self.i.ready.eq(room),
            self.valid.eq((self.turn != 0) | some),
            write.addr.eq(Cat(slot[:bits], into)),
            write.data.eq(self.i.payload),
            write.en.eq(takes),
            read.addr.eq(Cat(beat[:bits], source)),
            read.en.eq(self.ready),
            self.x.eq(read.data),
        ]
        m.d.sync += room.eq(frees | (room & ~(takes & (held == 2 * self.beats - 1))))
        m.d.sync += some.eq(takes | (some & ~(reads & (unread == 1))))
        m.d.sync += [held.eq(held + takes - frees), unread.eq(unread + takes - reads)]
        with m.If(takes):
            m.d.sync += slot.eq(slot + 1)
            with m.If(slot == self.beats - 1):
                m.d.sync += [slot.eq(0), into.eq(~into)]
        with m.If(frees & self.last):
            m.d.sync += source.eq(~source)
