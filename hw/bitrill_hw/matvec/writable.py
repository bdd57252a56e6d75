"""Components whose weights or thresholds change: the host writes them, or a stream brings them.

Each is the component with constants of `bitrill_hw.ops`, with one method replaced: the one that
reads the constants out of a table. The table here is a `bitrill_hw.design.register_file.Table`, a
memory with a port of the register bus beside its reading port. ``shown`` is the word that the
pipeline has just read; the bus reads it from there, since the memory has no second reading port.
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
from ..memories.tables import split
from ..ops.depthwise import DepthwiseCore
from ..ops.matvec import MatVecCore
from ..ops.threshold import ThresholdCore
from ..pipeline.elastic import Elastic
from ..pipeline.fifo import Fifo
from ..pipeline.stream import OneToOne, beats, connect
from .steps import Steps


class _Runtime(OneToOne):
    """Base of components with tables in memories that the host reaches by port ``registers``."""

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

    A word holds the weights ``[lane][plane][row]``, and above them the value that each row starts
    from, ``[plane][row]``, which counts only in the first step of those rows.
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
    """`Steps` in which each step also waits for a word of a stream.

    Members
    -------
    those of `Steps`
    words : a stream with a word for each step, into a FIFO
    word : the word of the step that fired last, registered at that edge
    """

    def __init__(self, steps: Steps, width: int):
        self.steps = steps
        self.passed = [name for name in dict(steps.signature.members) if name != "ready"]
        super().__init__(
            {**dict(steps.signature.members), "words": In(beats(width)), "word": Out(width)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        steps: Any = self.steps
        here: Any = self
        m.submodules.steps = steps
        m.submodules.fifo = fifo = Fifo(len(self.word), WORDS)
        connect(m, self.words, fifo.i)
        connect(m, here.i, steps.i)
        for name in self.passed:
            if name not in ("i", "valid"):
                m.d.comb += getattr(here, name).eq(getattr(steps, name))
        m.d.comb += [
            here.valid.eq(steps.valid & fifo.o.valid),
            steps.ready.eq(here.ready & fifo.o.valid),
            fifo.o.ready.eq(here.ready & steps.valid),
        ]
        with m.If(here.ready):
            m.d.sync += self.word.eq(fifo.o.payload)
        return m


def weight_bits(op: MatVec) -> int:
    """Bits of the weights of a step."""
    return op.folded.pe * op.folded.simd * op.weight_type.bits


def word_bits(op: MatVec) -> int:
    """Bits of a step's word in a stream: weights, and the values that rows start from."""
    return weight_bits(op) + op.folded.pe * len(sum_plan(op).start)


def _table(m: Module, pipe: Elastic, stage: int, core: Any, name: str, address: Value) -> Value:
    """The word of a writable table, read like that of `tables.table`."""
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


def _starts(m: Module, pipe: Elastic, core: Any, turn: Value, first: Value) -> list[Value]:
    """The values that rows start from, as in `MatVecCore._starts`, out of a writable table."""
    op, at = core.op, core.op.read_stages
    if "starts" not in op.tables():
        return []
    turn = pipe.delay(turn, "turn", first=1, last=at - 1)
    word = Mux(first, _table(m, pipe, at, core, "starts", turn), 0)
    return split(m, pipe.register(at + 1, word, "start"), op.folded.pe, "start")
