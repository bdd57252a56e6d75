"""Cases of operators that arrange data, end a network, make constants or quantize."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from bitrill.frontend.reader.functions import DOMAIN
from bitrill.frontend.rules.table import CHANNELS_LAST, QONNX
from frontend.attribute_cases import (
    IMAGE,
    Cases,
    batch_norm,
    behind,
    clip,
    conv,
    conv_transpose,
    elementwise,
    f,
    gemm,
    ints,
    matmul,
    node,
    plain,
    pool,
    reduce_mean,
    resize,
    shape_of,
    unary,
)
from frontend.differential import Case, X
from frontend.onnx_models import Net
from onnx import TensorProto, numpy_helper


def long(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def as_axes(op: str, axes: list[int] | None, opset: int, **options: Any) -> Case:
    """A node whose axes are an attribute up to opset 12, an input later."""
    if axes is None:
        return node(op, **options)
    if opset < 13:
        return node(op, axes=axes, **options)
    return node(op, X, long(*axes), **options)


def squeeze(opset: int) -> Iterable[Case]:
    yield as_axes("Squeeze", [2], opset, shape=(4, 1))
    yield as_axes("Squeeze", [1, 3], opset, shape=(1, 4, 1))
    if opset >= 11:
        yield as_axes("Squeeze", [-1], opset, shape=(4, 1))
    yield as_axes("Squeeze", [0], opset, shape=(4, 1), refused="the batch axis must stay the first")
    yield as_axes("Squeeze", None, opset, shape=(4, 1), refused="batch axis must stay the first")
    yield as_axes("Squeeze", [1], opset, shape=(4, 1), invalid="must have size 1")


def unsqueeze(opset: int) -> Iterable[Case]:
    yield as_axes("Unsqueeze", [2], opset, shape=(4,))
    yield as_axes("Unsqueeze", [2, 3], opset, shape=(4,))
    yield as_axes("Unsqueeze", [1], opset, shape=(4,))
    if opset >= 11:
        yield as_axes("Unsqueeze", [-1], opset, shape=(4,))
    yield as_axes("Unsqueeze", [0], opset, shape=(4,), refused="the batch axis must stay the first")


def flatten(opset: int) -> Iterable[Case]:
    yield node("Flatten", shape=IMAGE)
    for axis in (0, 1):
        yield node("Flatten", shape=IMAGE, axis=axis)
    for axis in (2, 4):
        yield node("Flatten", shape=IMAGE, axis=axis, refused="the batch axis")
    yield node("Flatten", shape=IMAGE, axis=9, invalid="axis must be")
    if opset >= 11:
        yield node("Flatten", shape=IMAGE, axis=-3)
        yield node("Flatten", shape=IMAGE, axis=-1, refused="the batch axis")


def reshape(opset: int) -> Iterable[Case]:
    for shape in ((1, 120), (1, -1), (0, -1), (1, 4, 30), (0, 0, -1), (1, 4, 5, 6)):
        yield node("Reshape", X, long(*shape), shape=IMAGE)
    yield node("Reshape", X, long(2, 60), shape=IMAGE, refused="the batch axis must stay")
    if opset >= 14:
        yield node("Reshape", X, long(0, -1), shape=IMAGE, allowzero=0)
        yield node("Reshape", X, long(0, -1), shape=IMAGE, allowzero=1, invalid="the shape must")
        yield node("Reshape", X, long(1, -1), shape=IMAGE, allowzero=1)


def transpose(opset: int) -> Iterable[Case]:
    def flat(net: Net, out: list[str], x: str) -> str:
        return net.node("MatMul", net.node("Flatten", out[0]), net.const(ints(120, 3)))

    for perm in ([0, 1, 2, 3], [0, 2, 3, 1], [0, 3, 2, 1], [0, 1, 3, 2]):
        yield node("Transpose", shape=IMAGE, perm=perm, refused="data must keep its order")
        yield node("Transpose", shape=IMAGE, perm=perm, tail=flat)
    yield node("Transpose", shape=IMAGE, refused="the batch axis must stay the first")
    yield node("Transpose", shape=(4,), perm=[1, 0], refused="the batch axis must stay the first")
    yield node("Transpose", ints(3, 6), tail=lambda n, out, x: n.node("MatMul", x, out[0]))


def concat(opset: int) -> Iterable[Case]:
    yield node("Concat", X, X, axis=1)
    yield node("Concat", X, X, X, axis=1, shape=IMAGE)
    yield node("Concat", X, axis=1)
    for axis in (0, 2):
        yield node("Concat", X, X, axis=axis, shape=IMAGE, refused="its axis must be 1")
    yield node("Concat", X, X, axis=7, shape=IMAGE, invalid="axis must be")
    if opset >= 11:
        yield node("Concat", X, X, axis=-3, shape=IMAGE)
        yield node("Concat", X, X, axis=-1, shape=IMAGE, refused="its axis must be 1")
    yield node("Concat", long(1, 4), long(30), axis=0, tail=shape_of, shape=IMAGE)


def split(opset: int) -> Iterable[Case]:
    def turned(net: Net, out: list[str], x: str) -> str:
        return net.node("Concat", *out[::-1], axis=1)

    def one(n: int, sizes: list[int] | None = None, shape: tuple[int, ...] = (4, 5), **more: Any):
        options: dict[str, Any] = {"axis": 1, "outputs": n, "tail": turned, "shape": shape} | more
        operands: tuple[Any, ...] = (X,)
        if sizes is not None and opset < 13:
            options["split"] = sizes
        elif sizes is not None:
            operands = (X, long(*sizes))
        elif opset >= 18:
            options.setdefault("num_outputs", n)
        return node("Split", *operands, **options)

    yield one(2)
    yield one(2, [1, 3])
    yield one(3, [1, 1, 2])
    yield one(2, [1, 2], invalid="its 2 sizes")
    yield one(2, shape=(4,))
    yield (
        node("Split", axis=0, outputs=1, split=[1], refused="its axis must be 1")
        if (opset < 13)
        else one(1, [1], axis=0, refused="its axis must be 1")
    )
    if opset >= 11:
        yield one(2, [1, 3], axis=-2)
    if opset >= 18:
        yield one(3, shape=(7,))
        yield one(2, shape=(7,))
        yield one(2, num_outputs=3, invalid="num_outputs")
    else:
        yield one(3, shape=(7,), invalid="must be a multiple")


def slice_(opset: int) -> Iterable[Case]:
    def both(net: Net, out: list[str], x: str) -> str:
        return net.node("Concat", out[0], out[0], axis=1)

    def one(starts: Any, ends: Any, axes: Any = None, steps: Any = None, **more: Any) -> Case:
        more = {"shape": IMAGE, **more}
        if opset < 10:
            options = {"axes": axes} if axes is not None else {}
            return node("Slice", starts=starts, ends=ends, **options, **more)
        given = [long(*v) for v in (starts, ends)]
        given += [long(*(axes or range(len(starts))))] * (axes is not None or steps is not None)
        given += [long(*steps)] if steps is not None else []
        return node("Slice", X, *given, **more)

    unread = "every part of a Split or Slice must be read"
    yield one([0], [4], [1], tail=both)
    yield one([1], [3], [1], refused=unread)
    yield one([-3], [-1], [1], refused=unread)
    yield one([1], [1 << 40], [1], refused=unread)
    yield one([0, 1], [1, 3], refused="data must be sliced")
    yield one([1], [3], [2], refused="data must be sliced")
    yield one([1, 2], [4, 5], [2, 3], refused="data must be sliced")
    if opset >= 10:
        yield one([0], [4], [1], [2], refused="data must be sliced")
        yield one([3], [-9], [1], [-1], refused="data must be sliced")
        yield one([1], [3], [-3], refused=unread)
        numbers = f(1, 9, 4, 5, 6, 7)
        for parts in ((0, 6, 1), (5, -9, -1), (2, 3, 1)):
            a, b, c = (long(v) for v in parts)
            yield node("Slice", numbers, a, b, long(0), c, tail=behind("Mul"))


def gather(opset: int) -> Iterable[Case]:
    sizes = long(7, 1, 4, 30)
    yield node("Gather", sizes, long(1, 2, 3), tail=shape_of, shape=IMAGE)
    yield node("Gather", sizes, long(1, 2, 3), axis=0, tail=shape_of, shape=IMAGE)
    table = ints(3, 6)
    for axis, index in ((0, long(2)), (1, long(5, 0, 1, 2, 4, 3))):
        yield node("Gather", table[:1] if axis else table, index, axis=axis, tail=behind("Add"))
    if opset >= 11:
        yield node("Gather", table[:1], long(-1, 0, 1, -2, 4, 3), axis=-1, tail=behind("Add"))
    yield node("Gather", X, long(0), axis=1, refused="not data")


def shape(opset: int) -> Iterable[Case]:
    def ones(net: Net, out: list[str], x: str) -> str:
        return net.node("Reshape", x, net.node("Concat", net.shape_const(1), out[0], axis=0))

    yield node("Shape", tail=shape_of, shape=IMAGE)
    if opset >= 15:
        yield node("Shape", start=0, tail=shape_of, shape=IMAGE)
        for start in (1, -3):
            yield node("Shape", start=start, tail=ones, shape=IMAGE)
        yield node("Shape", start=1, end=4, tail=ones, shape=IMAGE)
        yield node("Shape", end=9, tail=shape_of, shape=IMAGE)
        yield node("Shape", start=-9, end=4, tail=shape_of, shape=IMAGE)


def constant(opset: int) -> Iterable[Case]:
    def one(op: str = "Mul", **value: Any) -> Case:
        return Case("Constant", (), value, (6,), tail=behind(op))

    yield one(value=numpy_helper.from_array(f(1, 2, -1, 0.5, 3, 4)))
    if opset >= 12:
        yield one(value_float=0.75)
        yield one(value_floats=[1.0, 2.0, -1.0, 0.5, 3.0, 4.0])
        yield Case("Constant", (), {"value_ints": [1, 6]}, (6,), tail=shape_of)
        yield Case(
            "Constant", (), {"value_int": 6}, (6,),
            tail=lambda n, o, x: n.node(
                "Reshape", x, n.node("Concat", n.shape_const(1),
                                     n.node("Reshape", o[0], n.shape_const(1)), axis=0)),
        )  # fmt: skip


def cast(opset: int) -> Iterable[Case]:
    for to in (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16):
        back = lambda n, o, x: n.node("Cast", o[0], to=1)  # noqa: E731
        yield node("Cast", to=to, tail=back)
        used = lambda n, o, x: n.node("Mul", x, n.node("Cast", o[0], to=1))  # noqa: E731
        yield node("Cast", f(1.5, -2.25, 3.1, 4, 5, 6), to=to, tail=used)
    for to in (TensorProto.INT64, TensorProto.INT32):
        used = lambda n, o, x: n.node("Mul", x, n.node("Cast", o[0], to=1))  # noqa: E731
        yield node("Cast", f(1.5, -2.75, 3.0, 4.99, -0.5, 6), to=to, tail=used)
        yield node("Cast", to=to, tail=back, refused="may be cast to integers")
    for to in (TensorProto.BOOL, TensorProto.UINT8):
        yield node("Cast", to=to, tail=back, refused="it must cast to float")
    if opset >= 19:
        yield node("Cast", to=1, saturate=1)
        yield node("Cast", to=1, saturate=0, invalid="saturate")
    if opset >= 24:
        yield node("Cast", to=1, round_mode="up", refused="round_mode")


def dropout(opset: int) -> Iterable[Case]:
    yield node("Dropout")
    if opset < 12:
        yield node("Dropout", ratio=0.25)
        return
    yield node("Dropout", seed=3)
    yield node("Dropout", X, f(0.25))
    yield node("Dropout", X, f(0.25), np.array(False))
    yield node("Dropout", X, "", np.array(False))
    yield node("Dropout", X, f(0.5), np.array(True), invalid="training_mode must be false")


def leaky(opset: int) -> Iterable[Case]:
    yield node("LeakyRelu")
    for alpha in (0.25, -0.5, 0.0, 2.0):
        yield node("LeakyRelu", alpha=alpha)


def prelu(opset: int) -> Iterable[Case]:
    yield node("PRelu", X, f(0.5))
    yield node("PRelu", X, f([0.5]))
    yield node("PRelu", X, f(0.25, 0.5, 1, -1, 0, 2))
    yield node("PRelu", X, f([[[0.25]], [[0.5]], [[1]], [[-1]]]), shape=IMAGE)
    yield node("PRelu", X, ints(6), shape=IMAGE, refused="its slope must be")


def depth(op: str) -> Cases:
    def cases(opset: int) -> Iterable[Case]:
        data = (8, 3, 2) if op == "DepthToSpace" else (2, 4, 6)
        yield node(op, blocksize=2, shape=data)
        yield node(op, blocksize=1, shape=data)
        for mode in ("DCR", "CRD") if op == "DepthToSpace" and opset >= 11 else ():
            yield node(op, blocksize=2, mode=mode, shape=data)

    return cases


def power(opset: int) -> Iterable[Case]:
    for exponent in (-1, -0.5, 0.5, 1, 2):
        yield node("Pow", f(0.25, 4, 1, 16, 2, 9), f(exponent), tail=behind("Mul"))
    yield node("Pow", X, f(2.0), refused="its base must be a constant")


def arg_max(opset: int) -> Iterable[Case]:
    why = "its axis must be 1"
    yield node("ArgMax", X, integers=True, refused=why)
    for axis in (0, 1):
        yield node("ArgMax", X, integers=True, axis=axis, refused=why if axis == 0 else "")
        for keep in (0, 1):
            yield node(
                "ArgMax",
                X,
                integers=True,
                axis=axis,
                keepdims=keep,
                refused=why if axis == 0 else "",
            )
    yield node("ArgMax", X, integers=True, axis=2, shape=IMAGE, refused=why)
    if opset >= 11:
        yield node("ArgMax", X, integers=True, axis=-1)
    if opset >= 12:
        yield node("ArgMax", X, integers=True, axis=1, select_last_index=0)
        yield node(
            "ArgMax", X, integers=True, axis=1, select_last_index=1, refused="select_last_index"
        )


def top_k(opset: int) -> Iterable[Case]:
    def one(k: int, output: int = 1, **more: Any) -> Case:
        more |= {"tail": lambda n, o, x: o[output], "outputs": 2, "integers": output == 1}
        if opset < 10:
            return node("TopK", k=k, **more)
        return node("TopK", X, long(k), **more)

    yield one(1)
    yield one(3)
    yield one(3, 0, refused="must")
    for axis in (1, *[-1] * (opset >= 11)):
        yield one(2, axis=axis)
    yield one(1, axis=0, refused="its axis must be 1")
    if opset >= 11:
        yield one(2, largest=1, sorted=1)
        yield one(2, largest=0, refused="largest")
        yield one(2, sorted=0, refused="sorted")


def softmax(opset: int) -> Iterable[Case]:
    yield node("Softmax")
    yield node("Softmax", axis=1)
    yield node("Softmax", axis=0, refused="its axis must be")
    yield node("Softmax", shape=IMAGE, axis=2, refused="its")


def quant(op: str) -> Cases:
    def cases(opset: int) -> Iterable[Case]:
        numbers = (f(0.75), f(0.0), f(3.0))
        for signed in (0, 1):
            for narrow in (0, 1):
                flags = {"signed": signed, "narrow": narrow}
                for mode in ("ROUND", "CEIL", "FLOOR", "ROUND_TO_ZERO"):
                    refused = "rounding_mode" if mode == "ROUND_TO_ZERO" else ""
                    yield node(
                        op, X, *numbers, domain=QONNX, rounding_mode=mode, refused=refused, **flags
                    )
                for mode in ("UP", "DOWN", "HALF_UP", "HALF_DOWN"):
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
                flags = {"signed": signed, "narrow": narrow, "rounding_mode": mode}
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
            "MultiThreshold", X, table, domain=QONNX, shape=(4,), out_dtype="INT4",
            out_scale=scale, out_bias=bias,
        )  # fmt: skip


def bipolar(opset: int) -> Iterable[Case]:
    for scale in (f(0.5), f([0.5, 1, 2, 0.75, 1.5, 3])):
        yield node("BipolarQuant", X, scale, domain=QONNX)


def log_quant(opset: int) -> Iterable[Case]:
    for bits in (1, 2, 3):
        yield node("LogQuant", X, f(0.5), domain=DOMAIN, bits=bits)


def l1_matmul(opset: int) -> Iterable[Case]:
    yield node("L1MatMul", X, ints(6, 4), domain=DOMAIN)


def max_pool_last(opset: int) -> Iterable[Case]:
    return pool("MaxPool", CHANNELS_LAST)(opset)


CASES: dict[tuple[str, str], Cases] = {
    ("", "Add"): elementwise("Add"),
    ("", "ArgMax"): arg_max,
    ("", "AveragePool"): pool("AveragePool"),
    ("", "BatchNormalization"): batch_norm,
    ("", "Cast"): cast,
    ("", "Clip"): clip,
    ("", "Concat"): concat,
    ("", "Constant"): constant,
    ("", "Conv"): conv,
    ("", "ConvTranspose"): conv_transpose,
    ("", "DepthToSpace"): depth("DepthToSpace"),
    ("", "Div"): elementwise("Div"),
    ("", "Dropout"): dropout,
    ("", "Flatten"): flatten,
    ("", "Gather"): gather,
    ("", "Gemm"): gemm,
    ("", "GlobalAveragePool"): lambda o: [node("GlobalAveragePool", shape=IMAGE)],
    ("", "GlobalMaxPool"): lambda o: [node("GlobalMaxPool", shape=IMAGE)],
    ("", "Identity"): plain("Identity"),
    ("", "LeakyRelu"): leaky,
    ("", "MatMul"): matmul,
    ("", "MaxPool"): pool("MaxPool"),
    ("", "Mul"): elementwise("Mul"),
    ("", "Neg"): plain("Neg"),
    ("", "PRelu"): prelu,
    ("", "Pow"): power,
    ("", "Reciprocal"): unary("Reciprocal", f(0.5, 4, -2, 8, 1, 0.25)),
    ("", "ReduceMean"): reduce_mean,
    ("", "Relu"): plain("Relu"),
    ("", "Reshape"): reshape,
    ("", "Resize"): resize,
    ("", "Shape"): shape,
    ("", "Slice"): slice_,
    ("", "Softmax"): softmax,
    ("", "SpaceToDepth"): depth("SpaceToDepth"),
    ("", "Split"): split,
    ("", "Sqrt"): unary("Sqrt", f(4, 2, 0.25, 9, 16, 3)),
    ("", "Squeeze"): squeeze,
    ("", "Sub"): elementwise("Sub"),
    ("", "TopK"): top_k,
    ("", "Transpose"): transpose,
    ("", "Unsqueeze"): unsqueeze,
    ("", "Upsample"): resize,
    (DOMAIN, "L1MatMul"): l1_matmul,
    (DOMAIN, "LogQuant"): log_quant,
    (CHANNELS_LAST, "BatchNormalization"): lambda o: batch_norm(o, CHANNELS_LAST),
    (CHANNELS_LAST, "Conv"): lambda o: conv(o, CHANNELS_LAST),
    (CHANNELS_LAST, "MaxPool"): max_pool_last,
    (QONNX, "BipolarQuant"): bipolar,
    (QONNX, "IntQuant"): quant("IntQuant"),
    (QONNX, "MultiThreshold"): multi_threshold,
    (QONNX, "Quant"): quant("Quant"),
    (QONNX, "Trunc"): trunc,
}
"""Cases by domain and operator, for a given opset."""
