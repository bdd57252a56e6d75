"""Cases of operators on integers: QDQ's quantizers, and ONNX Runtime's own (QOperator)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
from bitrill.frontend.rules.table import MICROSOFT
from frontend.attributes.cases import IMAGE, Cases, f, node
from frontend.attributes.differential import Case, X
from frontend.attributes.places import conv, pool
from frontend.onnx_models import Net
from onnx import TensorProto

HALF, ZERO = f(0.5), np.array(3, np.int8)


def quantized(net: Net, x: str, kind: type = np.int8) -> str:
    """The data as integers of 8 bits."""
    return net.node("QuantizeLinear", x, net.const(HALF), net.const(ZERO, kind))


def real(scale: Any = 0.25, zero: Any = 0, kind: type = np.int8, **more: Any) -> Any:
    """Let the node's result, integers of that type, be real numbers again."""

    def tail(net: Net, out: list[str], x: str) -> str:
        return net.node("DequantizeLinear", out[0], net.const(scale), net.const(zero, kind), **more)

    return tail


def weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(-3, 4, shape).astype(np.int8)


def i8(value: Any) -> np.ndarray:
    return np.array(value, np.int8)


def quantize_linear(opset: int) -> Iterable[Case]:
    def one(scale: Any, zero: Any = None, **options: Any) -> Case:
        kind = np.uint8 if zero is None else zero.dtype.type
        back = real(scale, np.zeros_like(np.asarray(scale), kind), kind)
        operands = (X, f(scale)) if zero is None else (X, f(scale), zero)
        return node("QuantizeLinear", *operands, tail=options.pop("tail", back), **options)

    for scale in (0.5, 0.75, 0.3125):
        yield one(scale)
        for zero in (i8(-2), i8(7), np.array(5, np.uint8)):
            yield one(scale, zero)
    yield one(0.0625, i8(100))
    why = "one for each of 4 channels"
    several, zeros = [0.5, 1, 0.25, 0.75], i8([0, 1, -3, 2])
    if opset >= 13:
        along = {"shape": IMAGE, "tail": real(several, zeros, axis=1)}
        yield one(several, zeros, **along)
        yield one(several, zeros, axis=1, **along)
        yield one(several, zeros, axis=-3, **along)
        yield one(several, zeros, axis=2, shape=IMAGE, invalid="its scale must be")
        yield one([0.5, 1, 0.25, 0.75, 1], axis=2, shape=IMAGE, refused=why)
    if opset >= 19:
        yield one(0.75, i8(1), saturate=1)
        yield one(0.75, i8(1), saturate=0, refused="saturate")
    if opset >= 21:
        back = real(0.75, 0, np.int8)
        yield one(0.75, output_dtype=TensorProto.INT8, tail=back)
        yield one(0.75, i8(2), output_dtype=TensorProto.INT8, tail=back)
        blocks = f([[0.5, 1], [0.25, 0.5]]).T.reshape(1, 4)
        yield one(blocks, np.zeros((1, 4), np.int8), block_size=0, shape=(4,), invalid="its scale")
        yield node(
            "QuantizeLinear",
            X,
            f([[0.5, 1]]),
            i8([[0, 0]]),
            axis=1,
            block_size=2,
            shape=(4,),
            tail=real(0.5),
            refused="block",
        )
    if opset >= 23:
        yield one(0.75, i8(1), precision=TensorProto.FLOAT)
        yield one(0.75, i8(1), precision=TensorProto.INT32, invalid="precision")


def dequantize_linear(opset: int) -> Iterable[Case]:
    def one(scale: Any, *zero: Any, **options: Any) -> Case:
        return node("DequantizeLinear", X, f(scale), *zero, head=quantized, **options)

    def product(net: Net, out: list[str], x: str) -> str:
        return net.node("MatMul", x, out[0])

    for scale in (0.5, 0.75):
        yield one(scale)
        yield one(scale, i8(3))
        yield one(scale, i8(-5))
    w = weights(6, 4)
    yield node("DequantizeLinear", w, f(0.25), i8(1), tail=product)
    if opset >= 13:
        columns, rows = f(0.5, 1, 0.25, 2), f(0.5, 1, 0.25, 2, 1, 1)
        yield node("DequantizeLinear", w, columns, tail=product)
        yield node("DequantizeLinear", w, columns, i8([0, 1, -1, 2]), axis=1, tail=product)
        yield node("DequantizeLinear", w, columns, axis=-1, tail=product)
        yield node("DequantizeLinear", w, rows, axis=0, tail=product, refused="one for each output")
        yield one([0.5, 1, 0.25, 2], i8([0, 1, 2, 3]), shape=IMAGE)
    if opset >= 21:
        blocks = np.array([[0.5, 1, 0.25, 2]] * 2, np.float32)
        options: dict[str, Any] = {"axis": 0, "block_size": 3, "tail": product}
        yield node("DequantizeLinear", w, blocks, **options)
        blocks = np.array([[0.5, 1, 0.25, 2], [1, 1, 1, 1]], np.float32)
        yield node("DequantizeLinear", w, blocks, **options, refused="one for each output")
    if opset >= 23:
        yield one(0.75, output_dtype=TensorProto.FLOAT)
        back = lambda n, o, x: n.node("Cast", o[0], to=1)  # noqa: E731
        yield one(0.75, output_dtype=TensorProto.FLOAT16, tail=back)


def rounding(opset: int) -> Iterable[Case]:
    yield node("Round", f(1.5, -2.5, 3, 0.1, -0.5, 6), tail=lambda n, o, x: n.node("Mul", x, o[0]))

    def bounded(net: Net, out: list[str], x: str) -> str:
        return net.node("Clip", out[0], net.const(-3.0), net.const(3.0))

    yield node("Round", tail=bounded, shape=IMAGE)


def dynamic(opset: int) -> Iterable[Case]:
    why = "its scale is taken from each frame"
    yield node("DynamicQuantizeLinear", outputs=3, refused=why, tail=real(0.5, 0, np.uint8))


def on_integers(of: Callable[[int], Iterable[Case]], opset: int, op: str) -> Iterable[Case]:
    """Cases of a layer on real numbers, with int8 data and weights in their place."""
    scaled = lambda n, o, x: n.node("Mul", n.node("Cast", o[0], to=1), n.const(0.25))  # noqa: E731
    for case in of(opset):
        auto = {"auto_pad", "dilations"} <= {*case.attributes}  # which the runtime does not have
        if len(case.operands) > 2 or auto:
            continue
        w = np.asarray([*case.operands][1]).astype(np.int8)
        options: dict[str, Any] = {
            "shape": case.shape,
            "refused": case.refused,
            "domain": case.domain,
            **case.attributes,
        }
        if op.endswith("Integer"):
            options |= {"head": quantized, "tail": scaled}
            if op == "ConvInteger":  # the runtime has it for uint8 alone
                options["head"] = partial(quantized, kind=np.uint8)
                positive = (w + 3).astype(np.uint8)
                yield node(op, X, positive, np.uint8(3), np.uint8(2), **options)
                yield node(op, X, positive, **options)
                continue
            for zeros in ((), (ZERO,), (ZERO, i8(1))):
                yield node(op, X, w, *zeros, **options)
        else:
            options |= {"head": quantized, "tail": real(1.0, 2)}
            fixed = (X, HALF, ZERO, w, f(0.5), i8(0), f(1.0), i8(2))
            yield node(op, *fixed, **options)
            if op == "QLinearConv" and not case.attributes:
                yield node(op, *fixed, np.arange(len(w), dtype=np.int32), **options)
                scales = f(np.array([0.5, 1, 0.25, 2]))
                several = (X, HALF, ZERO, w, scales, np.zeros(4, np.int8), f(1.0), i8(2))
                yield node(op, *several, **options)


def dense(opset: int) -> Iterable[Case]:
    yield node("MatMul", X, weights(6, 4))


def matmul_microsoft(opset: int) -> Iterable[Case]:
    for case in on_integers(dense, opset, "QLinearMatMul"):
        yield Case(
            case.op,
            case.operands,
            case.attributes,
            case.shape,
            MICROSOFT,
            head=case.head,
            tail=case.tail,
        )


def linear_microsoft(op: str) -> Cases:
    """The same quantizers of the runtime's own domain."""

    def cases(opset: int) -> Iterable[Case]:
        of = quantize_linear if op == "QuantizeLinear" else dequantize_linear
        for case in of(opset):
            if set(case.attributes) <= {"axis"}:
                yield Case(
                    case.op,
                    case.operands,
                    case.attributes,
                    case.shape,
                    MICROSOFT,
                    head=case.head,
                    tail=case.tail,
                    refused=case.refused,
                    invalid=case.invalid,
                )

    return cases


def q_gemm(opset: int) -> Iterable[Case]:
    def one(w: np.ndarray, *more: Any, **options: Any) -> Case:
        options = {"head": quantized, "domain": MICROSOFT, "tail": real(1.0, 2)} | options
        return node("QGemm", X, HALF, ZERO, w, f(0.5), i8(0), *more, **options)

    bias, grid = np.array([1, -2, 3, 4], np.int32), (f(1.0), i8(2))
    yield one(weights(6, 4), "", *grid)
    yield one(weights(6, 4), bias, *grid)
    yield one(weights(6, 4), bias, *grid, alpha=2.0)
    yield one(weights(6, 4), bias, *grid, transB=0)
    yield one(weights(4, 6), bias, *grid, transB=1)
    yield one(weights(1, 4), bias, *grid, transA=1, refused="transA")
    yield one(weights(6, 4), tail=None)


def unary(op: str, shape: tuple[int, ...], *several: dict[str, Any]) -> Cases:
    def cases(opset: int) -> Iterable[Case]:
        for attributes in several:
            options: dict[str, Any] = {
                "shape": shape,
                "domain": MICROSOFT,
                "head": quantized,
                "tail": real(0.25, 2),
            } | attributes
            yield node(op, X, HALF, ZERO, f(0.25), i8(2), **options)

    return cases


def softmax(opset: int) -> Iterable[Case]:
    """Softmax of integers along one axis, and before opset 13 of all axes from one on."""
    grid = (f(2**-8), i8(-128))
    more: dict[str, Any] = {"domain": MICROSOFT, "head": quantized, "tail": real(2**-8, -128)}
    for shape, axis, of in (((6,), -1, 13), (IMAGE, 1, 13), (IMAGE, 2, 12)):
        yield node("QLinearSoftmax", X, HALF, ZERO, *grid, shape=shape, axis=axis, opset=of, **more)
    yield node("QLinearSoftmax", X, HALF, ZERO, *grid, opset=12, **more)


def binary(op: str, **options: Any) -> Cases:
    def cases(opset: int) -> Iterable[Case]:
        more = {"domain": MICROSOFT, "head": quantized, **options}
        one, other = (X, HALF, ZERO), (i8([1, -2, 3, 4, -5, 6]), f(0.25), i8(1))
        if op == "QLinearAdd":
            yield node(op, *one, *one, f(0.5), i8(2), tail=real(0.5, 2), **more)
        yield node(op, *one, *other, f(0.5), i8(2), tail=real(0.5, 2), **more)
        yield node(op, *one, *other, f(0.5), tail=real(0.5, 0), **more)

    return cases


def concat(opset: int) -> Iterable[Case]:
    one = (X, HALF, ZERO)
    options: dict[str, Any] = {"domain": MICROSOFT, "head": quantized, "tail": real(0.75, 1)}
    yield node("QLinearConcat", f(0.75), i8(1), *one, *one, axis=1, **options)
    yield node("QLinearConcat", f(0.75), i8(1), *one, axis=1, **options)
    why = "its axis must be 1"
    yield node(
        "QLinearConcat", f(0.75), i8(1), *one, *one, axis=2, shape=IMAGE, refused=why, **options
    )


def average(opset: int) -> Iterable[Case]:
    """The cases of AveragePool on integers."""
    for case in pool("AveragePool")(19):
        if "dilations" not in case.attributes:
            yield node(
                "QLinearAveragePool",
                X,
                HALF,
                ZERO,
                f(0.25),
                i8(2),
                shape=case.shape,
                domain=MICROSOFT,
                head=quantized,
                tail=real(0.25, 2),
                refused=case.refused,
                **case.attributes,
            )
    yield last("QLinearAveragePool", kernel_shape=[2, 2])


def last(op: str, **attributes: Any) -> Case:
    """A pool of data whose channels come last."""
    back = real(0.25, 2)

    def head(net: Net, x: str) -> str:
        return net.node("Transpose", quantized(net, x), perm=[0, 2, 3, 1])

    def tail(net: Net, out: list[str], x: str) -> str:
        return net.node("Transpose", back(net, out, x), perm=[0, 3, 1, 2])

    options: dict[str, Any] = {"domain": MICROSOFT, "head": head, "tail": tail, **attributes}
    return node(op, X, HALF, ZERO, f(0.25), i8(2), shape=IMAGE, channels_last=1, **options)


INTEGERS: dict[tuple[str, str], Cases] = {
    ("", "ConvInteger"): lambda o: on_integers(conv, o, "ConvInteger"),
    ("", "DequantizeLinear"): dequantize_linear,
    ("", "DynamicQuantizeLinear"): dynamic,
    ("", "MatMulInteger"): lambda o: on_integers(dense, o, "MatMulInteger"),
    ("", "QLinearConv"): lambda o: on_integers(conv, o, "QLinearConv"),
    ("", "QLinearMatMul"): lambda o: on_integers(dense, o, "QLinearMatMul"),
    ("", "QuantizeLinear"): quantize_linear,
    ("", "Round"): rounding,
    (MICROSOFT, "DequantizeLinear"): linear_microsoft("DequantizeLinear"),
    (MICROSOFT, "QGemm"): q_gemm,
    (MICROSOFT, "QLinearAdd"): binary("QLinearAdd"),
    (MICROSOFT, "QLinearAveragePool"): average,
    (MICROSOFT, "QLinearConcat"): concat,
    (MICROSOFT, "QLinearGlobalAveragePool"): lambda o: [
        *unary("QLinearGlobalAveragePool", IMAGE, {}, {"channels_last": 0})(o),
        last("QLinearGlobalAveragePool"),
    ],
    (MICROSOFT, "QLinearLeakyRelu"): unary("QLinearLeakyRelu", (6,), {}, {"alpha": 0.25}),
    (MICROSOFT, "QLinearMatMul"): matmul_microsoft,
    (MICROSOFT, "QLinearMul"): binary("QLinearMul"),
    (MICROSOFT, "QLinearSoftmax"): softmax,
    (MICROSOFT, "QLinearSigmoid"): unary("QLinearSigmoid", (6,), {"refused": "Sigmoid"}),
    (MICROSOFT, "QuantizeLinear"): linear_microsoft("QuantizeLinear"),
}
"""Cases by domain and operator, for a given opset."""
