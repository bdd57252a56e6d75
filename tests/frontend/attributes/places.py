"""Cases of operators over places: convolutions, pools, reductions, Pad, Resize."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from frontend.attributes.cases import IMAGE, Cases, f, ints, node
from frontend.attributes.differential import Case, X


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


def reduction(op: str, input_since: int) -> Cases:
    def cases(opset: int) -> Iterable[Case]:
        def one(axes: list[int] | None, shape: tuple[int, ...] = IMAGE, **options: Any) -> Case:
            operands: tuple[Any, ...] = (X,)
            if axes is not None and opset < input_since:
                options["axes"] = axes
            elif axes is not None:
                operands = (X, np.array(axes, np.int64))
            return node(op, *operands, shape=shape, **options)

        keeps: list[dict[str, Any]] = [{}, {"keepdims": 0}, {"keepdims": 1}]
        for keep in keeps:
            for axes in ([2, 3], [1], [3], [2], [1, 2, 3], *[[-1, -2]] * (opset >= 11)):
                yield one(axes, **keep)
            yield one([2], shape=(4, 7), **keep)
            yield one([1], shape=(4,), **keep)
            yield one(None, **keep, refused="its ax")
            yield one([0], **keep, refused="its ax")
        yield one([2, 7], invalid="must be -")
        if opset >= input_since:
            yield one(None, noop_with_empty_axes=1)
            yield one([], noop_with_empty_axes=1)
            yield one([], noop_with_empty_axes=0, refused="its ax")
            yield one([2, 3], noop_with_empty_axes=1)

    return cases


def pad(opset: int) -> Iterable[Case]:
    def one(pads: list[int], value: float | None = None, axes: Any = None, **options: Any) -> Case:
        shape = options.pop("shape", IMAGE)
        if opset < 11:
            options |= {"pads": pads} | ({} if value is None else {"value": value})
            return node("Pad", shape=shape, **options)
        operands: tuple[Any, ...] = (X, np.array(pads, np.int64))
        operands += ("" if value is None else f(value),) * (value is not None or axes is not None)
        operands += () if axes is None else (np.array(axes, np.int64),)
        return node("Pad", *operands, shape=shape, **options)

    square = [0, 0, 1, 2, 0, 0, 3, 1]
    for value in (None, 0.0, 1.5, -4.0, 0.3):
        yield one(square, value)
    yield one(square, mode="constant")
    for mode in ("reflect", "edge", *["wrap"] * (opset >= 19)):
        yield one(square, mode=mode)
        yield one([0, 0, 0, 3, 0, 0, 4, 0], 1.5, mode=mode)
        yield one([0, 0, 2, 0, 0, 1], shape=(4, 5), mode=mode)
        yield one([0, 1, 0, 0, 0, 0, 0, 0], mode=mode, refused="each channel")
        yield one([0, 0, 1, 0, 0, 0, -1, 0], mode=mode, refused="its pads of an axis of 5 elements")
    yield one([0, 0, 5, 0, 0, 0, 0, 0], mode="reflect", refused="its pads of an axis of 5 elements")
    yield one([0, 0, 7, 0, 0, 0, 9, 0], mode="edge")
    yield one([0, 1, 0, 0, 0, 2, 0, 0], 0.5)
    yield one([0, 1, 0, 2], 1.0, shape=(4,))
    yield one([0, 0, -1, 1, 0, 0, -2, 0], 1.0)
    yield one([1, 0, 0, 0, 0, 0, 0, 0], refused="the batch axis")
    if opset >= 18:
        yield one([1, 2], 1.0, [2])
        yield one([1, 0, 2, 3], 0.5, [-1, 2])
        yield one([1, 2], None, [3])
        yield one([1, 2, 1, 1], None, [3, 3], invalid="axes")
    if opset >= 19:
        yield one([0, 0, 6, 0, 0, 0, 0, 0], mode="wrap", refused="pads of an axis of 5 elements")
    else:
        yield one(square, mode="wrap", refused="its mode must be constant, reflect or edge")


def resize(opset: int) -> Iterable[Case]:
    def one(scales: Any = None, sizes: Any = None, **options: Any) -> Case:
        shape = options.pop("shape", (4, 3, 4))
        options = {"mode": "nearest"} | options
        if opset < 9:
            return node("Upsample", scales=[float(s) for s in scales], shape=shape, **options)
        if opset < 10:
            return node("Upsample", X, f(scales), shape=shape, **options)
        if opset == 10:
            return node("Resize", X, f(scales), shape=shape, **options)
        roi = "" if opset >= 13 else f([])
        given = ("" if opset >= 13 else f([])) if scales is None else f(scales)
        more = () if sizes is None else (np.array(sizes, np.int64),)
        return node("Resize", X, roi, given, *more, shape=shape, **options)

    uneven = "each axis must repeat every place equally often"
    yield one([1, 1, 2, 3], refused="half_pixel")
    yield one([1, 1, 1.5, 2], refused="scale")
    yield one([1, 1, 0.5, 0.5], **{"refused" if opset > 9 else "invalid": "scale"})
    yield one([1, 2, 2, 2], refused="scale", **(where() if opset > 10 else {}))
    yield one([1, 1, 2, 2], mode="linear", refused="mode")
    if opset < 11:
        return
    backs = ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"]
    backs += ["tf_half_pixel_for_nn"] * (opset < 13) + ["half_pixel_symmetric"] * (opset >= 19)
    for back in backs:
        for near in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
            mode = {"coordinate_transformation_mode": back, "nearest_mode": near}
            yield one([1, 1, 2, 2], **mode, refused=uneven)
            yield one([1, 1, 3, 1], **mode, refused=uneven)
            yield one(None, [1, 4, 6, 12], **mode, refused=uneven)
    plain = where()
    yield one(None, [1, 4, 7, 8], **plain, refused="scale")
    if opset >= 13:
        yield node("Resize", shape=(4, 3, 4), **plain, invalid="scales or sizes")
    yield one([1, 1, 2, 2], [1, 4, 6, 8], **plain, invalid="scales or sizes")
    yield one([1, 1, 2, 2], cubic_coeff_a=-0.5, **plain)
    yield one([1, 1, 2, 2], exclude_outside=0, **plain)
    yield one([1, 1, 2, 2], exclude_outside=1, **plain, invalid="exclude_outside")
    yield one([1, 1, 2, 2], extrapolation_value=2.0, **plain)
    crop = {"coordinate_transformation_mode": "tf_crop_and_resize"}
    yield node(
        "Resize",
        X,
        f(0, 0, 0, 0, 1, 1, 1, 1),
        f(1, 1, 2, 2),
        shape=(4, 3, 4),
        mode="nearest",
        **crop,
        refused="tf_crop_and_resize",
    )
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


def depth(op: str) -> Cases:
    def cases(opset: int) -> Iterable[Case]:
        data = (8, 3, 2) if op == "DepthToSpace" else (2, 4, 6)
        yield node(op, blocksize=2, shape=data)
        yield node(op, blocksize=1, shape=data)
        for mode in ("DCR", "CRD") if op == "DepthToSpace" and opset >= 11 else ():
            yield node(op, blocksize=2, mode=mode, shape=data)

    return cases
