"""Which coding a matrix's weights are stored in: the cheapest that holds them, or the one told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..arith.products import lane_cost
from ..errors import SpecError
from ..ir.coding import CODINGS, Coding
from ..ir.graph import Graph
from ..ir.operator import Operator
from ..ir.types import IntType
from ..ops.depthwise import Depthwise
from ..ops.matvec import MatVec

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
    """What a folding says about the coding of a node's weights."""
    return {KEY: node.weight_type.coding.choice} if isinstance(node, MatVec | Depthwise) else {}


def cheapest(node: MatVec | Depthwise) -> IntType:
    """The type of the fewest LUTs, then bits, that holds the weights."""
    if _counts_agreements(node):
        return node.weight_type
    held = [node.weight_type]
    for choice, kind in coding_choices().items():
        if kind.automatic:
            try:
                held.append(_fitting(node, choice))
            except SpecError:
                continue
    return min(dict.fromkeys(held), key=lambda t: (lane_cost(t, node.x.type), t.bits))


def _counts_agreements(node: MatVec | Depthwise) -> bool:
    """Return whether a product is an XNOR: then the coding of the weights decides what y means."""
    return node.weight_type.coding.is_bipolar and node.x.type.coding.is_bipolar


def _named(node: MatVec | Depthwise, choice: object) -> IntType:
    """The type that a folding asks for by name."""
    choices = coding_choices()
    if not isinstance(choice, str) or choice not in choices:
        names = " or ".join(map(repr, choices))
        raise SpecError(f"{node.name}: {KEY} must be {names}, not {choice!r}")
    if _counts_agreements(node) and choice != node.weight_type.coding.choice:
        raise SpecError(
            f"{node.name}: {KEY} must be {node.weight_type.coding.choice!r} where x and weights are"
            f" bipolar, not {choice!r}"
        )
    return _fitting(node, choice)


def _fitting(node: MatVec | Depthwise, choice: str) -> IntType:
    """The smallest type under the name ``choice`` that holds all weights."""
    w, given = node.weights, node.weight_type.coding
    try:
        type = IntType.of(coding_choices()[choice].fitting(choice, w, given))
    except SpecError as error:
        raise SpecError(f"{node.name}: {error}") from error
    if type.coding.is_bipolar and node.x.type.coding.is_bipolar and not given.is_bipolar:
        raise SpecError(
            f"{node.name}: {KEY} must be other than {choice!r} where x is bipolar and weights are"
            f" {node.weight_type}"
        )
    if not type.holds(w):
        row, column = np.argwhere(~np.isin(w, type.values()))[0].tolist()
        raise SpecError(
            f"{node.name}: weights of {KEY} {choice!r} must be values of {type},"
            f" not {w[row, column]} (row {row}, column {column})"
        )
    return type


def coding_choices() -> dict[str, type[Coding]]:
    """Each name by which a folding may ask for a coding of weights, and its class."""
    return {
        choice: kind for kind in CODINGS.values() if kind.for_weights for choice in kind.choices()
    }


__all__ = ["KEY", "cheapest", "choose_codings", "coding_choices", "coding_of", "settle_codings"]
