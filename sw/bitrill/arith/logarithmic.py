"""The bits of a digit times x, as tables: what `bitrill.arith.products` repeats in each lane."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from ..ir.types import IntType
from .gates import LUT_INPUTS, Source, fewest
from .weight_digits import Digit, planes


@dataclass(frozen=True)
class Template:
    """A `Gate` of lane 0 that may read others of its kind."""

    column: int
    inputs: tuple[Source | Template, ...]
    table: int


def template(
    column: int, inputs: list[Source | Template], f: Callable[..., object]
) -> Template | None:
    """As `fewest`."""
    names: list[Source] = [("n", k, 0) for k, _ in enumerate(inputs)]
    found = fewest(column, names, f)
    if found is None:
        return None
    return Template(column, tuple(inputs[k] for _, k, _ in found.inputs), found.table)


def x_planes(x: IntType) -> list[Source | Template]:
    """The planes of x', but that the top one of a signed x is as it comes."""
    bits: list[Source | Template] = [("x", 0, p) for p in range(x.bits)]
    if not x.coding.one_hot:
        return bits
    return [
        found
        for k in range(planes(x))
        if (found := template(0, bits, lambda *v, k=k: _number(v) == k + 1)) is not None
    ]


@lru_cache(maxsize=1024)
def digit_bits(d: Digit, x: IntType) -> tuple[Template, ...]:
    """The bits of a digit's product that are not 0."""
    n = planes(x)
    if d.shifter:
        found = _shifted(d, x)
    elif x.coding.one_hot and d.whole:
        found = [_chosen(d, x, k) for k in range(d.width(n))]
    elif all(abs(m) & abs(m) - 1 == 0 for m in d.known):
        found = [_placed(d, x, k) for k in range(d.width(n))]
    else:
        found = [_told(d, x, k) for k in range(d.width(n))]
    return tuple(g for g in found if g is not None)


def _number(bits: tuple[int, ...]) -> int:
    return sum(v << i for i, v in enumerate(bits))


def _weight(d: Digit) -> list[Source | Template]:
    return [("w", 0, p) for p in d.planes]


def _placed(d: Digit, x: IntType, k: int) -> Template | None:
    """Bit ``k`` where the values are powers of two: a plane of x', or its complement."""
    low, high = d.planes_of(planes(x))
    shifts = sorted({abs(m).bit_length() - 1 for m in d.known if m})
    read = [k - s for s in shifts if 0 <= k - s < high - low]
    w = len(d.planes)

    def bit(*v: int) -> int | None:
        m = d.values[_number(v[:w])]
        if not m:
            return m
        plane = k - (abs(m).bit_length() - 1)
        if plane not in read:
            return 0
        return v[w + read.index(plane)] ^ (x.signed and low + plane == x.bits - 1) ^ (m < 0)

    given = x_planes(x)
    return template(d.shift + low + k, _weight(d) + [given[low + p] for p in read], bit)


def _told(d: Digit, x: IntType, k: int) -> Template | None:
    """Bit ``k`` of any value times a few planes."""
    low, high = d.planes_of(planes(x))
    w, ones = len(d.planes), (1 << high - low) - 1

    def bit(*v: int) -> int | None:
        m = d.values[_number(v[:w])]
        if m is None:
            return None
        part = _number(v[w:]) ^ (1 << high - low - 1 if x.signed and high == x.bits else 0)
        return abs(m) * (part if m > 0 else ones - part) >> k & 1

    return template(d.shift + low + k, _weight(d) + x_planes(x)[low:high], bit)


def _chosen(d: Digit, x: IntType, k: int) -> Template | None:
    """Bit ``k`` of any value times a power of two: bit ``k - exponent`` of the value.

    Where weight and x are more than six bits, the place of that bit is told by as few bits as can
    be, of x alone.
    """
    w = len(d.planes)
    bits: list[Source | Template] = [("x", 0, p) for p in range(x.bits)]
    places = [j for j in range(d.most.bit_length()) if 0 <= k - j < planes(x)]

    def of(code: int, place: int | None) -> int | None:
        m = d.values[code]
        return m and (place is not None and abs(m) >> place & 1) ^ (m < 0)

    def direct(*v: int) -> int | None:
        exponent = _number(v[w:]) - 1
        return None if exponent >= planes(x) else of(_number(v[:w]), _at(k - exponent, exponent))

    def by_place(*v: int) -> int | None:
        told = _number(v[w:])
        return (
            None if told > len(places) else of(_number(v[:w]), places[told - 1] if told else None)
        )

    few = len(places).bit_length()
    if w + x.bits <= LUT_INPUTS or few >= x.bits:
        return template(d.shift + k, _weight(d) + bits, direct)
    which = [
        found
        for i in range(few)
        if (found := template(0, bits, lambda *v, i=i: _which(_number(v), k, places) >> i & 1))
    ]
    return template(d.shift + k, [*_weight(d), *which], by_place)


def _at(place: int, exponent: int) -> int | None:
    """The place of a value's bit, if there is any."""
    return place if exponent >= 0 and place >= 0 else None


def _which(code: int, k: int, places: list[int]) -> int:
    """Which of ``places`` an x of that code puts at bit ``k``, from 1; 0 if none."""
    return places.index(k - code + 1) + 1 if code and k - code + 1 in places else 0


def _shifted(d: Digit, x: IntType) -> list[Template | None]:
    """A term of `pot` in two levels: x' by the lower two bits of the exponent, then the rest."""
    n, given = planes(x), x_planes(x)
    *exponent, sign = _weight(d)
    powers = d.most.bit_length()
    fine: list[Template | None] = []
    for j in range(n + 3):
        read = [p for p in range(j - 3, j + 1) if 0 <= p < n]

        def bit(*v: int, j: int = j, read: list[int] = read) -> int:
            p = j - _number(v[:2])
            return p in read and v[2 + read.index(p)] ^ (x.signed and p == x.bits - 1)

        fine.append(template(0, exponent[:2] + [given[p] for p in read], bit))
    found = []
    for k in range(n + powers - 1):
        read = [q for q in range(powers // 4 + 1) if 0 <= k + 1 - 4 * q < n + 3]

        def outer(*v: int, read: list[int] = read) -> int | None:
            code, q = _number(v[: len(exponent)]), _number(v[2 : len(exponent)])
            negative = v[len(exponent)]
            if code > powers or (negative and not code):
                return None
            shown = code and q in read and v[len(exponent) + 1 + read.index(q)]
            return shown ^ negative

        chosen = [c for q in read if (c := fine[k + 1 - 4 * q]) is not None]
        found.append(template(d.shift + k, [*exponent, sign, *chosen], outer))
    return found
