"""Folding: PE, SIMD, style, memory and the other choices of each node, from INTEGER to FOLDED."""

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from typing import get_args

from ..arith.unrolled_plan import estimated_luts
from ..errors import FitError, SpecError
from ..ir import (
    INPUT,
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
from ..ops import Convert, MatVec
from ..parts.devices import DEFAULT_PART, Part, part_of
from ..parts.memories import LUTS_OF_HALF
from ..passes.spans import set_spans
from ..resources.clock import levels_at
from ..resources.estimate import resources
from ..timing.fifo_depths import FLOOR, fifo_depths
from .converters import insert_converts
from .likeness import keep_widths, require_layers
from .weight_codings import KEY as CODING
from .weight_codings import choose_codings, coding_of
from .writable import changeable, free_weights, is_wired

_CHOICES: dict[str, tuple[str, ...]] = {
    "style": get_args(Style),
    "memory": get_args(Memory),
    "primitives": get_args(Primitives),
    "multiply": get_args(Multiply),
}
_OF_IMPL = ("pe", "simd", "levels", *_CHOICES)
KEYS = (*_OF_IMPL, CODING)
"""Keys that a folding may have for a node; ``coding`` is for matrices only."""

SLOTS_IN_ROW = 3
"""FIFOs of one slot through which the ready path may pass."""

FLOPS_A_LUT = 8
"""Flip-flops that weigh as much as a LUT: there are twice as many, and LUTs run out first."""


def fold(
    graph: Graph,
    folding: Mapping[str, Choice],
    style: Style = "folded",
    part: Part | None = None,
    clock_mhz: float | None = None,
    like: Graph | None = None,
) -> Graph:
    """Return ``graph`` with ``impl`` set, converters between, and all FIFOs at their floor.

    ``folding`` is ``{node: {"pe", "simd", ..}}`` with `KEYS`, each optional; the rest is each
    operator's default. ``style``: what matrices are built in where ``folding`` does not say. For a
    ``part``, arithmetic is of its primitives; ``clock_mhz`` sets `Impl.levels`. ``like``: a FOLDED
    graph whose types of weights and sums are kept (see `likeness`).
    Raises `SpecError` with all that is wrong in it, `FitError` for unrolled matrices that ``part``
    cannot hold, and for layers that differ from those of ``like`` or do not fit its types.
    """
    if like is not None:
        require_layers(graph, like)
    problems = _unknown(graph, folding)
    graph, wrong = choose_codings(graph, folding, style)
    problems += wrong
    graph = free_weights(graph, folding, style)
    wired = [n.name for n in graph.nodes if is_wired(n, folding, style)]
    graph = set_spans(graph, wired, changeable(graph, folding, style, like))
    graph = graph if like is None else keep_widths(graph, like)
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


def require_room(nodes: Iterable[Operator], part: Part | None) -> None:
    """Raise `FitError` unless ``part`` (`DEFAULT_PART` if None) has LUTs for all unrolled nodes.

    The LUTs of their sums are estimated from a sample of their rows: to plan a large matrix takes
    minutes, and a matrix far too large for the part should not.
    """
    part = part or part_of(DEFAULT_PART)
    unrolled = [n for n in nodes if isinstance(n, MatVec) and not n.unit.takes_lanes]
    luts = {n.name: round(estimated_luts(n)) for n in unrolled}
    if sum(luts.values()) > part.lcs:
        each = ", ".join(f"{n.name} {n.cols}x{n.rows} {luts[n.name]}" for n in unrolled)
        raise FitError(
            f"the unrolled matrices do not fit {part.name}: their sums take about"
            f" {sum(luts.values())} LUTs of {part.lcs} ({each}); fold some of them",
            over=[f"lcs {sum(luts.values())} of {part.lcs}"],
        )


def set_depths(graph: Graph, expected: Mapping[str, int] | None = None) -> Graph:
    """The fewest slots on every edge that keep the rate (see `bitrill.timing.fifo_depths`).

    FIFOs beside operators that want a single slot get it, up to `SLOTS_IN_ROW` one behind the
    other, since the ready path passes through them. ``expected``: depths that are tried first.
    """
    depths, in_row = fifo_depths(graph, expected), 0
    for node in graph.nodes if _is_chain(graph) else ():
        (edge,) = node.inputs
        before = () if edge == INPUT else (graph.producer(edge),)
        wanted = any(n.one_slot for n in (node, *before))
        single = wanted and node.beats_in == 1 and depths[edge] == FLOOR and in_row < SLOTS_IN_ROW
        in_row = in_row + 1 if single else 0
        depths[edge] = 1 if single else depths[edge]
    return graph.replace(depths=depths)


def _is_chain(graph: Graph) -> bool:
    """Return whether every node has one operand and one result: no paths that meet again."""
    return all(len(n.operands) == 1 and len(n.results) == 1 for n in graph.nodes)


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


def cheapest_form(node: Operator, impl: Impl, chosen: Choice) -> tuple[Operator, Impl]:
    """Return the operator that takes the node's place, and its default; ties go to the first.

    Thresholds are found by comparators, a search or a multiplier, for instance. What each takes is
    predicted at the node's own lanes, constants and primitives. ``impl``: the default that is taken
    where there is but one form. Raises `SpecError` where ``chosen`` asks for a form that there is
    not.
    """
    forms = list(node.forms(impl, chosen))
    return min(forms, key=lambda form: weight(*form)) if forms else (node, impl)


def weight(node: Operator, impl: Impl) -> float:
    """Return LUTs, with what stands for them: flip-flops and halves of block memories."""
    used = resources(node.replace(impl=impl))
    return used.lcs + used.ff / FLOPS_A_LUT + LUTS_OF_HALF * used.bram18


def default_impl(node: Operator, before: list[Operator], style: Style = "folded") -> Impl:
    """Return the default folding of a node; ``before``: the nodes in front of it, folded."""
    lanes = {edge: n.lanes_out for n in before for edge in n.outputs}
    return node.default_impl(tuple(map(lanes.get, node.inputs)), style=style)


def _chosen(node: Operator, folding: Mapping[str, object]) -> Choice:
    """Return what ``folding`` says of a node's ``impl``."""
    chosen = folding.get(node.name, {})
    return {k: v for k, v in chosen.items() if k in _OF_IMPL} if isinstance(chosen, Mapping) else {}


def folding_of(graph: Graph) -> dict[str, Choice]:
    """Return the folding of a FOLDED graph, as `fold` takes it; converters follow from the rest."""
    return {
        n.name: {key: getattr(n.folded, key) for key in _OF_IMPL} | coding_of(n)
        for n in graph.nodes
        if not isinstance(n, Convert) or n.shape is not None
    }


def _unknown(graph: Graph, folding: Mapping[str, object]) -> list[str]:
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
    """Return what the operator refuses: key by key, so that all of it is told, then together.

    A key may need another one: if all together are legal, nothing is refused.
    """
    whole = _refusals(node, dataclasses.replace(default, **chosen))
    # PE and SIMD of equal lanes are refused one without the other
    if not whole or isinstance(node, EvenLanes):
        return whole
    parts = (dataclasses.replace(default, **{k: v}) for k, v in chosen.items())
    return list(dict.fromkeys([p for impl in parts for p in _refusals(node, impl)] + whole))


def _refusals(node: Operator, impl: Impl) -> list[str]:
    try:
        node.check_impl(impl)
    except SpecError as error:
        return [str(error)]
    return []
