"""The float evaluator's operators on real numbers, by their names."""

from __future__ import annotations

from typing import Any

import numpy as np
from frontend.float_functions import function_step
from frontend.float_heads import head_step
from frontend.float_numbers import Num, add, div, matmul, mul, root, sub
from frontend.float_operators import more_step
from frontend.float_places import place_step
from frontend.float_quantizers import quantizer_step
from frontend.float_shapes import shape_step


def power(a: list[Any]) -> Num:
    e = float(a[1].v.reshape(-1)[0])
    if a[1].v.size > 1 or a[0].v.dtype.kind in "iu" or (abs(e) != 0.5 and (e % 1 or not e)):
        raise NotImplementedError(f"Pow by {e}")
    base = root(a[0]) if abs(e) == 0.5 else a[0]
    for _ in range(int(abs(e)) - 1):
        base = mul(base, a[0])
    return div(Num.of(1.0), base) if e < 0 else base


def clip(a: list[Any], attrs: dict[str, Any]) -> Num:
    lo = attrs.get("min", a[1].v if len(a) > 1 and a[1] else -np.inf)
    hi = attrs.get("max", a[2].v if len(a) > 2 and a[2] else np.inf)
    return Num(np.clip(a[0].v, lo, hi).astype(a[0].v.dtype), a[0].e)


def batch_norm(a: list[Any], attrs: dict[str, Any]) -> Num:
    if attrs.get("training_mode", 0) or not attrs.get("spatial", 1):
        raise NotImplementedError("BatchNormalization while training, or for each place")
    x, *parts = a
    shape = (-1, *[1] * (x.v.ndim - 2))
    gamma, beta, mean, var = (p.map(lambda t: t.reshape(shape)) for p in parts)
    bottom = root(add(var, Num.of(np.float64(attrs.get("epsilon", float(np.float32(1e-5)))))))
    return add(mul(div(sub(x, mean), bottom), gamma), beta)


def gemm(a: list[Any], attrs: dict[str, Any]) -> Num:
    x = a[0].map(np.transpose) if attrs.get("transA") else a[0]
    w = a[1].map(np.transpose) if attrs.get("transB") else a[1]
    out = mul(matmul(x, w), Num.of(np.float64(attrs.get("alpha", 1.0))))
    if len(a) < 3 or a[2] is None:
        return out
    return add(out, mul(a[2], Num.of(np.float64(attrs.get("beta", 1.0)))))


def real_step(op: str, a: list[Any], attrs: dict[str, Any]) -> Num:
    """The result of an operator on real numbers, or on a constant's integers."""
    simple = {"Add": add, "Sub": sub, "Mul": mul, "Div": div, "MatMul": matmul, "Sqrt": root}
    if op in simple:
        return simple[op](*a)
    if op == "Dropout" and len(a) > 2 and a[2] and a[2].v.any():
        raise NotImplementedError("Dropout while training")
    if op in ("Identity", "Dropout"):
        return a[0]
    if op == "Neg":
        return Num(-a[0].v, a[0].e)
    if op == "Reciprocal":
        return div(Num.of(1.0), a[0])
    if op == "Relu":
        return Num(np.maximum(a[0].v, 0), a[0].e)
    if op == "Pow":
        return power(a)
    if op == "Clip":
        return clip(a, attrs)
    if op == "BatchNormalization":
        return batch_norm(a, attrs)
    if op == "Gemm":
        return gemm(a, attrs)
    for steps in (function_step, quantizer_step, place_step, more_step, head_step):
        found = steps(op, a, attrs)
        if found is not None:
            return found
    return shape_step(op, a, attrs)
