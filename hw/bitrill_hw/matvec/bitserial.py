"""The bit-serial matrix unit: each step multiplies one plane of the weights by one plane of x."""

from __future__ import annotations

from amaranth import *
from amaranth.utils import exact_log2
from bitrill.arith.bitserial import planes, serial_plan
from bitrill.parts.families import family_of

from ..arith.accumulate import Operands, lane_sums
from ..ops.matvec import MatVecCore
from ..pipeline.counters import Lap
from ..pipeline.elastic import Elastic
from .beat_control import Steps


class SerialMatVecCore(MatVecCore):
    """The bit-serial unit, planned by `bitrill.arith.bitserial`.

    Pipeline stages: a word of a weight plane and a beat of x are read from their memories; the
    plane of x is selected; several stages count the ones of the products; the accumulators add the
    count. An accumulator is halved when the next pair of planes weighs twice as much, and the bits
    shifted out are kept below it: both together are the output register. The weight memory has one
    word for each plane, neuron fold and beat, in that order.
    """

    def elaborate(self, _) -> Module:
        m = Module()
        op, plan = self.op, serial_plan(self.op)
        pe, simd, end = op.folded.pe, op.folded.simd, op.latency
        whole = Signal()
        steps, pipe = self._pipeline(m, whole)
        turns = _Turns(m, self.op, steps, pipe)
        words = planes(op).reshape(-1, op.neuron_fold, pe, op.synapse_fold, simd)
        words = words.transpose(0, 1, 3, 4, 2).reshape(-1, simd * pe)
        word = self._word(m, pipe, words, turns.address)
        word = pipe.delay(word, "word", first=op.memory_stages + 1, last=op.read_stages)
        x = self._plane(m, pipe, steps.x, pipe.register(1, turns.x, "x_plane"))
        m.d.comb += whole.eq(
            pipe.delay(steps.last & turns.pair.last, "last", first=1, last=end - 1)
        )
        first = pipe.delay(steps.first & turns.pair.first, "first", first=1, last=end - 1)
        halves = pipe.delay(steps.first & turns.halves, "halves", first=1, last=end - 1)
        negative = pipe.delay(turns.negative, "negative", first=1, last=end - 1)
        operands = Operands(m, plan.count.products, word, x, C(0, 0), simd, pe)
        columns = lane_sums(
            pipe,
            plan.count,
            operands,
            [],
            stage=op.read_stages + 1,
            cells=family_of(op.folded.primitives).cells,
        )
        results = []
        for p in range(pe):
            count = Cat(column[0][p] if column else C(0, 1) for column in columns)
            results.append(self._total(m, pipe, count, p, first, halves, negative))
        m.d.comb += self.o.payload.eq(Cat(results))
        return m

    def _steps(self, m: Module) -> Steps:
        return self._folded_steps(self.op.neuron_fold * self.op.plane_pairs)

    def _plane(self, m: Module, pipe: Elastic, beat: Value, plane: Value) -> Value:
        """Plane number ``plane`` of all lanes of a beat, registered in stage 2."""
        bits, lanes = self.op.x.type.bits, self.op.folded.simd
        chosen = Signal(lanes, name="chosen")
        with m.Switch(plane):
            for k in range(bits):
                with m.Case(k):
                    m.d.comb += chosen.eq(Cat(beat[lane * bits + k] for lane in range(lanes)))
        return pipe.register(2, chosen, "x")

    def _total(
        self,
        m: Module,
        pipe: Elastic,
        count: Value,
        row: int,
        first: Value,
        halves: Value,
        negative: Value,
    ) -> Value:
        """The result of a row: the accumulator, and below it the bits shifted out of it."""
        op, plan = self.op, serial_plan(self.op)
        total = Signal(
            Shape(plan.total.bits, plan.total.signed), name=f"total{row}", reset_less=True
        )
        below = Signal(plan.shifts, name=f"below{row}", reset_less=True)
        enters = pipe.enters(op.latency)
        before = Mux(first, 0, Mux(halves, total >> 1, total))
        added = Cat(count, C(0, 1)).as_signed() ^ negative.replicate(len(count) + 1).as_signed()
        # the complement plus a carry into bit 0 is the negative
        carried = Signal(len(total) + 1, name=f"carried{row}")
        m.d.comb += carried.eq(
            Cat(C(1, 1), self._bits(before, len(total)))
            + Cat(negative, self._bits(added, len(total)))
        )
        with m.If(enters):
            m.d.sync += total.eq(carried[1:])
        if plan.shifts:
            with m.If(enters & halves):
                m.d.sync += below.eq(Cat(below[1:], total[0]))
        return self._bits(Cat(below, total), op.y.type.bits, signed=plan.total.signed)

    @staticmethod
    def _bits(value: Value, width: int, *, signed: bool | None = None) -> Value:
        """The low ``width`` bits of ``value``, sign-extended if it is shorter."""
        signed = value.shape().signed if signed is None else signed
        top = value[-1] if signed else C(0, 1)
        return Cat(value, top.replicate(max(0, width - len(value))))[:width]


class _Turns:
    """Counters for the pair of planes that the present step multiplies, and for the weight address.

    ``address``: address of the step's weight word; ``x``: number of the plane of x; ``negative``,
    ``halves``: see `bitrill.arith.bitserial.Pair`.
    """

    def __init__(self, m: Module, op, steps: Steps, pipe: Elastic) -> None:
        order = serial_plan(op).pairs
        fires = pipe.enters(1)
        self.pair = pair = Lap(m, len(order), fires & steps.last, name="pair")
        turn = Lap(m, op.neuron_fold, fires & steps.last & pair.last, name="turn")
        words = op.neuron_fold * op.synapse_fold
        whole = words & (words - 1) == 0  # a power of two: the plane is the address' upper bits
        each = 1 if whole else words
        base = Signal(range(max(2, (op.weight_type.bits - 1) * each + 1)), name="base")
        self.x = Signal(range(max(2, op.x.type.bits)), name="x_plane_next")
        self.negative, self.halves = Signal(name="negative"), Signal(name="halves")
        with m.Switch(pair.value):
            for k, p in enumerate(order):
                with m.Case(k):
                    m.d.comb += [
                        base.eq(p.w * each),
                        self.x.eq(p.x),
                        self.negative.eq(p.negative),
                        self.halves.eq(p.halves),
                    ]
        if op.synapse_fold & (op.synapse_fold - 1) == 0:
            place = Cat(steps.beat[: exact_log2(op.synapse_fold)], turn.value)
        else:
            place = self._place(m, op, steps, fires, turn)
        self.address = Signal(range(max(2, op.weight_type.bits * words)), name="address")
        place = place[: (words - 1).bit_length()]
        m.d.comb += self.address.eq(Cat(place, base) if whole else base + place)

    def _place(self, m: Module, op, steps: Steps, fires: Value, turn: Lap) -> Value:
        """Number of the step's word in its plane; each pair of planes reads the same words."""
        place = Signal(range(op.neuron_fold * op.synapse_fold), name="place")
        begin = Signal(range(op.neuron_fold * op.synapse_fold), name="begin")
        ahead = Mux(turn.last, 0, place + 1)
        with m.If(fires):
            with m.If(~steps.last):
                m.d.sync += place.eq(place + 1)
            with m.Elif(~self.pair.last):
                m.d.sync += place.eq(begin)
            with m.Else():
                m.d.sync += [place.eq(ahead), begin.eq(ahead)]
        return place
