"""Tells matrices which values each of their columns has, where these are fewer than its type's."""

from collections.abc import Collection

from ..ir import Graph
from ..ops import MatVec
from .channel_values import channel_values, column_ends
from .rebuild import rebuild


def set_spans(graph: Graph, nodes: Collection[str], fixed: Collection[str]) -> Graph:
    """Return ``graph`` with `MatVec.spans` of ``nodes``, as far as interval arithmetic proves them.

    Nodes after these read the narrower types of their results. ``fixed``: nodes whose constants may
    be replaced.
    """
    chosen = [n for n in graph.nodes if isinstance(n, MatVec) and n.name in nodes]
    if not chosen:
        return graph
    values = channel_values(graph, fixed)
    for name in [n.name for n in chosen]:
        node = graph[name]
        if not isinstance(node, MatVec) or node.inside is not None:
            continue
        t, (lo, hi) = node.x.type, column_ends(node, values[node.inputs[0]])
        lo, hi = lo.clip(t.lo, t.hi), hi.clip(t.lo, t.hi)
        if t.coding.binary and ((lo > t.lo) | (hi < t.hi)).any():
            spans = tuple(zip(lo.tolist(), hi.tolist(), strict=True))
            graph = rebuild(graph, node.replace(spans=spans))
    return graph
