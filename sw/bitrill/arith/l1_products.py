"""Distances ``-|x - w|`` as bits to be summed, like the products of `bitrill.arith.products`.

If a weight lies outside x's range, its distance to that range is a constant of the row. So weights
are stored as values of x, and both become unsigned numbers x', w' of n bits (a signed x plus
``2**(n - 1)``). With ``ge = [x' >= w']`` and ``d`` the n low bits of ``x' - w'``,

    -|x - w| = (d ^ ge) + ge - 2**n

where ``^ ge`` acts on every bit: the result is ``d`` if x' is smaller than w', else the complement
of ``d``, which is ``-d - 1``. The constant joins the value that the row's accumulator starts from,
so no sign is extended. ``ge`` is a chain of comparisons of two bits each, one LUT a link, in
registered stages before the sums (`front`). The links are registered along with the weight's
planes, so each bit of ``d ^ ge`` is one table: of its group of two bits, the link below it, and ge.
An even number n of bits takes 3 n / 2 - 2 LUTs, and leaves n + 1 bits to sum.

With up to three bits, the distance is a table of x' and w' themselves, without ge, and too large by
``2**n - 1``. With one bit it is XNOR-popcount minus one, with the bits of `products`.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ..ir import BIPOLAR, IntType
from .gates import Gate, Source, fewest, gate
from .matrix_protocols import DistanceMatrix
from .products import Products, products, stored

DIRECT = 3
"""Most bits of x for which the distance is made of tables of x and w only."""


def groups(x: IntType) -> tuple[tuple[int, ...], ...]:
    """The planes that each link of the chain compares, low first; empty without a chain."""
    if x.bits <= DIRECT:
        return ()
    return tuple(tuple(range(k, min(k + 2, x.bits))) for k in range(0, x.bits, 2))


def front(x: IntType, lane: int) -> tuple[Gate, ...]:
    """The links of a lane: ``[x' >= w']`` over the planes of each group and those below it.

    Link k is plane ``x.bits + k`` of the lane's word.
    """
    links = []
    for k, planes in enumerate(groups(x)):
        sources = _sources(x, lane, planes, k)
        links.append(gate(0, sources, lambda *v, own=planes: _at_least(x, own, v)))
    return tuple(links)


def front_stages(op: DistanceMatrix) -> int:
    """Registers that the links of a folded ``op`` take."""
    return -(-len(groups(op.x.type)) // op.folded.levels)


def stored_distances(op: DistanceMatrix) -> np.ndarray:
    """The bits of the weights of a folded ``op`` as they are stored, ``[rows, cols, bits]``."""
    x, w = op.x.type, op.reached
    if x.bits > 1:
        codes = w + (1 << x.bits - 1 if x.signed else 0)
        return (codes[..., None] >> np.arange(x.bits)) & 1
    signs, triples = 2 * (w - x.lo) - 1, distances(x, op.folded.simd, op.y.type.bits).triples
    return stored(BIPOLAR, x, signs, op.folded.simd, triples=triples)


def distance_starts(op: DistanceMatrix) -> np.ndarray:
    """The value that each row's accumulator starts from, int64 ``[rows]``."""
    too_large = (1 << op.x.type.bits) - (op.x.type.bits <= DIRECT)
    return -np.abs(op.weights - op.reached).sum(1) - op.cols * too_large


@lru_cache(maxsize=256)
def distances(x: IntType, lanes: int, width: int) -> Products:
    """The bits of ``lanes`` distances below ``2**width``."""
    if x.bits == 1:  # agreements less one
        return products(BIPOLAR, x, lanes, width, True)
    gates: list[Gate] = []
    for lane in range(lanes):
        gates += _direct(x, lane) if x.bits <= DIRECT else _complements(x, lane)
    return Products(tuple(g for g in gates if g.column < width))


def _sources(x: IntType, lane: int, planes: Sequence[int], group: int) -> list[Source]:
    """The bits of x and of w in a group, and the link below it, if any."""
    links = [("w", lane, x.bits + group - 1)] if group else []
    return [*(("x", lane, p) for p in planes), *(("w", lane, p) for p in planes), *links]


def _number(x: IntType, planes: Sequence[int], bits: Sequence[int]) -> int:
    """The value of a group's planes of x'; the top plane of a signed x is complemented."""
    return sum(
        (b ^ (x.signed and p == x.bits - 1)) << i
        for i, (p, b) in enumerate(zip(planes, bits, strict=True))
    )


def _at_least(x: IntType, planes: Sequence[int], v: Sequence[int]) -> bool:
    """The value of a link, from the values of its `_sources`."""
    n = len(planes)
    a, b = _number(x, planes, v[:n]), sum(bit << i for i, bit in enumerate(v[n : 2 * n]))
    return a > b or (a == b and (len(v) == 2 * n or bool(v[2 * n])))


def _direct(x: IntType, lane: int) -> list[Gate]:
    """The complement of ``|x' - w'|``, bit by bit."""
    planes = range(x.bits)
    sources, n = _sources(x, lane, planes, 0), x.bits

    def bit(k: int, v: Sequence[int]) -> int:
        w = sum(b << i for i, b in enumerate(v[n:]))
        return ~abs(_number(x, planes, v[:n]) - w) >> k & 1

    bits = [fewest(k, sources, lambda *v, k=k: bit(k, v)) for k in planes]
    return [g for g in bits if g is not None]


def _complements(x: IntType, lane: int) -> list[Gate]:
    """``d ^ ge``, bit by bit, and ge."""
    every = groups(x)
    ge: Source = ("w", lane, x.bits + len(every) - 1)
    bits = []
    for k, planes in enumerate(every):
        top = k == len(every) - 1  # the comparison of the top group is ge itself
        sources = _sources(x, lane, planes, k)

        def bit(
            *v: int, at: int, k: int = k, planes: Sequence[int] = planes, top: bool = top
        ) -> int:
            own, n = v[: len(v) - (not top)], len(planes)
            greater = _at_least(x, planes, own) if top else v[-1]
            w = sum(b << i for i, b in enumerate(own[n : 2 * n]))
            borrow = 0 if k == 0 else 1 - own[2 * n]
            return (_number(x, planes, own[:n]) - w - borrow) >> at & 1 ^ greater

        for at, p in enumerate(planes):
            inputs = sources if top else [*sources, ge]
            g = fewest(p, inputs, lambda *v, at=at, bit=bit: bit(*v, at=at))
            bits += [] if g is None else [g]
    return [*bits, gate(0, [ge], lambda v: v)]
