"""The float evaluator's operators that cut, border, reduce and choose, from the ONNX standard."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
from frontend.float_numbers import Num, add, div, sure, total
from onnx import numpy_helper


def pad(a: list[Any], attrs: dict[str, Any]) -> Num:
    x = a[0]
    rank = x.v.ndim
    given = a[1].ints if len(a) > 1 and a[1] else list(attrs["pads"])
    axes = [k % rank for k in a[3].ints] if len(a) > 3 and a[3] else list(range(rank))
    value = a[2].v.item() if len(a) > 2 and a[2] else attrs.get("value", 0.0)
    mode: Any = attrs.get("mode", b"constant").decode()
    front, back = given[: len(axes)], given[len(axes) :]
    v, e = x.v, x.e
    for axis, f, b in zip(axes, front, back, strict=True):
        kept = [slice(None)] * rank
        kept[axis] = slice(max(0, -f), v.shape[axis] - max(0, -b))
        width = [(0, 0)] * rank
        width[axis] = (max(0, f), max(0, b))
        v, e = v[tuple(kept)], e[tuple(kept)]
        if mode == "constant":
            v, e = np.pad(v, width, constant_values=value), np.pad(e, width)
        else:
            v, e = (np.pad(t, width, mode=mode) for t in (v, e))
    return Num(v, e)


def split(a: list[Any], attrs: dict[str, Any], n: int) -> list[Num]:
    """The parts of a Split; without sizes they are equal, the last one smaller if need be."""
    axis = attrs.get("axis", 0)
    size = a[0].v.shape[axis]
    sizes = a[1].ints if len(a) > 1 and a[1] else list(attrs.get("split", ()))
    ends = np.cumsum(sizes or [min(size, -(-size // n))] * n)[:-1]
    return [Num(*p) for p in zip(*(np.split(t, ends, axis) for t in (a[0].v, a[0].e)), strict=True)]


def reduced(op: str, a: list[Any], attrs: dict[str, Any]) -> Num:
    x = a[0]
    axes = tuple(a[1].ints) if len(a) > 1 and a[1] else tuple(attrs.get("axes", ()))
    if not axes and attrs.get("noop_with_empty_axes", 0):
        return x
    if not x.v.size:
        raise NotImplementedError("a reduction of nothing")
    axes = tuple(k % x.v.ndim for k in axes) or tuple(range(x.v.ndim))
    keep = bool(attrs.get("keepdims", 1))
    n = int(np.prod([x.v.shape[k] for k in axes]))
    if op in ("ReduceMax", "ReduceMin"):
        best = x.v.max if op == "ReduceMax" else x.v.min
        return Num(best(axes, keepdims=keep), x.e.max(axes, keepdims=keep))
    y = total(x, axes, keep)
    return y if op == "ReduceSum" else div(y, Num.of(float(n)))


def resized(a: list[Any], attrs: dict[str, Any]) -> Num:
    """Resize, mode nearest: each axis on its own, every place mapped back by the formulas."""
    x = a[0]
    if attrs.get("mode", b"nearest") != b"nearest":
        raise NotImplementedError("Resize between places")
    rank = x.v.ndim
    old = len(a) == 2
    axes = [k % rank for k in attrs.get("axes", range(rank))]
    scales, sizes = [1.0] * rank, list(x.v.shape)
    if not old and len(a) > 3 and a[3]:
        wanted = dict(zip(axes, a[3].ints, strict=True))
        policy = attrs.get("keep_aspect_ratio_policy", b"stretch")
        if policy != b"stretch":
            ratios = [wanted[k] / x.v.shape[k] for k in axes]
            one = min(ratios) if policy == b"not_larger" else max(ratios)
            wanted = {k: int(np.floor(one * x.v.shape[k] + 0.5)) for k in axes}
        for k, n in wanted.items():
            scales[k], sizes[k] = n / x.v.shape[k], n
    else:
        for k, s in zip(axes, a[1 if old else 2].v.tolist(), strict=True):
            scales[k], sizes[k] = s, int(np.floor(x.v.shape[k] * s))
    mode = attrs.get(
        "coordinate_transformation_mode", b"asymmetric" if old else b"half_pixel"
    ).decode()
    near = attrs.get("nearest_mode", b"floor" if old else b"round_prefer_floor").decode()
    for axis, (scale, n) in enumerate(zip(scales, sizes, strict=True)):
        if scale == 1:
            continue
        at = [_back(mode, k, scale, x.v.shape[axis], n) for k in range(n)]
        index = np.clip([_near(near, t) for t in at], 0, x.v.shape[axis] - 1)
        x = x.map(lambda t, i=index, ax=axis: np.take(t, i, ax))
    return x


def _back(mode: str, k: int, scale: float, before: int, after: int) -> float:
    if mode == "asymmetric":
        return k / scale
    if mode == "align_corners":
        return 0.0 if after == 1 else k * (before - 1) / (after - 1)
    if mode == "tf_half_pixel_for_nn":
        return (k + 0.5) / scale
    if mode == "pytorch_half_pixel" and after == 1:
        return 0.0
    return (k + 0.5) / scale - 0.5


def _near(mode: str, t: float) -> int:
    down = int(np.floor(t))
    if mode == "floor":
        return down
    if mode == "ceil":
        return int(np.ceil(t))
    half = t - down == 0.5
    if half:
        return down if mode == "round_prefer_floor" else down + 1
    return int(np.floor(t + 0.5))


def more_step(op: str, a: list[Any], attrs: dict[str, Any]) -> Num | None:
    """The result of an operator of this module; None for any other."""
    if op == "Pad":
        return pad(a, attrs)
    if op in ("ReduceMax", "ReduceMin", "ReduceSum", "ReduceMean"):
        return reduced(op, a, attrs)
    if op == "Resize":
        return resized(a, attrs)
    if op in ("Max", "Min"):
        choose = np.maximum if op == "Max" else np.minimum
        return Num(reduce(choose, [n.v for n in a]), reduce(np.maximum, [n.e for n in a]))
    if op == "ConstantOfShape":
        value = numpy_helper.to_array(attrs["value"]) if "value" in attrs else np.zeros(1, "f")
        return Num.of(np.full(a[0].ints, value.reshape(-1)[0]))
    if op == "Expand":
        return a[0].map(lambda t: np.broadcast_to(t, np.broadcast_shapes(t.shape, a[1].ints)))
    if op == "Tile":
        return a[0].map(lambda t: np.tile(t, a[1].ints))
    if op == "Sum":
        return reduce(add, a)
    if op == "Mean":
        return div(reduce(add, a), Num.of(float(len(a))))
    if op in ("Ceil", "Floor"):
        return Num.of(sure(np.ceil if op == "Ceil" else np.floor, a[0]))
    return None
