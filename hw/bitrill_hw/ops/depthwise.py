"""A kernel of its own for each channel."""

from __future__ import annotations

import numpy as np
from amaranth import *
from bitrill.ops import Depthwise
from bitrill.plan.sums import starts, sum_plan

from ..arith.sums import lane_sums
from ..counting import count_up
from ..elastic import Elastic
from ..running import Running
from ..stream import OneToOne
from ..tables import table


class DepthwiseCore(OneToOne):
    """``op.folded.pe`` channels a beat: product, sum of its bits, running sum of the taps."""

    op: Depthwise

    def elaborate(self, _) -> Module:
        m = Module()
        op, pe, end = self.op, self.op.folded.pe, self.op.latency
        goes = Signal()
        pipe = Elastic(m, stages=end, valid=self.i.valid, ready=goes)
        enters = pipe.enters(1)
        group, tap = count_up(m, enters, group=op.groups, tap=op.taps)
        address = Signal(range(max(2, op.groups * op.taps)))
        with m.If(enters):
            m.d.sync += address.eq(Mux(tap.ends, 0, address + 1))
        bits = op.x.type.bits
        x: Value = Cat(self.i.payload[k::bits] for k in range(bits))  # planes of all lanes
        x = pipe.delay(x, "x", first=1, last=op.read_stages)
        weights = table(m, pipe, 1, "weights", self._weights(), address, op.folded.memory)
        weights = pipe.delay(weights, "weights", first=2, last=op.read_stages)
        sums = lane_sums(
            m, pipe, sum_plan(op.rows), stage=op.read_stages + 1, weights=weights, x=x, pe=pe,
            own=True,
        )  # fmt: skip
        first = pipe.delay(tap.value == 0, "first", first=1, last=end)
        last = pipe.delay(tap.top, "last", first=1, last=end)
        leaves = Signal()
        m.d.comb += [
            self.i.ready.eq(pipe.load[1]),
            goes.eq(~last | self.o.ready),
            leaves.eq(pipe.valid[end] & goes),
            self.o.valid.eq(pipe.valid[end] & last),
        ]
        totals = self._totals(m, pipe, group.value, sums, first, leaves)
        m.d.comb += self.o.payload.eq(Cat(totals))
        return m

    def _weights(self) -> np.ndarray:
        """Words ``[tap][group]`` of bits ``[plane][pe]``."""
        op, pe, bits = self.op, self.op.folded.pe, self.op.weight_type.bits
        codes = op.weight_type.encode(op.weights)
        planes = (codes[..., None] >> np.arange(bits)) & 1
        planes = planes.reshape(op.groups, pe, op.taps, bits).transpose(2, 0, 3, 1)
        return planes.reshape(op.taps * op.groups, -1)

    def _totals(
        self, m: Module, pipe: Elastic, group: Value, sums: list[Value], first: Value, leaves: Value
    ) -> list[Value]:
        """The sums so far of the last stage's beat, its own included; a word a group waits."""
        op, end, pe = self.op, self.op.latency, self.op.folded.pe
        bits = op.y.type.bits
        codes = ((starts(op.rows)[:, None] >> np.arange(bits)) & 1).reshape(op.groups, pe * bits)
        if (codes != codes[0]).any():
            group = pipe.delay(group, "group", first=1, last=end - 1)
        word: Value = table(m, pipe, end, "starts", codes, group, "distributed")
        running = None
        if op.taps > 1:
            running = Running(m, pipe, end, depth=op.groups, width=pe * bits, name="totals")
            word = Mux(first, word, running.word)
        totals: list[Value] = []
        for p, value in enumerate(sums):
            totals.append(Signal(bits, name=f"total{p}"))
            m.d.comb += totals[p].eq(word[p * bits : (p + 1) * bits] + value)
        if running is not None:
            running.update(leaves, Cat(totals))
        return totals
