"""Keeps the structure of an earlier network, whose weights were others: its codings and widths.

A design follows from a graph's shapes, types and folding, and from constants only where these stand
in its logic. A network that is trained again has the same shapes; its weights may happen to need
a bit less. With the earlier types and folding its design differs in the contents of memories alone.
"""

import numpy as np

from ..errors import FitError
from ..ir import Graph, IntType, Operator
from ..ops import Convert, Depthwise, MatVec, Requantize, Threshold
from ..passes.rebuild import rebuild


def require_layers(graph: Graph, earlier: Graph) -> None:
    """Raise `FitError` unless both have the same layers; it names each that differs."""
    known = {n.name: n for n in earlier.nodes if not isinstance(n, Convert) or n.shape is not None}
    problems = [
        f"{n.name} is {_outline(n)}, not {_outline(known[n.name])}"
        if n.name in known
        else f"{n.name} is not there"
        for n in graph.nodes
        if n.name not in known or not _alike(n, known[n.name])
    ]
    here = {n.name for n in graph.nodes}
    problems += [f"{name} is there alone" for name in known if name not in here]
    _refuse(earlier, problems)


def keep_widths(graph: Graph, earlier: Graph) -> Graph:
    """Return an INTEGER ``graph`` with the types of weights and sums of the FOLDED ``earlier``.

    Weights keep values and coding of their type, sums at least their earlier range. Raises
    `FitError`, which names every layer that needs more.
    """
    problems: list[str] = []
    for name in [n.name for n in graph.nodes]:
        node, old = graph[name], earlier[name]
        if isinstance(node, MatVec | Depthwise) and isinstance(old, MatVec | Depthwise):
            kept, wrong = _kept(node, old)
            problems += wrong
            graph = graph if kept is node else rebuild(graph, kept)
        elif isinstance(node, Threshold) and isinstance(old, Threshold | Requantize):
            if node.out != old.out:
                problems.append(f"{name} gives {node.out}, not {old.out}")
            elif isinstance(old, Threshold) and node.flips != old.flips:
                if node.flips:
                    problems.append(f"{name} has functions that fall, and none did")
                else:
                    graph = rebuild(graph, node.replace(may_fall=True))
    named = {text.partition(" ")[0] for text in problems}
    for edge, t in graph.edges.items():
        was = earlier.edges[edge].type
        if edge not in named and (t.type.bits, t.type.signed) != (was.bits, was.signed):
            problems.append(f"{edge} is {t.type}, not {was}")
            break  # all behind follows from it
    _refuse(earlier, problems)
    return graph


def _kept(
    node: MatVec | Depthwise, old: MatVec | Depthwise
) -> tuple[MatVec | Depthwise, list[str]]:
    """The matrix in the types of ``old``, and what does not fit."""
    given = node
    counts = (node.weight_type.coding.is_bipolar, old.weight_type.coding.is_bipolar)
    if not old.weight_type.holds(node.weights) or counts[0] != counts[1]:
        return given, [f"{node.name} has weights {_values(node.weights)} in {old.weight_type}"]
    if node.weight_type != old.weight_type:
        node = node.replace(weight_type=old.weight_type)
    if isinstance(node, MatVec) and isinstance(old, MatVec):
        steps = node.at(old.folded).steps
        if steps != old.steps:
            return given, [
                f"{node.name} has {steps} steps over weights other than 0, not {old.steps}"
            ]
    new, was = node.y.type, old.y.type
    if new == was:
        return node, []
    both = IntType.for_range(lo=min(new.lo, was.lo), hi=max(new.hi, was.hi))
    if both.bits > was.bits or both.signed != was.signed:
        return given, [f"{node.name} has sums of {new.lo}..{new.hi} in {was.bits} bits"]
    return node.replace(reach=was), []


def _values(weights: np.ndarray) -> str:
    return f"{int(weights.min())}..{int(weights.max())}"


def _alike(node: Operator, old: Operator) -> bool:
    return _outline(node) == _outline(old)


def _outline(node: Operator) -> str:
    """The kind of an operator and what it takes and gives, without types."""
    kind = Threshold.kind if isinstance(node, Requantize) else node.kind
    shapes = (" x ".join(map(str, t.shape)) for t in (*node.operands, *node.results))
    weights = getattr(node, "weights", None)
    stored = "" if weights is None else f" with {' x '.join(map(str, weights.shape))} weights"
    return f"{kind} ({', '.join(shapes)}){stored}"


def _refuse(earlier: Graph, problems: list[str]) -> None:
    if problems:
        raise FitError(
            f"the network does not fit the structure of the earlier build of {earlier.name}:"
            f" {'; '.join(problems)}",
            problems=problems,
        )
