"""Cases of operators on single numbers, and of matrices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from frontend.attributes.cases import IMAGE, Cases, behind, f, ints, node
from frontend.attributes.differential import Case, Head, X
from frontend.onnx_models import Net
from onnx import helper


def elementwise(op: str) -> Cases:
    """Operators of two numbers: data and constants of each shape, on either side; two constants."""

    def cases(opset: int) -> Iterable[Case]:
        c = f(0.5, -2, 4, 1, -0.25, 8)
        yield node(op, X, c)
        yield node(op, X, f(2.0))
        yield node(op, X, f([c[:4]]).reshape(4, 1, 1), shape=IMAGE)
        yield node(op, c, X, refused="data must not stand in the denominator")
        yield node(op, c, f(0.5), tail=behind("Mul"))
        yield node(op, X, X, refused="its divisor must be a constant")
        for gate in ("MaxPool", "GlobalMaxPool"):
            yield node(op, X, "gate", shape=IMAGE, head=gated(gate), refused="its divisor must be")

    return cases


def gated(op: str) -> Head:
    """Make a second tensor, named gate, of the data's maxima: one a place, or one a channel."""
    windows = {"kernel_shape": [3, 3], "pads": [1] * 4} if op == "MaxPool" else {}

    def head(net: Net, x: str) -> str:
        net.nodes.append(helper.make_node(op, [x], ["gate"], **windows))
        return x

    return head


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
            bounds: dict[str, Any] = {"min": lo, "max": hi}
            yield node("Clip", **{k: v for k, v in bounds.items() if v is not None})
        else:
            yield node("Clip", X, *["" if v is None else f(v) for v in (lo, hi)])


def extreme(op: str) -> Cases:
    """Max and Min of any number of data and constants."""

    def cases(opset: int) -> Iterable[Case]:
        yield node(op, X)
        yield node(op, X, f([[1, -1, 0.5, 2, 8, -8]]))
        if opset < 8:  # without broadcasting
            return
        yield node(op, X, f(1, -1, 0.5, 2, 8, -8))
        yield node(op, X, f(0.75))
        yield node(op, f(0.75), X)
        yield node(op, X, f(-1.5), f([1.0]), f(0.25), shape=IMAGE)
        yield node(op, f(1, 2, 3, -1, 0, 4), f(1.5), tail=behind("Mul"))
        yield node(op, X, X, refused="one operand may depend")

    return cases


def total(op: str) -> Cases:
    """Sum and Mean of any number of data and constants."""

    def cases(opset: int) -> Iterable[Case]:
        yield node(op, X)
        yield node(op, X, X, X, shape=IMAGE)
        if opset < 8:  # without broadcasting
            return
        yield node(op, X, f(0.75))
        yield node(op, X, f(1, -1, 0.5, 2, 8, -8), X, f(0.5))
        yield node(op, f(1, 2, 3, -1, 0, 4), f(1.5), tail=behind("Mul"))

    return cases


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


def power(opset: int) -> Iterable[Case]:
    for exponent in (-1, -0.5, 0.5, 1, 2):
        yield node("Pow", f(0.25, 4, 1, 16, 2, 9), f(exponent), tail=behind("Mul"))
    yield node("Pow", X, f(2.0), refused="its base must be a constant")


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


def turned(net: Net, x: str) -> str:
    """Make a second tensor, named turned, of the data with the last two axes exchanged."""
    rank = len(net.shape)
    perm = [*range(rank - 2), rank - 1, rank - 2]
    net.nodes.append(helper.make_node("Transpose", [x], ["turned"], perm=perm))
    return x


def matmul(opset: int) -> Iterable[Case]:
    yield node("MatMul", X, ints(6, 4))
    yield node("MatMul", X, ints(5, 3), shape=(4, 5), refused="features")
    yield node("MatMul", X, "turned", shape=(4, 5), head=turned)
    yield node("MatMul", X, "turned", shape=(3, 4, 4), head=turned)
