"""Steps of random models that compute with integers: ONNX Runtime's operators and others."""

from __future__ import annotations

from typing import Any

import numpy as np
from frontend.onnx_models import MICROSOFT
from fuzz.random_net import Draw

Grid = tuple[str, str]
"""Scale and zero point."""


def grid(d: Draw, x: str, kind: Any = np.uint8) -> Grid:
    """A grid of 8 bits that suits a tensor's values."""
    low = 0 if kind == np.uint8 else -128
    zero = d.one(low, low + 128, low + d.whole(0, 256))
    return d.const(d.scale(x, 7)), d.const(zero, kind)


def integers(d: Draw, x: str, on: Grid) -> str:
    return d.node("QuantizeLinear", x, *on)


def real(d: Draw, q: str, on: Grid) -> str:
    return d.node("DequantizeLinear", q, *on)


def kind_of(d: Draw, on: Grid) -> Any:
    return d.env[on[1]].v.dtype.type


def weights(d: Draw, *shape: int, many: int = 0) -> tuple[str, str, str]:
    """Integers of 8 bits, their scales and zero points; ``many`` of them, or one."""
    size = (many,) if many else ()
    if d.maybe(0.25):
        w, zero = (
            d.const(d.rng.integers(0, 256, shape), np.uint8),
            d.const(np.full(size, 128), np.uint8),
        )
    else:
        zeros = np.full(size, 0 if d.maybe(0.8) else 3)
        w, zero = d.const(d.rng.integers(-127, 128, shape), np.int8), d.const(zeros, np.int8)
    return w, d.const(2.0 ** d.rng.integers(-8, -5, size)), zero


def windows(d: Draw, kernel: list[int]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if d.maybe(0.15):
        options["auto_pad"] = d.one("VALID", "SAME_UPPER", "SAME_LOWER")
    elif d.maybe(0.4):
        options["pads"] = [k // 2 for k in kernel] * 2
    if d.maybe(0.4):
        options["strides"] = [d.whole(1, 3) for _ in kernel]
    return options


def kernel_of(d: Draw, x: str) -> list[int]:
    sizes = d.shape_of(x)[2:]
    d.need(len(sizes) in (1, 2))
    return [d.whole(1, min(4, n + 1)) for n in sizes]


def conv(d: Draw, x: str, on: Grid) -> str:
    """QLinearConv."""
    kernel = kernel_of(d, x)
    channels = d.shape_of(x)[1]
    group = channels if d.maybe(0.2) else 1
    rows = group * d.whole(1, 5 if group == 1 else 3)
    w = weights(d, rows, channels // group, *kernel, many=rows if d.maybe() else 0)
    to = grid(d, x, kind_of(d, on))
    bias = (d.const(d.rng.integers(-99, 99, rows), np.int32),) if d.maybe() else ()
    options = windows(d, kernel) | ({"group": group} if group > 1 else {})
    q = d.node("QLinearConv", integers(d, x, on), *on, *w, *to, *bias, **options)
    return real(d, q, to)


def matmul(d: Draw, x: str, on: Grid) -> str:
    """QLinearMatMul of either domain, or QGemm."""
    shape, rows = d.shape_of(x), d.whole(1, 6)
    n, q, to = shape[-1], integers(d, x, on), grid(d, x, kind_of(d, on))
    many = rows if d.maybe(0.4) else 0
    if len(shape) != 2 or d.maybe():
        w = weights(d, n, rows, many=many)
        return real(d, d.node("QLinearMatMul", q, *on, *w, *to, domain=d.one("", MICROSOFT)), to)
    flip = d.whole(0, 2)
    w = weights(d, *((rows, n) if flip else (n, rows)), many=many)
    bias = d.const(d.rng.integers(-99, 99, rows), np.int32) if d.maybe() else ""
    options: dict[str, Any] = {"transB": flip} if flip else {}
    if d.maybe(0.3):
        options["alpha"] = d.one(0.5, 2.0)
    operands = (q, *on, *w, bias)
    if d.maybe(0.2):
        return d.node("QGemm", *operands[: None if bias else -1], domain=MICROSOFT, **options)
    return real(d, d.node("QGemm", *operands, *to, domain=MICROSOFT, **options), to)


def accumulated(d: Draw, x: str, on: Grid) -> str:
    """ConvInteger or MatMulInteger, and the scale of their integers behind them."""
    q, zero, shape = integers(d, x, on), on[1], d.shape_of(x)
    if len(shape) > 2 and d.maybe(0.7):
        kernel = kernel_of(d, x)
        w, _, zeros = weights(d, d.whole(1, 5), shape[1], *kernel)
        op, options = "ConvInteger", windows(d, kernel)
    else:
        rows = d.whole(1, 6)
        w, _, zeros = weights(d, shape[-1], rows, many=rows if d.maybe(0.2) else 0)
        op, options = "MatMulInteger", {}
    zeros = d.one((), (zero,), (zero, zeros), (zero, zeros), ("", zeros))
    y = d.node("Cast", d.node(op, q, w, *zeros, **options), to=1)
    return d.node("Mul", y, d.const(2.0 ** d.whole(-14, -8) * d.one(1.0, 1.0, 1.1)))


def pointwise(d: Draw, x: str, on: Grid) -> str:
    """Sums and products of two quantized tensors, a leaky slope, a sigmoid."""
    op = d.one("QLinearAdd", "QLinearMul", "QLinearLeakyRelu", "QLinearSigmoid")
    to, q = grid(d, x, kind_of(d, on)), integers(d, x, on)
    if op == "QLinearSigmoid":
        to = d.const(1 / 256), to[1]
    if op in ("QLinearLeakyRelu", "QLinearSigmoid"):
        slope = {"alpha": d.one(0.1, 0.25)} if op == "QLinearLeakyRelu" and d.maybe(0.7) else {}
        return real(d, d.node(op, q, *on, *to, domain=MICROSOFT, **slope), to)
    if op == "QLinearMul" or d.maybe(0.3):
        kind = kind_of(d, on)
        other = d.const(d.rng.integers(0, 128), kind), *grid(d, x, kind)
    else:
        other = integers(d, x, on), *on
    return real(d, d.node(op, q, *on, *other, *to, domain=MICROSOFT), to)


def pools(d: Draw, x: str, on: Grid) -> str:
    """Averages over windows or all places, channels first or last."""
    rank = len(d.shape_of(x))
    d.need(rank > 2)
    op, options = "QLinearGlobalAveragePool", {}
    if d.maybe(0.6):
        kernel = kernel_of(d, x)
        op, options = "QLinearAveragePool", {"kernel_shape": kernel} | windows(d, kernel)
        if d.maybe(0.3):
            options["count_include_pad"] = 1
        if d.maybe(0.2):
            options["ceil_mode"] = 1
    last = rank == 4 and d.maybe(0.3)
    if last:
        x = d.node("Transpose", x, perm=[0, *range(2, rank), 1])
        options["channels_last"] = 1
    to = grid(d, x, kind_of(d, on))
    y = real(d, d.node(op, integers(d, x, on), *on, *to, domain=MICROSOFT, **options), to)
    return d.node("Transpose", y, perm=[0, rank - 1, *range(1, rank - 1)]) if last else y


def joined(d: Draw, x: str, on: Grid) -> str:
    """QLinearConcat of the tensor on two grids, or with a constant shift of it."""
    d.need(len(d.shape_of(x)) > 1)
    kind = kind_of(d, on)
    other, to = grid(d, x, kind), on if d.maybe(0.3) else grid(d, x, kind)
    parts = [(integers(d, x, g), *g) for g in (on, other)]
    flat = [name for part in parts for name in part]
    q = d.node("QLinearConcat", *to, *flat, domain=MICROSOFT, axis=1)
    return real(d, q, to)


def qlinear(d: Draw, x: str) -> str:
    """A layer or function on integers between a quantizer and its inverse."""
    d.need(d.later(10))
    on = grid(d, x, d.one(np.uint8, np.uint8, np.int8))
    steps = (conv, conv, matmul, matmul, accumulated, accumulated, pointwise, pools, joined)
    y = d.one(*steps)(d, x, on)
    d.integers.append(y)
    return y
