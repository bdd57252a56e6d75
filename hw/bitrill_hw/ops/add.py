"""Hardware of `bitrill.ops.Add`: adds several streams element by element."""

from __future__ import annotations

from functools import reduce
from operator import add

from amaranth import *

from ..pipeline.joined import JoinedCore
from ..pipeline.stream import code


class AddCore(JoinedCore):
    """Stages: a register for each operand; products with gains, if any; a binary tree of adders."""

    def elaborate(self, _) -> Module:
        m = Module()
        op = self.op
        pipe, operands = self.joined(m)
        terms = [[g * x for x in xs] for g, xs in zip(op.gains, operands, strict=True)]
        sums = []
        for p, lane in enumerate(zip(*terms, strict=True)):
            level, stage = list(lane), 0
            if op.has_gains:
                stage = 1
                level = [pipe.register(1, x, f"product{j}_{p}") for j, x in enumerate(level)]
            while len(level) > 1:
                stage += 1
                pairs = [level[j : j + 2] for j in range(0, len(level), 2)]
                level = [
                    pipe.register(stage, reduce(add, pair), f"sum{stage}_{j}_{p}")
                    for j, pair in enumerate(pairs)
                ]
            sums.append(code(level[0], op.y.type))
        m.d.comb += self.o.payload.eq(Cat(sums))
        return m
