"""Hardware of `bitrill.ops.Threshold` (MultiThreshold), in styles ``parallel`` and ``search``."""

from __future__ import annotations

from functools import reduce
from operator import xor

import numpy as np
from amaranth import *
from amaranth.lib.wiring import Member
from bitrill.ops import Threshold

from ..arith.reached import Limit, reached_one
from ..memories.constant_tables import split, table, tables
from ..pipeline.elastic import Elastic
from ..pipeline.stream import OneToOne


class ThresholdCore(OneToOne):
    """Converts ``pe`` channels a beat, one beat a cycle, in ``op.latency`` stages.

    Stages of ``parallel``: the word of thresholds is read; all comparisons; the count of their
    results, if there are several. Stages of ``search``, for each bit of the count from the highest
    down: a threshold is read from the lane's own memory; the comparison. If the family has cells
    for it, a table of few words is part of the comparator itself (`arith.reached`).
    """

    op: Threshold

    def __init__(self, op: Threshold, **members: Member):
        super().__init__(op, **members)
        self.limit = op.limit_type
        self.flips = op.flips

    def elaborate(self, _) -> Module:
        m = Module()
        op = self.op
        pipe = Elastic(
            m,
            stages=op.latency,
            valid=self.i.valid,
            ready=self.o.ready,
            primitives=op.folded.primitives,
        )
        m.d.comb += [self.i.ready.eq(pipe.copy(1)), self.o.valid.eq(pipe.valid[op.latency])]
        turns = op.x.channels // op.folded.pe
        turn = Signal(range(max(2, turns)))
        with m.If(pipe.enters(1)):
            m.d.sync += turn.eq(Mux(turn == turns - 1, 0, turn + 1))
        x = pipe.register(1, self.i.payload, "x1")
        render = self._search if op.form.searches else self._parallel
        m.d.comb += self.o.payload.eq(Cat(render(m, pipe, turn, x)))
        return m

    def _elements(self, x: Value) -> list[Value]:
        """The elements of a beat as numbers; bipolar ones are -1 or +1."""
        t = self.op.x.type
        lanes = [x[p * t.bits : (p + 1) * t.bits] for p in range(self.op.folded.pe)]
        if t.coding.is_bipolar:
            return [Cat(C(1, 1), ~lane).as_signed() for lane in lanes]
        return [lane.as_signed() if t.signed else lane for lane in lanes]

    def _limits(self, word: Value, n: int) -> list[Value]:
        """The first ``n`` thresholds of a word, ascending."""
        b = self.limit.bits
        fields = [word[k * b : (k + 1) * b] for k in range(n)]
        return [f.as_signed() if self.limit.signed else f for f in fields]

    def _within_parallel(self, m: Module, pipe: Elastic, turn: Value, x: Value) -> list[Value]:
        """The results of comparators that contain their thresholds, counted.

        In a channel that falls (``op.inverted``) the comparisons are inverted, and so is the count.
        """
        op, n, pe = self.op, self.op.levels, self.op.folded.pe
        turn = pipe.register(1, turn, "turn1")
        out = []
        for p, element in enumerate(self._elements(x)):
            channels = list(zip(op.thresholds[p::pe].tolist(), op.inverted[p::pe], strict=True))
            passed = [
                reached_one(
                    m,
                    element,
                    turn,
                    name=f"reached{k}_{p}",
                    limits=[Limit(t[n - 1 - k if falls else k], falls) for t, falls in channels],
                )
                for k in range(n)
            ]
            if n > 1:
                passed = [*pipe.register(2, Cat(passed), f"passed{p}")]
            value = self._value(thermometer(passed), C(0, 1))
            out.append(pipe.register(op.latency, value, f"y{p}"))
        return out

    def _parallel(self, m: Module, pipe: Elastic, turn: Value, x: Value) -> list[Value]:
        op, n = self.op, self.op.levels
        if op.within(op.x.channels // op.folded.pe):
            return self._within_parallel(m, pipe, turn, x)
        word = self._word(m, pipe, turn)
        lanes = split(m, word, len(word) // op.folded.pe, "limits")
        out = []
        for p, element in enumerate(self._elements(x)):
            flip = lanes[p][-1] if self.flips else C(0, 1)
            passed = [reached(element, t) for t in self._limits(lanes[p], n)]
            if n > 1:
                passed = [*pipe.register(2, Cat(passed), f"passed{p}")]
                flip = pipe.register(2, flip, f"flip{p}") if self.flips else flip
            value = self._value(thermometer(passed), flip)
            out.append(pipe.register(op.latency, value, f"y{p}"))
        return out

    def _word(self, m: Module, pipe: Elastic, turn: Value) -> Value:
        """The thresholds of a beat, in stage 1: ``[channel][threshold (and flip)]``."""
        op = self.op
        words = op.threshold_words(flips=self.flips)
        return table(m, pipe, 1, "thresholds", words, turn, op.folded.memory)

    def _search(self, m: Module, pipe: Elastic, turn: Value, x: Value) -> list[Value]:
        depth = self.op.levels.bit_length()
        turns = self.op.x.channels // self.op.folded.pe
        limits = self._search_limits(depth)
        decided: list[list[Value]] = [[] for _ in self._elements(x)]
        flips: list[Value] = []  # stored in the words of the last step, above the thresholds
        for step in range(depth):
            read, compare, last = 2 * step + 1, 2 * step + 2, step == depth - 1
            within = self.op.within(turns << step) and not (last and self.flips)
            held = turn if last and not within else pipe.register(read, turn, f"turn{read}")
            lanes = self._elements(x)
            addresses = [Cat(*reversed(bits), turn) for bits in decided]
            decided = [
                [pipe.register(read, f, f"bit{i}_{p}_{read}") for i, f in enumerate(bits)]
                for p, bits in enumerate(decided)
            ]
            if within:
                for p, element in enumerate(lanes):
                    chosen = Cat(*reversed(decided[p]), held if turns > 1 else C(0, 0))
                    own = [Limit(at) for at in limits[step][:, p].tolist()]
                    decided[p].append(
                        reached_one(m, element, chosen, own, name=f"reached{step}_{p}")
                    )
                flips = [C(0, 1)] * len(lanes)
            else:
                bits = [
                    self._search_bits(limits[step][:, p], p, flips=last and self.flips)
                    for p in range(len(lanes))
                ]
                words = tables(
                    m, pipe, read, f"thresholds{step}", bits, addresses, self.op.folded.memory
                )
                for p, (element, word) in enumerate(zip(lanes, words, strict=True)):
                    decided[p].append(reached(element, *self._limits(word, 1)))
                flips = [word[self.limit.bits :] for word in words]
            if not last:
                turn = pipe.register(compare, held, f"turn{compare}")
                x = pipe.delay(x, "x", first=compare, last=compare + 1)
                decided = [
                    [pipe.register(compare, f, f"bit{i}_{p}_{compare}") for i, f in enumerate(bits)]
                    for p, bits in enumerate(decided)
                ]
        values = [self._value(Cat(*reversed(bits)), flips[p]) for p, bits in enumerate(decided)]
        return [pipe.register(2 * depth, v, f"y{p}") for p, v in enumerate(values)]

    def _search_limits(self, depth: int) -> list[np.ndarray]:
        """For each step, thresholds ``[turn and the count's bits so far, pe]``.

        A step tries a candidate count: the bits known so far, then a 1, then zeros. It compares x
        with the threshold of that number; a threshold that does not exist is above every x.
        """
        op, pe = self.op, self.op.folded.pe
        padded = np.full((op.x.channels, (1 << depth) - 1), op.x.type.hi + 1)
        padded[:, : op.levels] = op.thresholds
        return [
            padded[:, (1 << (depth - 1 - step)) - 1 :: 1 << (depth - step)]
            .reshape(-1, pe, 1 << step)
            .swapaxes(1, 2)
            .reshape(-1, pe)
            for step in range(depth)
        ]

    def _search_bits(self, limits: np.ndarray, lane: int, *, flips: bool) -> np.ndarray:
        """The bits of a lane's thresholds in a step; with ``flips``, also whether channels fall."""
        fields = _bits(self.limit.encode(limits), self.limit.bits)
        if not flips:
            return fields
        own = self.op.inverted[lane :: self.op.folded.pe]
        return np.concatenate([fields, np.repeat(own, len(limits) // len(own))[:, None]], 1)

    def _value(self, n: Value, flip: Value) -> Value:
        """The code of y for a count ``n``: ``decode`` of `Threshold`."""
        op = self.op
        if op.out.coding.is_bipolar:
            return (n ^ flip)[0]
        up = op.out.lo + n
        value = Mux(flip, op.out.lo + op.levels - n, up) if self.flips else up
        return value[: op.out.bits]


def reached(x: Value, limit: Value) -> Value:
    """Whether ``x >= limit``."""
    return x >= limit


def thermometer(passed: list[Value]) -> Value:
    """The number of ones in ``passed``, a thermometer code: all ones precede all zeros.

    Bit ``j`` of the count is the parity of the comparisons with numbers ``2**j, 2 * 2**j, ..``.
    """
    n = len(passed)
    return Cat(reduce(xor, passed[(1 << j) - 1 :: 1 << j]) for j in range(n.bit_length()))


def _bits(codes: np.ndarray, width: int) -> np.ndarray:
    """The bits of codes, lowest first, in a new last axis."""
    return (codes[..., None] >> np.arange(width)) & 1
