"""The choice of the coding in which a matrix's weights are stored.

It is the cheapest one that holds them, or the one that the folding names.
"""

from collections.abc import Mapping

import numpy as np

from ..arith.products import lane_cost
from ..errors import SpecError
from ..ir import CODINGS, Choice, Coding, Folding, Graph, IntType, Operator
from ..ops import Depthwise, MatVec
from ..ops.units import coding_matters

KEY = "coding"
"""The key in a folding that names the coding of a node's weights."""


def choose_codings(
    graph: Graph, folding: Mapping[str, object], style: str = "folded"
) -> tuple[Graph, list[str]]:
    """``graph`` with the coding that ``folding`` names for each matrix, else the cheapest.

    Results and their types stay as they are. Also returns the errors in ``folding``. ``style`` is
    that of matrices for which ``folding`` gives none.
    """
    nodes, problems = [], []
    for node in graph.nodes:
        choices = folding.get(node.name, {})
        choices = choices if isinstance(choices, Mapping) else {}
        if isinstance(node, MatVec):
            choices = {"style": style, **choices}
        try:
            nodes.append(_with_coding(node, choices))
        except SpecError as error:
            nodes.append(node)
            problems.append(str(error))
    return graph.replace(nodes=tuple(nodes)), problems


def settle_codings(
    graph: Graph, folding: Folding
) -> tuple[Graph, dict[str, dict[str, object]], dict[str, dict[str, str]]]:
    """``graph`` with the codings of a correct ``folding``, the rest of it, and the codings alone.

    Both parts of the folding are foldings, by node and key.
    """
    graph, _ = choose_codings(graph, folding)
    rest = {
        name: {key: value for key, value in choices.items() if key != KEY}
        for name, choices in folding.items()
    }
    return graph, rest, {n.name: coding_of(n) for n in graph.nodes}


def _with_coding(node: Operator, choices: Choice) -> Operator:
    """The node with the coding that its ``choices`` name, else the cheapest.

    In styles ``unrolled``, ``runtime`` and ``streamed`` and for other multipliers than LUTs weights
    stay as they are, unless a coding is named.
    """
    if not isinstance(node, MatVec | Depthwise):
        if KEY in choices:
            raise SpecError(f"{node.name}: {KEY} must be given for a matrix, not for {node.kind}")
        return node
    if KEY in choices:
        type = _named(node, choices[KEY])
    elif not coding_matters(choices.get("style", "folded"), choices.get("multiply", "lut")):
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
    held, values = [node.weight_type], np.unique(node.weights)
    for choice, kind in coding_choices().items():
        if kind.automatic:
            try:
                type = _nearest(node, choice, values)
            except SpecError:
                continue
            held += [type] if type.holds(values) else []
    return min(dict.fromkeys(held), key=lambda t: (lane_cost(t, node.x.type), t.bits))


def _counts_agreements(node: MatVec | Depthwise) -> bool:
    """Return whether products are XNORs; the coding of the weights is then part of the operator."""
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
    type, w = _nearest(node, choice, node.weights), node.weights
    if not type.holds(w):
        row, column = np.argwhere(type.outside(w))[0].tolist()
        raise SpecError(
            f"{node.name}: weights of {KEY} {choice!r} must be values of {type},"
            f" not {w[row, column]} (row {row}, column {column})"
        )
    return type


def _nearest(node: MatVec | Depthwise, choice: str, w: np.ndarray) -> IntType:
    """The smallest type under the name ``choice`` for weights ``w``, which it may not hold."""
    given = node.weight_type.coding
    try:
        type = IntType.of(coding_choices()[choice].fitting(choice, w, given))
    except SpecError as error:
        raise SpecError(f"{node.name}: {error}") from error
    if type.coding.is_bipolar and node.x.type.coding.is_bipolar and not given.is_bipolar:
        raise SpecError(
            f"{node.name}: {KEY} must be other than {choice!r} where x is bipolar and weights are"
            f" {node.weight_type}"
        )
    return type


def coding_choices() -> dict[str, type[Coding]]:
    """Each name by which a folding may ask for a coding of weights, and its class."""
    return {
        choice: kind for kind in CODINGS.values() if kind.for_weights for choice in kind.choices()
    }
