"""Cases of operators that arrange data, and of constants."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from frontend.attributes.cases import IMAGE, behind, f, ints, long, node, shape_of
from frontend.attributes.differential import Case, X
from frontend.onnx_models import Net
from onnx import TensorProto, numpy_helper


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
        yield one([3], [-9], [1], [-1], refused="in steps of at least 1")
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


def constant_of_shape(opset: int) -> Iterable[Case]:
    value = numpy_helper.from_array(f([0.75]))
    yield node("ConstantOfShape", long(1, 6), tail=behind("Add"))
    yield node("ConstantOfShape", long(6), value=value, tail=behind("Add"))


def expand(opset: int) -> Iterable[Case]:
    yield node("Expand", f(0.5), long(1, 6), tail=behind("Mul"))
    yield node("Expand", X, long(1, 6))
    yield node("Expand", X, long(1, 3, 6), shape=(1, 6))


def tile(opset: int) -> Iterable[Case]:
    yield node("Tile", f([[0.5, 2.0]]), long(1, 3), tail=behind("Mul"))
    yield node("Tile", X, long(1, 1))
    yield node("Tile", X, long(2, 1), refused="batch")
    yield node("Tile", X, long(1, 2), refused="only axes of size 1")


def constant(opset: int) -> Iterable[Case]:
    def one(op: str = "Mul", **value: Any) -> Case:
        return Case("Constant", (), value, (6,), tail=behind(op))

    yield one(value=numpy_helper.from_array(f(1, 2, -1, 0.5, 3, 4)))
    if opset >= 12:
        yield one(value_float=0.75)
        yield one(value_floats=[1.0, 2.0, -1.0, 0.5, 3.0, 4.0])
        yield Case("Constant", (), {"value_ints": [1, 6]}, (6,), tail=shape_of)
        yield Case(
            "Constant",
            (),
            {"value_int": 6},
            (6,),
            tail=lambda n, o, x: n.node(
                "Reshape",
                x,
                n.node(
                    "Concat", n.shape_const(1), n.node("Reshape", o[0], n.shape_const(1)), axis=0
                ),
            ),
        )


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
