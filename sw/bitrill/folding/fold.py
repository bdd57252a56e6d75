"""Folding: how many lanes each node gets, in which style and memory."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from math import log2
from typing import Any, get_args

from ..errors import SpecError
from ..ir.graph import Graph, Stage
from ..ir.operator import Impl, Memory, Multiply, Operator, Primitives, Style
from ..ops.argmax import ArgMax
from ..ops.convert import Convert
from ..ops.depthwise import Depthwise
from ..ops.matvec import FREE_STYLES, Matrix, MatVec
from ..ops.threshold import Threshold
from ..parts.devices import Part
from ..parts.memories import worth_block
from ..resources.clock import levels_at
from ..timing.fifo_depths import FLOOR
from .converters import insert_converts
from .lanes import EQUAL, MOVING, SLIDING, moving
from .threshold_style import choose_levels
from .unrolled_fit import require_room
from .weight_codings import KEY as CODING
from .weight_codings import choose_codings, coding_of
from .writable import free_weights

INTERVAL = 64
"""Cycles a vector that the default aims at."""

STRAIGHT_ROWS = 16
"""A layer of so few rows takes its vector as it comes: all rows at once need no replay."""

WASTE = 8
"""So many times the lanes that the interval needs may be spent where divisors are scarce."""

BLOCK_BITS = 8192
"""On LUTs of four inputs weights from here on go to block memory, and so do buffers anywhere."""

BLOCK_DEPTH = 256
"""So do deep ones of `BLOCK_DEPTH_BITS`; on LUTs of six what is less is (`worth_block`)."""

BLOCK_DEPTH_BITS = 2048

_CHOICES: dict[str, tuple[str, ...]] = {
    "style": get_args(Style),
    "memory": get_args(Memory),
    "primitives": get_args(Primitives),
    "multiply": get_args(Multiply),
}
_OF_IMPL = ("pe", "simd", "levels", *_CHOICES)
KEYS = (*_OF_IMPL, CODING)
"""What a folding may say of a node; the coding of matrices alone."""


def fold(
    graph: Graph,
    folding: Mapping[str, Mapping[str, Any]],
    style: Style = "folded",
    part: Part | None = None,
    clock_mhz: float | None = None,
) -> Graph:
    """``graph`` with ``impl`` set, converters between, and all FIFOs at their floor.

    ``folding`` is ``{node: {"pe", "simd", ..}}`` with `KEYS`, each optional, over the
    default (see `choose`), ``style`` that of all `MatVec` of which it says nothing. For a
    ``part``, arithmetic is of its primitives; ``clock_mhz`` sets `Impl.levels`.
    Raises `SpecError` with all that is wrong in it, `FitError` for unrolled ones that ``part``
    cannot hold.
    """
    problems = _unknown(graph, folding)
    graph, found = choose_codings(graph, folding, style)
    problems += found
    graph = free_weights(graph, folding, style)
    nodes: list[Operator] = []
    for node in graph.nodes:
        told = folding.get(node.name, {})
        told = {k: v for k, v in told.items() if k in _OF_IMPL} if isinstance(told, Mapping) else {}
        found = _wrong_values(node.name, told)
        default = choose(node, nodes, graph, told.get("style", style))
        if part is not None:
            default = dataclasses.replace(default, primitives=part.family)
        default = dataclasses.replace(default, levels=levels_at(clock_mhz, default.primitives))
        if not found and isinstance(node, Threshold):
            node, default, found = choose_levels(node, default, told)
        if not found:
            if isinstance(node, EQUAL) and "pe" in told:
                told = {"simd": told["pe"], **told}
            elif isinstance(node, Matrix) and default.style != "unrolled":
                lanes = (told.get("pe", default.pe), told.get("simd", default.simd))
                if told.get("multiply") == "dsp" and default.primitives == "portable":
                    told = {"primitives": "xc7", **told}  # whose slices they are
                planes = 1
                if isinstance(node, MatVec) and told.get("multiply") == "serial":
                    planes = node.weight_type.bits
                family = told.get("primitives", default.primitives)
                told = {"memory": _memory(node, *lanes, planes, family), **told}
            found = _wrong_impls(node, default, told)
        problems += found
        nodes.append(node.replace(impl=default if found else dataclasses.replace(default, **told)))
    if problems:
        count = f"{len(problems)} problems: " if len(problems) > 1 else ""
        raise SpecError(f"folding: {count}{'; '.join(problems)}", problems=problems)
    require_room(nodes, part)  # before any plan of theirs is made
    graph = insert_converts(graph.replace(nodes=tuple(nodes)))
    return graph.replace(stage=Stage.FOLDED, depths=dict.fromkeys(graph.edges, FLOOR))


def folding_of(graph: Graph) -> dict[str, dict[str, Any]]:
    """The folding of a FOLDED graph, as `fold` takes it; converters follow from the rest."""
    return {
        n.name: {key: getattr(n.folded, key) for key in _OF_IMPL} | coding_of(n)
        for n in graph.nodes
        if not isinstance(n, Convert) or n.shape is not None
    }


def choose(node: Operator, before: list[Operator], graph: Graph, style: Style = "folded") -> Impl:
    """The default of one node; ``before``: the nodes in front of it, folded."""
    by_edge = {edge: n.lanes_out for n in before for edge in n.outputs}
    given = [by_edge[edge] for edge in node.inputs if edge in by_edge]
    lanes = by_edge.get(node.inputs[0])
    if isinstance(node, MatVec) and style == "unrolled" and node.inside is None:
        return Impl(pe=node.rows, simd=node.cols, style=style)
    if isinstance(node, Matrix):
        pe, simd = _matvec_lanes(node, lanes, last=graph.output == node.name)
        kept: Style = style if style in FREE_STYLES and isinstance(node, MatVec) else "folded"
        return Impl(pe=pe, simd=simd, memory=_memory(node, pe, simd), style=kept)
    if isinstance(node, Threshold):
        pe = lanes if lanes and node.x.channels % lanes == 0 else _threshold_lanes(node)
        return Impl(pe=pe, simd=pe, style="runtime" if style == "runtime" else "parallel")
    if isinstance(node, ArgMax):
        return Impl()
    if isinstance(node, (*MOVING, *SLIDING)):
        impl = moving(node, given, interval=INTERVAL, block_bits=BLOCK_BITS)
        runs = style == "runtime" and isinstance(node, Depthwise)
        return dataclasses.replace(impl, style="runtime") if runs else impl
    raise SpecError(f"{node.name}: a {node.kind} has no default folding")


def _matvec_lanes(node: Matrix, lanes: int | None, *, last: bool) -> tuple[int, int]:
    """``(pe, simd)``: the fewest lanes whose interval is at most 64, the nearest to square.

    784-64-64-64-10 gives (16, 49), (8, 8), (8, 8), (10, 8). Where divisors are so scarce that
    this would waste lanes (two primes: all or hardly any), the interval nearest to 64 by ratio.
    """
    rows, cols = node.rows, node.cols
    if rows <= STRAIGHT_ROWS and lanes and cols % lanes == 0 and cols // lanes <= INTERVAL:
        return rows, lanes
    options = [(pe, simd) for pe in divisors(rows) for simd in divisors(cols)]

    def interval(o: tuple[int, int]) -> int:
        return (rows // o[0]) * (cols // o[1])

    def cost(o: tuple[int, int]) -> tuple[float, ...]:
        return (o[0] * o[1], abs(log2(o[0] / o[1])), o[0])

    fast = min((o for o in options if interval(o) <= INTERVAL), key=cost)
    if fast[0] * fast[1] <= WASTE * max(1, -(-rows * cols // INTERVAL)):
        return fast
    return min(options, key=lambda o: (abs(log2(interval(o) / INTERVAL)), *cost(o)))


def _threshold_lanes(node: Threshold) -> int:
    """The fewest lanes that take a frame in 64 cycles."""
    others = node.x.size // node.x.channels
    return next(
        (d for d in divisors(node.x.channels) if node.x.channels // d * others <= INTERVAL),
        node.x.channels,
    )


def _memory(
    node: Matrix, pe: int, simd: int, planes: int = 1, primitives: Primitives = "portable"
) -> Memory:
    """Where weights go of which a step reads one of so many planes."""
    bits = node.cost().weight_bits
    depth = (node.rows // pe) * (node.cols // simd) * planes
    if primitives in ("portable", "xc7"):
        return "block" if depth > 1 and worth_block(depth, bits // depth) else "distributed"
    deep = depth >= BLOCK_DEPTH and bits >= BLOCK_DEPTH_BITS
    return "block" if depth > 1 and (bits >= BLOCK_BITS or deep) else "distributed"


def divisors(n: int) -> list[int]:
    """Divisors of n, ascending."""
    small = [d for d in range(1, int(n**0.5) + 1) if n % d == 0]
    return sorted({*small, *(n // d for d in small)})


def _unknown(graph: Graph, folding: Mapping[str, Any]) -> list[str]:
    """Names and keys that do not exist."""
    names = [n.name for n in graph.nodes]
    problems = []
    for name, told in folding.items():
        if name not in names:
            near = difflib.get_close_matches(str(name), names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"nodes: {', '.join(names)}"
            problems.append(f"node {name!r} does not exist ({hint})")
        elif not isinstance(told, Mapping):
            problems.append(f"{name} must be given an object, not {told!r}")
        else:
            problems += [
                f"{name}: key must be one of {', '.join(KEYS)}, not {key!r}"
                for key in told
                if key not in KEYS
            ]
    return problems


def _wrong_values(name: str, told: Mapping[str, Any]) -> list[str]:
    problems = []
    for key, value in told.items():
        if key in _CHOICES:
            if value not in _CHOICES[key]:
                choices = " or ".join(map(repr, _CHOICES[key]))
                problems.append(f"{name}: {key} must be {choices}, not {value!r}")
        elif isinstance(value, bool) or not isinstance(value, int) or value < 1:
            problems.append(f"{name}: {key} must be an integer of at least 1, not {value!r}")
    return problems


def _wrong_impls(node: Operator, default: Impl, told: Mapping[str, Any]) -> list[str]:
    """What the operator refuses: key by key, so that all of it is told, then together."""
    problems: list[str] = []
    keys = [] if isinstance(node, EQUAL) else [{k: v} for k, v in told.items()]
    for part in (*keys, told):
        try:
            node.check_impl(dataclasses.replace(default, **part))
        except SpecError as error:
            problems.append(str(error))
    return list(dict.fromkeys(problems))
