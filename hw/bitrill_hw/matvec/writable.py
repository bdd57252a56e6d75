"""Components whose weights or thresholds can change: the host writes them, or a stream sends them.

Each is derived from the component of `bitrill_hw.ops` with constants, and replaces the method that
reads the constants from a table. The table here is a `bitrill_hw.design.register_file.Table`: a
memory with one read port, for the pipeline, and a port for the register bus. The memory has no
second read port, so the bus reads ``shown``, the word that the pipeline has just read.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from bitrill.arith.accumulate import sum_plan
from bitrill.ir import Operator
from bitrill.ops import MatVec, Threshold
from bitrill.ops.units.runtime import WORDS
from bitrill.runtime.register_map import blocks_of, window_size

from ..design.register_file import Table, window_port
from ..memories.constant_tables import split
from ..ops.depthwise import DepthwiseCore
from ..ops.matvec import MatVecCore
from ..ops.threshold import ThresholdCore
from ..pipeline.elastic import Elastic
from ..pipeline.fifo import Fifo
from ..pipeline.stream import OneToOne, beats, connect
from .beat_control import Steps


class _Runtime(OneToOne):
    """Base of components with tables that the host reads and writes through port ``registers``."""

    def __init__(self, op: Operator):
        super().__init__(op, registers=In(window_port(window_size(blocks_of(op)))))

    def elaborate(self, _) -> Module:
        m = super().elaborate(_)
        values = [getattr(m.submodules, b.table).port.value for b in blocks_of(self.op)]
        m.d.comb += self.registers.value.eq(reduce(or_, values))
        return m


class RuntimeMatVecCore(_Runtime, MatVecCore):
    """A `MatVecCore` with weights and starting values in memories that the host writes."""

    def _starts(self, m: Module, pipe: Elastic, turn: Value, first: Value) -> list[Value]:
        return _starts(m, pipe, self, turn, first)

    def _weights(self, m: Module, pipe: Elastic, steps: Steps) -> Value:
        word = _table(m, pipe, 1, self, "weights", steps.address)
        held = pipe.delay(word, "weights", first=2, last=self.op.memory_stages)
        m.d.comb += m.submodules.weights.shown.eq(held)
        return held


class RuntimeDepthwiseCore(_Runtime, DepthwiseCore):
    """A `DepthwiseCore` with weights and starting values in memories that the host writes."""

    def _word(self, m: Module, pipe: Elastic, address: Value) -> Value:
        return _table(m, pipe, 1, self, "weights", address)

    def _starts(self, m: Module, pipe: Elastic, group: Value, first: Value) -> list[Value]:
        return _starts(m, pipe, self, group, first)


class RuntimeThresholdCore(_Runtime, ThresholdCore):
    """A parallel `ThresholdCore` with thresholds and flips in a memory that the host writes."""

    def __init__(self, op: Threshold):
        super().__init__(op)
        self.flips = True

    def _word(self, m: Module, pipe: Elastic, turn: Value) -> Value:
        return _table(m, pipe, 1, self, "thresholds", turn)


class StreamedMatVecCore(MatVecCore):
    """A `MatVecCore` that takes the word of each step from a stream ``i1``, through a FIFO.

    The low bits of a word are the weights ``[lane][plane][row]``; the bits above them, the values
    that the rows' sums start from, ``[plane][row]``, used only in the first step of these rows.
    """

    def __init__(self, op: MatVec):
        super().__init__(op, i1=In(beats(word_bits(op))))

    def _steps(self, m: Module) -> Any:
        op = self.op
        steps = StreamedSteps(super()._steps(m), word_bits(op))
        connect(m, self.i1, steps.words)
        return steps

    def _weights(self, m: Module, pipe: Elastic, steps: Any) -> Value:
        return steps.word[: weight_bits(self.op)]

    def _starts(self, m: Module, pipe: Elastic, turn: Value, first: Value) -> list[Value]:
        op = self.op
        if not sum_plan(op).start:
            return []
        word = Mux(first, m.submodules.steps.word[weight_bits(op) :], 0)
        return split(m, pipe.register(2, word, "start"), op.folded.pe, "start")


class StreamedSteps(wiring.Component):
    """`Steps` whose steps also wait for a word of a stream each.

    Members
    -------
    those of `Steps`
    words : a stream with one word for each step, buffered in a FIFO
    word : the word of the step that fired last, in a register loaded at that edge
    """

    def __init__(self, steps: Steps, width: int):
        self.steps = steps
        self.passed = [name for name in dict(steps.signature.members) if name != "ready"]
        super().__init__(
            {**dict(steps.signature.members), "words": In(beats(width)), "word": Out(width)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        steps = self.steps
        m.submodules.steps = steps
        m.submodules.fifo = fifo = Fifo(len(self.word), WORDS)
        connect(m, self.words, fifo.i)
        connect(m, self.i, steps.i)
        for name in self.passed:
            if name not in ("i", "valid"):
                m.d.comb += getattr(self, name).eq(getattr(steps, name))
        m.d.comb += [
            self.valid.eq(steps.valid & fifo.o.valid),
            steps.ready.eq(self.ready & fifo.o.valid),
            fifo.o.ready.eq(self.ready & steps.valid),
        ]
        with m.If(self.ready):
            m.d.sync += self.word.eq(fifo.o.payload)
        return m


def weight_bits(op: MatVec) -> int:
    """Number of bits of the weights of a step."""
    return op.folded.pe * op.folded.simd * op.weight_type.bits


def word_bits(op: MatVec) -> int:
    """Number of bits of a step's word in a stream: weights and the rows' starting values."""
    return weight_bits(op) + op.folded.pe * len(sum_plan(op).start)


def _table(
    m: Module, pipe: Elastic, stage: int, core: _Runtime, name: str, address: Value
) -> Value:
    """The word at ``address`` of a writable table, in stage ``stage``; see `tables.table`."""
    op = core.op
    (block,) = (b for b in blocks_of(op) if b.table == name)
    content, size = op.tables()[name], window_size(blocks_of(op))
    table = Table(block, content.bits, size=size, style=content.memory)
    m.submodules[name] = table
    port, outer = table.port, core.registers
    m.d.comb += [
        table.address.eq(address),
        table.enable.eq(pipe.load[stage]),
        table.shown.eq(table.data),
        *(getattr(port, k).eq(getattr(outer, k)) for k in ("select", "write", "address", "data")),
    ]
    return table.data


def _starts(m: Module, pipe: Elastic, core: _Runtime, turn: Value, first: Value) -> list[Value]:
    """The rows' starting values, as `MatVecCore._starts` returns them, from a writable table."""
    op, at = core.op, core.op.read_stages
    if "starts" not in op.tables():
        return []
    turn = pipe.delay(turn, "turn", first=1, last=at - 1)
    word = Mux(first, _table(m, pipe, at, core, "starts", turn), 0)
    return split(m, pipe.register(at + 1, word, "start"), op.folded.pe, "start")
