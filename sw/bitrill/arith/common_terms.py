"""Greedy common subexpressions: a pair of terms that many rows add is added once, for all of them.

The pair that saves the most bits comes first. Its sum is then a term itself, which may be part of
the next pair (cf. Pasko et al. 1999, and da4ml, Sun et al. 2025). A pair saves bits in every row
that adds it, and costs the bits of an adder. That is worthwhile for rows of few terms, such as
ternary ones, which share little else.
"""

import numpy as np

from .adder_graph import Builder, Operand

PRICE = 1.85
"""Bits that rows must save for each bit of the adder: in a row, a LUT adds about two bits."""

COLUMNS = 128
"""Most terms of a matrix in which pairs are searched for: the time is quadratic in their number."""


def paired(
    builder: Builder, weights: np.ndarray, terms: list[Operand]
) -> tuple[np.ndarray, list[Operand]]:
    """Rewrite ``weights`` of -1, 0, 1 and their terms so that common pairs become new terms."""
    terms = list(terms)
    weights = weights.astype(np.float64)
    while len(terms) <= 4 * COLUMNS:
        pair = _best(builder, weights, terms)
        if pair is None:
            break
        i, j, sign = pair
        rows = weights[:, i] * weights[:, j] == sign
        second = terms[j]
        other = Operand(second.number, second.shift, second.negative != (sign < 0))
        terms.append(builder.shared([terms[i], other]))
        both = np.where(rows, weights[:, i], 0.0)
        weights[rows, i] = weights[rows, j] = 0
        weights = np.concatenate([weights, both[:, None]], 1)
    return weights.astype(np.int64), terms


def _best(
    builder: Builder, weights: np.ndarray, terms: list[Operand]
) -> tuple[int, int, int] | None:
    """The pair of terms that saves most, and the product of their signs; None if no pair saves."""
    numbers = [builder.numbers[t.number] for t in terms]
    bits = np.array([sum(n.heights) for n in numbers], np.float64)
    most = np.array([n.total << t.shift for n, t in zip(numbers, terms, strict=True)], np.float64)
    made = np.ceil(np.log2(most[:, None] + most + 1))
    spared = bits[:, None] + bits - made
    cost = PRICE * np.maximum(bits[:, None], bits)
    either, product = np.abs(weights).T @ np.abs(weights), weights.T @ weights
    gains = np.stack([spared * (either + s * product) / 2 - cost for s in (1, -1)])
    gains[:, np.tri(len(terms), dtype=bool)] = 0
    at = int(gains.argmax())
    if gains.flat[at] <= 0:
        return None
    kind, pair = divmod(at, len(terms) ** 2)
    return *divmod(pair, len(terms)), -1 if kind else 1
