"""Widens a graph for weights that will change: written by the host, or brought by a stream.

A design with constant weights has sums as wide as these weights can make them. If other weights
may come later, each sum must hold whatever weights of the same coding can make of it.
"""

from collections.abc import Mapping
from typing import Any

from ..errors import SpecError
from ..ir import Graph, Operator, Style
from ..ops import MatVec
from ..ops.matvec import STYLES
from ..ops.units import free_styles
from ..passes.rebuild import readers, rebuild


def free_weights(graph: Graph, folding: Mapping[str, object], style: Style) -> Graph:
    """Return ``graph`` with free weights in matrices that are to be ``runtime`` or ``streamed``.

    `style_of` tells which are. Integers become all those of their bits, accumulators and all that
    follows as wide as any such weights can make them; thresholds stay, in their wider range.
    Operators that cannot have free weights stay as they are: a matrix behind a zero padding that is
    one bit wide (`MatVec.inside`) is one. Raises `SpecError` for an accumulator past 48
    bits, for a table of inputs behind free weights, which has no entries for other sums, and for
    both styles in one graph: an access to registers resets the network between frames, and with it
    the place in a stream.
    """
    chosen = {n.name: style_of(n, folding, style) for n in graph.nodes}
    chosen = {name: s for name, s in chosen.items() if s in free_styles()}
    if len(set(chosen.values())) > 1:
        raise SpecError(
            f"{graph.name}: a graph must have nodes of style 'runtime' or 'streamed', not both:"
            f" {', '.join(f'{name} is {s}' for name, s in chosen.items())}"
        )
    for name in chosen:
        freed = graph[name].freed()
        if freed is graph[name]:
            continue
        for reader in readers(graph, name):
            if isinstance(reader, Operator) and reader.fixed_range:
                raise SpecError(
                    f"{reader.name}: a {reader.kind} must stand behind constant weights, and {name}"
                    f" has style {chosen[name]!r}"
                )
        graph = rebuild(graph, freed)
    return graph


def changeable(
    graph: Graph, folding: Mapping[str, object], style: Style, like: Graph | None
) -> set[str]:
    """Return the nodes of an unfolded ``graph`` whose constants may become others.

    Every one, if all matrices are to be ``runtime`` or ``streamed``; else those for which
    ``folding`` says so, or that are so in the FOLDED graph ``like``.
    """
    named = {n.name: style_of(n, folding, style) for n in graph.nodes}
    named |= {n.name: n.folded.style for n in (like.nodes if like is not None else ())}
    return {name for name, s in named.items() if style in free_styles() or s in free_styles()}


def is_wired(node: Operator, folding: Mapping[str, object], style: Style) -> bool:
    """Whether a node is to be a matrix whose weights are part of its logic."""
    chosen = style_of(node, folding, style)
    return isinstance(node, MatVec) and chosen in STYLES and not node.unit_of(chosen).takes_lanes


def style_of(node: Operator, folding: Mapping[str, object], style: Style) -> Any:
    """Return a node's style by ``folding``, else ``style`` where its weights can then be free."""
    chosen = folding.get(node.name)
    chosen = chosen.get("style") if isinstance(chosen, Mapping) else None
    if chosen is not None:
        return chosen
    return style if node.can_be_free and style in node.styles else None
