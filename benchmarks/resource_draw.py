"""Points of the resource model drawn at random: as many of each kind, the same for a seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bitrill.errors import BitrillError
from specimens import Row, operator, type_of

CODINGS = [
    ("bipolar", "bipolar"),
    ("ternary", "bipolar"),
    ("bipolar", "uint2"),
    ("bipolar", "int4"),
    ("ternary", "uint2"),
    ("ternary", "ternary"),
    ("int2", "uint2"),
    ("int4", "bipolar"),
    ("int4", "uint4"),
    ("bipolar", "uint8"),
    ("int4", "int4"),
    ("pot", "uint4"),
    ("codebook", "uint4"),
    ("int4", "log3"),
    ("ternary", "log3"),
]
"""Weights and activations of `MatVec`."""

LANES, WORDS = 192, 1024
"""A unit is to have so many bits of products side by side at most, and a table of LUTs so many
words: Yosys takes minutes for larger ones, which block memory and folding are there for."""

_ACTIVATIONS = ("bipolar", "uint2", "uint4", "int4", "uint8")

Draw = Callable[[np.random.Generator], dict[str, Any] | None]


def drawn(seed: int, shares: dict[str, int]) -> list[dict[str, Any]]:
    """``shares[kind]`` points of each kind, no two alike; what is not legal is drawn again."""
    rows: list[dict[str, Any]] = []
    for number, (kind, count) in enumerate(shares.items()):
        rng = np.random.default_rng([seed, number])
        own: list[dict[str, Any]] = []
        while len(own) < count:
            row = _DRAWS[kind](rng)
            if row is None:
                continue
            row = {"kind": kind, **row}
            if row not in own and _legal(row):
                own.append(row)
        rows += own
    return rows


def _legal(row: Row) -> bool:
    if row["kind"] == "fifo":
        return True
    try:
        op = operator(row)
        op.validate_impl(op.folded)
        return max(op.lanes_in, op.lanes_out) * op.x.type.bits <= 4 * LANES
    except BitrillError:
        return False


def _one(rng: np.random.Generator, values: Any) -> Any:
    value = values[int(rng.integers(len(values)))]
    return value.item() if isinstance(value, np.generic) else value


def _between(rng: np.random.Generator, lo: int, hi: int) -> int:
    """Draw from all orders of magnitude alike."""
    return round(float(np.exp(rng.uniform(np.log(lo), np.log(hi)))))


def _divisor(rng: np.random.Generator, n: int) -> int:
    return _one(rng, [d for d in range(1, n + 1) if n % d == 0])


def _channels(rng: np.random.Generator) -> int:
    return _one(rng, (4, 8, 10, 12, 16, 18, 20, 24, 32, 36, 48, 64))


def _matvec(rng: np.random.Generator) -> dict[str, Any] | None:
    w, x = _one(rng, CODINGS)
    rows, cols = _channels(rng), _one(rng, (9, 16, 18, 27, 32, 36, 48, 64, 96, 144, 256, 400))
    pe, simd = _divisor(rng, rows), _divisor(rng, cols)
    memory = "block" if rng.random() < 0.3 else "distributed"
    side, words = pe * simd * type_of(w).bits * type_of(x).bits, rows * cols // (pe * simd)
    if not 4 <= side <= LANES or words > (16 * WORDS if memory == "block" else WORDS):
        return None
    return {"w": w, "x": x, "rows": rows, "shape": [cols], "pe": pe, "simd": simd, "memory": memory}


def _l1matvec(rng: np.random.Generator) -> dict[str, Any] | None:
    row = _matvec(rng)
    if row is None:
        return None
    w, x = _one(rng, [("int4", "uint4"), ("int4", "uint2"), ("int8", "uint4"), ("int5", "int4")])
    if row["pe"] * row["simd"] * type_of(x).bits > LANES // 2:
        return None
    return row | {"w": w, "x": x}


def _multiplied(rng: np.random.Generator) -> dict[str, Any] | None:
    row = _matvec(rng)
    if row is None or not row["w"].startswith("int") or not row["x"].strip("u").startswith("int"):
        return None
    return row | {"kind": "matvec", "multiply": _one(rng, ("serial", "dsp"))}


def _depthwise(rng: np.random.Generator) -> dict[str, Any] | None:
    w, x = _one(
        rng,
        [
            ("int4", "uint4"),
            ("bipolar", "uint2"),
            ("ternary", "uint4"),
            ("bipolar", "bipolar"),
            ("int8", "uint8"),
        ],
    )
    channels, taps = _one(rng, (8, 16, 24, 32, 64)), _one(rng, (9, 25))
    pe = _divisor(rng, channels)
    memory = "block" if rng.random() < 0.3 else "distributed"
    if pe * type_of(w).bits * type_of(x).bits > LANES or channels * taps // pe > WORDS:
        return None
    return {
        "w": w,
        "x": x,
        "shape": [4, 4, taps * channels],
        "taps": taps,
        "pe": pe,
        "memory": memory,
    }


def _threshold(rng: np.random.Generator) -> dict[str, Any] | None:
    out, channels = _one(rng, ("bipolar", "uint2", "uint4")), _one(rng, (10, 16, 32, 64, 128))
    bits = int(rng.integers(6, 15))
    levels, pe = type_of(out).n_values - 1, _divisor(rng, channels)
    style = "search" if levels > 3 or (levels == 3 and rng.random() < 0.4) else "parallel"
    if pe * levels * bits > 2 * LANES:
        return None
    return {
        "x": f"{_one(rng, ('int', 'uint'))}{bits}",
        "out": out,
        "shape": [channels],
        "pe": pe,
        "style": style,
        "inverted": bool(rng.random() < 0.5),
    }


def _convert(rng: np.random.Generator) -> dict[str, Any] | None:
    n, x = _one(rng, (240, 256, 288, 360)), _one(rng, _ACTIVATIONS)
    a, b = _divisor(rng, n), _divisor(rng, n)
    if a == b or max(a, b) * type_of(x).bits > 256:
        return None
    return {"x": x, "shape": [n], "simd": a, "pe": b}


def _fifo(rng: np.random.Generator) -> dict[str, Any]:
    depth = 2 if rng.random() < 0.3 else _between(rng, 3, 1500)
    return {"width": _between(rng, 1, 100), "depth": depth}


def _window(rng: np.random.Generator) -> dict[str, Any] | None:
    side, channels, k = (
        _one(rng, (8, 12, 16, 28, 32)),
        _one(rng, (1, 4, 8, 16, 32, 64)),
        _one(rng, (2, 3, 5)),
    )
    x, pe = _one(rng, _ACTIVATIONS), _divisor(rng, channels)
    parallel = rng.random() < 0.3 and k * k * channels * type_of(x).bits <= LANES
    stride = 1 if parallel else _one(rng, (1, 2))
    row = {"x": x, "shape": [side, side, channels], "kernel": [k, k], "stride": [stride, stride]}
    if parallel:
        return row | {"simd": channels, "pe": k * k * channels, "style": "parallel"}
    return row | {"simd": pe, "pe": pe}


def _pool(rng: np.random.Generator) -> dict[str, Any] | None:
    side, channels = _one(rng, (4, 6, 8, 9, 16)), _one(rng, (4, 8, 16, 32))
    k, pe = _one(rng, (2, 3, 4)), _divisor(rng, channels)
    return {
        "x": _one(rng, _ACTIVATIONS),
        "shape": [side, side, channels],
        "kernel": [k, k],
        "stride": [_one(rng, (1, k)) if k > 2 else 2] * 2,
        "simd": pe,
        "pe": pe,
    }


def _plane(rng: np.random.Generator) -> dict[str, Any]:
    """Draw a small frame and its lanes, for operators that move data."""
    shape = [_one(rng, (4, 8, 12)), _one(rng, (4, 8, 12)), _one(rng, (4, 8, 16, 24, 32))]
    return {"x": _one(rng, _ACTIVATIONS), "shape": shape, "pe": _divisor(rng, shape[-1])}


def _with(**draws: Callable[[np.random.Generator], Any]) -> Draw:
    return lambda rng: _plane(rng) | {k: f(rng) for k, f in draws.items()}


def _add(rng: np.random.Generator) -> dict[str, Any]:
    return _plane(rng) | {"gains": _one(rng, ([1, 1], [1, 3], [1, 2], [1, 1, 1], [5, 3], [7, 4]))}


def _mul(rng: np.random.Generator) -> dict[str, Any]:
    kinds = ("bipolar", "uint1", "uint2", "int3", "uint4", "int4", "int6", "uint8", "int8")
    offsets = _one(rng, ([0, 0], [0, 0], [-3, 0]))
    return _plane(rng) | {"x": _one(rng, kinds), "other": _one(rng, kinds), "offsets": offsets}


def _divide(rng: np.random.Generator) -> dict[str, Any]:
    other, bits = _one(rng, ("uint8", "uint10", "uint12")), _one(rng, (2, 4, 8))
    x = _one(rng, ("uint4", "uint6", "uint8"))
    return _plane(rng) | {"x": x, "other": other, "levels": (1 << bits) - 1}


def _split(rng: np.random.Generator) -> dict[str, Any]:
    row = _plane(rng)
    c = row["shape"][-1]
    return row | {"sizes": _one(rng, ([c // 2, c // 2], [c // 4, c // 4, c // 2]))}


def _crop(rng: np.random.Generator) -> dict[str, Any]:
    row = _plane(rng)
    rows, columns, c = row["shape"]
    step, half = _one(rng, (1, 2)), _one(rng, (c, c // 2))
    starts = [int(rng.integers(0, 3)), int(rng.integers(0, 3)), _one(rng, (0, c - half))]
    sizes = [(rows - starts[0]) // step, (columns - starts[1]) // step, half]
    return row | {"starts": starts, "steps": [step, step, 1], "sizes": sizes}


def _requantize(rng: np.random.Generator) -> dict[str, Any]:
    gain = int(rng.integers(4, 10))
    return _plane(rng) | {
        "x": f"int{rng.integers(8, 15)}",
        "out": _one(rng, ("uint4", "int4", "uint8")),
        "gain_bits": gain,
        "shift": gain,
    }


def _lookup(rng: np.random.Generator) -> dict[str, Any]:
    own = bool(rng.random() < 0.5)
    return _plane(rng) | {
        "x": _one(rng, ("int4", "uint4", "int5", "int6", "int8")[: 3 + 2 * (not own)]),
        "out": _one(rng, ("uint4", "int6", "uint8")),
        "own": own,
    }


def _argmax(rng: np.random.Generator) -> dict[str, Any]:
    channels = _one(rng, (10, 16, 100, 1000))
    return {
        "x": f"{_one(rng, ('int', 'uint'))}{rng.integers(6, 15)}",
        "shape": [channels],
        "k": _one(rng, (1, 1, 3, 5)),
        "plain": bool(rng.random() < 0.6),
    }


_DRAWS: dict[str, Draw] = {
    "matvec": _matvec,
    "threshold": _threshold,
    "convert": _convert,
    "fifo": _fifo,
    "depthwise": _depthwise,
    "window": _window,
    "maxpool": _pool,
    "avgpool": _pool,
    "pad": _with(pads=lambda rng: [_one(rng, (1, 2))] * 4),
    "add": _add,
    "concat": _with(n=lambda rng: _one(rng, (2, 3, 4))),
    "split": _split,
    "fork": _with(n=lambda rng: _one(rng, (2, 3))),
    "upsample": _with(factors=lambda rng: _one(rng, ([2, 2], [1, 2], [3, 3]))),
    "shuffle": _with(),
    "rearrange": _with(
        block=lambda rng: 2, direction=lambda rng: _one(rng, ("to_space", "to_depth"))
    ),
    "deconv": _with(strides=lambda rng: _one(rng, ([2, 2], [1, 2], [3, 3]))),
    "lookup": _lookup,
    "requantize": _requantize,
    "argmax": _argmax,
    "l1matvec": _l1matvec,
    "multiplied": _multiplied,
    "crop": _crop,
    "mul": _mul,
    "divide": _divide,
}
