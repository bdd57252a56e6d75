"""What practical rules say of a compiled network, each with its figure and its source.

A model file does not say what accuracy was lost, so these are what to try if too much was. Rules
that need it stand in `bitrill.compress.advice`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..ir import Graph
from ..ops import MatVec
from ..practice import ENDS, FOLDED_ZEROS, HIGH_BITS, WEIGHTS_FIRST, ZEROS

Rule = Callable[[Sequence[MatVec]], str | None]


def advise(folded: Graph) -> tuple[str, ...]:
    """Return what the rules say of a FOLDED graph, a line each, with its source behind it."""
    layers = [op for op in folded.nodes if isinstance(op, MatVec)]
    said = [(rule(layers), source) for rule, source in RULES] if layers else []
    return tuple(f"{line} ({source})" for line, source in said if line)


def _ends(layers: Sequence[MatVec]) -> str | None:
    low = [op for op in (layers[0], layers[-1]) if op.weight_type.bits < HIGH_BITS]
    if len(layers) < 3 or not low:
        return None
    named = " and ".join(f"{op.name} ({op.weight_type.bits} bits)" for op in low)
    share = sum(op.weights.size for op in low) / sum(op.weights.size for op in layers)
    return (
        f"first and last layer keep {HIGH_BITS} bits where accuracy is lost: {named} hold"
        f" {100 * share:.0f} % of the weights"
    )


def _weights_first(layers: Sequence[MatVec]) -> str | None:
    for op in layers[1:]:
        weights, acts = op.weight_type.bits, op.x.type.bits
        if acts < weights:
            return (
                f"{op.name} has {weights}-bit weights behind {acts}-bit activations: if bits are to"
                " go, take them off weights first"
            )
    return None


def _zeros(layers: Sequence[MatVec]) -> str | None:
    folded = [op for op in layers if op.folded.style == "folded"]
    count = sum(op.weights.size for op in folded)
    zero = sum(int(np.count_nonzero(op.weights == 0)) for op in folded)
    if zero < ZEROS * max(count, 1):
        return None
    return (
        f"{100 * zero / count:.0f} % of the weights of folded layers are zero, and their hardware"
        " computes with them: take channels out, or --style unrolled"
    )


RULES: tuple[tuple[Rule, str], ...] = (
    (_ends, ENDS),
    (_weights_first, WEIGHTS_FIRST),
    (_zeros, FOLDED_ZEROS),
)
