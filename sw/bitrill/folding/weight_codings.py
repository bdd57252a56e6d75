"""Which coding a matrix's weights are stored in: the cheapest that holds them, or the one told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..arith.products import lane_cost
from ..errors import SpecError
from ..ir.graph import Graph
from ..ir.operator import Operator
from ..ir.types import ENTRY, MAX_ENTRIES, IntType
from ..ops.depthwise import Depthwise
from ..ops.matvec import MatVec

TERNARY = IntType(-1, 1)

KEY = "coding"
"""The folding's key."""

KEPT = ("unrolled", "runtime", "streamed")
"""Styles in which the weights' coding is no part of the arithmetic, or they are not constants."""


def choose_codings(
    graph: Graph, folding: Mapping[str, Any], style: str = "folded"
) -> tuple[Graph, list[str]]:
    """``graph`` with the coding of all weights that ``folding`` tells, else the cheapest; and what
    is wrong with it. Results and their types stay as they are.

    ``style``: of nodes of which ``folding`` says none.
    """
    nodes, problems = [], []
    for node in graph.nodes:
        told = folding.get(node.name, {})
        told = told if isinstance(told, Mapping) else {}
        if isinstance(node, MatVec):
            told = {"style": style, **told}
        try:
            nodes.append(_with_coding(node, told))
        except SpecError as error:
            nodes.append(node)
            problems.append(str(error))
    return graph.replace(nodes=tuple(nodes)), problems


def settle_codings(
    graph: Graph, folding: Mapping[str, Mapping[str, Any]]
) -> tuple[Graph, dict[str, dict[str, Any]], dict[str, dict[str, str]]]:
    """`choose_codings` of a ``folding`` in which nothing is wrong, what it tells of all else, and
    the codings as a folding."""
    graph, _ = choose_codings(graph, folding)
    rest = {
        name: {key: value for key, value in told.items() if key != KEY}
        for name, told in folding.items()
    }
    return graph, rest, {n.name: coding_of(n) for n in graph.nodes}


def _with_coding(node: Operator, told: Mapping[str, Any]) -> Operator:
    """Of the cheapest, the fewest LUTs of a lane's products, then the fewest bits.

    In styles ``unrolled``, ``runtime`` and ``streamed`` and for other multipliers than LUTs weights
    stay as they are, unless ``told`` names a coding.
    """
    if not isinstance(node, MatVec | Depthwise):
        if KEY in told:
            raise SpecError(f"{node.name}: {KEY} must be told of a matrix, not of {node.kind}")
        return node
    if KEY in told:
        type = _named(node, told[KEY])
    elif told.get("multiply", "lut") != "lut" or told.get("style") in KEPT:
        return node
    else:
        type = cheapest(node)
    return node if type == node.weight_type else node.replace(weight_type=type)


def coding_of(node: Operator) -> dict[str, str]:
    """What a folding says of a node's weights."""
    if not isinstance(node, MatVec | Depthwise):
        return {}
    t = node.weight_type
    if t.coding == "pot":
        return {KEY: f"pot{t.terms if t.terms > 1 else ''}"}
    return {KEY: "ternary" if t == TERNARY else t.coding}


def cheapest(node: MatVec | Depthwise) -> IntType:
    """The type of the fewest LUTs, then bits, that holds the weights."""
    if _popcount(node):
        return node.weight_type
    held = [node.weight_type]
    for find in CODINGS.values():
        try:
            held.append(find(node))
        except SpecError:
            continue
    return min(dict.fromkeys(held), key=lambda t: (lane_cost(t, node.x.type), t.bits))


def _popcount(node: MatVec | Depthwise) -> bool:
    return node.weight_type.coding == node.x.type.coding == "bipolar"


def _named(node: MatVec | Depthwise, name: Any) -> IntType:
    if not isinstance(name, str) or name not in CODINGS:
        names = " or ".join(map(repr, CODINGS))
        raise SpecError(f"{node.name}: {KEY} must be {names}, not {name!r}")
    if _popcount(node) and name != "bipolar":
        raise SpecError(
            f"{node.name}: {KEY} must be 'bipolar' where x and weights are bipolar, not {name!r}"
        )
    return CODINGS[name](node)


def _holding(node: MatVec | Depthwise, name: str, type: IntType) -> IntType:
    """``type``, if it holds all weights."""
    w = node.weights
    if not type.holds(w):
        row, column = np.argwhere(~np.isin(w, type.values()))[0].tolist()
        raise SpecError(
            f"{node.name}: weights of {KEY} {name!r} must be values of {type},"
            f" not {w[row, column]} (row {row}, column {column})"
        )
    return type


def _bipolar(node: MatVec | Depthwise) -> IntType:
    if node.x.type.coding == "bipolar" and not _popcount(node):
        raise SpecError(
            f"{node.name}: {KEY} must be other than 'bipolar' where x is bipolar and weights are"
            f" {node.weight_type}"
        )
    return _holding(node, "bipolar", IntType(-1, 1, "bipolar"))


def _ternary(node: MatVec | Depthwise) -> IntType:
    return _holding(node, "ternary", TERNARY)


def _integer(node: MatVec | Depthwise) -> IntType:
    if node.weight_type.coding == "integer":
        return node.weight_type
    return IntType.for_range(lo=int(node.weights.min()), hi=int(node.weights.max()))


def _pot(terms: int) -> Callable[[MatVec | Depthwise], IntType]:
    """Sums of ``terms`` powers of two, up to the least that the weights need."""
    name = f"pot{terms if terms > 1 else ''}"

    def find(node: MatVec | Depthwise) -> IntType:
        most = int(np.abs(node.weights).max())
        top = most.bit_length() if terms > 1 else max(0, most.bit_length() - 1)
        types = [IntType(-(terms << n), terms << n, "pot", terms) for n in range(top + 1)]
        found = next((t for t in types if t.holds(node.weights)), None)
        return found or _holding(node, name, types[-1])

    return find


def _codebook(node: MatVec | Depthwise) -> IntType:
    entries = np.unique(node.weights).tolist()
    if len(entries) > MAX_ENTRIES:
        raise SpecError(
            f"{node.name}: weights of {KEY} 'codebook' must have at most {MAX_ENTRIES} values,"
            f" not {len(entries)}"
        )
    if entries[0] < ENTRY[0] or entries[-1] > ENTRY[1]:
        raise SpecError(
            f"{node.name}: weights of {KEY} 'codebook' must lie in {ENTRY[0]}..{ENTRY[1]},"
            f" not {entries[0]}..{entries[-1]}"
        )
    if len(entries) == 1:
        entries = sorted({*entries, 0 if entries[0] else 1})
    return IntType.of_entries(tuple(entries))


CODINGS: dict[str, Callable[[MatVec | Depthwise], IntType]] = {
    "bipolar": _bipolar,
    "ternary": _ternary,
    "integer": _integer,
    "pot": _pot(1),
    "pot2": _pot(2),
    "pot3": _pot(3),
    "codebook": _codebook,
}
"""The type of each coding that holds a node's weights; `SpecError` where there is none."""

__all__ = ["CODINGS", "KEY", "cheapest", "choose_codings", "coding_of", "settle_codings"]
