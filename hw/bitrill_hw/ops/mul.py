"""Hardware of `bitrill.ops.Mul`: multiplies two streams element by element."""

from __future__ import annotations

from amaranth import *
from bitrill.arith.dsp_packing import port
from bitrill.ir import IntType
from bitrill.ops import Mul
from bitrill.parts.families import family_of

from ..arith.dsp_slice import Slice
from ..pipeline.elastic import Elastic
from ..pipeline.joined import JoinedCore
from ..pipeline.stream import code


class MulCore(JoinedCore):
    """Stages: a register for each operand; the sums with offsets, if any; the products."""

    op: Mul

    def elaborate(self, _) -> Module:
        m = Module()
        op = self.op
        pipe, operands = self.joined(m)
        a, b = (
            [self._moved(pipe, x, t, o, f"moved{j}_{p}") for p, x in enumerate(lanes)]
            for j, (lanes, t, o) in enumerate(zip(operands, op.factors, op.offsets, strict=True))
        )
        times = self._in_slice if op.folded.in_slices else self._in_logic
        lanes = enumerate(zip(a, b, strict=True))
        m.d.comb += self.o.payload.eq(Cat(times(m, pipe, p, *lane) for p, lane in lanes))
        return m

    def _moved(self, pipe: Elastic, x: Value, t: IntType, offset: int, name: str) -> Value:
        """An operand plus its offset, of type ``t``, registered if any operand has an offset."""
        if not self.op.moved:
            return x
        held = pipe.register(1, code(x + offset, t) if offset else x, name)
        return held.as_signed() if t.signed else held

    def _in_logic(self, m: Module, pipe: Elastic, p: int, a: Value, b: Value) -> Value:
        y = multiplied((a, b), self.op.factors)
        return pipe.register(self.op.latency - 1, code(y, self.op.y.type), f"y{p}")

    def _in_slice(self, m: Module, pipe: Elastic, p: int, a: Value, b: Value) -> Value:
        last = self.op.latency - 1
        first, second = map(port, self.op.factors)
        wide, narrow = (a, b) if first >= second else (b, a)
        s = Slice(
            wide,
            narrow,
            0,
            registers=0,
            loads=pipe.load[last - 1 : last + 1],
            cells=family_of(self.op.folded.primitives).cells,
            label=f"slice{p}",
        )
        m.submodules[s.label] = s
        return code(s.p, self.op.y.type)


def multiplied(factors: tuple[Value, Value], types: tuple[IntType, ...]) -> Value:
    """The product of two numbers; a factor of a single bit is a multiplexer, no multiplication."""
    for one, other, t in zip(factors, factors[::-1], types, strict=True):
        if t.coding.is_bipolar:
            return Mux(one[-1], -other, other)
        if t.bits == 1:
            return Mux(one[0], -other if t.signed else other, 0)
    return factors[0] * factors[1]
