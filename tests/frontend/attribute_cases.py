"""Legal nodes of every accepted operator, with each attribute at its default and at other values.

Each function lists the cases of one opset. An attribute that the opset does not have is left to
`foreign`, which takes its value from an opset that has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from frontend.differential import Case, Tail, X
from frontend.onnx_models import Net

Cases = Callable[[int], Iterable[Case]]
IMAGE = (4, 5, 6)
rng = np.random.default_rng(12)


def f(*values: Any) -> np.ndarray:
    return np.array(values[0] if len(values) == 1 else values, np.float32)


def i(*values: Any) -> np.ndarray:
    return np.array(values[0] if len(values) == 1 and not np.isscalar(values[0]) else values)


def ints(*shape: int, low: int = -3, high: int = 4) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(low, high, shape).astype(np.float32)


def node(op: str, *operands: Any, shape: tuple[int, ...] = (6,), **options: Any) -> Case:
    own = ("domain", "outputs", "tail", "refused", "invalid", "low", "integers")
    mine = {k: options.pop(k) for k in own if k in options}
    return Case(op, operands or (X,), options, shape, **mine)


def elementwise(op: str) -> Cases:
    """Operators of two numbers: data and constants of each shape, on either side; two constants."""

    def cases(opset: int) -> Iterable[Case]:
        c = f(0.5, -2, 4, 1, -0.25, 8)
        yield node(op, X, c)
        yield node(op, X, f(2.0))
        yield node(op, X, f([c[:4]]).reshape(4, 1, 1), shape=IMAGE)
        yield node(op, c, X, refused="data must not stand in the denominator")
        yield node(op, c, f(0.5), tail=behind("Mul"))
        yield node(op, X, X, refused="one operand must be a constant")

    return cases


def behind(op: str) -> Tail:
    """Join the node's constant result with the data."""
    return lambda net, out, x: net.node(op, x, out[0])


def shape_of(net: Net, out: list[str], x: str) -> str:
    """Give the data the node's result as their shape."""
    return net.node("Reshape", x, out[0])


def plain(op: str, **options: Any) -> Cases:
    return lambda opset: [node(op, shape=IMAGE, **options), node(op, **options)]


def unary(op: str, *constants: Any) -> Cases:
    """Operators of one constant."""
    return lambda opset: [node(op, c, tail=behind("Mul")) for c in constants]


def clip(opset: int) -> Iterable[Case]:
    yield node("Clip")
    ends: list[tuple[float | None, float | None]] = [(-1.0, None), (None, 2.5), (-1.5, 2.0)]
    for lo, hi in ends:
        if opset < 11:
            yield node("Clip", **{k: v for k, v in (("min", lo), ("max", hi)) if v is not None})
        else:
            yield node("Clip", X, *["" if v is None else f(v) for v in (lo, hi)])


def batch_norm(opset: int, domain: str = "") -> Iterable[Case]:
    def one(shape: tuple[int, ...], **options: Any) -> Case:
        shape = (*shape[1:], shape[0]) if domain else shape
        return node("BatchNormalization", X, *parts, shape=shape, domain=domain, **options)

    parts = f(0.5, -2, 1, 3), f(1, -1, 0.5, 2), f(0.5, 0, -1, 2), f(1, 4, 0.25, 2)
    for shape in ((4,), IMAGE):
        yield one(shape)
        yield one(shape, epsilon=0.5)
        yield one(shape, momentum=0.5)
        if opset >= 14 or domain:
            yield one(shape, training_mode=0)
            yield one(shape, training_mode=1, refused="training_mode")
        if opset < 9 and not domain:
            yield one(shape, spatial=1)
            yield one(shape, spatial=0, refused="spatial")


def gemm(opset: int) -> Iterable[Case]:
    w, c = ints(6, 4), f(1, -2, 0.5, 3)
    yield node("Gemm", X, w, c)
    if opset >= 11:
        yield node("Gemm", X, w)
        yield node("Gemm", X, w, alpha=0.5)
    for bias in (f([1, -2, 0.5, 3]).reshape(1, 4), f(2.0), f([2.0])):
        yield node("Gemm", X, w, bias)
    yield node("Gemm", X, w, c, alpha=0.25)
    yield node("Gemm", X, w, c, beta=-0.5)
    yield node("Gemm", X, w, c, alpha=-1.0, beta=0.0)
    yield node("Gemm", X, ints(4, 6), c, transB=1)
    yield node("Gemm", X, ints(4, 6), c, transA=0, transB=1)
    yield node("Gemm", X, ints(1, 4), c, transA=1, refused="transA")


def matmul(opset: int) -> Iterable[Case]:
    yield node("MatMul", X, ints(6, 4))
    yield node("MatMul", X, ints(5, 3), shape=(4, 5), refused="features")


def conv(opset: int, domain: str = "") -> Iterable[Case]:
    last = bool(domain)

    def one(
        weights: np.ndarray, *more: Any, shape: tuple[int, ...] = IMAGE, **options: Any
    ) -> Case:
        if last:
            weights, shape = np.moveaxis(weights, 1, -1), (*shape[1:], shape[0])
        return node("Conv", X, weights, *more, shape=shape, domain=domain, **options)

    w = ints(4, 4, 3, 2)
    yield one(w)
    yield one(w, f(1, -1, 0.5, 2))
    yield one(w, kernel_shape=[3, 2])
    yield one(w, strides=[2, 3])
    yield one(w, dilations=[2, 1])
    yield one(w, pads=[1, 0, 2, 1], strides=[2, 1])
    for auto in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        yield one(w, auto_pad=auto)
        yield one(w, auto_pad=auto, strides=[2, 2])
        yield one(w, auto_pad=auto, strides=[3, 2], dilations=[1, 2])
    yield one(ints(4, 1, 3, 2), group=4)
    yield one(ints(8, 2, 2, 2), group=2)
    if not last:
        yield one(ints(3, 4, 3), shape=(4, 7), pads=[1, 0], strides=[2])
        yield one(ints(3, 4, 1, 1), strides=[2, 2])


def conv_transpose(opset: int) -> Iterable[Case]:
    def one(weights: np.ndarray, *more: Any, **options: Any) -> Case:
        return node(
            "ConvTranspose", X, weights, *more, shape=options.pop("shape", IMAGE), **options
        )

    w = ints(4, 3, 3, 2)
    yield one(w)
    yield one(w, f(1, -1, 0.5))
    yield one(w, kernel_shape=[3, 2])
    yield one(w, kernel_shape=[2, 2], invalid="kernel_shape")
    yield one(w, strides=[2, 1])
    yield one(w, strides=[2, 3], output_padding=[1, 2], refused="output_padding")
    yield one(w, dilations=[2, 1])
    yield one(w, pads=[1, 0, 0, 1])
    yield one(w, strides=[2, 2], pads=[1, 0, 1, 1], output_padding=[1, 0])
    yield one(w, output_shape=[7, 8], refused="output_shape")
    for auto in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        yield one(w, auto_pad=auto, refused="auto_pad")
        yield one(w, auto_pad=auto, strides=[2, 3], refused="auto_pad")
    yield one(ints(4, 2, 2, 2), group=2)
    yield one(ints(4, 1, 2, 2), group=4, strides=[2, 2])
    yield one(ints(4, 2, 3), shape=(4, 5), strides=[2], pads=[1, 0])


def pool(op: str, domain: str = "") -> Cases:
    def cases(opset: int) -> Iterable[Case]:
        def one(**options: Any) -> Case:
            shape = options.pop("shape", IMAGE)
            shape = (*shape[1:], shape[0]) if domain else shape
            options.setdefault("kernel_shape", [3, 2])
            return node(op, shape=shape, domain=domain, **options)

        uneven = "its windows must all hold equally many places" if op == "AveragePool" else ""
        yield one()
        yield one(kernel_shape=[2, 3])
        yield one(strides=[2, 3])
        yield one(strides=[1, 1], pads=[0, 0, 0, 0])
        yield one(pads=[1, 0, 2, 1], refused=uneven)
        yield one(pads=[1, 1, 1, 1], strides=[2, 2], refused=uneven)
        for auto in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
            yield one(auto_pad=auto, refused=uneven)
            yield one(auto_pad=auto, strides=[2, 2], refused=uneven)
        if not domain:
            yield one(shape=(4, 7), kernel_shape=[3], strides=[2])
        if opset >= 10 or domain:
            yield one(ceil_mode=0)
            for strides in ([2, 2], [3, 2], [3, 3], [2, 4]):
                yield one(ceil_mode=1, strides=strides, refused=uneven)
                yield one(ceil_mode=1, strides=strides, pads=[1, 1, 1, 0], refused=uneven)
        if opset >= (10 if op == "MaxPool" else 19):
            yield one(dilations=[1, 1])
            yield one(dilations=[2, 1], refused="dilations")
            yield one(dilations=[2, 3], strides=[1, 2], ceil_mode=1, refused="dilations")
        if op == "MaxPool" and opset >= 8:
            yield one(storage_order=0)
            yield one(storage_order=1, refused="storage_order")
        if op == "AveragePool":
            for include in (0, 1):
                for pads in ([1, 0, 1, 0], [1, 1, 2, 1]):
                    yield one(count_include_pad=include, pads=pads, refused=uneven)
            if opset >= 19:
                yield one(
                    count_include_pad=1,
                    ceil_mode=1,
                    strides=[2, 4],
                    pads=[1, 1, 1, 0],
                    refused=uneven,
                )

    return cases


def reduce_mean(opset: int) -> Iterable[Case]:
    def one(axes: list[int] | None, shape: tuple[int, ...] = IMAGE, **options: Any) -> Case:
        if axes is not None and opset < 18:
            options["axes"] = axes
        operands = (X, np.array(axes, np.int64)) if axes is not None and opset >= 18 else (X,)
        return node("ReduceMean", *operands, shape=shape, **options)

    for keep in ({}, {"keepdims": 0}, {"keepdims": 1}):
        yield one([2, 3], **keep)
        if opset >= 11:
            yield one([-1, -2], **keep)
        yield one([2], shape=(4, 7), **keep)
        yield one(None, **keep, refused="its axes")
        yield one([2], **keep, refused="its axes")
        yield one([1], **keep, refused="its axes")
        yield one([1, 2, 3], **keep, refused="its axes")
    yield one([2, 7], invalid="axes must be")
    if opset >= 18:
        yield one(None, noop_with_empty_axes=1)
        yield one([], noop_with_empty_axes=1)
        yield one([], noop_with_empty_axes=0, refused="its axes")
        yield one([2, 3], noop_with_empty_axes=1)


def resize(opset: int) -> Iterable[Case]:
    def one(scales: Any = None, sizes: Any = None, **options: Any) -> Case:
        shape = options.pop("shape", (4, 3, 4))
        options = {"mode": "nearest"} | options
        if opset < 10:
            return node("Upsample", X, f(scales), shape=shape, **options)
        if opset == 10:
            return node("Resize", X, f(scales), shape=shape, **options)
        roi = "" if opset >= 13 else f([])
        given = ("" if opset >= 13 else f([])) if scales is None else f(scales)
        more = () if sizes is None else (np.array(sizes, np.int64),)
        return node("Resize", X, roi, given, *more, shape=shape, **options)

    yield one([1, 1, 2, 3], refused="half_pixel" if opset > 10 else "")
    yield one([1, 1, 1.5, 2], refused="scales")
    yield one([1, 1, 0.5, 0.5], refused="scales")
    yield one([1, 2, 2, 2], refused="scales", **(where() if opset > 10 else {}))
    yield one([1, 1, 2, 2], mode="linear", refused="mode")
    if opset < 11:
        return
    backs = ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"]
    backs += ["tf_half_pixel_for_nn"] * (opset < 13) + ["half_pixel_symmetric"] * (opset >= 19)
    for back in backs:
        for near in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
            mode = {"coordinate_transformation_mode": back, "nearest_mode": near}
            yield one([1, 1, 2, 2], **mode, refused="it must repeat each place")
            yield one([1, 1, 3, 1], **mode, refused="it must repeat each place")
            yield one(None, [1, 4, 6, 12], **mode, refused="it must repeat each place")
    plain = where()
    yield one(None, [1, 4, 7, 8], **plain, refused="scales")
    yield one([1, 1, 2, 2], [1, 4, 6, 8], **plain, invalid="scales or sizes")
    yield one([1, 1, 2, 2], cubic_coeff_a=-0.5, **plain)
    yield one([1, 1, 2, 2], exclude_outside=0, **plain)
    yield one([1, 1, 2, 2], exclude_outside=1, **plain, invalid="exclude_outside")
    yield one([1, 1, 2, 2], extrapolation_value=2.0, **plain)
    crop = {"coordinate_transformation_mode": "tf_crop_and_resize"}
    yield node(
        "Resize", X, f(0, 0, 0, 0, 1, 1, 1, 1), f(1, 1, 2, 2), shape=(4, 3, 4), mode="nearest",
        **crop, refused="tf_crop_and_resize",
    )  # fmt: skip
    if opset < 18:
        return
    yield one([2, 3], axes=[2, 3], **plain)
    yield one([3, 2], axes=[3, 2], **plain)
    yield one([2], axes=[-1], **plain)
    yield one(None, [6, 12], axes=[2, 3], **plain)
    yield one(None, [12, 6], axes=[-1, -2], **plain)
    yield one(None, [9], axes=[2], **plain)
    yield one([2, 3], axes=[2, 2], **plain, invalid="axes")
    yield one([2, 3], axes=[2, 9], **plain, invalid="axes")
    yield one([2, 3, 1], axes=[2, 3], **plain, invalid="axes")
    for policy in ("stretch", "not_larger", "not_smaller"):
        keep = {"keep_aspect_ratio_policy": policy, **plain}
        yield one(None, [6, 8], axes=[2, 3], **keep)
        yield one(None, [6, 12], axes=[2, 3], **keep, refused="keep_aspect_ratio_policy")
    for anti in (0, 1):
        yield one([1, 1, 2, 2], antialias=anti, **plain, invalid="antialias" * anti)


def where(**more: Any) -> dict[str, Any]:
    """Attributes with which a Resize repeats pixels for any scale."""
    return {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor", **more}
