"""Random operators for a given edge: every legal shape, constants by a generator.

``WAYS[kind](t)`` lists the parameters that decide shapes; the list is empty if the operator cannot
read ``t``. `operator` adds the constants. So every random graph is legal, also while it shrinks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import OPERATORS, MatVec

MOST = 120
"""Most elements of an edge."""

PEAK = 1 << 11
"""Bound of the magnitude of an edge's values."""

TABLE = 64
"""Most values of a type that a table reads."""

ROWS = 6
"""Most rows of a matrix."""

Ways = list[dict[str, Any]]

CLASSES = {c.kind: c for c in OPERATORS} | {"bordered": MatVec}

TYPES = (
    BIPOLAR,
    IntType(0, 1),
    IntType(0, 3),
    IntType(-2, 1),
    IntType(-1, 1),
    IntType(0, 6),
    IntType(-4, 3),
)
"""Types of inputs, and of the results of thresholds, tables and requantizers."""

WEIGHTS = (BIPOLAR, IntType(-2, 1), IntType(-1, 1), IntType(0, 3), IntType(-7, 7))


def peak(t: IntType) -> int:
    """The largest magnitude of a type."""
    return max(abs(t.lo), abs(t.hi))


def matvec(t: Tensor) -> Ways:
    one, whole = (t.channels, t.size // t.channels), (t.size, 1)
    return [  # of each place, or, less often, of a whole frame
        {"rows": rows, "cols": cols, "weight_type": w}
        for (cols, places), rows, w in product([one] * 3 + [whole], range(1, ROWS + 1), WEIGHTS)
        if rows * places <= MOST and cols * peak(t.type) * peak(w) < PEAK
    ]


def l1matvec(t: Tensor) -> Ways:
    """Matrices of distances, with weights inside and outside of x's range."""
    places = t.size // t.channels
    return [
        {"rows": rows, "past": past}
        for rows, past in product(range(1, ROWS + 1), (0, 2))
        if t.type.coding.binary
        and t.type.bits <= 8
        and rows * places <= MOST
        and t.channels * (t.type.hi - t.type.lo + past) < PEAK
    ]


def bordered(t: Tensor) -> Ways:
    """Matrices whose windows have taps outside of the feature map."""
    return [
        {"rows": rows, "cols": t.channels, "weight_type": BIPOLAR, "taps": taps}
        for rows, taps in product(range(1, ROWS + 1), product((1, 2, 3), repeat=axes(t)))
        if t.type == BIPOLAR
        and taps
        and t.channels % (2 * np.prod(taps)) == 0
        and rows * t.size // t.channels <= MOST
    ]


def typed(t: Tensor) -> Ways:
    return [{"out": out} for out in TYPES]


def requantize(t: Tensor) -> Ways:
    return [
        {"out": out, "shift": shift}
        for out, shift in product(TYPES, (0, 1, 3, 6))
        if out.coding.binary
    ]


def lookup(t: Tensor) -> Ways:
    rows = dict.fromkeys((1, t.channels))
    if t.type.n_values > TABLE:
        return []
    return [{"out": out, "rows": n} for out, n in product(TYPES, rows)]


def tables(t: Tensor) -> Ways:
    return [
        {"out": out, "rows": rows, "k": k}
        for out, rows, k in product(TYPES[:3], range(1, ROWS + 1), (1, 2, 3))
        if k * t.type.bits <= 8
    ]


def depthwise(t: Tensor) -> Ways:
    return [
        {"taps": taps, "weight_type": w}
        for taps, w in product(divisors(t.channels), WEIGHTS)
        if taps * peak(t.type) * peak(w) < PEAK
    ]


def argmax(t: Tensor) -> Ways:
    plain = t.size == t.channels
    return [{"k": k} for k in range(1, t.channels + 1)] if plain else []


def convert(t: Tensor) -> Ways:
    """Conversions to other axes."""
    two = [(d, t.size // d) for d in divisors(t.size)]
    three = [(a, b // a, c) for b, c in two for a in divisors(b)]
    return [{"shape": s} for s in ((t.size,), *two, *three) if s != t.shape]


def shuffle(t: Tensor) -> Ways:
    return [{}]


def split(t: Tensor) -> Ways:
    c = t.channels
    two = [(a, c - a) for a in range(1, c)]
    three = [(a, b, c - a - b) for a in range(1, c) for b in range(1, c - a)]
    return [{"sizes": s} for s in (*two, *three)]


def pad(t: Tensor) -> Ways:
    return [
        {"pads": pads, "value": value}
        for pads in product((0, 1, 2), repeat=2 * axes(t))
        for value in (0, 1, t.type.lo, t.type.hi, -3)
        if pads and padded(t, pads) <= MOST
    ]


def crop(t: Tensor) -> Ways:
    """Parts of the places, in steps of one or two, and of the channels."""
    *places, channels = t.shape
    axes_of_space = [
        [(s, k, (n - 1 - s) // k + 1) for s, k in product((0, 1), (1, 2)) if s < n] for n in places
    ]
    starts = (s for s in {0, 1, channels // 2} if s < channels)
    parts = [(s, 1, n) for s in starts for n in {1, channels - s}]
    return [
        dict(zip(("starts", "steps", "sizes"), zip(*way, strict=True), strict=True))
        for way in product(*axes_of_space, sorted(parts))
        if len(t.shape) <= 3
    ]


def padded(t: Tensor, pads: tuple[int, ...]) -> int:
    """Number of elements with that border."""
    n, size = axes(t), t.channels
    for a in range(n):
        size *= t.shape[a] + pads[a] + pads[a + n]
    return size


def window(t: Tensor) -> Ways:
    return list(_windows(t.shape, 3, dilated=True))


def maxpool(t: Tensor) -> Ways:
    return list(_windows(t.shape, max(t.shape), dilated=False))


def avgpool(t: Tensor) -> Ways:
    ways = _windows(t.shape, max(t.shape), dilated=False)
    return [w for w in ways if np.prod(w["kernel"]) * peak(t.type) < PEAK]


@lru_cache(1 << 10)
def _windows(shape: tuple[int, ...], kernel: int, *, dilated: bool) -> tuple[dict[str, Any], ...]:
    """List the windows of at most ``kernel`` taps an axis whose result is small enough."""
    axis = [
        [
            (k, s, d, (n - (k - 1) * d - 1) // s + 1)
            for k, s, d in product(
                range(1, min(n, kernel) + 1),
                range(1, min(n, 3) + 1),
                (1, 2, 3) if dilated else (1,),
            )
            if (k - 1) * d < n and (k > 1 or d == 1)
        ]
        for n in shape[:-1]
    ]
    ways = []
    for sizes in product(*axis):
        k, s, d, out = zip(*sizes, strict=True) if sizes else ((),) * 4
        taps = int(np.prod(k)) if dilated else 1
        if sizes and taps * int(np.prod(out)) * shape[-1] <= MOST:
            ways.append({"kernel": k, "stride": s} | ({"dilation": d} if dilated else {}))
    return tuple(ways)


def upsample(t: Tensor) -> Ways:
    return [
        {"factors": f}
        for f in product((1, 2, 3), repeat=axes(t))
        if np.prod(f) > 1 and t.size * np.prod(f) <= MOST
    ]


def deconv(t: Tensor) -> Ways:
    return [
        {"strides": strides}
        for strides in product((1, 2, 3), repeat=axes(t))
        if np.prod(strides) > 1
        and t.channels * np.prod([(n - 1) * s + 1 for n, s in zip(t.shape, strides, strict=False)])
        <= MOST
    ]


def rearrange(t: Tensor) -> Ways:
    if axes(t) != 2:
        return []
    h, w, c = t.shape
    deep = [{"block": b, "direction": "to_depth"} for b in (2, 3) if h % b == 0 and w % b == 0]
    flat = [{"block": b, "direction": "to_space"} for b in (2, 3) if c % b**2 == 0]
    return deep + flat


def axes(t: Tensor) -> int:
    """Number of axes of space."""
    return len(t.shape) - 1


def divisors(n: int) -> list[int]:
    return [d for d in range(1, n + 1) if n % d == 0]


WAYS: dict[str, Callable[[Tensor], Ways]] = {
    "matvec": matvec,
    "threshold": typed,
    "window": window,
    "maxpool": maxpool,
    "avgpool": avgpool,
    "pad": pad,
    "crop": crop,
    "depthwise": depthwise,
    "requantize": requantize,
    "lookup": lookup,
    "upsample": upsample,
    "deconv": deconv,
    "shuffle": shuffle,
    "rearrange": rearrange,
    "split": split,
    "argmax": argmax,
    "convert": convert,
    "bordered": bordered,
    "l1matvec": l1matvec,
    "tables": tables,
}
"""Makers of operators with one operand; joins have several."""


def operator(
    kind: str, way: dict[str, Any], name: str, edge: str, x: Tensor, rng: np.random.Generator
) -> Operator:
    """The operator of that kind and shape on an edge; its constants are random."""
    fields = {"name": name, "inputs": (edge,), "operands": (x,)}
    return CLASSES[kind](**fields, **CONSTANTS.get(kind, _none)(dict(way), x, rng))  # type: ignore


def _none(way: dict[str, Any], x: Tensor, rng: np.random.Generator) -> dict[str, Any]:
    return way


def _matvec(way: dict[str, Any], x: Tensor, rng: np.random.Generator) -> dict[str, Any]:
    shape, taps = (way.pop("rows"), way.pop("cols")), way.pop("taps", ())
    way["weights"] = rng.choice(way["weight_type"].values(), shape)
    inside = [rng.random((n, k)) < 0.7 for n, k in zip(x.shape, taps, strict=False)]
    if taps:
        inside[0][0, 0] = False  # some tap lies outside
        way["inside"] = tuple(inside)
    return way


def _l1matvec(way: dict[str, Any], x: Tensor, rng: np.random.Generator) -> dict[str, Any]:
    past, rows = way["past"], way["rows"]
    return {"weights": rng.integers(x.type.lo - past, x.type.hi + past + 1, (rows, x.channels))}


def _depthwise(way: dict[str, Any], x: Tensor, rng: np.random.Generator) -> dict[str, Any]:
    taps = way.pop("taps")
    weights = rng.choice(way["weight_type"].values(), (x.channels // taps, taps))
    return way | {"weights": weights}


def _threshold(way: dict[str, Any], x: Tensor, rng: np.random.Generator) -> dict[str, Any]:
    shape = (x.channels, way["out"].n_values - 1)
    limits = np.sort(rng.integers(x.type.lo, x.type.hi + 2, shape), axis=1)
    return way | {"thresholds": limits, "inverted": rng.random(x.channels) < 0.3}


def _requantize(way: dict[str, Any], x: Tensor, rng: np.random.Generator) -> dict[str, Any]:
    gain, offset = rng.integers(-9, 10, x.channels), rng.integers(-40, 41, x.channels)
    return way | {"gain": gain, "offset": offset}


def _lookup(way: dict[str, Any], x: Tensor, rng: np.random.Generator) -> dict[str, Any]:
    shape = (way.pop("rows"), x.type.n_values)
    return way | {"table": rng.choice(way["out"].values(), shape)}


def _tables(way: dict[str, Any], x: Tensor, rng: np.random.Generator) -> dict[str, Any]:
    rows, k = way.pop("rows"), way.pop("k")
    table = rng.choice(way["out"].values(), (rows, 1 << k * x.type.bits))
    return way | {"wires": rng.integers(0, x.size, (rows, k)), "table": table}


def _argmax(way: dict[str, Any], x: Tensor, rng: np.random.Generator) -> dict[str, Any]:
    plain = rng.random() < 0.5
    gain = np.ones(x.channels, int) if plain else rng.integers(-3, 4, x.channels)
    offset = np.zeros(x.channels, int) if plain else rng.integers(-9, 10, x.channels)
    return way | {"gain": gain, "offset": offset}


def _shuffle(way: dict[str, Any], x: Tensor, rng: np.random.Generator) -> dict[str, Any]:
    return {"order": rng.permutation(x.channels)}


CONSTANTS: dict[str, Callable[[dict[str, Any], Tensor, np.random.Generator], dict[str, Any]]] = {
    "matvec": _matvec,
    "bordered": _matvec,
    "depthwise": _depthwise,
    "threshold": _threshold,
    "requantize": _requantize,
    "lookup": _lookup,
    "argmax": _argmax,
    "shuffle": _shuffle,
    "l1matvec": _l1matvec,
    "tables": _tables,
}

STYLES = {
    "window": ("folded", "parallel"),
    "threshold": ("parallel", "search"),
    "tables": ("unrolled",),
}
STORING = (
    "argmax",
    "depthwise",
    "l1matvec",
    "lookup",
    "matvec",
    "rearrange",
    "requantize",
    "threshold",
    "upsample",
)
"""Kinds of operators with memories, whose form a folding may choose."""


def foldings(node: Operator, cycles: int) -> list[dict[str, Any]]:
    """Foldings that take a frame in at most ``cycles``, quickest first; or else the quickest."""
    n = divisors(node.x.size)
    own = ("matvec", "l1matvec", "window", "tables")
    pe = divisors(node.y.channels) if node.kind in own else [0]
    pe = n if node.kind == "convert" else pe
    found = []
    for simd, lanes, style, memory in product(
        n,
        pe,
        STYLES.get(node.kind, ("folded",)),
        ("distributed", "block") if node.kind in STORING else ("distributed",),
    ):
        impl = {"pe": lanes or simd, "simd": simd, "style": style, "memory": memory}
        folded = _folded(node, impl)
        if folded is not None:
            found.append((folded.cost().cycles, impl))
    found.sort(key=lambda f: f[0])
    return [impl for spent, impl in found if spent <= max(cycles, found[0][0])]


def _folded(node: Operator, impl: dict[str, Any]) -> Operator | None:
    try:
        return node.replace(impl=Impl(**impl))
    except SpecError:
        return None
