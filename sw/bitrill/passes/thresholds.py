"""Turns every activation's real function into integer thresholds, exactly."""

import numpy as np

from ..errors import UnsupportedError
from ..ir import Activation, Graph, IntType, Operator, Stage
from ..ops import Threshold
from ..ops.lookup import ADDRESS_BITS, Lookup
from .real_thresholds import LevelCounter, each_channel, smallest

MAX_ENTRIES = 1 << 20
"""Largest number of entries of a table: channels that differ, times values."""


def to_thresholds(graph: Graph) -> Graph:
    """Replace every `Activation` by a `Threshold` with the same result for every integer.

    A function that is not monotone (a leaky slope below 0) becomes a `Lookup`. Raises
    `UnsupportedError` for a quantizer of too many levels, or a table of too many entries.
    """
    nodes = tuple(integer_form(n) if isinstance(n, Activation) else n for n in graph.nodes)
    return graph.replace(nodes=nodes, stage=Stage.INTEGER)


def integer_form(node: Activation) -> Operator:
    """Return the thresholds of a monotone function, or the table of any other."""
    return threshold_of(node) if node.function.is_monotone else lookup_of(node)


def lookup_of(node: Activation) -> Lookup:
    """Return the table of one activation over all values of its operand."""
    function, x = node.function, node.x.type
    entries = function.n_channels * x.n_values
    if x.bits > ADDRESS_BITS or entries > MAX_ENTRIES:
        raise UnsupportedError(
            f"{node.name}: a function that rises and falls (a slope below 0) must be of at most"
            f" {ADDRESS_BITS} bits and {MAX_ENTRIES} values over all channels, not {x.bits} and"
            f" {entries}"
        )
    table = [[function(int(v), c) for v in x.values()] for c in range(function.n_channels)]
    return Lookup(
        name=node.name,
        inputs=node.inputs,
        operands=node.operands,
        table=np.array(table),
        out=function.quantizer.type,
    )


def threshold_of(node: Activation) -> Threshold:
    """Return the thresholds of one activation; falling channels are inverted."""
    rows = each_channel(node.function, node.name, lambda c: _thresholds(c, node.x.type))
    rows *= node.x.channels // len(rows)
    return Threshold(
        name=node.name,
        inputs=node.inputs,
        operands=node.operands,
        thresholds=np.array([t for t, _ in rows]),
        inverted=np.array([inverted for _, inverted in rows]),
        out=node.function.quantizer.type,
    )


def _thresholds(counter: LevelCounter, x: IntType) -> tuple[np.ndarray, bool]:
    """Return the smallest integers of ``x`` at which the counter counts 1, 2, .. N; int64."""
    places = np.nan_to_num(counter.places, nan=x.lo, posinf=np.inf, neginf=-np.inf)
    guesses = np.ceil(np.clip(places, x.lo, x.hi + 1)).astype(np.int64)
    if counter.constant:
        return guesses, False
    thresholds = [
        smallest(lambda t, n=n: counter.at_integer(t) > n, lo=x.lo, hi=x.hi + 1, guess=int(guess))
        for n, guess in enumerate(guesses)
    ]
    return np.array(thresholds, np.int64), counter.inverted
