"""The sparse matrix unit: an index memory lists its steps (`bitrill.arith.column_steps`)."""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth import *
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2
from bitrill.ops.units.base import REPLAY_BLOCK
from bitrill.ops.units.sparse import VECTORS, Sparse
from bitrill.parts.families import family_of

from ..memories.constant_tables import words as packed
from ..memories.roms import Words
from ..ops.matvec import MatVecCore
from ..pipeline.counters import Lap, Stock
from ..pipeline.elastic import Elastic


class SparseMatVecCore(MatVecCore):
    """A `MatVecCore` that skips beats for which all weights of its rows are 0."""

    def _steps(self, m: Module) -> Any:
        op, unit = self.op, Sparse()
        return SparseSteps(
            width=len(self.i.payload),
            beats=op.synapse_fold,
            turns=op.neuron_fold,
            index=unit.index_words(op),
            block=unit.index_in_block(op),
            styled=family_of(op.folded.primitives).distributed_memory,
        )

    def _word(self, m: Module, pipe: Elastic, words: np.ndarray, address: Value) -> Value:
        return super()._word(m, pipe, np.roll(words, 1, axis=0), address)


class SparseSteps(wiring.Component):
    """Offers the steps of ``index`` for each vector, which is held in one half of a replay buffer.

    ``index [steps, bits]``: for each step its beat, and in the top bit whether it is the last of
    its turn. While a step is offered, its word is already in the output register of the index
    memory; when the step fires, the next word is read, and once after a reset the first. So the
    counter that addresses this memory is one step ahead of the step that is offered.

    A vector's steps begin when all its beats are in the buffer; its last step frees that half.

    Members
    -------
    those of `bitrill_hw.matvec.beat_control.Steps` without ``beat`` and ``ends``; ``address``:
    number of the step that is offered plus 1, modulo the number of steps
    """

    def __init__(
        self,
        *,
        width: int,
        beats: int,
        turns: int,
        index: np.ndarray,
        block: bool = False,
        styled: bool = True,
    ):
        self.beats, self.turns, self.index = beats, turns, index
        self.block, self.styled = block, styled
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(width))),
                "valid": Out(1),
                "ready": In(1),
                "x": Out(width),
                "address": Out(range(max(2, len(index)))),
                "turn": Out(range(max(2, turns))),
                "first": Out(1, init=1),
                "last": Out(1),
            }
        )
        self.load: Value = self.ready

    def elaborate(self, _) -> Module:
        m = Module()
        fires, begun = Signal(), Signal()
        ahead = Lap(m, len(self.index), fires | ~begun, name="ahead")
        word = self._word(m, ahead.value, fires | ~begun)
        turn = Lap(m, self.turns, fires & self.last, name="turn")
        ends = Signal()
        m.d.comb += [
            fires.eq(self.valid & self.ready),
            ends.eq(fires & ahead.first),
            self.address.eq(ahead.value),
            self.turn.eq(turn.value),
            self.last.eq(word[-1]),
        ]
        m.d.sync += begun.eq(1)
        with m.If(fires):
            m.d.sync += self.first.eq(self.last)
        self._replay(m, word[:-1], ends)
        return m

    def _word(self, m: Module, address: Value, moves: Value) -> Value:
        """The word of the offered step; an edge with ``moves`` reads the one at ``address``."""
        attrs = {"ram_style": "block"}
        if not self.block:
            attrs = {"ram_style": "distributed", "rom_block": "logic"}
        m.submodules.index = rom = Words(packed(self.index), self.index.shape[1], attrs)
        port = rom.read_port()
        m.d.comb += [port.addr.eq(address), port.en.eq(moves)]
        return port.data

    def _replay(self, m: Module, beat: Value, ends: Value) -> None:
        """Add a replay buffer of two vectors; ``ends``: a vector's last step fires and frees it."""
        bits = ceil_log2(self.beats)
        depth = VECTORS << bits
        style = "block" if depth >= REPLAY_BLOCK else "distributed"
        m.submodules.replay = replay = memory.Memory(
            shape=unsigned(len(self.x)),
            depth=depth,
            init=[],
            attrs={"ram_style": style} if self.styled else {},
        )
        write, read = replay.write_port(), replay.read_port()
        takes, into, source = Signal(), Signal(), Signal()
        slot = Lap(m, self.beats, takes, name="slot")
        held = Stock(m, VECTORS, takes & slot.last, ends, name="held")
        m.d.comb += [
            takes.eq(self.i.valid & held.room),
            self.i.ready.eq(held.room),
            self.valid.eq(held.some),
            write.addr.eq(Cat(slot.value[:bits], into)),
            write.data.eq(self.i.payload),
            write.en.eq(takes),
            read.addr.eq(Cat(beat[:bits], source)),
            read.en.eq(self.load),
            self.x.eq(read.data),
        ]
        m.d.sync += [into.eq(into ^ (takes & slot.last)), source.eq(source ^ ends)]
