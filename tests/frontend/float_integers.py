"""The float evaluator's operators on integers: linear quantizers and ONNX Runtime's QLinear."""

from __future__ import annotations

from typing import Any

import numpy as np
from frontend.float_evaluator import Num, Undecided, add, div, mul, step

OPERANDS = {
    "QLinearConv": (("Conv", 3), (0, 3), 6),
    "QLinearMatMul": (("MatMul", 2), (0, 3), 6),
    "QGemm": (("Gemm", 3), (0, 3), 7),
    "QLinearAdd": (("Add", 2), (0, 3), 6),
    "QLinearMul": (("Mul", 2), (0, 3), 6),
    "QLinearAveragePool": (("AveragePool", 1), (0,), 3),
    "QLinearGlobalAveragePool": (("GlobalAveragePool", 1), (0,), 3),
    "QLinearLeakyRelu": (("LeakyRelu", 1), (0,), 3),
}
"""ONNX's operator and its number of operands, the places of operands, and of the result's scale."""

BEHIND = ("QLinearAdd", "QLinearMul", "QLinearAveragePool")
"""Operators that round behind the zero point: ``round(y / s + z)``, as ONNX Runtime has them."""

ROUNDING = ("QuantizeLinear", "QLinearConcat", "Round", *OPERANDS)
"""Operators that give integers."""


def along(values: np.ndarray, rank: int, axis: int) -> np.ndarray:
    """Scales or zero points as they stand beside a tensor."""
    if values.size == 1:
        return values.reshape((1,) * rank)
    return values.reshape([-1 if k == axis % rank else 1 for k in range(rank)])


def span(
    x: Num, scale: Num, zero: np.ndarray, axis: int, behind: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest integers that ``x`` may become within its error."""
    info = np.iinfo(zero.dtype)
    s = along(scale.v, x.v.ndim, axis)
    v, z = div(x, Num.of(s)), along(zero, x.v.ndim, axis).astype(np.int64)
    ends = (np.round(v.v - v.e) + z, np.round(v.v + v.e) + z)
    if behind:
        v = add(v, Num.of(z.astype(np.float64)))
        ends = (np.round(v.v - v.e), np.round(v.v + v.e))
    low, high = (np.clip(e, info.min, info.max).astype(zero.dtype) for e in ends)
    return low, high


def zero_point(a: list[Any], i: int) -> np.ndarray:
    given = a[i] if len(a) > i else None
    kinds = [n.v.dtype for n in a if n and n.v.dtype in (np.int8, np.uint8)]
    return np.zeros(a[i - 1].v.shape, [*kinds, np.uint8][0]) if given is None else given.v


def real(a: list[Any], i: int, axis: int) -> Num:
    """Operand ``i`` with its scale and zero point behind it, as a real number."""
    q = a[i].v.astype(np.int64) - along(zero_point(a, i + 2), a[i].v.ndim, axis).astype(np.int64)
    return mul(Num.of(q), Num.of(along(a[i + 1].v, q.ndim, axis)))


def quantized_from(
    op: str, a: list[Any], attrs: dict[str, Any]
) -> tuple[Num, Num, np.ndarray, int]:
    """What a node rounds: a real number, scale, zero point and axis of its result."""
    if op == "QuantizeLinear":
        x = Num.of(a[0].v.astype(np.float64)) if a[0].v.dtype.kind in "iu" else a[0]
        return x, a[1], zero_point(a, 2), attrs.get("axis", 1)
    if op == "QLinearConcat":
        parts = [real(a, i, 0) for i in range(2, len(a), 3)]
        return step("Concat", parts, attrs), a[0], zero_point(a, 1), 0
    (inner, _), places, out = OPERANDS[op]
    known = {k: v for k, v in attrs.items() if k != "channels_last"}
    if len(places) == 1 or op in BEHIND:
        return (
            step(inner, [real(a, i, 0) for i in places], known),
            a[out],
            zero_point(a, out + 1),
            0,
        )
    row = 0 if op == "QLinearConv" or attrs.get("transB") else -1
    x, w = (
        Num.of(a[i].v.astype(np.int64) - along(a[i + 2].v, a[i].v.ndim, r).astype(np.int64))
        for i, r in ((0, 0), (3, row))
    )
    if op == "QGemm":
        total = Num.of(x.v @ (w.v.T if attrs.get("transB") else w.v))
    else:
        total = step(inner, [x, w], known)
    bias = {"QLinearConv": 8, "QGemm": 6}.get(op, len(a))
    channel = 1 if op == "QLinearConv" else -1
    if len(a) > bias and a[bias]:
        total = Num.of(total.v + along(a[bias].v, total.v.ndim, channel))
    scale = mul(
        a[1], mul(Num.of(along(a[4].v, total.v.ndim, channel)), Num.of(attrs.get("alpha", 1.0)))
    )
    return mul(Num.of(total.v.astype(np.int64)), scale), a[out], zero_point(a, out + 1), 0


def ends_of(op: str, a: list[Any], attrs: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest integers that a node which rounds may give."""
    if op == "Round":
        return np.round(a[0].v - a[0].e), np.round(a[0].v + a[0].e)
    return span(*quantized_from(op, a, attrs), op in BEHIND)


def integer_step(op: str, a: list[Any], attrs: dict[str, Any]) -> Num | None:
    """What a node of `OPERANDS`, a linear quantizer, or Round gives; None for others."""
    if op == "DequantizeLinear":
        return real(a, 0, attrs.get("axis", 1))
    if op not in ROUNDING:
        return None
    low, high = ends_of(op, a, attrs)
    if (low != high).any():
        raise Undecided
    return Num.of(low)
