"""Adds a classifier's decision (argmax), with integer scores that have the real scores' order."""

from fractions import Fraction

import numpy as np

from ..errors import SpecError, UnsupportedError
from ..exact import Real, common_denominator, sign, to_float
from ..ir import Graph, IntType, Sink
from ..ops import ArgMax
from ..real import at
from .ranking import Ranking, magnitude

ORDERED = {"Softmax", "LogSoftmax", "Sigmoid", "Tanh", "Exp", "Softplus", "Softsign", "Reshape"}
"""Functions that keep the order of scores; the best classes are found without computing them."""

MAX_PAIRS = 1 << 23
"""Largest number of pairs of channel and value that are ranked."""

LINEAR = 1 << 14
"""Multipliers up to this one are all tried; beyond it, each is a fifth larger than the last."""

EFFORT = 1 << 27
"""Largest number of comparisons that are spent on multipliers one by one."""

SCORE_LIMIT = 1 << 47
"""Largest score: `ArgMax` takes 48 bits.

Twenty thousand unrelated reals need scores of about 30 bits, ten times as many about 37; equal
scales need few.
"""


def add_argmax(graph: Graph, k: int) -> Graph:
    """Append an `ArgMax` to ``graph``: the output becomes ``k`` decisions, best first.

    Raises `SpecError` for a graph whose outputs are no scores, or a ``k`` out of range, and
    `UnsupportedError` if no integers of 48 bits keep the order of the scores.
    """
    sink = graph.sink
    if not sink.scale:
        raise SpecError(f"top needs a network that gives scores; {graph.name} does not")
    others = sorted({f.op for f in sink.functions} - ORDERED)
    if others or len(sink.outputs) > 1:
        what = ", ".join(others) or f"{len(sink.outputs)} outputs"
        raise SpecError(f"top needs a network whose scores are its output; {graph.name} has {what}")
    channels = range(sink.tensor.channels)
    names = {n.name for n in graph.nodes}
    name = next(
        n for n in ("argmax", *(f"argmax_{i}" for i in range(len(names)))) if n not in names
    )
    gain, offset = integer_scores(
        [at(sink.scale, c) for c in channels],
        [at(sink.offset, c) for c in channels],
        sink.tensor.type,
        name,
    )
    node = ArgMax(
        name=name, inputs=(sink.edge,), operands=(sink.tensor,), gain=gain, offset=offset, k=k
    )
    return graph.replace(
        nodes=(*graph.nodes, node), sink=Sink(shape=(k,), edge=name, tensor=node.y)
    )


def integer_scores(
    scale: list[Real], offset: list[Real], x: IntType, name: str = "argmax"
) -> tuple[np.ndarray, np.ndarray]:
    """Return int64 ``(gain, offset)`` with the order and ties of ``scale[c] * v + offset[c]``.

    That holds for all channels c and values v of x. Gains are the smallest rounded multiples of the
    scales for which offsets exist, searched one by one up to 2**14 and in steps of a fifth beyond.
    If no search succeeds (ties between unlike scales), they are the reals times their common
    denominator.
    """
    pairs: dict[tuple[Real, Real], int] = {}
    which = [pairs.setdefault(p, len(pairs)) for p in zip(scale, offset, strict=True)]
    gains, offsets = [s for s, _ in pairs], [o for _, o in pairs]
    if len(pairs) == 1:  # all channels have the same score function: only its sign matters
        scores = np.array([sign(gains[0])]), np.array([0])
    else:
        scores = _search(gains, offsets, x) or _exact(gains, offsets, x)
    if scores is None:
        raise UnsupportedError(
            f"{name}: the scores of {len(pairs)} different channels over {x} must be ranked by"
            f" integers below 2**47, and none were found (scales"
            f" {min(map(to_float, gains))} to {max(map(to_float, gains))}, offsets"
            f" {min(map(to_float, offsets))} to {max(map(to_float, offsets))})"
        )
    return scores[0][which].astype(np.int64), scores[1][which].astype(np.int64)


def _largest(values: list[Real]) -> Real:
    return max(map(magnitude, values))


def _search(
    scale: list[Real], offset: list[Real], x: IntType
) -> tuple[np.ndarray, np.ndarray] | None:
    if len(scale) * x.n_values > MAX_PAIRS:
        return None
    ranking = Ranking(scale, offset, x.values())
    unit = _largest(scale)
    ratio = np.array([to_float(v / unit) if sign(unit) else 0.0 for v in scale])
    linear = min(LINEAR, EFFORT // max(len(scale) * x.n_values, len(scale) ** 3))
    multiplier = 1
    while multiplier * max(abs(x.lo), abs(x.hi)) < SCORE_LIMIT:
        gain = np.rint(ratio * multiplier).astype(np.int64)
        bias = ranking.offsets(gain)
        if bias is not None:
            return (gain, bias) if _fits(gain.tolist(), bias.tolist(), x) else None
        multiplier += 1 if multiplier < linear else max(1, multiplier // 5)
    return None


def _fits(gain: list[int], offset: list[int], x: IntType) -> bool:
    reach = max(abs(x.lo), abs(x.hi))
    return max(map(abs, gain)) * reach + max(map(abs, offset)) < SCORE_LIMIT


def _exact(
    scale: list[Real], offset: list[Real], x: IntType
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the reals times a positive number that makes all of them integers, or None."""
    unit = _largest(scale)
    ratios = [v / (unit if sign(unit) else _largest(offset)) for v in (*scale, *offset)]
    rationals = [r for r in ratios if isinstance(r, Fraction)]
    if len(rationals) < len(ratios):
        return None
    d = common_denominator(rationals)
    integers = [int(r * d) for r in rationals]
    gain, bias = integers[: len(scale)], integers[len(scale) :]
    if not _fits(gain, bias, x):
        return None
    return np.array(gain, np.int64), np.array(bias, np.int64)
