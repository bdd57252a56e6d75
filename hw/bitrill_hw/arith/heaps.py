"""Builds the sums of an unrolled matrix as pipelines, as `bitrill.arith.heaps` plans them.

A bit may be represented by its complement, since LUTs absorb inversions. Only a register that is
read as a number has plain bits.
"""

from collections.abc import Sequence

from amaranth import *
from bitrill.arith.compress import ONE
from bitrill.arith.heaps import HeapPlan

from ..pipeline.elastic import Elastic
from .compressors import ONE_BIT, Adders, Bit


def complemented(column: Sequence[Bit]) -> list[Bit]:
    """A column whose carry is dropped: instead of adding 1, one of the other bits is inverted."""
    bits = [b for b in column if b is not ONE_BIT]
    if bits and len(bits) < len(column):
        bits[0] = Bit(bits[0].value, not bits[0].inverted)
        return bits
    return list(column)


def heap_sum(
    adders: Adders,
    pipe: Elastic,
    plan: HeapPlan,
    bits: Sequence[Bit],
    *,
    stage: int,
    name: str,
    plain: bool = False,
) -> list[list[Bit]]:
    """The sum of ``bits``, column by column, in the register of the plan's last stage.

    ``stage``: the first stage; a plan without stages has no register. ``plain``: whether every bit
    of the sum must be the bit itself, not its complement.
    """
    alive = dict(enumerate(bits))
    for s, levels in enumerate(plan.stages):
        for counter in (c for level in levels for c in level):
            adders.count(counter, alive, f"{name}_")
        if s < len(plan.stages) - 1:
            held = pipe.register(stage + s, Cat(b.value for b in alive.values()), f"{name}_{s}")
            alive = {n: Bit(held[k], b.inverted) for k, (n, b) in enumerate(alive.items())}
    alive[ONE] = ONE_BIT
    columns = _chained(adders, plan, [[alive[b] for b in column] for column in plan.columns], name)
    if not plan.stages:
        return columns
    out = [b for column in columns for b in column]
    values = Cat(b.plain() if plain else b.value for b in out)
    held = pipe.register(stage + len(plan.stages) - 1, values, name)
    kept = iter(Bit(held[k], b.inverted and not plain) for k, b in enumerate(out))
    return [[next(kept) for _ in column] for column in columns]


def _chained(
    adders: Adders, plan: HeapPlan, columns: list[list[Bit]], name: str
) -> list[list[Bit]]:
    """The columns after the counters; those that the plan's chain spans are added up."""
    if columns:
        columns[-1] = complemented(columns[-1])
    low, high = plan.chain
    if not high:
        return columns
    addends = [sorted(column, key=lambda b: not b.inverted) for column in columns[low:high]]
    sums = adders.chain(addends, label=f"{name}_sum")
    outputs = [[Bit(sums[k])] for k in range(min(high - low + 1, plan.width - low))]
    return [*columns[:low], *outputs, *columns[low + len(outputs) :]]
