"""Products of weights and inputs as bits to be summed, each a truth table (`bitrill.arith.gates`).

A table reads bits named by tuples: ``("w", lane, plane)`` of a stored weight, ``("x", lane,
plane)`` of an input, ``("p", n, 0)`` a bit of the inputs that is computed once for all rows,
``("i", n, 0)`` an inner bit, computed one level before. Most tables have at most six inputs: one
LUT.

Let ``x' = x + offset`` be unsigned: the top plane of a signed x is complemented, a bipolar bit is
its own plane, and in a logarithmic x only the plane of its exponent is 1. A weight is a sum of
digits, each decided by some planes of its stored bits (`bitrill.arith.weight_digits`):

    w * x = sum(2**shift * m * x') - offset * w

A digit's product is ``|m| * x'``, with the complement of x' if m is negative. It is then too large
by a constant that depends only on the code. That constant is subtracted from the value that the
row's accumulator starts from (`constants`), so no sign is ever extended.

Bits of several lanes in one column merge into fewer (`_merged`): three AND products become their
count, two LUTs for two bits. For three XNOR products, the upper bit of the count is a LUT of six
inputs, and the lower one is ``(w0 ^ w1 ^ w2) xnor (x0 ^ x1 ^ x2)``. That is an XNOR product again:
of the parity of the weights, which is stored in place of the third weight, and of the parity of the
inputs, which all rows share. Three of those merge once more.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import product

import numpy as np

from ..ir import IntType
from .gates import LUT_INPUTS, Gate, Source, gate, paired
from .logarithmic import Template, digit_bits, x_planes
from .weight_digits import Digit, Reading, readings

Item = tuple[tuple[Source, ...], Source]
"""An XNOR product: parity of stored bits, and a bit that all rows share."""

_TABLE_BITS = 12
"""Widest weights whose constants are computed for all values, not only those that occur."""

_LANES = 6
"""Number of lanes for which readings of a weight are compared."""


@dataclass(frozen=True)
class Products:
    """The bits whose sum is a step's products, and the bits that they are made from.

    ``gates``: the bits to be summed; ``shared``: bits of x only, computed once for all rows, from
    x's planes and from earlier shared bits; ``inner``: bits that gates read, one level before them;
    ``triples``: whether the last of every three lanes stores a parity.
    """

    gates: tuple[Gate, ...]
    shared: tuple[Gate, ...] = ()
    inner: tuple[Gate, ...] = ()
    triples: bool = False

    @cached_property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Pairs of gates that share a LUT of two outputs."""
        return paired(self.gates)

    @cached_property
    def inner_pairs(self) -> tuple[tuple[int, int], ...]:
        """Pairs of inner gates that share a LUT of two outputs."""
        return paired(self.inner)

    @cached_property
    def luts(self) -> int:
        """Physical LUTs of a row."""
        each = sum(g.luts for g in (*self.gates, *self.inner))
        return each - len(self.pairs) - len(self.inner_pairs)

    def levels(self, g: Gate) -> int:
        """Logic levels up to a gate's output: two if it takes more than one LUT."""
        return 1 + (len(g.inputs) > LUT_INPUTS or any(kind == "i" for kind, _, _ in g.inputs))


@lru_cache(maxsize=256)
def products(weight: IntType, x: IntType, lanes: int, width: int, triples: bool) -> Products:
    """The bits below ``2**width`` of ``lanes`` products, in the form with the fewest LUTs.

    ``triples``: whether lanes may store parities of three weights.
    """
    if weight.coding.is_bipolar:
        return _signs(lanes, x, triples, width)
    return _plain(reading(weight, x).digits, x, lanes, width)


@lru_cache(maxsize=256)
def reading(weight: IntType, x: IntType) -> Reading:
    """The digits of a weight that take the fewest LUTs; a bit to be summed counts as half a LUT."""
    tried = readings(weight, x)
    return tried[0] if len(tried) == 1 else min(tried, key=lambda r: _cost(r.digits, x))


def lane_cost(weight: IntType, x: IntType) -> float:
    """Estimated LUTs that a lane takes in each row; a bit to be summed counts as half a LUT."""
    if weight.coding.is_bipolar:
        return _weighed(_signs(9, x, x.coding.is_bipolar, 64)) / 9
    return _cost(reading(weight, x).digits, x) / _LANES


def _cost(digits: Sequence[Digit], x: IntType) -> float:
    return _weighed(_plain(tuple(digits), x, _LANES, 64))


def _weighed(bits: Products) -> float:
    return bits.luts + len(bits.gates) / 2


def stored(
    weight: IntType, x: IntType, weights: np.ndarray, simd: int, *, triples: bool
) -> np.ndarray:
    """The bits that are stored for weights ``[rows, cols]``, ``[rows, cols, bits]``."""
    bits, codes = weight.bits, weight.encode(weights)
    if reading(weight, x).magnitude:
        sign = codes >> bits - 1
        codes = np.abs(codes - (sign << bits)) | sign << bits - 1
    planes = (codes[..., None] >> np.arange(bits)) & 1
    if triples:
        lanes = planes.reshape(len(codes), -1, simd, bits)
        for lane in range(2, simd, 3):
            lanes[:, :, lane] = lanes[:, :, lane - 2 : lane + 1].sum(2) & 1
    return planes


def constants(weight: IntType, x: IntType, weights: np.ndarray) -> np.ndarray:
    """How much the products of each weight are too large: int64, shaped like ``weights``."""
    if weight.bits <= _TABLE_BITS:
        values, place = weight.values(), weight.coding.rank(weights)
    else:
        values, place = np.unique(weights, return_inverse=True)
    planes = stored(weight, x, values[None], 1, triples=False)[0]
    total = (1 << x.bits - 1 if x.signed else 0) * values
    for d in reading(weight, x).digits:
        code = sum(planes[..., p] << i for i, p in enumerate(d.planes))
        total = total + d.excess(x.coding.planes)[code]
    return total[place].reshape(np.shape(weights))


class _LaneGates:
    """Collects the gates of several lanes; bits that several templates read are made once."""

    def __init__(self) -> None:
        self.shared: dict[Gate, int] = {}
        self.inner: dict[Gate, int] = {}

    def gate(self, template: Template, lane: int) -> Gate:
        inputs = tuple(self.source(s, lane) for s in template.inputs)
        return Gate(template.column, inputs, template.table)

    def source(self, s: Source | Template, lane: int) -> Source:
        if isinstance(s, tuple):
            return (s[0], lane, s[2])
        g = self.gate(s, lane)
        mine = self.shared if all(kind in "xp" for kind, _, _ in g.inputs) else self.inner
        return ("p" if mine is self.shared else "i", mine.setdefault(g, len(mine)), 0)

    def products(self, gates: Sequence[Gate], width: int) -> Products:
        kept = tuple(g for g in gates if g.column < width)
        return Products(kept, tuple(self.shared), tuple(self.inner))


def _plain(digits: tuple[Digit, ...], x: IntType, lanes: int, width: int) -> Products:
    """The bits of the digits' products; those of two inputs are merged."""
    bits = _LaneGates()
    gates: list[Gate] = []
    loose: dict[int, list[Gate]] = {}
    templates = [(d, digit_bits(d, x)) for d in digits]
    for lane, (d, each) in product(range(lanes), templates):
        for template in each:
            if template.column < width:
                g = bits.gate(template, lane)
                (loose.setdefault(g.column, []) if d.is_gate else gates).append(g)
    for column in sorted(loose):
        rest = loose[column]
        while len(rest) >= 3:
            gates += _merged(column, rest[:3])
            rest = rest[3:]
        gates += rest
    return bits.products(gates, width)


def _merged(column: int, three: Sequence[Gate]) -> list[Gate]:
    """The number of ones among three products of two inputs each, in two bits."""
    inputs = [s for g in three for s in g.inputs]

    def count(*values: int) -> int:
        return sum(
            g.table >> (values[2 * i] + 2 * values[2 * i + 1]) & 1 for i, g in enumerate(three)
        )

    return [
        gate(column, inputs, lambda *v: count(*v) & 1),
        gate(column + 1, inputs, lambda *v: count(*v) >> 1),
    ]


def _signs(lanes: int, x: IntType, triples: bool, width: int) -> Products:
    """XNOR products: three lanes at a time, and where parities are stored, three of those."""
    gates: list[Gate] = []
    bits, planes = _LaneGates(), x_planes(x)
    for k, plane in enumerate(planes):
        flip = x.signed and k == len(planes) - 1
        items: list[Item] = [((("w", i, 0),), bits.source(plane, i)) for i in range(lanes)]
        lower: list[Item] = []
        for i in range(0, lanes - 2, 3):
            three = items[i : i + 3]
            if triples:
                three[2] = ((("w", i, 0), ("w", i + 1, 0), ("w", i + 2, 0)), three[2][1])
            gates.append(_upper(k, three, flip))
            stored = (("w", i + 2, 0),) if triples else tuple(w for ws, _ in three for w in ws)
            lower.append((stored, _parity(bits, three)))
        lower += items[lanes // 3 * 3 :]
        # parities of parities of decoded planes would be three levels before the gates
        while triples and not x.coding.one_hot and len(lower) >= 3:
            three, lower = lower[:3], lower[3:]
            gates.append(_upper(k, three, flip))
            stored = tuple(w for ws, _ in three for w in ws)
            gates.append(_lower(k, [(stored, _parity(bits, three))], flip))
        if len(lower) == 2 and len(lower[0][0]) == len(lower[1][0]) == 1:
            gates += [_lower(k, lower, flip), _upper(k, lower, flip)]
        else:
            gates += [_lower(k, [item], flip) for item in lower]
    return replace(bits.products(gates, width), triples=triples)


def _parity(bits: _LaneGates, items: Sequence[Item]) -> Source:
    """The parity of the shared bits of ``items``, which becomes a shared bit itself."""
    parity = gate(0, [s for _, s in items], lambda *v: sum(v) & 1)
    return ("p", bits.shared.setdefault(parity, len(bits.shared)), 0)


def _agreements(items: Sequence[Item], flip: bool) -> tuple[list[Source], Callable[..., int]]:
    """The sources of XNOR products, and a function from their values to the number of ones."""
    inputs = sorted({s for ws, x in items for s in (*ws, x)})
    at = {s: i for i, s in enumerate(inputs)}

    def count(*values: int) -> int:
        return sum(
            (1 ^ flip ^ values[at[x]] ^ sum(values[at[w]] for w in ws)) & 1 for ws, x in items
        )

    return inputs, count


def _upper(column: int, items: Sequence[Item], flip: bool) -> Gate:
    inputs, count = _agreements(items, flip)
    return gate(column + 1, inputs, lambda *v: count(*v) >> 1)


def _lower(column: int, items: Sequence[Item], flip: bool) -> Gate:
    inputs, count = _agreements(items, flip)
    return gate(column, inputs, lambda *v: count(*v) & 1)
