"""Rules for LutLayer and Thermometer, functions of domain ``bitrill``: layers of truth tables."""

from fractions import Fraction

import numpy as np

from ...exact import Real, sign
from ...ir import BIPOLAR, INPUT, InputQuantizer, IntType
from ...ops.tables import ADDRESS_BITS, Tables
from ...real import Affine, at
from ..reader.local_functions import DOMAIN, LUT_LAYER, THERMOMETER
from ..symbolic import Call, Const, Data, Known, RefusedError
from .multithreshold import reaching
from .table import rule

BIT = IntType(0, 1)

WHOLE_BITS = 24
"""Bits of the numbers that float32 adds exactly."""


@rule("LutLayer", domain=DOMAIN, inputs=5, body=LUT_LAYER)
def lut_layer(call: Call) -> Known:
    """``tables[j, sum_i x[wires[j, i]] * base**i]``; docs/format.md specifies it."""
    x, meaning = call.integers_of(0)
    _check_vector(x)
    if len(meaning.scale) > 1 or len(meaning.offset) > 1:
        raise RefusedError("its data must have one scale and one zero point for all features")
    wires = _places(call, 1, x.size, "its wires")
    tables = _whole(call, 4, "its tables")
    base = _base(_whole(call, 2, "its powers").reshape(-1), wires, tables)
    if not np.array_equal(_whole(call, 3, "its starts"), np.arange(len(tables)) * tables.shape[1]):
        raise RefusedError(f"its starts must be 0, {tables.shape[1]}, .., one for each table")
    entries = _entries(call.builder.edges[x.edge].type, meaning, base, wires.shape[1])
    lo, hi = int(tables.min()), int(tables.max())
    out = BIPOLAR if (abs(tables) == 1).all() and lo < hi else IntType.for_range(lo=lo, hi=hi)
    node = call.emit(Tables, x.edge, wires=x.stream[wires], table=tables[:, entries], out=out)
    return Data(node.name, node.y.type, (node.rows,), node.y.shape, quantized=True)


def _entries(t: IntType, meaning: Affine, base: int, k: int) -> np.ndarray:
    """Return which entry of the file's tables each address of the operator's tables reads.

    ``t``: the data's integers, whose codes are the digits of an address; in the file the digits
    are the numbers that these integers mean.
    """
    if k * t.bits not in ADDRESS_BITS:
        raise RefusedError(
            f"its tables must read at most {ADDRESS_BITS[-1]} bits each, not {k * t.bits}"
            f" ({k} numbers of {t.bits} bits)"
        )
    held = t.values()
    numbers = [meaning(Fraction(v), 0) for v in held.tolist()]
    known = {Fraction(n): n for n in range(base)}
    if any(n not in known for n in numbers):
        raise RefusedError(f"its data must be whole numbers 0 .. {base - 1}, as its powers say")
    digits = np.zeros(1 << t.bits, np.int64)  # codes without a value read entry 0
    digits[t.encode(held)] = [known[n] for n in numbers if isinstance(n, Fraction)]
    address = np.arange(1 << k * t.bits)
    places = np.stack([address >> i * t.bits & (1 << t.bits) - 1 for i in range(k)])
    return base ** np.arange(k) @ digits[places]


@rule("Thermometer", domain=DOMAIN, inputs=3, body=THERMOMETER, quantizer=True)
def thermometer(call: Call) -> Known:
    """``x[features[j]] >= limits[j]``; only these bits exist. docs/format.md specifies it."""
    x = call.clipped(call.builder.settle(call.data(0)))
    _check_vector(x)
    features = _places(call, 1, x.size, "its features", ndim=1)
    bounds = call.exact(2, "its limits", like="any")
    if bounds.shape != features.shape:
        raise RefusedError(
            f"its limits must be {len(features)}, one for each feature that it reads, not of shape"
            f" {list(bounds.shape)}"
        )
    wires = x.stream[features]
    reads = list(zip((wires % x.channels).tolist(), bounds.tolist(), strict=True))
    if x.type is None:
        t, passed = _of_floats(call, x, reads)
        edge = INPUT
    else:
        t, edge = x.type, x.edge
        passed = _of_integers(x, t, reads)
    table = np.zeros((len(wires), 1 << t.bits), np.int64)
    table[:, t.encode(t.values())] = passed
    node = call.emit(Tables, edge, wires=wires[:, None], table=table, out=BIT)
    return Data(node.name, node.y.type, (node.rows,), node.y.shape, quantized=True)


def _of_integers(x: Data, t: IntType, reads: list[tuple[int, Real]]) -> np.ndarray:
    """Return for each pair of channel and limit which integers reach the limit."""
    if t.bits not in ADDRESS_BITS:
        raise RefusedError(f"its data must have at most {ADDRESS_BITS[-1]} bits, not {t.bits}")
    meaning, held = x.meaning("its data"), t.values().tolist()
    known = {c: [meaning(Fraction(v), c) for v in held] for c in {c for c, _ in reads}}
    return np.array([[sign(n - bound) >= 0 for n in known[c]] for c, bound in reads])


def _of_floats(call: Call, x: Data, reads: list[tuple[int, Real]]) -> tuple[IntType, np.ndarray]:
    """Let the host count the limits that the model's float input reaches in each channel.

    Return the type of these counts, and for each pair of channel and limit which counts reach it.
    """
    meaning, floats = x.meaning("its data"), []
    for c, bound in reads:
        scale = at(meaning.scale, c)
        if sign(scale) <= 0:
            raise RefusedError("the model's float input must be scaled by numbers above zero")
        floats.append(reaching((bound - at(meaning.offset, c)) / scale, beyond=False))
    own: list[list[float]] = [[] for _ in range(x.channels)]
    for (c, _), level in sorted(zip(reads, floats, strict=True), key=lambda r: r[1]):
        own[c] += [level] if level not in own[c][-1:] else []
    most = max(map(len, own))
    levels = np.array([row + [np.inf] * (most - len(row)) for row in own])
    quantizer = InputQuantizer(levels, np.zeros(len(levels), bool), IntType(0, most))
    for array in (quantizer.levels, quantizer.inverted):
        array.setflags(write=False)
    call.builder.quantize_input(quantizer, x)
    first = [own[c].index(level) + 1 for (c, _), level in zip(reads, floats, strict=True)]
    return quantizer.type, np.arange(most + 1) >= np.array(first)[:, None]


def _check_vector(x: Data) -> None:
    if len(x.shape) != 1:
        raise RefusedError(f"data must be [batch, features], not {['batch', *x.shape]}; flatten it")


def _places(call: Call, i: int, n: int, what: str, ndim: int = 2) -> np.ndarray:
    """Return constant input ``i``: numbers of the ``n`` features of the data."""
    places = call.integers(i, what)
    if places.ndim != ndim or not places.size:
        axes = "a list" if ndim == 1 else "[tables, inputs]"
        raise RefusedError(f"{what} must be {axes}, not of shape {list(places.shape)}")
    outside = places[(places < 0) | (places >= n)]
    if outside.size:
        raise RefusedError(f"{what} must lead to the data's {n} features, not to {outside[0]}")
    return places


def _whole(call: Call, i: int, what: str) -> np.ndarray:
    """Return constant input ``i``, floats in the file, as integers."""
    value = call.value(i)
    if not isinstance(value, Const) or value.batch is not None or value.array.dtype.kind != "f":
        raise RefusedError(f"{what} must be constant floats")
    if not np.all(np.abs(value.array) < 1 << WHOLE_BITS) or np.any(value.array % 1):
        raise RefusedError(f"{what} must hold whole numbers of at most {WHOLE_BITS} bits")
    return value.array.astype(np.int64)


def _base(powers: np.ndarray, wires: np.ndarray, tables: np.ndarray) -> int:
    """Return the base whose powers are given; with it, wires and tables have legal shapes."""
    k = wires.shape[1]
    base = int(powers[1]) if len(powers) > 1 else tables.shape[-1]
    if base < 2 or len(powers) != k or base**k > 1 << ADDRESS_BITS[-1]:
        raise RefusedError(
            f"its powers must be {k} powers of one base from 2 on, one for each wire of a table,"
            f" and tables of at most {1 << ADDRESS_BITS[-1]} entries"
        )
    if powers.tolist() != [base**i for i in range(k)]:
        raise RefusedError(f"its powers must be 1, {base}, {base}**2 .., the first wire's first")
    if tables.shape != (len(wires), base**k):
        raise RefusedError(
            f"its tables must have shape {[len(wires), base**k]}, not {list(tables.shape)}"
        )
    return base
