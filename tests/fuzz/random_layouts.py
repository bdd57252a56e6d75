"""Steps of random models with channels last, and with constants that the graph computes."""

from __future__ import annotations

from typing import Any

import numpy as np
from fuzz.random_net import Draw
from fuzz.random_places import windows
from fuzz.random_steps import on_grid, quantized, weights
from onnx import numpy_helper

LAST = "qonnx.custom_op.channels_last"


def last_conv(d: Draw, x: str, kernel: list[int]) -> str:
    channels = d.shape_of(x)[-1]
    group = channels if d.maybe(0.2) else 1
    rows = group * d.whole(1, 4 if group == 1 else 3)
    w = weights(d, rows, *kernel, channels // group)
    bias = (d.const(d.rng.normal(0, 2, rows)),) if d.maybe(0.3) else ()
    options: dict[str, Any] = windows(d, x, kernel) | ({"group": group} if group > 1 else {})
    return d.node("Conv", on_grid(d, x), w, *bias, domain=LAST, **options)


def last_pool(d: Draw, x: str, kernel: list[int]) -> str:
    options = windows(d, x, kernel, pads=0.2)
    options.pop("dilations", None)
    if d.maybe(0.2):
        options["ceil_mode"] = 1
    return d.node("MaxPool", on_grid(d, x), kernel_shape=kernel, domain=LAST, **options)


def last_norm(d: Draw, x: str, kernel: list[int]) -> str:
    n = d.shape_of(x)[-1]
    numbers = [*d.rng.normal(0, 1, (3, n)), d.rng.uniform(0.5, 3, n)]
    options = {"epsilon": 1e-3} if d.maybe() else {}
    return d.node("BatchNormalization", x, *map(d.const, numbers), domain=LAST, **options)


def channels_last(d: Draw, x: str) -> str:
    """Operators of qonnx's domain for data whose channels come last, between two Transposes."""
    rank = len(d.shape_of(x))
    d.need(rank in (3, 4))
    x = d.node("Transpose", on_grid(d, x), perm=[0, *range(2, rank), 1])
    for _ in range(d.one(1, 2, 2, 3)):
        sizes = d.shape_of(x)[1:-1]
        kernel = [d.whole(1, min(4, n + 1)) for n in sizes]
        x = d.one(last_conv, last_pool, last_norm)(d, x, kernel)
        if d.maybe():
            x = quantized(d, d.node("Relu", x) if d.maybe() else x)
    back = [0, rank - 1, *range(1, rank - 1)]
    return d.node("Transpose", x, perm=back) if d.maybe(0.85) else x


def made_constant(d: Draw, value: np.ndarray) -> str:
    """A constant as a node gives it: one that holds it, or that repeats one number or some."""
    value = np.asarray(value, np.float32)
    kind = d.whole(0, 4)
    if kind == 0 and value.size == 1 and d.later(9):
        one = numpy_helper.from_array(value.reshape(1))
        return d.node("ConstantOfShape", d.shape_const(*value.shape), value=one)
    if kind == 1 and value.size == 1 and d.later(8):
        return d.node("Expand", d.const(value.reshape(-1)[0]), d.shape_const(*value.shape))
    if kind == 2 and value.ndim:
        parts = [d.const(v) for v in np.split(value, value.shape[-1], -1)]
        return d.node("Concat", *parts, axis=value.ndim - 1)
    return d.node("Constant", value=numpy_helper.from_array(value))


def computed(d: Draw, x: str) -> str:
    """Arithmetic with a constant that nodes make."""
    shape = d.shape_of(x)
    channel = (1, shape[1], *[1] * (len(shape) - 2)) if len(shape) > 1 else (1,)
    size = d.one((1,), (1,) * len(shape), channel)
    op = d.one("Add", "Mul", "Sub")
    value = d.rng.normal(0, d.size_of(x), size) if op != "Mul" else np.full(size, d.one(0.5, 3.0))
    return d.node(op, x, made_constant(d, value))


def stretched(d: Draw, x: str) -> str:
    """Axes of one place repeated by Expand or Tile."""
    shape = d.shape_of(x)
    d.need(len(shape) > 2)
    if 1 not in shape[1:] or d.maybe(0.3):
        x = d.node("GlobalAveragePool", on_grid(d, x))
    shape = d.shape_of(x)
    sizes = [1, *(d.one(1, 2, 3) if n == 1 else 1 for n in shape[1:])]
    if d.maybe() and d.later(8):
        sizes = [max(a, b) for a, b in zip(sizes, (1, *shape[1:]), strict=True)]
        return d.node("Expand", x, d.shape_const(*sizes[0 if d.maybe() else 1 :]))
    return d.node("Tile", x, d.shape_const(*sizes))


def shaped(d: Draw, x: str) -> str:
    """A Reshape to sizes taken from the data's own shape, as exporters write it."""
    rank = len(d.shape_of(x))
    shape = d.node("Shape", x)
    kept = [d.node("Gather", shape, d.shape_const(k)) for k in range(d.whole(1, rank))]
    parts = [*kept, d.shape_const(-1)]
    return d.node("Reshape", x, d.node("Concat", *parts, axis=0))
