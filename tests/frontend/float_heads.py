"""What stands at a model's end, in floats: Softmax along an axis, and decisions."""

from __future__ import annotations

from typing import Any

import numpy as np
from frontend.float_numbers import Num, U, Undecided


def softmax(x: Num, axis: int, *, logarithm: bool) -> Num:
    """Softmax, or its logarithm; the bound follows from that of the exponents' differences."""
    low = x.v - x.v.max(axis, keepdims=True)
    powers = np.exp(low)
    total = powers.sum(axis, keepdims=True)
    n = x.v.shape[axis]
    error = 2 * x.e.max(axis, keepdims=True) + 4 * (n + np.abs(low)) * U
    if logarithm:
        return Num(low - np.log(total), 2 * error)
    return Num(powers / total, np.expm1(2 * error) * powers / total)


def softmax_before_13(x: Num, attrs: dict[str, Any], *, logarithm: bool) -> Num:
    """Softmax over all axes from ``axis`` on, together, as it was before opset 13."""
    axis = attrs.get("axis", 1) % x.v.ndim
    flat = x.map(lambda t: t.reshape(int(np.prod(t.shape[:axis])), -1))
    return softmax(flat, 1, logarithm=logarithm).map(lambda t: t.reshape(x.v.shape))


def decided(x: Num, axis: int, k: int, *, largest: bool) -> np.ndarray:
    """Indices of the first ``k``, of equal ones the lowest; `Undecided` where bounds overlap."""
    numbers = x.v.astype(object) if x.v.dtype.kind == "u" else x.v
    v = np.moveaxis(-numbers if largest else numbers, axis, -1)
    e = np.moveaxis(np.broadcast_to(x.e, x.v.shape), axis, -1)
    order = np.argsort(v, -1, kind="stable")
    values, errors = (np.take_along_axis(t, order, -1) for t in (v, e))
    near = np.diff(values) <= errors[..., 1:] + errors[..., :-1]
    exact = (errors[..., 1:] == 0) & (errors[..., :-1] == 0)
    if (near & ~exact)[..., :k].any():
        raise Undecided
    return np.moveaxis(order[..., :k], -1, axis)


def top_k(a: list[Any], attrs: dict[str, Any]) -> tuple[Num, Num]:
    """Values and indices of TopK."""
    x, axis = a[0], attrs.get("axis", -1)
    k = a[1].ints[0] if len(a) > 1 else attrs["k"]
    order = decided(x, axis, k, largest=bool(attrs.get("largest", 1)))
    e = np.broadcast_to(x.e, x.v.shape)
    values = Num(*(np.take_along_axis(t, order, axis) for t in (x.v, e)))
    return values, Num.of(order.astype(np.int64))


def head_step(op: str, a: list[Any], attrs: dict[str, Any]) -> Num | None:
    """The result of an operator of this module; None for any other."""
    if op in ("Softmax", "LogSoftmax"):
        return softmax(a[0], attrs.get("axis", -1), logarithm=op == "LogSoftmax")
    if op in ("ArgMax", "ArgMin"):
        axis, largest = attrs.get("axis", 0), op == "ArgMax"
        if attrs.get("select_last_index"):
            x = a[0].map(lambda t: np.flip(t, axis))
            best = x.v.shape[axis] - 1 - decided(x, axis, 1, largest=largest)
        else:
            best = decided(a[0], axis, 1, largest=largest)
        best = best if attrs.get("keepdims", 1) else best.squeeze(axis)
        return Num.of(best.astype(np.int64))
    return None
