"""Weights that may change: types from what their coding can hold, not from what they are now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import SpecError
from ..ir.graph import Graph
from ..ir.operator import Operator, Style
from ..ir.types import IntType
from ..ops.depthwise import Depthwise
from ..ops.lookup import Lookup
from ..ops.matvec import FREE_STYLES, MatVec
from ..passes.rebuild import readers, rebuild


def free_weights(graph: Graph, folding: Mapping[str, Any], style: Style) -> Graph:
    """``graph`` with the weights free of all matrices that are to be ``runtime`` or ``streamed``.

    Which are, `style_of` tells. Integers become all those of their bits (`whole`), accumulators
    and all that follows as wide as any such weights can make them; thresholds stay, in their
    wider range. Matrices behind a border are left as they are. Raises `SpecError` for an
    accumulator past 32 bits, for a lookup behind free weights, which has no entries for other
    sums, and for both styles in one graph: an access to registers resets the network between
    frames, and with it the place in a stream.
    """
    chosen = {n.name: style_of(n, folding, style) for n in graph.nodes}
    chosen = {name: s for name, s in chosen.items() if s in FREE_STYLES}
    if len(set(chosen.values())) > 1:
        raise SpecError(
            f"{graph.name}: a graph must have nodes of style 'runtime' or 'streamed', not both:"
            f" {', '.join(f'{name} is {s}' for name, s in chosen.items())}"
        )
    for name in chosen:
        node = graph[name]
        if not isinstance(node, MatVec | Depthwise) or node.free:
            continue
        if isinstance(node, MatVec) and node.inside is not None:
            continue
        for reader in readers(graph, name):
            if isinstance(reader, Lookup):
                raise SpecError(
                    f"{reader.name}: a lookup must stand behind constant weights, and {name} has"
                    f" style {chosen[name]!r}"
                )
        graph = rebuild(graph, node.replace(free=True, weight_type=whole(node.weight_type)))
    return graph


def style_of(node: Operator, folding: Mapping[str, Any], style: Style) -> Any:
    """What a folding says of a node's style, else ``style``, where the node is one of its kind."""
    told = folding.get(node.name)
    told = told.get("style") if isinstance(told, Mapping) else None
    takes = isinstance(node, MatVec) or (isinstance(node, Depthwise) and style == "runtime")
    return told if told is not None else style if takes else None


def whole(t: IntType) -> IntType:
    """The type of all weights of ``t``'s coding: integers of as many bits, but ternary ones."""
    return IntType.of(t.coding.whole())
