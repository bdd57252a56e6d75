"""Folding: PE, SIMD, style, memory and the other choices of each node, from INTEGER to FOLDED."""

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any, get_args

from ..errors import SpecError
from ..ir import (
    Choice,
    EvenLanes,
    Graph,
    Impl,
    Memory,
    Multiply,
    Operator,
    Primitives,
    Stage,
    Style,
)
from ..ops import Convert
from ..parts.devices import Part
from ..resources.clock import levels_at
from ..timing.fifo_depths import FLOOR
from .cheapest_form import cheapest_form
from .converters import insert_converts
from .unrolled_fit import require_room
from .weight_codings import KEY as CODING
from .weight_codings import choose_codings, coding_of
from .writable import free_weights

_CHOICES: dict[str, tuple[str, ...]] = {
    "style": get_args(Style),
    "memory": get_args(Memory),
    "primitives": get_args(Primitives),
    "multiply": get_args(Multiply),
}
_OF_IMPL = ("pe", "simd", "levels", *_CHOICES)
KEYS = (*_OF_IMPL, CODING)
"""Keys that a folding may have for a node; ``coding`` is for matrices only."""


def fold(
    graph: Graph,
    folding: Mapping[str, Choice],
    style: Style = "folded",
    part: Part | None = None,
    clock_mhz: float | None = None,
) -> Graph:
    """Return ``graph`` with ``impl`` set, converters between, and all FIFOs at their floor.

    ``folding`` is ``{node: {"pe", "simd", ..}}`` with `KEYS`, each optional; the rest is each
    operator's default. ``style``: what matrices are built in where ``folding`` does not say. For a
    ``part``, arithmetic is of its primitives; ``clock_mhz`` sets `Impl.levels`.
    Raises `SpecError` with all that is wrong in it, `FitError` for unrolled matrices that ``part``
    cannot hold.
    """
    problems = _unknown(graph, folding)
    graph, wrong = choose_codings(graph, folding, style)
    problems += wrong
    graph = free_weights(graph, folding, style)
    nodes: list[Operator] = []
    for node in graph.nodes:
        folded, wrong = _folded(node, nodes, _chosen(node, folding), style, part, clock_mhz)
        problems += wrong
        nodes.append(folded)
    if problems:
        count = f"{len(problems)} problems: " if len(problems) > 1 else ""
        raise SpecError(f"folding: {count}{'; '.join(problems)}", problems=problems)
    require_room(nodes, part)  # before any plan of theirs is made
    graph = insert_converts(graph.replace(nodes=tuple(nodes)))
    return graph.replace(stage=Stage.FOLDED, depths=dict.fromkeys(graph.edges, FLOOR))


def _folded(
    node: Operator,
    before: list[Operator],
    chosen: Choice,
    style: Style,
    part: Part | None,
    clock_mhz: float | None,
) -> tuple[Operator, list[str]]:
    """Return the operator that takes the node's place, folded, and what is wrong with ``chosen``.

    ``before``: the nodes in front of it, folded.
    """
    wrong = _wrong_values(node.name, chosen)
    default = default_impl(node, before, chosen.get("style", style))
    if part is not None:
        default = dataclasses.replace(default, primitives=part.family)
    default = dataclasses.replace(default, levels=levels_at(clock_mhz, default.primitives))
    if not wrong:
        try:
            node, default = cheapest_form(node, default, chosen)
        except SpecError as error:
            wrong = [str(error)]
    if not wrong:
        chosen = node.completed(chosen, default)
        wrong = _wrong_impls(node, default, chosen)
    return node.replace(impl=default if wrong else dataclasses.replace(default, **chosen)), wrong


def default_impl(node: Operator, before: list[Operator], style: Style = "folded") -> Impl:
    """Return the default folding of a node; ``before``: the nodes in front of it, folded."""
    lanes = {edge: n.lanes_out for n in before for edge in n.outputs}
    return node.default_impl(tuple(map(lanes.get, node.inputs)), style=style)


def _chosen(node: Operator, folding: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``folding`` says of a node's ``impl``."""
    chosen = folding.get(node.name, {})
    return {k: v for k, v in chosen.items() if k in _OF_IMPL} if isinstance(chosen, Mapping) else {}


def folding_of(graph: Graph) -> dict[str, dict[str, Any]]:
    """Return the folding of a FOLDED graph, as `fold` takes it; converters follow from the rest."""
    return {
        n.name: {key: getattr(n.folded, key) for key in _OF_IMPL} | coding_of(n)
        for n in graph.nodes
        if not isinstance(n, Convert) or n.shape is not None
    }


def _unknown(graph: Graph, folding: Mapping[str, Any]) -> list[str]:
    """Return a problem for each name or key that does not exist."""
    names = [n.name for n in graph.nodes]
    problems = []
    for name, chosen in folding.items():
        if name not in names:
            near = difflib.get_close_matches(str(name), names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"nodes: {', '.join(names)}"
            problems.append(f"node {name!r} does not exist ({hint})")
        elif not isinstance(chosen, Mapping):
            problems.append(f"{name} must be given an object, not {chosen!r}")
        else:
            problems += [
                f"{name}: key must be one of {', '.join(KEYS)}, not {key!r}"
                for key in chosen
                if key not in KEYS
            ]
    return problems


def _wrong_values(name: str, chosen: Choice) -> list[str]:
    """Return a problem for each value that no folding can have."""
    problems = []
    for key, value in chosen.items():
        if key in _CHOICES:
            if value not in _CHOICES[key]:
                choices = " or ".join(map(repr, _CHOICES[key]))
                problems.append(f"{name}: {key} must be {choices}, not {value!r}")
        elif isinstance(value, bool) or not isinstance(value, int) or value < 1:
            problems.append(f"{name}: {key} must be an integer of at least 1, not {value!r}")
    return problems


def _wrong_impls(node: Operator, default: Impl, chosen: Choice) -> list[str]:
    """Return what the operator refuses: key by key, so that all of it is told, then together."""
    problems: list[str] = []
    # PE and SIMD of equal lanes are refused one without the other
    keys = [] if isinstance(node, EvenLanes) else [{k: v} for k, v in chosen.items()]
    for part in (*keys, chosen):
        try:
            node.check_impl(dataclasses.replace(default, **part))
        except SpecError as error:
            problems.append(str(error))
    return list(dict.fromkeys(problems))
