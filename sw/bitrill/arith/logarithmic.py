"""Bits of the product of one digit of a weight and x, as truth tables of few inputs.

It covers plain and logarithmic x. The tables are made once, for lane 0; `bitrill.arith.products`
repeats them in each lane.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from ..ir import IntType
from .gates import LUT_INPUTS, Source, fewest
from .weight_digits import Digit


@dataclass(frozen=True)
class Template:
    """A `Gate` of lane 0; its inputs may be gates of lane 0, too."""

    column: int
    inputs: "tuple[Source | Template, ...]"
    table: int


def template(
    column: int, inputs: list[Source | Template], f: Callable[..., object]
) -> Template | None:
    """The table of ``f`` without the inputs that it does not depend on, or None: see `fewest`."""
    names: list[Source] = [("n", k, 0) for k, _ in enumerate(inputs)]
    least = fewest(column, names, f)
    if least is None:
        return None
    return Template(column, tuple(inputs[k] for _, k, _ in least.inputs), least.table)


def x_planes(x: IntType) -> list[Source | Template]:
    """The planes of x, decoded where x is logarithmic.

    They are the planes of x', except that the top plane of a signed x is not complemented.
    """
    bits: list[Source | Template] = [("x", 0, p) for p in range(x.bits)]
    if not x.coding.one_hot:
        return bits
    decoded = (
        template(0, bits, lambda *v, k=k: _number(v) == k + 1) for k in range(x.coding.planes)
    )
    return [plane for plane in decoded if plane is not None]


@lru_cache(maxsize=1024)
def digit_bits(d: Digit, x: IntType) -> tuple[Template, ...]:
    """The bits of a digit's product that are not 0."""
    n = x.coding.planes
    if d.shifter:
        bits = _shifted(d, x)
    elif x.coding.one_hot and d.whole:
        bits = [_chosen(d, x, k) for k in range(d.width(n))]
    elif all(abs(m) & abs(m) - 1 == 0 for m in d.known):
        bits = [_placed(d, x, k) for k in range(d.width(n))]
    else:
        bits = [_multiplied(d, x, k) for k in range(d.width(n))]
    return tuple(g for g in bits if g is not None)


def _number(bits: tuple[int, ...]) -> int:
    return sum(v << i for i, v in enumerate(bits))


def _weight(d: Digit) -> list[Source | Template]:
    return [("w", 0, p) for p in d.planes]


def _placed(d: Digit, x: IntType, k: int) -> Template | None:
    """Bit ``k`` of the product with 0 or a power of two: a plane of x', or its complement."""
    low, high = d.planes_of(x.coding.planes)
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


def _multiplied(d: Digit, x: IntType, k: int) -> Template | None:
    """Bit ``k`` of the product of any value and a few planes of x."""
    low, high = d.planes_of(x.coding.planes)
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

    If weight and x together have more than six bits, x is first translated to the number of the bit
    that it selects, in as few bits as possible.
    """
    w = len(d.planes)
    bits: list[Source | Template] = [("x", 0, p) for p in range(x.bits)]
    n = x.coding.planes
    places = [j for j in range(d.most.bit_length()) if 0 <= k - j < n]

    def of(code: int, place: int | None) -> int | None:
        m = d.values[code]
        return m and (place is not None and abs(m) >> place & 1) ^ (m < 0)

    def direct(*v: int) -> int | None:
        exponent = _number(v[w:]) - 1
        return (
            None if exponent >= x.coding.planes else of(_number(v[:w]), _at(k - exponent, exponent))
        )

    def by_place(*v: int) -> int | None:
        which = _number(v[w:])
        if which > len(places):
            return None
        return of(_number(v[:w]), places[which - 1] if which else None)

    few = len(places).bit_length()
    if w + x.bits <= LUT_INPUTS or few >= x.bits:
        return template(d.shift + k, _weight(d) + bits, direct)
    translated = (
        template(0, bits, lambda *v, i=i: _which(_number(v), k, places) >> i & 1)
        for i in range(few)
    )
    which = [bit for bit in translated if bit is not None]
    return template(d.shift + k, [*_weight(d), *which], by_place)


def _at(place: int, exponent: int) -> int | None:
    """The place of a value's bit that x shifts to ``k``, or None where x is 0 or shifts further."""
    return place if exponent >= 0 and place >= 0 else None


def _which(code: int, k: int, places: list[int]) -> int:
    """Which of ``places``, counted from 1, x shifts to bit ``k``; 0 for none."""
    return places.index(k - code + 1) + 1 if code and k - code + 1 in places else 0


def _shifted(d: Digit, x: IntType) -> list[Template | None]:
    """The bits of a sign and exponent times x', as a shifter of two levels.

    The first shifts x' by the lower two bits of the exponent, the second by the others.
    """
    n, given = x.coding.planes, x_planes(x)
    *exponent, sign = _weight(d)
    powers = d.most.bit_length()
    fine: list[Template | None] = []
    for j in range(n + 3):
        read = [p for p in range(j - 3, j + 1) if 0 <= p < n]

        def bit(*v: int, j: int = j, read: list[int] = read) -> int:
            p = j - _number(v[:2])
            return p in read and v[2 + read.index(p)] ^ (x.signed and p == x.bits - 1)

        fine.append(template(0, exponent[:2] + [given[p] for p in read], bit))
    bits = []
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
        bits.append(template(d.shift + k, [*exponent, sign, *chosen], outer))
    return bits
