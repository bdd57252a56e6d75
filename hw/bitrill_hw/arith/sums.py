"""Sums of products, as `bitrill.plan.sums` plans them: logic on words of one bit per row.

All rows of a step are summed alike, so each bit of the plan becomes a word of ``pe`` bits, and a
counter a few logic operations on such words: small to write, quick to simulate, and out of reach
of synthesis passes that turn ``+`` into adders.
"""

from __future__ import annotations

from collections.abc import Mapping

from amaranth import *
from bitrill.plan.sums import Product, SumPlan

from ..elastic import Elastic
from ..tables import split


def lane_sums(
    m: Module, pipe: Elastic, plan: SumPlan, *, stage: int, weights: Value, x: Value, pe: int,
    own: bool = False,
) -> list[Value]:  # fmt: skip
    """Each row's sum of one step, in the plan's last stage; stages are counted on from ``stage``.

    ``weights``: a word of ``[lane][plane][pe]`` bits, ``x``: of ``[lane][plane]``, low first;
    where each row has its ``own``, of ``[lane][plane][pe]``.
    """
    lanes = 1 + max(p.lane for p in plan.products)
    w_planes = split(m, weights, pe, "weight")
    x_planes = split(m, x, pe if own else 1, "x")
    w_bits, x_bits = len(w_planes) // lanes, len(x_planes) // lanes
    bits: dict[int, Value] = {}
    for b, p in enumerate(plan.products):
        w = w_planes[p.lane * w_bits : (p.lane + 1) * w_bits]
        bits[b] = Signal(pe, name=f"product{b}")
        plane = x_planes[p.lane * x_bits + p.x]
        m.d.comb += bits[b].eq(gate(p, w, plane if own else plane.replicate(pe)))
    for s, levels in enumerate(plan.stages):
        for level in levels:
            for counter in level:
                counts = count(
                    m, [bits[b] for b in counter.inputs], name=f"bit{counter.outputs[0]}"
                )
                for b in counter.inputs:
                    del bits[b]
                bits |= dict(zip(counter.outputs, counts, strict=False))
        if plan.adds and s == len(plan.stages) - 1:
            break
        bits = {b: pipe.register(stage + s, v, f"stage{stage + s}_bit{b}") for b, v in bits.items()}
    rows = [row_sum(plan, bits, p) for p in range(pe)]
    if not plan.adds:
        return rows
    last = stage + len(plan.stages) - 1
    return [pipe.register(last, row, f"sum{p}") for p, row in enumerate(rows)]


def gate(p: Product, w: list[Value], x: Value) -> Value:
    """A product bit, in all rows."""
    if p.gate == "and":
        return ~(w[p.w] & x) if p.inverted else w[p.w] & x
    x = ~x if p.inverted else x
    return ~(w[0] ^ x) if p.gate == "xnor" else w[0] & (w[1] ^ x)


def count(m: Module, bits: list[Value], *, name: str) -> list[Value]:
    """How many of ``bits`` are 1, in all rows: words of weight 1, 2, 4."""
    out: list[Value] = []
    while bits:
        carries: list[Value] = []
        while len(bits) > 1:
            s, c = add(*bits[:3])
            bits = bits[3:]
            where = f"{name}_{len(out)}_{len(carries)}"
            for value, kind, into in ((s, "s", bits), (c, "c", carries)):
                into.append(Signal(len(value), name=f"{where}{kind}"))
                m.d.comb += into[-1].eq(value)
        out += bits
        bits = carries
    return out


def add(a: Value, b: Value, c: Value | None = None) -> tuple[Value, Value]:
    """Full or half adder: sum and carry."""
    if c is None:
        return a ^ b, a & b
    return a ^ b ^ c, (a & b) | (c & (a ^ b))


def row_sum(plan: SumPlan, bits: Mapping[int, Value], row: int) -> Value:
    """The columns of one row as a number: the single ones below pass, one carry chain above."""
    pairs = [
        [bits[b][row] for b in column] + [C(0, 1)] * (2 - len(column)) for column in plan.columns
    ]
    low = next((k for k, c in enumerate(plan.columns) if len(c) > 1), plan.width)
    below = [pair[0] for pair in pairs[:low]]
    above = Cat(p[0] for p in pairs[low:]) + Cat(p[1] for p in pairs[low:])
    return Cat(*below, above)[: plan.width]
