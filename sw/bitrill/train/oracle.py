"""Two sides of one network, compared node by node on the same integers.

One side is qonnx (`executor.Network`), the other torch or the golden model. Floats round, so the
two may differ; each difference must then lie within the float error bound of a decision boundary.
With v the exact number that a quantizer decides on and e the bound of its float32 evaluation, both
integers must be decisions of numbers in ``v - e .. v + e``; the golden model's must be that of v
itself. This is judged on Fractions, element by element (`scalars`, `bounds`): no tolerance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from ..errors import MismatchError
from ..ir.activation import Activation
from ..ir.graph import INPUT, Graph
from ..ops.threshold import Threshold
from .executor import Network, QuantNode, Trace
from .powers import PowerNode
from .scalars import Index, Scalars

EXACT_OUTPUTS = 256
"""Outputs of the golden model that are compared with exact numbers; decisions are compared all."""


@dataclass(frozen=True)
class Difference:
    """One element that the sides decide differently, and why both may: ``exact +- bound``."""

    node: str
    index: Index
    ours: float
    theirs: float
    exact: float
    bound: float

    def __str__(self) -> str:
        return (
            f"{self.node} sample {self.index[0]} element {list(self.index[1:])}:"
            f" qonnx {self.ours:g}, other side {self.theirs:g};"
            f" exactly {self.exact!r}, float error at most {self.bound:.3g}"
        )


@dataclass(frozen=True)
class Report:
    """A comparison that passed: every difference lies at a boundary.

    ``nodes``: values compared, by node; ``differences``: the proven ones; ``decisions``: samples
    whose decision differs when each side runs alone, by index.
    """

    samples: int
    nodes: dict[str, int]
    differences: tuple[Difference, ...]
    decisions: tuple[int, ...]
    notes: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Counts as plain values."""
        return {
            "samples": self.samples,
            "values": sum(self.nodes.values()),
            "nodes": len(self.nodes),
            "differences": len(self.differences),
            "decisions_that_differ": len(self.decisions),
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Side:
    """What the other side gave: floats of each quantizer and of the output, in qonnx's layout.

    ``exact``: it claims to decide on exact numbers, as the golden model does.
    """

    name: str
    quantizers: Sequence[np.ndarray]
    output: np.ndarray
    exact: bool = False


def compare(network: Network, x: np.ndarray, side: Side) -> Report:
    """Run qonnx on the other side's integers, node by node; `MismatchError` names the first wrong.

    x: float32 ``[N, *shape]``.
    """
    if len(network.quantizers) != len(side.quantizers):
        raise MismatchError(
            f"the file holds {len(network.quantizers)} quantizers of activations,"
            f" {side.name} ran {len(side.quantizers)}"
        )
    trace = network.run(x, side.quantizers)
    scalars = network.scalars(trace)
    differences: list[Difference] = []
    for q, ours, theirs in zip(network.quantizers, trace.given, side.quantizers, strict=True):
        differences += _quantizer(q, ours, theirs.reshape(ours.shape), scalars, side)
    differences += _output(network, trace, scalars, side)
    nodes = {q.name: y.size for q, y in zip(network.quantizers, trace.given, strict=True)}
    alone = network.run(x).output
    decided = tuple(int(i) for i in np.flatnonzero(_decide(alone) != _decide(side.output)))
    return Report(len(x), nodes | {network.output: side.output.size}, tuple(differences), decided)


def _decide(y: np.ndarray) -> np.ndarray:
    return y.reshape(len(y), -1).argmax(1)


def _quantizer(
    q: QuantNode | PowerNode, ours: np.ndarray, theirs: np.ndarray, scalars: Scalars, side: Side
) -> list[Difference]:
    """Every difference at one quantizer, proven."""
    a, b = q.decode(ours), q.decode(theirs)
    places = [tuple(int(i) for i in p) for p in np.argwhere(a != b)]
    proven: list[Difference] = []
    for index in places:
        mine, other = int(a[index]), int(b[index])
        found, why = None, ""
        try:
            found = scalars(q.input, index)
            least, most = q.decide(found, index)
            if least > min(mine, other) or most < max(mine, other):
                why = f"numbers within the float error decide {least}..{most}"
            least, most = q.decide(found, index, exact=True)
            if side.exact and not why and not least <= other <= most:
                why = f"exact numbers decide {least}"
        except (NotImplementedError, ZeroDivisionError) as error:
            why = f"it cannot be judged through {error}"
        if why:
            _fail(side, (q.name, len(places), a.size), index, (mine, other), found, why)
        proven.append(_difference(q.name, index, (mine, other), found))
    return proven


def _output(network: Network, trace: Trace, scalars: Scalars, side: Side) -> list[Difference]:
    """Outputs: each float of both sides within the bound of the exact number, and decisions.

    Of an exact side all decisions are checked, and `EXACT_OUTPUTS` values.
    """
    ours, theirs = trace.output, side.output.reshape(trace.output.shape)
    rows = set(np.flatnonzero(_decide(ours) != _decide(theirs)).tolist())
    places = [tuple(int(i) for i in p) for p in np.argwhere(ours != theirs)]
    if side.exact:
        chosen = [p for p in places if p[0] in rows]
        places = chosen + [p for p in places if p[0] not in rows][:EXACT_OUTPUTS]
    proven: list[Difference] = []
    for index in places:
        mine, other = float(ours[index]), float(theirs[index])
        found, why = None, "one of them lies outside the float error"
        try:
            found = scalars(network.output, index)
        except (NotImplementedError, ZeroDivisionError) as error:
            why = f"it cannot be judged through {error}"
        if found is None or not (found.may_be(mine) and found.may_be(other)):
            _fail(side, (network.output, len(places), ours.size), index, (mine, other), found, why)
        if index[0] in rows:
            proven.append(_difference(network.output, index, (mine, other), found))
    return proven


def _difference(node: str, index: Index, seen: tuple[float, float], found: Any) -> Difference:
    return Difference(node, index, *seen, float(found.lo), float(found.err))


def _fail(
    side: Side,
    where: tuple[str, int, int],
    index: Index,
    seen: tuple[float, float],
    found: Any,
    why: str,
) -> NoReturn:
    node, count, total = where
    number = "" if found is None else f" of {float(found.lo)!r} +- {float(found.err):.3g}"
    raise MismatchError(
        f"qonnx and {side.name} differ at {node} in {count} of {total} values,"
        f" and not for rounding: sample {index[0]}, element {list(index[1:])}:"
        f" qonnx {seen[0]:g}, {side.name} {seen[1]:g}{number}; {why}",
        node=node,
        differences=count,
        values=total,
        index=list(index),
    )


def golden_side(network: Network, graph: Graph, x: np.ndarray) -> Side:
    """The golden model's integers of every quantizer for floats x, as qonnx would hold them.

    The network's quantizers and the graph's thresholds must be equally many, in one order.
    """
    codes = graph.source.quantize(x)
    traced = graph.trace(codes)
    edges = [INPUT] if graph.source.quantizer is not None else []
    edges += [n.name for n in graph if isinstance(n, Threshold | Activation)]
    if len(edges) != len(network.quantizers):
        raise MismatchError(
            f"the file holds {len(network.quantizers)} quantizers of activations,"
            f" the golden model {len(edges)}"
        )
    given = [
        q.encode(_channels_first(traced[edge]))
        for q, edge in zip(network.quantizers, edges, strict=True)
    ]
    output = graph.sink.dequantize(graph.sink.restore(traced[graph.output]))
    return Side("the golden model", given, output, exact=True)


def _channels_first(y: np.ndarray) -> np.ndarray:
    """``[N, H, W, C]`` as ``[N, C, H, W]``; vectors as they are."""
    return np.moveaxis(y, -1, 1) if y.ndim > 2 else y


__all__ = ["Difference", "Network", "Report", "Side", "compare", "golden_side"]
