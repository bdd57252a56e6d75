"""Hardware of `bitrill.ops.Depthwise`: a convolution in which each channel has its own kernel."""

from __future__ import annotations

from amaranth import *
from bitrill.arith.accumulate import sum_plan
from bitrill.ops import Depthwise
from bitrill.parts.families import family_of

from ..arith.accumulate import Operands, accumulated, lane_sums, parities, start_words
from ..memories.constant_tables import split, table
from ..pipeline.counters import count_up
from ..pipeline.elastic import Elastic
from ..pipeline.running_results import Running
from ..pipeline.stream import OneToOne


class DepthwiseCore(OneToOne):
    """Multiplies ``op.folded.pe`` channels a beat by their weights; accumulates over the taps."""

    op: Depthwise

    def elaborate(self, _) -> Module:
        m = Module()
        op, end = self.op, self.op.latency
        goes = Signal()
        pipe = Elastic(m, stages=end, valid=self.i.valid, ready=goes)
        enters = pipe.enters(1)
        group, tap = count_up(m, enters, group=op.groups, tap=op.taps)
        address = Signal(range(max(2, op.groups * op.taps)))
        with m.If(enters):
            m.d.sync += address.eq(Mux(tap.ends, 0, address + 1))
        columns, first = self._products(m, pipe, address, group.value, tap.value == 0)
        first = pipe.delay(first, "first", first=op.read_stages + 1, last=end)
        last = pipe.delay(tap.top, "last", first=1, last=end)
        leaves = Signal()
        m.d.comb += [
            self.i.ready.eq(pipe.load[1]),
            goes.eq(~last | self.o.ready),
            leaves.eq(pipe.valid[end] & goes),
            self.o.valid.eq(pipe.valid[end] & last),
        ]
        self._accumulate(m, pipe, columns, first, leaves)
        return m

    def _products(
        self, m: Module, pipe: Elastic, address: Value, group: Value, starts: Value
    ) -> tuple[list[list[Value]], Value]:
        """The summed bits of a beat's products, and ``starts`` in stage ``op.read_stages``.

        ``starts``: whether the beat is the first tap of its channels, whose sums then start anew.
        """
        op, pe, bits = self.op, self.op.folded.pe, self.op.x.type.bits
        x: Value = Cat(self.i.payload[k::bits] for k in range(bits))  # planes of all lanes
        x = pipe.delay(x, "x", first=1, last=op.read_stages)
        weights = self._word(m, pipe, address)
        weights = pipe.delay(weights, "weights", first=2, last=op.read_stages)
        first = pipe.delay(starts, "first", first=1, last=op.read_stages)
        plan = sum_plan(op.rows)
        shared = parities(m, plan.products, x, bits=bits, pe=pe)
        columns = lane_sums(
            pipe,
            plan,
            Operands(m, plan.products, weights, x, shared, 1, pe, own=True),
            self._starts(m, pipe, group, first),
            stage=op.read_stages + 1,
            cells=family_of(op.folded.primitives).cells,
        )
        return columns, first

    def _accumulate(
        self, m: Module, pipe: Elastic, columns: list[list[Value]], first: Value, leaves: Value
    ) -> None:
        """Add a beat's sums to those of the channels' earlier taps; ``leaves``: it moves on."""
        op, pe, bits, running = self.op, self.op.folded.pe, self.op.y.type.bits, None
        before: Value = C(0, pe * bits)
        if op.taps > 1:
            running = Running(m, pipe, op.latency, depth=op.groups, width=pe * bits, name="totals")
            before = running.word
        cells = family_of(op.folded.primitives).cells
        totals = Cat(
            accumulated(m, columns, p, word, first, cells=cells)
            for p, word in enumerate(split(m, before, bits, "before"))
        )
        if running is not None:
            running.update(leaves, totals)
        m.d.comb += self.o.payload.eq(totals)

    def _word(self, m: Module, pipe: Elastic, address: Value) -> Value:
        """The weights of a beat, in stage 1."""
        return table(m, pipe, 1, "weights", self.op.weight_words(), address, self.op.folded.memory)

    def _starts(self, m: Module, pipe: Elastic, group: Value, first: Value) -> list[Value]:
        """The starting values of the channels' sums, as `MatVecCore._starts` returns them."""
        op = self.op
        return start_words(m, pipe, op, sum_plan(op.rows), group, first, "group")
