"""The float evaluator's quantizers of qonnx and of `docs/format.md`, and its L1 distances."""

from __future__ import annotations

from typing import Any

import numpy as np
from frontend.float_numbers import Num, U, add, div, mul, rounded, sub, sure

ROUND = {
    "ROUND": np.round,
    "HALF_EVEN": np.round,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "DOWN": np.trunc,
    "ROUND_TO_ZERO": np.trunc,
    "UP": lambda v: np.sign(v) * np.ceil(np.abs(v)),
    "HALF_UP": lambda v: np.sign(v) * np.floor(np.abs(v) + 0.5),
    "HALF_DOWN": lambda v: np.sign(v) * np.ceil(np.abs(v) - 0.5),
}


def quant(x: Num, scale: Num, zero: Num, bits: Num, attrs: dict[str, Any]) -> Num:
    n, signed, narrow = bits.v.astype(float), attrs["signed"], attrs["narrow"]
    v = add(div(x, scale), zero)
    if n.size == 1 and n.reshape(-1)[0] == 1 and signed:
        q = sure(lambda t: np.where(t >= 0, 1.0, -1.0), v)
    else:
        lo = -(2.0 ** (n - 1)) + narrow if signed else 0.0 * n
        hi = 2.0 ** (n - 1) - 1 if signed else 2.0**n - 1 - narrow
        mode = ROUND[attrs.get("rounding_mode", b"ROUND").decode().upper()]
        q = sure(lambda t: mode(np.maximum(np.minimum(t, hi), lo)), v)
    return mul(sub(Num.of(q), zero), scale)


def trunc(a: list[Num], attrs: dict[str, Any]) -> Num:
    x, scale, zero, bits_in = a[:4]
    v = sure(np.round, add(div(x, scale), zero))
    bits = int(a[-1].v.reshape(-1)[0])
    step = 2.0 ** (float(bits_in.v.reshape(-1)[0]) - bits)
    if len(a) == 6:
        step = 2.0 ** np.round(np.log2(a[4].v / scale.v))
        lo = -(2.0 ** (bits - 1)) + attrs["narrow"] if attrs["signed"] else 0.0
        hi = 2.0 ** (bits - attrs["signed"]) - 1 - (0 if attrs["signed"] else attrs["narrow"])
        v = np.clip(v / step, lo, hi) * step
    q = ROUND[attrs["rounding_mode"].decode().upper()](v / step)
    shift = div(zero, Num.of(step)) if len(a) == 6 else zero
    return mul(sub(Num.of(q), shift), a[4] if len(a) == 6 else scale)


def multi_threshold(x: Num, table: Num, attrs: dict[str, Any]) -> Num:
    if x.v.ndim == 3 and "data_layout" not in attrs:
        raise NotImplementedError("MultiThreshold of one axis of places, without data_layout")
    last = attrs.get("data_layout", b"NCHW").endswith(b"C") and x.v.ndim > 2
    x = x.map(lambda t: np.moveaxis(t, -1, 1)) if last else x
    total = np.zeros(x.v.shape)
    for column in table.v.T:
        bound = column.reshape(-1, *[1] * (x.v.ndim - 2))
        total += sure(lambda t, b=bound: (t >= b).astype(float), x)
    y = total * np.float64(attrs.get("out_scale", 1.0)) + np.float64(attrs.get("out_bias", 0.0))
    return Num.of(np.moveaxis(y, 1, -1) if last else y)


def bipolar(x: Num, scale: Num) -> Num:
    return mul(Num.of(sure(lambda t: np.where(t >= 0, 1.0, -1.0), x)), scale)


def log_quant(x: Num, scale: Num, bits: int) -> Num:
    """The quantizer to 0 and powers of two, nearest by the logarithm (`docs/format.md`)."""
    bounds = 2.0 ** (np.arange(2**bits - 1) - 0.5)
    ratio = div(x, scale)
    ratio.e += np.abs(ratio.v) * U  # of the bounds
    code = sure(lambda t: np.searchsorted(bounds, t, side="right"), ratio)
    return mul(Num.of(np.where(code > 0, 2.0 ** (code - 1.0), 0.0)), scale)


def l1_matmul(x: Num, w: Num) -> Num:
    """``-sum |x - w|``, with rounding errors of each difference and each partial sum."""
    far = sub(Num(x.v[..., None], x.e[..., None]), w)
    total = np.abs(far.v).sum(-2)
    return rounded(-total, far.e.sum(-2) + len(w.v) * U * total)


def l1_conv(x: Num, w: Num) -> Num:
    """`l1_matmul` of each window of ``x [N, C, H, W]``."""
    kernel = w.v.shape[2:]

    def windows(a: np.ndarray) -> np.ndarray:
        seen = np.lib.stride_tricks.sliding_window_view(a, kernel, (2, 3))
        return np.moveaxis(seen, 1, 3).reshape(len(a), *seen.shape[2:4], -1)

    flat = Num(w.v.reshape(len(w.v), -1).T, w.e.reshape(len(w.v), -1).T)
    y = l1_matmul(Num(windows(x.v), windows(x.e)), flat)
    return Num(np.moveaxis(y.v, -1, 1), np.moveaxis(y.e, -1, 1))


def lut_layer(x: Num, wires: Any, powers: Num, starts: Num, tables: Num) -> Num:
    """Entries of tables, at addresses that must be whole numbers."""
    places = (x.v[:, np.int64(_plain(wires))] * powers.v).sum(-1) + starts.v
    return Num.of(tables.v.reshape(-1)[places.astype(np.int64)])


def thermometer(x: Num, features: Any, limits: Num) -> Num:
    """1 where a feature reaches its limit."""
    which = np.int64(_plain(features))
    near = Num(x.v[:, which] - limits.v, x.e[:, which])
    return Num.of(sure(lambda t: np.where(t >= 0, 1.0, 0.0), near))


def int_softmax(x: Num, largest: float, levels: float) -> Num:
    """Rounded exponentials of the distances to the maximum, and the share of each in their sum."""
    top = x.v.argmax(-1)[..., None]
    less = sub(x, x.map(lambda t: np.take_along_axis(t, top, -1)))
    real = rounded(np.exp(less.v), np.exp(less.v) * np.expm1(less.e) + 4 * U)
    e = sure(np.rint, mul(real, Num.of(largest)))
    return div(Num.of(levels * e // e.sum(-1, keepdims=True)), Num.of(levels))


def _plain(constant: Any) -> np.ndarray:
    return constant.v if isinstance(constant, Num) else constant


def quantizer_step(op: str, a: list[Any], attrs: dict[str, Any]) -> Num | None:
    """The result of an operator of this module; None for any other."""
    if op in ("Quant", "IntQuant"):
        return quant(a[0], a[1], a[2], a[3], attrs)
    if op == "LogQuant":
        return log_quant(a[0], a[1], attrs["bits"])
    if op == "IntSoftmax":
        return int_softmax(a[0], 2.0 ** attrs["exponent"] - 1, 2.0 ** attrs["bits"] - 1)
    if op == "LutLayer":
        return lut_layer(a[0], a[1], a[2], a[3], a[4])
    if op == "Thermometer":
        return thermometer(a[0], a[1], a[2])
    if op == "L1Conv":
        return l1_conv(*a)
    if op == "L1MatMul":
        return l1_matmul(*a)
    if op == "Trunc":
        return trunc(a, attrs)
    if op == "MultiThreshold":
        return multi_threshold(a[0], a[1], attrs)
    return bipolar(*a) if op == "BipolarQuant" else None
