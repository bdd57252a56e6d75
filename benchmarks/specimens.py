"""Single operators and FIFOs to measure, each given by a short row of a JSON file."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import (
    Add,
    ArgMax,
    Concat,
    Convert,
    Crop,
    Deconv,
    Depthwise,
    Divide,
    Fork,
    L1MatVec,
    Lookup,
    MatVec,
    MaxPool,
    Mul,
    Pad,
    Rearrange,
    Requantize,
    Shuffle,
    Split,
    SumPool,
    Threshold,
    Upsample,
    Window,
)
from bitrill.resources.estimate import Resources, fifo_resources, resources
from bitrill_hw.design.build import component
from bitrill_hw.pipeline.fifo import Fifo

Row: TypeAlias = Mapping[str, Any]
"""``kind``, the parameters of that kind, and once measured ``lcs``, ``ff``, ``bram18``, ``dsp``."""

_TYPES = {
    "bipolar": BIPOLAR,
    "ternary": IntType(-1, 1),
    "pot": IntType(-4, 4, "pot"),
    "log3": IntType(0, 64, "log2"),
    "codebook": IntType(-90, 100, "codebook", entries=(-90, -31, 40, 100)),
}


def type_of(name: str) -> IntType:
    """A name of `_TYPES`, ``uint4``, ``int4`` and the like."""
    if name in _TYPES:
        return _TYPES[name]
    bits = int(name.removeprefix("u").removeprefix("int"))
    return (
        IntType(0, (1 << bits) - 1)
        if name[0] == "u"
        else IntType(-(1 << bits - 1), (1 << bits - 1) - 1)
    )


def operator(row: Row) -> Operator:
    """The operator of a row, its constants drawn anew from the row's own text."""
    given = {k: v for k, v in row.items() if k not in ("lcs", "ff", "bram18", "dsp")}
    rng = np.random.default_rng(zlib.crc32(repr(sorted(given.items())).encode()))
    pe, simd = row.get("pe", 1), row.get("simd", row.get("pe", 1))
    impl = Impl(
        pe=pe,
        simd=simd,
        style=row.get("style", "folded"),
        memory=row.get("memory", "distributed"),
        multiply=row.get("multiply", "lut"),
        primitives="xc7",
    )
    return _BUILDERS[row["kind"]](row, rng).replace(impl=impl)


def predicted(row: Row) -> Resources:
    """Return the model's prediction for a row."""
    if row["kind"] == "fifo":
        return fifo_resources(row["width"], row["depth"])
    return resources(operator(row))


def hardware(row: Row) -> Any:
    """The component of a row."""
    if row["kind"] == "fifo":
        return Fifo(row["width"], row["depth"])
    return component(operator(row))


def _base(row: Row, copies: int = 1) -> dict[str, Any]:
    t = Tensor(tuple(row["shape"]), type_of(row["x"]))
    names = tuple(f"x{j}" for j in range(copies))
    return {"name": "op", "inputs": names, "operands": (t,) * copies}


def _drawn(rng: np.random.Generator, t: IntType, shape: tuple[int, ...]) -> np.ndarray:
    return t.values()[rng.integers(0, t.n_values, shape)]


def _matvec(row: Row, rng: np.random.Generator) -> Operator:
    w = type_of(row["w"])
    weights = _drawn(rng, w, (row["rows"], row["shape"][-1]))
    return MatVec(**_base(row), weights=weights, weight_type=w)


def _l1matvec(row: Row, rng: np.random.Generator) -> Operator:
    weights = _drawn(rng, type_of(row["w"]), (row["rows"], row["shape"][-1]))
    return L1MatVec(**_base(row), weights=weights)


def _depthwise(row: Row, rng: np.random.Generator) -> Operator:
    w, taps = type_of(row["w"]), row["taps"]
    weights = _drawn(rng, w, (row["shape"][-1] // taps, taps))
    return Depthwise(**_base(row), weights=weights, weight_type=w)


def _threshold(row: Row, rng: np.random.Generator) -> Operator:
    t, out, channels = type_of(row["x"]), type_of(row["out"]), row["shape"][-1]
    limits = np.sort(rng.integers(t.lo, t.hi + 2, (channels, out.n_values - 1)), axis=1)
    inverted = rng.integers(0, 2, channels).astype(bool) & bool(row.get("inverted", False))
    return Threshold(**_base(row), thresholds=limits, inverted=inverted, out=out)


def _argmax(row: Row, rng: np.random.Generator) -> Operator:
    channels, plain = row["shape"][-1], row.get("plain", True)
    gain = np.ones(channels, int) if plain else rng.integers(1, 16, channels)
    offset = np.zeros(channels, int) if plain else rng.integers(-8, 9, channels)
    return ArgMax(**_base(row), gain=gain, offset=offset, k=row["k"])


def _lookup(row: Row, rng: np.random.Generator) -> Operator:
    t, out = type_of(row["x"]), type_of(row["out"])
    channels = row["shape"][-1] if row.get("own", True) else 1
    return Lookup(**_base(row), table=_drawn(rng, out, (channels, t.n_values)), out=out)


def _requantize(row: Row, rng: np.random.Generator) -> Operator:
    channels, out = row["shape"][-1], type_of(row["out"])
    gain = rng.integers(1, 1 << row["gain_bits"], channels)
    offset = rng.integers(-(1 << row["gain_bits"]), 1 << row["gain_bits"], channels)
    return Requantize(**_base(row), gain=gain, offset=offset, shift=row["shift"], out=out)


def _sliding(kind: Callable[..., Operator]) -> Callable[[Row, Any], Operator]:
    return lambda row, _: kind(
        **_base(row), kernel=tuple(row["kernel"]), stride=tuple(row["stride"])
    )


def _concat(row: Row, _: Any) -> Operator:
    return Concat(**_base(row, row["n"]), gains=(1,) * row["n"])


def _two(row: Row) -> dict[str, Any]:
    base = _base(row, 2)
    other = Tensor(tuple(row["shape"]), type_of(row["other"]))
    return base | {"operands": (base["operands"][0], other)}


def _mul(row: Row, _: Any) -> Operator:
    return Mul(**_two(row), offsets=tuple(row["offsets"]))


def _divide(row: Row, _: Any) -> Operator:
    return Divide(**_two(row), levels=row["levels"])


def _shuffle(row: Row, rng: np.random.Generator) -> Operator:
    return Shuffle(**_base(row), order=rng.permutation(row["shape"][-1]))


_BUILDERS: dict[str, Callable[[Row, np.random.Generator], Operator]] = {
    "matvec": _matvec,
    "l1matvec": _l1matvec,
    "depthwise": _depthwise,
    "threshold": _threshold,
    "convert": lambda row, _: Convert(**_base(row)),
    "argmax": _argmax,
    "lookup": _lookup,
    "requantize": _requantize,
    "window": _sliding(Window),
    "maxpool": _sliding(MaxPool),
    "avgpool": _sliding(SumPool),
    "pad": lambda row, _: Pad(**_base(row), pads=tuple(row["pads"]), value=0),
    "add": lambda row, _: Add(**_base(row, len(row["gains"])), gains=tuple(row["gains"])),
    "mul": _mul,
    "divide": _divide,
    "concat": _concat,
    "split": lambda row, _: Split(**_base(row), sizes=tuple(row["sizes"])),
    "crop": lambda row, _: Crop(
        **_base(row),
        starts=tuple(row["starts"]),
        steps=tuple(row["steps"]),
        sizes=tuple(row["sizes"]),
    ),
    "fork": lambda row, _: Fork(**_base(row), copies=row["n"]),
    "upsample": lambda row, _: Upsample(**_base(row), factors=tuple(row["factors"])),
    "shuffle": _shuffle,
    "rearrange": lambda row, _: Rearrange(
        **_base(row), block=row["block"], direction=row["direction"]
    ),
    "deconv": lambda row, _: Deconv(**_base(row), strides=tuple(row["strides"])),
}
