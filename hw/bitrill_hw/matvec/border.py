"""Forces weights of lanes that read zero padding to -1 and +1 in turn, so that they add up to 0.

A bipolar input has no code for 0 (ADR 4); a lane reads padding where its tap of the window is
outside of the feature map.
"""

from __future__ import annotations

from functools import reduce
from operator import or_

import numpy as np
from amaranth import *
from bitrill.arith.border import Border, border
from bitrill.ops import MatVec

from ..memories.constant_tables import split, table, wired
from ..pipeline.counters import count_up
from ..pipeline.elastic import Elastic
from .beat_control import Steps


def bordered_weights(
    m: Module, pipe: Elastic, op: MatVec, steps: Steps, words: np.ndarray
) -> Value:
    """The weights of a step in stage ``op.read_stages``, forced in lanes that read padding.

    ``words``: ``[steps, lane and row]``. A table in LUTs has one more word for each group of lanes,
    whose address is used while the group reads padding. Bits from block memory are forced at the
    input of their second register, so that synthesis uses its synchronous reset or set.
    """
    plan = border(op)
    outside, group = lanes_outside(m, op, plan, steps), plan.group
    pe, simd = op.folded.pe, op.folded.simd
    odd = steps.beat[0] if simd % 2 else C(0)
    lanes: list[Value] = [C(0)] * simd
    if op.folded.in_block:
        word = table(m, pipe, 1, "weights", words, steps.address, "block")
        held = pipe.register(1, Cat(odd, *outside), "outside1")
        for k, g in enumerate(group):
            forced = (held[0] ^ (k % 2)).replicate(pe)
            lanes[k] = Mux(held[1 + g], forced, word[k * pe : (k + 1) * pe])
        return pipe.register(2, Cat(lanes), "weights2")
    for g, out in enumerate(outside):
        mine = [k for k in range(simd) if group[k] == g]
        turns = [[(k + turn) % 2 for k in mine] for turn in range(1 + simd % 2)]
        part = words.reshape(op.steps, simd, pe)[:, mine].reshape(op.steps, -1)
        part = np.concatenate([part, np.repeat(turns, pe, axis=1)])
        address = Mux(out, op.steps + odd, steps.address)
        word = table(m, pipe, 1, f"weights{g}", part, address, "distributed")
        for i, k in enumerate(mine):
            lanes[k] = word[i * pe : (i + 1) * pe]
    return Cat(lanes)


def lanes_outside(m: Module, op: MatVec, plan: Border, steps: Steps) -> list[Value]:
    """For each group of lanes, a bit: whether it reads padding in the step that is offered."""
    sizes = [len(taps) for taps in op.inside or ()]
    axes = {f"place{axis}": sizes[axis] for axis in reversed(range(len(sizes)))}
    places = count_up(m, steps.ends, **axes)[::-1]
    here: list[Value] = []  # registers, set when the place is reached, to keep the path short
    for k, (axis, at) in enumerate(plan.places):
        here.append(Signal(name=f"here{k}", init=0 in at))
        moves = steps.ends & (places[axis + 1].ends if axis + 1 < len(sizes) else 1)
        before = (places[axis].value == (p - 1) % sizes[axis] for p in at)
        with m.If(moves):
            m.d.sync += here[k].eq(reduce(or_, before))
    word = wired(m, "taps", plan.taps.reshape(op.synapse_fold, -1), steps.beat)
    outside: list[Value] = []
    for g, taps in enumerate(split(m, word, len(here), "taps")):
        outside.append(Signal(name=f"outside{g}"))
        m.d.comb += outside[g].eq((taps & Cat(here)).any())
    return outside
