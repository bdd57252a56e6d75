"""Steps of random models that compute with integers: ONNX Runtime's QLinear operators."""

from __future__ import annotations

from typing import Any

import numpy as np
from frontend.onnx_models import MICROSOFT
from fuzz.random_net import Draw

Grid = tuple[str, str]
"""Scale and zero point."""


def grid(d: Draw, x: str) -> Grid:
    """A grid of uint8 that suits a tensor's values."""
    return d.const(d.scale(x, 7)), d.const(d.one(0, 128, d.whole(0, 256)), np.uint8)


def integers(d: Draw, x: str, on: Grid) -> str:
    return d.node("QuantizeLinear", x, *on)


def real(d: Draw, q: str, on: Grid) -> str:
    return d.node("DequantizeLinear", q, *on)


def conv(d: Draw, x: str, on: Grid) -> str:
    """QLinearConv over two axes."""
    shape = d.shape_of(x)
    d.need(len(shape) == 4)
    rows, kernel = d.whole(1, 5), [d.whole(1, min(4, n + 1)) for n in shape[2:]]
    many = (rows,) if d.maybe() else ()
    w = d.const(d.rng.integers(-127, 128, (rows, shape[1], *kernel)), np.int8)
    grid_w = d.const(2.0 ** d.rng.integers(-8, -5, many)), d.const(np.zeros(many), np.int8)
    options: dict[str, Any] = {}
    if d.maybe(0.4):
        options["pads"] = [k // 2 for k in kernel] * 2
    if d.maybe(0.4):
        options["strides"] = [d.whole(1, 3), d.whole(1, 3)]
    to = grid(d, x)
    bias = (d.const(d.rng.integers(-99, 99, rows), np.int32),) if d.maybe() else ()
    q = d.node("QLinearConv", integers(d, x, on), *on, w, *grid_w, *to, *bias, **options)
    return real(d, q, to)


def pointwise(d: Draw, x: str, on: Grid) -> str:
    """Sums and products of two quantized tensors, averages, a leaky slope."""
    op = d.one("QLinearAdd", "QLinearMul", "QLinearLeakyRelu", "QLinearGlobalAveragePool")
    to, q = grid(d, x), integers(d, x, on)
    if op == "QLinearGlobalAveragePool":
        d.need(len(d.shape_of(x)) == 4)
        return real(d, d.node(op, q, *on, *to, domain=MICROSOFT), to)
    if op == "QLinearLeakyRelu":
        return real(d, d.node(op, q, *on, *to, domain=MICROSOFT, alpha=d.one(0.1, 0.25)), to)
    if op == "QLinearMul" or d.maybe(0.3):
        other = d.const(d.whole(0, 256), np.uint8), *grid(d, x)
    else:
        other = integers(d, x, on), *on
    return real(d, d.node(op, q, *on, *other, *to, domain=MICROSOFT), to)


def qlinear(d: Draw, x: str) -> str:
    """One of ONNX Runtime's operators between a quantizer and its inverse."""
    d.need(d.later(10))
    on = grid(d, x)
    y = conv(d, x, on) if d.maybe(0.4) else pointwise(d, x, on)
    d.integers.append(y)
    return y
