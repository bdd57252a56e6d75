"""The bits of a step's products: tables of at most six inputs, so that each is one LUT.

With ``x' = x + offset`` unsigned (of a signed x, the top plane complemented), a weight is
a sum of digits, each some planes of its stored bits (`digits`):

    w * x = sum(2**shift * m * x') - offset * w,    m in {0, +-1, +-2, +-4}

A digit's product is ``x'`` shifted, complemented where m is negative: then it is too large by a
constant that the code alone decides, and that the row's start takes back (`constants`). No sign is
ever extended. How digits are chosen:

- bipolar: one digit, its product ``w xnor x'``
- ternary: one digit of two planes
- power of two: one digit of all planes; up to +-4, a bit is a table of six inputs
- integers: where x has one plane, the planes of w themselves (AND); else two planes and the one
  below, -2 .. 2 (Booth 1951, MacSorley 1961)

Bits of one column of several lanes merge into fewer (`_merged`): three AND products into their
count, two LUTs for two bits. Of three XNOR products, the upper bit of the count is a LUT of six
inputs, and the lower one is ``(w0 ^ w1 ^ w2) xnor (x0 ^ x1 ^ x2)``: again an XNOR product, of the
parity of the weights, which is stored in place of the third one, and the parity of the inputs,
which all rows share. Three of those merge once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product

import numpy as np

from ..ir.types import IntType

_NEAR = 16
"""Small gates among which one looks for another to share a LUT with."""

Source = tuple[str, int, int]
"""``("w", lane, plane)`` or ``("x", lane, plane)``: stored weight and operand; ``("p", n, 0)``:
parity ``n`` of `Products`."""

Item = tuple[tuple[Source, ...], Source]
"""An XNOR product: parity of stored bits, and a bit that all rows share."""


@dataclass(frozen=True)
class Gate:
    """A bit of weight ``2**column``: bit ``sum(v << i)`` of ``table``, inputs of values ``v``."""

    column: int
    inputs: tuple[Source, ...]
    table: int


@dataclass(frozen=True)
class Digit:
    """``values[code]`` of the stored ``planes`` of a lane, times ``2**shift``."""

    planes: tuple[int, ...]
    shift: int
    values: tuple[int, ...]

    @property
    def reach(self) -> int:
        """Places by which the product is longer than x."""
        return max(abs(m) for m in self.values).bit_length() - 1

    @property
    def is_sign(self) -> bool:
        return self.values == (-1, 1)

    @property
    def is_gate(self) -> bool:
        return len(self.values) == 2 and 0 in self.values


@dataclass(frozen=True)
class Products:
    """``gates``: what is summed; ``parities``: bits that all rows share, each of x's planes and
    of parities before it; ``triples``: whether the last of each three lanes stores a parity."""

    gates: tuple[Gate, ...]
    parities: tuple[tuple[Source, ...], ...] = ()
    triples: bool = False

    @cached_property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Gates that share a LUT of two outputs: those whose inputs together are at most five."""
        small = [(k, set(g.inputs)) for k, g in enumerate(self.gates) if len(g.inputs) <= 5]
        found = []
        while small:
            k, inputs = small.pop(0)
            sizes = [len(inputs | other) for _, other in small[:_NEAR]]
            if sizes and min(sizes) <= 5:
                found.append((k, small.pop(sizes.index(min(sizes)))[0]))
        return tuple(found)

    @property
    def luts(self) -> int:
        """Physical LUTs of a row."""
        return sum(1 << max(0, len(g.inputs) - 6) for g in self.gates) - len(self.pairs)


def gate(column: int, inputs: Sequence[Source], f: Callable[..., object]) -> Gate:
    """The gate of ``f`` over its inputs' values."""
    table = 0
    for index in range(1 << len(inputs)):
        table |= bool(f(*(index >> i & 1 for i in range(len(inputs))))) << index
    return Gate(column, tuple(inputs), table)


def over(g: Gate, inputs: Sequence[Source]) -> int:
    """The gate's table over more inputs than its own."""
    at = [inputs.index(s) for s in g.inputs]
    return gate(
        g.column, inputs, lambda *v: g.table >> sum(v[k] << i for i, k in enumerate(at)) & 1
    ).table


@lru_cache(maxsize=256)
def products(weight: IntType, x: IntType, lanes: int, width: int, triples: bool) -> Products:
    """The bits of ``lanes`` products below ``2**width``, the fewest LUTs of what is tried.

    ``triples``: whether lanes may store parities of three.
    """
    inverted = x.signed
    if weight.coding == "bipolar":
        return _signs(lanes, x.bits, inverted, triples, width)
    tried = [_plain(d, x, lanes, width) for d in _codings(weight, x)]
    return min(tried, key=lambda p: p.luts + len(p.gates) / 2)


def stored(codes: np.ndarray, bits: int, simd: int, *, triples: bool) -> np.ndarray:
    """Codes ``[rows, cols]`` as the bits that are stored, ``[rows, cols, bits]``."""
    planes = (codes[..., None] >> np.arange(bits)) & 1
    if triples:
        lanes = planes.reshape(len(codes), -1, simd, bits)
        for lane in range(2, simd, 3):
            lanes[:, :, lane] = lanes[:, :, lane - 2 : lane + 1].sum(2) & 1
    return planes


def digits(weight: IntType, x: IntType) -> tuple[Digit, ...]:
    """How `products` reads a weight's bits."""
    if weight.coding == "bipolar":
        return (Digit((0,), 0, (-1, 1)),)
    tried = _codings(weight, x)
    costs = [_plain(d, x, 6, 64) for d in tried]
    return tried[min(range(len(tried)), key=lambda k: costs[k].luts + len(costs[k].gates) / 2)]


def constants(weight: IntType, x: IntType, codes: np.ndarray) -> np.ndarray:
    """What the products of weights of these codes have too much, each; int64 like ``codes``."""
    offset = 1 << x.bits - 1 if x.signed else 0
    total = offset * weight.decode(codes)
    for d in digits(weight, x):
        code = sum((codes >> p & 1) << i for i, p in enumerate(d.planes))
        negative = np.array([m < 0 for m in d.values])[code]
        total = total + negative * (((1 << x.bits + d.reach) - 1) << d.shift)
    return total


def _codings(weight: IntType, x: IntType) -> list[tuple[Digit, ...]]:
    if weight.coding == "pot":
        values = weight.decode(np.arange(1 << weight.bits)).tolist()
        return [(Digit(tuple(range(weight.bits)), 0, _reachable(values, weight.hi)),)]
    if (weight.lo, weight.hi) == (-1, 1):
        return [(Digit((0, 1), 0, (0, 1, 0, -1)),)]
    b = weight.bits
    planes = tuple(Digit((i,), i, (0, -1 if weight.signed and i == b - 1 else 1)) for i in range(b))
    return [planes] if x.bits == 1 or b == 1 else [planes, _booth(b, weight.signed)]


def _reachable(values: list[int], most: int) -> tuple[int, ...]:
    """``values`` of codes, 0 for those that no weight has."""
    return tuple(m if abs(m) <= most else 0 for m in values)


def _booth(bits: int, signed: bool) -> tuple[Digit, ...]:
    """Digits of base 4: ``w[2j] + w[2j - 1] - 2 * w[2j + 1]``."""
    found = []
    for low in range(0, bits + (not signed), 2):
        above = low + 1 if low + 1 < bits else bits - 1 if signed else None
        here = low if low < bits else None
        weights: dict[int, int] = {}
        for plane, m in ((above, -2), (here, 1), (low - 1 if low else None, 1)):
            if plane is not None:
                weights[plane] = weights.get(plane, 0) + m
        planes = tuple(sorted(weights))
        values = tuple(
            sum(weights[p] * b for p, b in zip(planes, code[::-1], strict=True))
            for code in product((0, 1), repeat=len(planes))
        )
        found.append(Digit(planes, low, values))
    return tuple(found)


def _plain(coding: tuple[Digit, ...], x: IntType, lanes: int, width: int) -> Products:
    """The digits' bits, those of two inputs merged."""
    gates: list[Gate] = []
    loose: dict[int, list[Gate]] = {}
    for lane, d in product(range(lanes), coding):
        for k in range(x.bits + d.reach):
            g = _digit_bit(d, x, lane, k)
            (loose.setdefault(g.column, []) if d.is_gate else gates).append(g)
    for column in sorted(loose):
        found = loose[column]
        while len(found) >= 3:
            gates += _merged(column, found[:3])
            found = found[3:]
        gates += found
    return Products(tuple(g for g in gates if g.column < width))


def _digit_bit(d: Digit, x: IntType, lane: int, k: int) -> Gate:
    """Bit ``k`` of a digit's product."""
    shifts = sorted({abs(m).bit_length() - 1 for m in d.values if m})
    planes = [k - s for s in shifts if 0 <= k - s < x.bits]

    def bit(*values: int) -> int:
        code = sum(v << i for i, v in enumerate(values[: len(d.planes)]))
        m = d.values[code]
        plane = k - (abs(m).bit_length() - 1)
        found = 0
        if m and plane in planes:
            found = values[len(d.planes) + planes.index(plane)]
            found ^= x.signed and plane == x.bits - 1
        return found ^ (m < 0)

    inputs = [("w", lane, p) for p in d.planes] + [("x", lane, p) for p in planes]
    return _pruned(gate(d.shift + k, inputs, bit))


def _pruned(g: Gate) -> Gate:
    """Without the inputs that decide nothing."""
    for i, _ in enumerate(g.inputs):
        ones = [g.table >> n & 1 for n in range(1 << len(g.inputs))]
        if all(v == ones[n ^ 1 << i] for n, v in enumerate(ones)):
            kept = [v for n, v in enumerate(ones) if not n >> i & 1]
            table = sum(v << n for n, v in enumerate(kept))
            return _pruned(Gate(g.column, (*g.inputs[:i], *g.inputs[i + 1 :]), table))
    return g


def _merged(column: int, three: Sequence[Gate]) -> list[Gate]:
    """The count of three products of two inputs each, in two bits."""
    inputs = [s for g in three for s in g.inputs]

    def count(*values: int) -> int:
        return sum(g.table >> (values[2 * i] + 2 * values[2 * i + 1]) & 1
                   for i, g in enumerate(three))  # fmt: skip

    return [
        gate(column, inputs, lambda *v: count(*v) & 1),
        gate(column + 1, inputs, lambda *v: count(*v) >> 1),
    ]


def _signs(lanes: int, planes: int, inverted: bool, triples: bool, width: int) -> Products:
    """XNOR products: three lanes at a time, and where parities are stored, three of those."""
    gates: list[Gate] = []
    parities: list[tuple[Source, ...]] = []
    for k in range(planes):
        flip = inverted and k == planes - 1
        items: list[Item] = [((("w", i, 0),), ("x", i, k)) for i in range(lanes)]
        rest = items[lanes // 3 * 3 :]
        found = []
        for i in range(0, lanes - 2, 3):
            three = items[i : i + 3]
            if triples:
                three[2] = ((("w", i, 0), ("w", i + 1, 0), ("w", i + 2, 0)), three[2][1])
            gates.append(_upper(k, three, flip))
            stored = (("w", i + 2, 0),) if triples else tuple(w for ws, _ in three for w in ws)
            found.append((stored, _parity(parities, three)))
        found += rest
        while triples and len(found) >= 3:
            three, found = found[:3], found[3:]
            gates.append(_upper(k, three, flip))
            stored = tuple(w for ws, _ in three for w in ws)
            gates.append(_lower(k, [(stored, _parity(parities, three))], flip))
        if len(found) == 2 and len(found[0][0]) == len(found[1][0]) == 1:
            gates += [_lower(k, found, flip), _upper(k, found, flip)]
        else:
            gates += [_lower(k, [item], flip) for item in found]
    return Products(tuple(g for g in gates if g.column < width), tuple(parities), triples)


def _parity(parities: list[tuple[Source, ...]], items: Sequence[Item]) -> Source:
    """The parity of the shared bits of ``items``, which is one more of ``parities``."""
    parities.append(tuple(s for _, s in items))
    return ("p", len(parities) - 1, 0)


def _agreements(items: Sequence[Item], flip: bool) -> tuple[list[Source], Callable[..., int]]:
    """The sources of XNOR products, and how many of these are 1 for their values."""
    inputs = sorted({s for ws, x in items for s in (*ws, x)})
    at = {s: i for i, s in enumerate(inputs)}

    def count(*values: int) -> int:
        return sum((1 ^ flip ^ values[at[x]] ^ sum(values[at[w]] for w in ws)) & 1
                   for ws, x in items)  # fmt: skip

    return inputs, count


def _upper(column: int, items: Sequence[Item], flip: bool) -> Gate:
    inputs, count = _agreements(items, flip)
    return gate(column + 1, inputs, lambda *v: count(*v) >> 1)


def _lower(column: int, items: Sequence[Item], flip: bool) -> Gate:
    inputs, count = _agreements(items, flip)
    return gate(column, inputs, lambda *v: count(*v) & 1)


__all__ = ["Gate", "Products", "Source", "constants", "digits", "over", "products", "stored"]
