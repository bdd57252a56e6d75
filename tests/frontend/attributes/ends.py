"""Cases of operators that end a network, and of quantizers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from bitrill.frontend.reader.local_functions import DOMAIN
from bitrill.frontend.rules.table import CHANNELS_LAST, QONNX
from frontend.attributes.cases import IMAGE, Cases, f, ints, long, node
from frontend.attributes.differential import Case, X
from frontend.attributes.places import pool
from frontend.onnx_models import Net


def arg(op: str) -> Cases:
    """ArgMax and ArgMin: ties are in the data, whose numbers are few."""

    def cases(opset: int) -> Iterable[Case]:
        def one(**options: Any) -> Case:
            options = {"axis": 1, **options}
            if options["axis"] == 0:
                options["refused"] = "axis"
            return node(op, X, integers=True, **options)

        yield node(op, X, integers=True, refused="axis")
        for axis in (0, 1, 2, 3):
            yield one(axis=axis, shape=IMAGE)
            for keep in (0, 1):
                yield one(axis=axis, keepdims=keep, shape=IMAGE)
        yield one()
        yield one(keepdims=0)
        yield one(axis=7, shape=IMAGE, invalid="axis")
        if opset >= 11:
            yield one(axis=-1)
            yield one(axis=-1, shape=IMAGE)
        if opset >= 12:
            for last in (0, 1):
                yield one(select_last_index=last)
                yield one(select_last_index=last, axis=3, shape=IMAGE)

    return cases


def top_k(opset: int) -> Iterable[Case]:
    def one(k: int, output: int = 1, **more: Any) -> Case:
        more |= {"tail": lambda n, o, x: o[output], "outputs": 2, "integers": output == 1}
        if opset < 10:
            return node("TopK", k=k, **more)
        return node("TopK", X, long(k), **more)

    for output in (0, 1):
        yield one(1, output)
        yield one(3, output)
        yield one(2, output, shape=IMAGE)
        for axis in (1, 2, 3, *[-1] * (opset >= 11)):
            yield one(2, output, axis=axis, shape=IMAGE)
        yield one(1, output, axis=0, refused="axis")
        if opset >= 11:
            yield one(2, output, largest=1, sorted=1)
            yield one(2, output, largest=0)
            yield one(2, output, largest=0, axis=2, shape=IMAGE)
    yield one(7, invalid="k must")


def softmax(op: str) -> Cases:
    def cases(opset: int) -> Iterable[Case]:
        yield node(op)
        yield node(op, axis=1)
        yield node(op, axis=0, refused="axis")
        for axis in (1, 2, 3):
            yield node(op, shape=IMAGE, axis=axis)
        yield node(op, shape=IMAGE)
        yield node(op, shape=IMAGE, axis=9, invalid="axis")
        if opset >= 11:
            yield node(op, shape=IMAGE, axis=-1)

    return cases


MODES = (
    *("ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN", "HALF_EVEN"),
    "ROUND_TO_ZERO",
)


def quant(op: str) -> Cases:
    def cases(opset: int) -> Iterable[Case]:
        numbers = (f(0.75), f(0.0), f(3.0))
        for signed in (0, 1):
            for narrow in (0, 1):
                flags: dict[str, Any] = {"signed": signed, "narrow": narrow}
                for mode in MODES:
                    yield node(op, X, *numbers, domain=QONNX, rounding_mode=mode, **flags)
        flags = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND"}
        yield node(op, X, f(0.75), f(1.0), f(3.0), domain=QONNX, **flags)
        yield node(op, X, f([0.5, 1, 2, 0.75, 1.5, 3]), f(0.0), f(3.0), domain=QONNX, **flags)

    return cases


def trunc(opset: int) -> Iterable[Case]:
    old, new = (f(0.5), f(0.0), f(4.0), f(2.0)), (f(0.5), f(0.0), f(4.0), f(2.0), f(3.0))
    for mode in ("FLOOR", "ROUND", "CEIL"):
        yield node("Trunc", X, *old, domain=QONNX, rounding_mode=mode)
        for signed in (0, 1):
            for narrow in (0, 1):
                flags: dict[str, Any] = {"signed": signed, "narrow": narrow, "rounding_mode": mode}
                yield node("Trunc", X, *new, domain=QONNX, **flags)
    flags = {"signed": 1, "narrow": 1, "rounding_mode": "FLOOR"}
    yield node("Trunc", X, *old, domain=QONNX, **flags, invalid="signed")


def multi_threshold(opset: int) -> Iterable[Case]:
    table = np.sort(ints(4, 3, low=-6, high=7) / 2 + 0.25).astype(np.float32)
    for data, layouts in (
        ((4,), ("", "NC")),
        (IMAGE, ("", "NCHW")),
        ((5, 6, 4), ("NHWC",)),
        ((4, 5), ("NCL", "NCW")),
        ((5, 4), ("NLC", "NWC")),
    ):
        for layout in layouts:
            given = {"data_layout": layout} if layout else {}
            yield node(
                "MultiThreshold", X, table, domain=QONNX, shape=data, out_dtype="UINT2", **given
            )
    why = "data_layout"
    yield node(
        "MultiThreshold", X, table, domain=QONNX, shape=(4, 4), out_dtype="UINT2", refused=why
    )
    for scale, bias in ((0.5, 0.0), (1.0, -2.0), (0.25, 0.5), (2.0, 1.0)):
        yield node(
            "MultiThreshold",
            X,
            table,
            domain=QONNX,
            shape=(4,),
            out_dtype="INT4",
            out_scale=scale,
            out_bias=bias,
        )


def bipolar(opset: int) -> Iterable[Case]:
    for scale in (f(0.5), f([0.5, 1, 2, 0.75, 1.5, 3])):
        yield node("BipolarQuant", X, scale, domain=QONNX)


def log_quant(opset: int) -> Iterable[Case]:
    for bits in (1, 2, 3):
        yield node("LogQuant", X, f(0.5), domain=DOMAIN, bits=bits)


def int_softmax(opset: int) -> Iterable[Case]:
    for exponent, bits in ((8, 8), (4, 3), (10, 2)):
        for shape in ((6,), (3, 4)):
            yield node("IntSoftmax", shape=shape, domain=DOMAIN, exponent=exponent, bits=bits)


def lut_layer(opset: int) -> Iterable[Case]:
    """Tables of the bits of a thermometer code."""
    wires = np.array([[0, 5, 2], [3, 3, 1], [4, 1, 0], [5, 2, 4]])
    powers, starts = f(1, 2, 4), f(0, 8, 16, 24)

    def bits(net: Net, x: str) -> str:
        return net.thermometer(x, [0, 1, 2, 2, 3, 5], [0.5, -1, 0, 1, 0.25, 0])

    for tables in (ints(4, 8, low=0, high=2), ints(4, 8)):
        yield node("LutLayer", X, wires, powers, starts, tables, domain=DOMAIN, head=bits)


def thermometer(opset: int) -> Iterable[Case]:
    features = np.array([2, 0, 2, 5])
    yield node("Thermometer", X, features, f([0.5, -1, 0.25, 3]), domain=DOMAIN)


def l1_matmul(opset: int) -> Iterable[Case]:
    yield node("L1MatMul", X, ints(6, 4), domain=DOMAIN)


def l1_conv(opset: int) -> Iterable[Case]:
    for shape in ((3, 4, 1, 1), (2, 4, 3, 2), (1, 4, 5, 6)):
        yield node("L1Conv", X, ints(*shape), shape=IMAGE, domain=DOMAIN)


def max_pool_last(opset: int) -> Iterable[Case]:
    return pool("MaxPool", CHANNELS_LAST)(opset)
