"""The prefix matrix unit: each lane decodes a stream of its own, a weight a step."""

from __future__ import annotations

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from bitrill.arith.lut_tables import TablePlan
from bitrill.arith.prefix_code import WORD, Tape
from bitrill.arith.shared_values import lookup
from bitrill.ops.units.prefix import Prefix
from bitrill.parts.families import family_of

from ..memories.roms import Words
from ..pipeline.counters import Lap
from ..pipeline.elastic import Elastic
from .beat_control import Steps
from .indexed import Decoder, IndexedMatVecCore


class PrefixMatVecCore(IndexedMatVecCore):
    """An `IndexedMatVecCore` whose codes are the windows of streams, registered with a step."""

    def _weights(self, m: Module, pipe: Elastic, steps: Steps) -> Value:
        op, unit = self.op, Prefix()
        code = unit.code(op)
        lengths, cells = lookup(unit.lengths(code)), family_of(op.folded.primitives).cells
        fires, windows = Signal(), []
        m.d.comb += fires.eq(steps.valid & steps.ready)
        for lane, rows in enumerate(unit.tapes(op)):
            for p, tape in enumerate(rows):
                reader = TapeReader(tape, lengths, op.folded.memory, cells, op.neuron_fold == 1)
                m.submodules[f"tape{lane}_{p}"] = reader
                m.d.comb += [reader.fires.eq(fires), reader.ends.eq(steps.ends)]
                windows.append(pipe.register(1, reader.window, f"window{lane}_{p}"))
        return self._decoded(m, pipe, windows, lookup(unit.weights_of(op, code)))


class TapeReader(wiring.Component):
    """Offers the next bits of a `Tape`, and passes a code on for each step.

    Two words are in registers, the next one in the memory's output; a step moves them on by a word
    at most. ``early``: a step may fire in the first cycle after a reset, when nothing was read.

    Members
    -------
    window : the bits from the next code on, the first one lowest
    fires : a step takes that code at this edge
    ends : it is the last code, and the stream begins anew
    """

    def __init__(self, tape: Tape, lengths: TablePlan, memory: str, cells: bool, early: bool):
        self.tape, self.lengths, self.memory = tape, lengths, memory
        self.cells, self.early = cells, early
        super().__init__({"window": Out(lengths.inputs), "fires": In(1), "ends": In(1)})

    def elaborate(self, _) -> Module:
        m = Module()
        first, second, third = self.tape.held
        words = [Signal(WORD, init=first, name="word0"), Signal(WORD, init=second, name="word1")]
        place = Signal(range(WORD))
        m.submodules.lengths = lengths = Decoder(self.lengths, self.cells)
        after, moves = Signal(range(2 * WORD)), Signal()
        read = self._memory(m, moves, C(third, WORD))
        m.d.comb += [
            self.window.eq(Cat(words) >> place),
            lengths.i.eq(self.window),
            after.eq(place + lengths.o),
            moves.eq(self.fires & (after[-1] | self.ends)),
        ]
        with m.If(self.fires):
            m.d.sync += place.eq(Mux(self.ends, 0, after[:-1]))
        with m.If(moves):
            m.d.sync += [
                words[0].eq(Mux(self.ends, first, words[1])),
                words[1].eq(Mux(self.ends, second, read)),
            ]
        return m

    def _memory(self, m: Module, moves: Value, third: Value) -> Value:
        """The third word, that of the memory, which ``moves`` on.

        The memory ends with the third word of all. It is read first, in the cycle after a reset.
        """
        begun, last = Signal(), len(self.tape.words) - 1
        m.d.sync += begun.eq(1)
        address = Lap(m, last + 1, moves, name="address")
        attrs = {"ram_style": self.memory}
        if self.memory == "distributed":
            attrs["rom_block"] = "logic"
        m.submodules.tape = rom = Words(self.tape.words, WORD, attrs)
        port = rom.read_port()
        m.d.comb += [
            port.addr.eq(Mux(begun | moves, address.value, last)),
            port.en.eq(moves | ~begun),
        ]
        return Mux(begun, port.data, third) if self.early else port.data
