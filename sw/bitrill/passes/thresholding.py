"""Turns every activation's real function into integer thresholds, exactly."""

from itertools import count

import numpy as np

from ..errors import UnsupportedError
from ..ir import Activation, Graph, IntType, Operator, Stage, Tensor
from ..ops import Threshold
from ..ops.lookup import ADDRESS_BITS, Lookup
from .curved import Runs
from .level_counters import MAX_CURVED, check_size, naming
from .level_places import level_places

MAX_ENTRIES = 1 << 20
"""Largest number of entries of a table: channels that differ, times values or runs."""

LUT_BITS = 6
"""Widest operand of which a table takes no more than one LUT for each bit of its result."""


def to_thresholds(graph: Graph) -> Graph:
    """Replace every `Activation` by operators with the same result for every integer.

    A monotone function becomes a `Threshold`. Any other (GELU, a leaky slope below 0) becomes a
    `Lookup`, preceded by a `Threshold` that counts its runs of equal values if that takes fewer
    bits. Raises `UnsupportedError` for a quantizer of too many levels, or a table of too many
    entries.
    """
    names = set(graph.edges)
    nodes: list[Operator] = []
    for node in graph.nodes:
        nodes += integer_forms(node, names) if isinstance(node, Activation) else [node]
    return graph.replace(nodes=tuple(nodes), stage=Stage.INTEGER)


def integer_forms(node: Activation, names: set[str]) -> list[Operator]:
    """Return the operators that replace an activation; the last one has the name of ``node``.

    ``names``: those that are already used.
    """
    if node.function.is_monotone:
        return [threshold_of(node)]
    with naming(node.name):
        return tables_of(node, names)


def tables_of(node: Activation, names: set[str]) -> list[Operator]:
    """Return a table over all values of the operand, or over the runs of equal values."""
    function, x, out = node.function, node.x.type, node.function.quantizer.type
    levels = function.n_channels * (out.n_values - 1)
    if levels > MAX_CURVED:
        raise UnsupportedError(
            f"a quantizer behind a function that rises and falls must have at most {MAX_CURVED}"
            f" levels over all channels, not {levels}"
        )
    own = [function.channel(c) for c in range(function.n_channels)]
    runs = {f: Runs(f, x) for f in dict.fromkeys(own)}
    rows = [runs[f] for f in own]
    steps = max(1, *(len(r.starts) - 1 for r in rows))
    if x.bits <= ADDRESS_BITS and len(rows) * x.n_values <= MAX_ENTRIES:
        table = np.array([r.at(x.values()) for r in rows])
        stepwise = steps * node.x.channels * x.bits + len(rows) * (steps + 1) * out.bits
        if x.bits <= LUT_BITS or table.size * out.bits <= stepwise:
            return [_lookup(node, node.inputs, node.x, table)]
    return _stepwise(node, rows, steps, names)


def _stepwise(node: Activation, rows: list[Runs], steps: int, names: set[str]) -> list[Operator]:
    """Return a `Threshold` that numbers the runs of equal values, and a `Lookup` of the values."""
    if len(rows) * (steps + 1) > MAX_ENTRIES or steps >= 1 << ADDRESS_BITS:
        raise UnsupportedError(
            f"a function that rises and falls must have at most {MAX_ENTRIES} runs of equal values"
            f" over all channels, not {len(rows) * (steps + 1)}"
        )
    x = node.x.type
    starts = np.full((len(rows), steps), x.hi + 1)
    table = np.empty((len(rows), steps + 1), np.int64)
    for c, run in enumerate(rows):
        starts[c, : len(run.starts) - 1] = run.starts[1:]
        table[c, : len(run.values)] = run.values
        table[c, len(run.values) :] = run.values[-1]
    counted = Threshold(
        name=_free(f"{node.name}_run", names),
        inputs=node.inputs,
        operands=node.operands,
        thresholds=np.tile(starts, (node.x.channels // len(rows), 1)),
        inverted=np.zeros(node.x.channels, bool),
        out=IntType(0, steps),
    )
    names.add(counted.name)
    return [counted, _lookup(node, counted.outputs, counted.y, table)]


def _lookup(
    node: Activation, inputs: tuple[str, ...], operand: Tensor, table: np.ndarray
) -> Lookup:
    """Return the table whose result is the edge of ``node``."""
    out = node.function.quantizer.type
    return Lookup(name=node.name, inputs=inputs, operands=(operand,), table=table, out=out)


def _free(name: str, names: set[str]) -> str:
    """Return ``name``, followed by a number if the name is used already."""
    number, free = count(2), name
    while free in names:
        free = f"{name}{next(number)}"
    return free


def threshold_of(node: Activation) -> Threshold:
    """Return the thresholds of one activation; falling channels are inverted."""
    with naming(node.name):
        check_size(node.function)
        thresholds, inverted = level_places(node.function, node.x.type)
    copies = node.x.channels // len(thresholds)
    return Threshold(
        name=node.name,
        inputs=node.inputs,
        operands=node.operands,
        thresholds=np.tile(thresholds, (copies, 1)),
        inverted=np.tile(inverted, copies),
        out=node.function.quantizer.type,
    )
