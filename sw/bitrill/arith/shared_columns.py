"""Finds the sums that the rows of a constant matrix share, so that each is built once.

Rows are split into groups. Inputs whose columns are equal over the rows of a group, up to sign and
a power of two, are always added together, so their sum is built once and replaces them. Then the
group is halved, and each half is treated in the same way, down to single rows.
``R`` binary rows have at most ``2**(R - 1)`` different columns, so adding ``n`` inputs for ``R``
rows costs hardly more than for one (the method of four Russians, Arlazarov et al. 1970, with the
sums' bits counted instead of operations). The size of the groups and the order of the rows are
chosen by the cost of the sums.
"""

from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

import numpy as np

from ..ir import IntType
from .adder_graph import AdderGraph, Builder, Number, Operand, signed_digits
from .common_terms import COLUMNS, paired

GROUPS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16)
"""The sizes of a group, in rows, that are tried."""

LEASTS = (None, 7, 3)
"""Numbers of bits that a column of a heap must have to be compressed before its sum is shared.

The two of a `Way` are for sums that two rows share, and for sums that more rows share; None: all
columns are added up, so that each shared sum is one number.
"""

SAMPLE = 16
"""Number of rows by which a way of sharing is judged if there are more than `COLUMNS` columns."""


@dataclass(frozen=True, eq=False)
class Problem:
    """The sums to be built: ``y = weights @ x + base``.

    ``inputs``: the elements of x, as numbers of the adder graph; ``results``: the type of each y.
    """

    weights: np.ndarray
    base: np.ndarray
    inputs: tuple[Number, ...]
    results: tuple[IntType, ...]

    @property
    def width(self) -> int:
        """Bits of the widest result."""
        return max(t.bits for t in self.results)


Leasts: TypeAlias = tuple[int | None, int | None]
"""The value of `Number.least` for sums of groups of up to three rows, and of larger groups."""


@dataclass(frozen=True)
class Way:
    """One way to share sums between rows.

    ``rows``: the order in which rows are grouped; ``size``: rows in a group; ``digits``: whether
    weights are cut into signed digits before anything is shared, or at the end; ``pairs``: whether
    pairs of terms that many rows have in common are built first (`common_terms.paired`); ``least``:
    see `LEASTS`.
    """

    rows: tuple[int, ...]
    size: int
    digits: bool
    least: Leasts = (None, None)
    pairs: bool = False

    @property
    def groups(self) -> list[list[int]]:
        return [list(self.rows[k : k + self.size]) for k in range(0, len(self.rows), self.size)]


def share(problem: Problem, way: Way | None = None) -> AdderGraph:
    """The adder graph built in the given ``way``; None chooses the `cheapest` way."""
    way = way or cheapest(problem)[0]
    builder = Builder(list(problem.inputs))
    given = _given(builder, problem, way)
    for group in way.groups:
        _build(builder, problem, given, group, way)
    return builder.graph(len(problem.inputs), way.rows, problem.base, problem.results)


def cheapest(problem: Problem) -> tuple[Way, float]:
    """The way with the fewest LUTs, and their number; of a large matrix, by a sample of rows."""
    n = len(problem.weights)
    digits = (False,) if abs(problem.weights).max() <= 1 else (False, True)
    rows = tuple(similar_first(problem.weights))
    sizes = [g for g in GROUPS if g <= n]
    ways = [Way(rows, g, d, (k, k)) for d in digits for g in sizes for k in LEASTS]
    best = min(ways, key=lambda way: _luts(problem, way))
    others = [
        Way(order, best.size, best.digits, leasts)
        for order in (rows, tuple(range(n)))
        for leasts in product(LEASTS, LEASTS)
    ]
    if problem.weights.shape[1] <= COLUMNS:
        others += [Way(rows, g, any(digits), (k, k), True) for g in (1, 2) for k in LEASTS]
    way = min(others, key=lambda way: _luts(problem, way))
    return way, _luts(problem, way)


def _luts(problem: Problem, way: Way) -> float:
    """LUTs of a way, estimated from whole groups of `SAMPLE` rows."""
    groups = way.groups
    step = max(1, len(groups) * way.size // SAMPLE) if len(problem.inputs) > COLUMNS else 1
    tried = groups[step // 2 :: step]
    builder = Builder(list(problem.inputs))
    given = _given(builder, problem, way)
    common = builder.luts
    for group in tried:
        _build(builder, problem, given, group, way)
    rows = [r for group in tried for r in group]
    luts = builder.graph(len(problem.inputs), rows, problem.base, problem.results).luts
    return common + (luts - common) * len(way.rows) / len(rows)


def similar_first(weights: np.ndarray) -> list[int]:
    """An order of the rows in which those that agree or disagree most are next to each other."""
    groups = [[r] for r in range(len(weights))]
    signs = np.sign(weights)
    alike = np.abs(signs @ signs.T)
    while len(groups) > 1:
        member = np.zeros((len(groups), len(weights)))
        for g, rows in enumerate(groups):
            member[g, rows] = 1 / len(rows)
        near = member @ alike @ member.T
        i, j = np.triu_indices(len(groups), 1)
        free, joined = set(range(len(groups))), []
        for k in np.argsort(-near[i, j], kind="stable").tolist():
            a, b = int(i[k]), int(j[k])
            if a in free and b in free:
                joined.append(groups[a] + groups[b])
                free -= {a, b}
        groups = joined + [groups[k] for k in sorted(free)]
    return groups[0]


def _given(builder: Builder, problem: Problem, way: Way) -> tuple[np.ndarray, list[Operand]]:
    """The weights of all rows and their terms, including the common pairs."""
    weights, terms = problem.weights, [Operand(k) for k in range(len(problem.inputs))]
    if not way.pairs:
        return weights, terms
    return paired(builder, *(_digits(weights, terms) if way.digits else (weights, terms)))


def _build(
    builder: Builder,
    problem: Problem,
    given: tuple[np.ndarray, list[Operand]],
    rows: list[int],
    way: Way,
) -> None:
    weights, terms = given[0][rows], given[1]
    if way.digits and not way.pairs:
        weights, terms = _digits(weights, terms)
    _halve(builder, weights, terms, problem.width, way.least)


def _digits(weights: np.ndarray, terms: list[Operand]) -> tuple[np.ndarray, list[Operand]]:
    """Columns of -1, 0, 1 and their terms: one for each position of a column's signed digits."""
    planes = np.zeros((64, *weights.shape), np.int64)
    for (r, c), w in np.ndenumerate(weights):
        for shift, negative in signed_digits(int(w)):
            planes[shift, r, c] = -1 if negative else 1
    used = [(k, c) for c in range(len(terms)) for k in range(64) if planes[k, :, c].any()]
    columns = [planes[k, :, c] for k, c in used]
    shifted = [Operand(terms[c].number, terms[c].shift + k) for k, c in used]
    return np.stack(columns, 1) if columns else weights[:, :0], shifted


def _halve(
    builder: Builder, weights: np.ndarray, terms: list[Operand], width: int, least: Leasts
) -> None:
    n = len(weights)
    if n > 1:
        weights, terms = _merge(builder, weights, terms, least[min(n, 4) // 2 - 1])
        _halve(builder, weights[: (n + 1) // 2], terms, width, least)
        _halve(builder, weights[(n + 1) // 2 :], terms, width, least)
        return
    # terms whose weight is a power of two go straight into the result, together with its constant
    size = np.abs(weights[0])
    once: np.ndarray = np.equal(size & (size - 1), 0)
    several, merged = _merge(
        builder, weights[:, ~once], [t for t, o in zip(terms, once.tolist(), strict=True) if not o]
    )
    weights = np.concatenate([weights[:, once], several], 1)
    terms = [t for t, o in zip(terms, once.tolist(), strict=True) if o] + merged
    operands = [
        Operand(t.number, t.shift + shift, t.negative != negative)
        for t, w in zip(terms, weights[0].tolist(), strict=True)
        for shift, negative in signed_digits(w)
    ]
    builder.row(operands, width)


def _merge(
    builder: Builder, weights: np.ndarray, terms: list[Operand], least: int | None = None
) -> tuple[np.ndarray, list[Operand]]:
    """Replace terms of equal columns, up to sign and a power of two, by their sum."""
    used = np.asarray(weights.any(0))
    weights = weights[:, used]
    terms = [t for t, u in zip(terms, used.tolist(), strict=True) if u]
    if not terms:
        return weights, terms
    common = np.bitwise_or.reduce(weights, axis=0)
    power = common & -common
    first = weights[(weights != 0).argmax(0), np.arange(len(terms))]
    sign = np.sign(first)
    unit = weights // power * sign
    columns, which = np.unique(unit, axis=1, return_inverse=True)
    which = which.ravel()
    together: list[list[Operand]] = [[] for _ in range(columns.shape[1])]
    shifts = [int(p).bit_length() - 1 for p in power]
    for k, t in enumerate(terms):
        o = Operand(t.number, t.shift + shifts[k], t.negative != bool(sign[k] < 0))
        together[which[k]].append(o)
    return columns, [builder.shared(t, least) for t in together]
