"""The float evaluator's operators on integers: linear quantizers and ONNX Runtime's QLinear."""

from __future__ import annotations

from typing import Any

import numpy as np
from frontend.float_heads import softmax_before_13
from frontend.float_numbers import Num, Undecided, add, div, mul, sure
from frontend.float_steps import real_step
from ml_dtypes import iinfo
from onnx import helper

OPERANDS = {
    "QLinearConv": (("Conv", 3), (0, 3), 6),
    "QLinearMatMul": (("MatMul", 2), (0, 3), 6),
    "QGemm": (("Gemm", 3), (0, 3), 7),
    "QLinearAdd": (("Add", 2), (0, 3), 6),
    "QLinearMul": (("Mul", 2), (0, 3), 6),
    "QLinearAveragePool": (("AveragePool", 1), (0,), 3),
    "QLinearGlobalAveragePool": (("GlobalAveragePool", 1), (0,), 3),
    "QLinearLeakyRelu": (("LeakyRelu", 1), (0,), 3),
    "QLinearSigmoid": (("Sigmoid", 1), (0,), 3),
    "QLinearSoftmax": (("Softmax", 1), (0,), 3),
}
"""ONNX's operator and its number of operands, the places of operands, and of the result's scale."""

BEHIND = ("QLinearAdd", "QLinearMul", "QLinearAveragePool")
"""Operators that round behind the zero point: ``round(y / s + z)``, as ONNX Runtime has them."""

ROUNDING = ("QuantizeLinear", "QLinearConcat", "Round", *OPERANDS)
"""Operators that give integers."""


def along(values: np.ndarray, rank: int, axis: int) -> np.ndarray:
    """Scales or zero points as they stand beside a tensor; those of blocks have all its axes."""
    if values.ndim == rank > 1:
        return values
    if values.size == 1:
        return values.reshape((1,) * rank)
    return values.reshape([-1 if k == axis % rank else 1 for k in range(rank)])


def span(
    x: Num, scale: Num, zero: np.ndarray, axis: int, behind: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest integers that ``x`` may become within its error."""
    info = iinfo(zero.dtype)
    s = along(scale.v, x.v.ndim, axis)
    v, z = div(x, Num.of(s)), along(zero, x.v.ndim, axis).astype(np.int64)
    ends = (np.round(v.v - v.e) + z, np.round(v.v + v.e) + z)
    if behind:
        v = add(v, Num.of(z.astype(np.float64)))
        ends = (np.round(v.v - v.e), np.round(v.v + v.e))
    low, high = (np.clip(e, info.min, info.max).astype(zero.dtype) for e in ends)
    return low, high


def zero_point(a: list[Any], i: int, dtype: Any = None) -> np.ndarray:
    given = a[i] if len(a) > i else None
    if given is not None:
        return given.v
    kinds = [n.v.dtype for n in a if n and n.v.dtype in (np.int8, np.uint8)]
    return np.zeros(a[i - 1].v.shape, dtype or [*kinds, np.uint8][0])


def of_blocks(a: list[Any], attrs: dict[str, Any]) -> list[Any]:
    """A linear quantizer's inputs, scales and zero points of blocks repeated for each element."""
    n, axis = attrs.get("block_size", 0), attrs.get("axis", 1)
    if not n:
        return a
    size = a[0].v.shape[axis]
    return [
        a[0],
        *(t.map(lambda v: np.repeat(v, n, axis).take(range(size), axis)) for t in a[1:] if t),
    ]


def real(a: list[Any], i: int, axis: int) -> Num:
    """Operand ``i`` with its scale and zero point behind it, as a real number."""
    q = a[i].v.astype(np.int64) - along(zero_point(a, i + 2), a[i].v.ndim, axis).astype(np.int64)
    return mul(Num.of(q), Num.of(along(a[i + 1].v, q.ndim, axis)))


def quantized_from(
    op: str, a: list[Any], attrs: dict[str, Any]
) -> tuple[Num, Num, np.ndarray, int]:
    """What a node rounds: a real number, scale, zero point and axis of its result."""
    if op == "QuantizeLinear":
        if not attrs.get("saturate", 1):
            raise NotImplementedError("QuantizeLinear that does not saturate")
        x = Num.of(a[0].v.astype(np.float64)) if a[0].v.dtype.kind in "iu" else a[0]
        a, to = of_blocks(a, attrs), attrs.get("output_dtype", 0)
        dtype = helper.tensor_dtype_to_np_dtype(to) if to else None
        return x, a[1], zero_point(a, 2, dtype), attrs.get("axis", 1)
    if op == "QLinearConcat":
        parts = [real(a, i, 0) for i in range(2, len(a), 3)]
        return real_step("Concat", parts, attrs), a[0], zero_point(a, 1), 0
    (inner, _), places, out = OPERANDS[op]
    if len(places) == 1 or op in BEHIND:
        y = inner_step(inner, [real(a, i, 0) for i in places], attrs)
        return y, a[out], zero_point(a, out + 1), 0
    total, scale = sums(op, inner, a, attrs)
    return mul(total, scale), a[out], zero_point(a, out + 1), 0


def inner_step(op: str, a: list[Any], attrs: dict[str, Any]) -> Num:
    """What ONNX's operator gives, its first operand with channels last if the node says so."""
    known = {k: v for k, v in attrs.items() if k not in ("channels_last", "opset")}
    if op == "Softmax" and attrs["opset"] < 13:
        return softmax_before_13(a[0], {"axis": -1} | attrs, logarithm=False)
    if not attrs.get("channels_last", 0):
        return real_step(op, a, known)
    y = real_step(op, [a[0].map(lambda t: np.moveaxis(t, -1, 1)), *a[1:]], known)
    return y.map(lambda t: np.moveaxis(t, 1, -1))


def sums(op: str, inner: str, a: list[Any], attrs: dict[str, Any]) -> tuple[Num, Num]:
    """The sums of integers of a layer, and what one of them means."""
    row = 0 if op == "QLinearConv" or attrs.get("transB") else -1
    x, w = (
        Num.of(a[i].v.astype(np.int64) - along(a[i + 2].v, a[i].v.ndim, r).astype(np.int64))
        for i, r in ((0, 0), (3, row))
    )
    if op == "QGemm":
        x = x.map(np.transpose) if attrs.get("transA") else x
        total = Num.of(x.v @ (w.v.T if attrs.get("transB") else w.v))
    else:
        total = real_step(inner, [x, w], attrs)
    bias = {"QLinearConv": 8, "QGemm": 6}.get(op, len(a))
    channel = 1 if op == "QLinearConv" else -1
    if len(a) > bias and a[bias]:
        total = Num.of(total.v + along(a[bias].v, total.v.ndim, channel))
    scale = mul(
        a[1], mul(Num.of(along(a[4].v, total.v.ndim, channel)), Num.of(attrs.get("alpha", 1.0)))
    )
    return Num.of(total.v.astype(np.int64)), scale


def ends_of(op: str, a: list[Any], attrs: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest integers that a node which rounds may give."""
    if op == "Round":
        return np.round(a[0].v - a[0].e), np.round(a[0].v + a[0].e)
    return span(*quantized_from(op, a, attrs), op in BEHIND)


def dynamic(x: Num) -> tuple[Num, Num, Num]:
    """Integers, scale and zero point of DynamicQuantizeLinear, for float32 as it is given."""
    low, high = np.minimum(x.v.min(), 0), np.maximum(x.v.max(), 0)
    scale = div(Num.of(np.float64(high - low)), Num.of(255.0))
    ratio = div(Num.of(np.float64(-low)), scale)
    zero = Num.of(np.clip(sure(np.round, ratio), 0, 255).astype(np.uint8))
    return rounded_once("QuantizeLinear", [x, scale, zero], {}), scale, zero


def layer_of_integers(op: str, a: list[Any], attrs: dict[str, Any]) -> Num:
    """ConvInteger and MatMulInteger: a layer on integers less their zero points."""
    zeros = [a[i].v if len(a) > i and a[i] else np.zeros((), np.uint8) for i in (2, 3)]
    column = -1 if op == "MatMulInteger" else 0
    x, w = (
        Num.of(t.v.astype(np.int64) - along(z, t.v.ndim, axis).astype(np.int64))
        for t, z, axis in ((a[0], zeros[0], -2), (a[1], zeros[1], column))
    )
    y = real_step(op.removesuffix("Integer"), [x, w], attrs)
    return Num.of(y.v.astype(np.int32))


def integer_step(op: str, a: list[Any], attrs: dict[str, Any]) -> Num | None:
    """What a node of `OPERANDS`, a linear quantizer, a layer of integers or Round gives."""
    if op == "DequantizeLinear":
        return real(of_blocks(a, attrs), 0, attrs.get("axis", 1))
    if op in ("ConvInteger", "MatMulInteger"):
        return layer_of_integers(op, a, attrs)
    if op == "QGemm" and (len(a) < 8 or a[7] is None):
        return mul(*sums(op, "Gemm", a, attrs))
    return rounded_once(op, a, attrs) if op in ROUNDING else None


def rounded_once(op: str, a: list[Any], attrs: dict[str, Any]) -> Num:
    """The integers of a node that rounds, where its error leaves one choice."""
    low, high = ends_of(op, a, attrs)
    if (low != high).any():
        raise Undecided
    return Num.of(low)
