"""Compares a QONNX network with torch or the golden model, node by node, without tolerance.

One side is qonnx (`executor.QonnxNetwork`), the other torch or the golden model; both get the same
integers at each node. Floats round, so the two may differ; each difference must then be within the
float error bound of a decision boundary. With v the exact number that a quantizer decides on and e
the bound of its float32 evaluation, both integers must be decisions of numbers from ``v - e`` to
``v + e``; the golden model's must be that of v itself. This is computed with Fractions, element by
element (`scalars`, `bounds`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NoReturn

import numpy as np

from ..errors import MismatchError
from ..frontend.reader.names import legal
from ..ir import INPUT, Activation, Graph
from ..ops import Lookup, Threshold
from .bounds import Value
from .onnx_execution import QonnxNetwork, Trace
from .power_node import PowerNode
from .quant_node import QuantNode
from .scalars import Index, Scalars

EXACT_OUTPUTS = 256
"""Largest number of outputs of the golden model that are compared with exact numbers."""


@dataclass(frozen=True)
class ProvenDifference:
    """An element that the sides decide differently, both legitimately: it is ``exact +- bound``."""

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
class Comparison:
    """Result of a comparison that passed: every difference is at a decision boundary.

    ``nodes``: number of values compared, by node; ``decisions``: indices of the samples whose
    decision differs when each side runs alone.
    """

    samples: int
    nodes: dict[str, int]
    differences: tuple[ProvenDifference, ...]
    decisions: tuple[int, ...]
    notes: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, object]:
        """Return the counts as plain values."""
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
    """Values of the other side: floats of each quantizer and the output, in qonnx's layout.

    ``exact``: whether it decides on exact numbers, like the golden model.
    """

    name: str
    quantizers: Sequence[np.ndarray]
    output: np.ndarray
    exact: bool = False


def compare(network: QonnxNetwork, x: np.ndarray, side: Side) -> Comparison:
    """Run qonnx on the other side's integers, node by node; x: float32 ``[N, *shape]``.

    Raises a `MismatchError` that names the first wrong node.
    """
    if len(network.quantizers) != len(side.quantizers):
        raise MismatchError(
            f"the file holds {len(network.quantizers)} quantizers of activations,"
            f" {side.name} ran {len(side.quantizers)}"
        )
    trace = network.run(x, side.quantizers)
    scalars = network.scalars(trace)
    differences: list[ProvenDifference] = []
    for q, ours, theirs in zip(network.quantizers, trace.given, side.quantizers, strict=True):
        differences += _quantizer(q, ours, theirs.reshape(ours.shape), scalars, side)
    differences += _output(network, trace, scalars, side)
    nodes = {q.name: y.size for q, y in zip(network.quantizers, trace.given, strict=True)}
    alone = network.run(x).output
    decided = tuple(int(i) for i in np.flatnonzero(_decide(alone) != _decide(side.output)))
    return Comparison(
        len(x), nodes | {network.output: side.output.size}, tuple(differences), decided
    )


def _decide(y: np.ndarray) -> np.ndarray:
    return y.reshape(len(y), -1).argmax(1)


def _quantizer(
    q: QuantNode | PowerNode, ours: np.ndarray, theirs: np.ndarray, scalars: Scalars, side: Side
) -> list[ProvenDifference]:
    """Prove every difference at one quantizer."""
    a, b = q.decode(ours), q.decode(theirs)
    places = [tuple(int(i) for i in p) for p in np.argwhere(a != b)]
    proven: list[ProvenDifference] = []
    for index in places:
        mine, other = int(a[index]), int(b[index])
        exact, why = None, ""
        try:
            exact = scalars(q.input, index)
            least, most = q.decide(exact, index)
            if least > min(mine, other) or most < max(mine, other):
                why = f"numbers within the float error decide {least}..{most}"
            least, most = q.decide(exact, index, exact=True)
            if side.exact and not why and not least <= other <= most:
                why = f"exact numbers decide {least}"
        except (NotImplementedError, ZeroDivisionError) as error:
            why = f"it cannot be judged through {error}"
        if exact is None or why:
            _fail(side, (q.name, len(places), a.size), index, (mine, other), exact, why)
        proven.append(_difference(q.name, index, (mine, other), exact))
    return proven


def _output(
    network: QonnxNetwork, trace: Trace, scalars: Scalars, side: Side
) -> list[ProvenDifference]:
    """Prove that each differing output is within the float error of the exact number.

    For an exact side, these are all samples decided differently, and `EXACT_OUTPUTS` other values.
    """
    ours, theirs = trace.output, side.output.reshape(trace.output.shape)
    rows = set(np.flatnonzero(_decide(ours) != _decide(theirs)).tolist())
    places = [tuple(int(i) for i in p) for p in np.argwhere(ours != theirs)]
    if side.exact:
        chosen = [p for p in places if p[0] in rows]
        places = chosen + [p for p in places if p[0] not in rows][:EXACT_OUTPUTS]
    proven: list[ProvenDifference] = []
    for index in places:
        mine, other = float(ours[index]), float(theirs[index])
        exact, why = None, "one of them lies outside the float error"
        try:
            exact = scalars(network.output, index)
        except (NotImplementedError, ZeroDivisionError) as error:
            why = f"it cannot be judged through {error}"
        if exact is None or not (exact.may_be(mine) and exact.may_be(other)):
            _fail(side, (network.output, len(places), ours.size), index, (mine, other), exact, why)
        if index[0] in rows:
            proven.append(_difference(network.output, index, (mine, other), exact))
    return proven


def _difference(
    node: str, index: Index, seen: tuple[float, float], exact: Value
) -> ProvenDifference:
    return ProvenDifference(node, index, *seen, float(exact.lo), float(exact.err))


def _fail(
    side: Side,
    where: tuple[str, int, int],
    index: Index,
    seen: tuple[float, float],
    exact: Value | None,
    why: str,
) -> NoReturn:
    node, count, total = where
    number = "" if exact is None else f" of {float(exact.lo)!r} +- {float(exact.err):.3g}"
    raise MismatchError(
        f"qonnx and {side.name} differ at {node} in {count} of {total} values,"
        f" and not for rounding: sample {index[0]}, element {list(index[1:])}:"
        f" qonnx {seen[0]:g}, {side.name} {seen[1]:g}{number}; {why}",
        node=node,
        differences=count,
        values=total,
        index=list(index),
    )


def golden_side(network: QonnxNetwork, graph: Graph, x: np.ndarray) -> Side:
    """Run the golden model on floats x; return each quantizer's values as qonnx represents them.

    The network's quantizers must correspond to the graph's thresholds, in the same order.
    """
    codes = graph.source.quantize(x)
    traced = graph.trace(codes)
    edges = [INPUT] if graph.source.quantizer is not None else []
    edges += _decisions(network, graph)
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


def _decisions(network: QonnxNetwork, graph: Graph) -> list[str]:
    """Return the edges with the results of the network's quantizers, in order.

    After a function that rises and falls, a quantizer is a table, usually of counted runs.
    """
    names = {legal(q.name) for q in network.quantizers}
    tables = {n.name: n.inputs[0] for n in graph if isinstance(n, Lookup) and n.name in names}
    runs = {x for name, x in tables.items() if x.startswith(f"{name}_run")}
    decide = [n.name for n in graph if isinstance(n, Threshold | Activation | Lookup)]
    thresholds = {n.name for n in graph if not isinstance(n, Lookup)} - runs
    return [name for name in decide if name in tables or name in thresholds]


def _channels_first(y: np.ndarray) -> np.ndarray:
    """Return ``[N, H, W, C]`` as ``[N, C, H, W]``; vectors stay as they are."""
    return np.moveaxis(y, -1, 1) if y.ndim > 2 else y
