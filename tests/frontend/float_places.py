"""The float evaluator's operators over space (Conv, pools, Resize), one output place at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from frontend.float_numbers import Num, Undecided, add, div, matmul, mul, rounded, total


def per_axis(attrs: dict[str, Any], key: str, axes: int, default: int) -> list[int]:
    return list(attrs.get(key, [default] * axes))


class Windows:
    """Every window of a node, with the input places that it reads, without padding."""

    def __init__(self, size: tuple[int, ...], kernel: list[int], attrs: dict[str, Any]):
        axes = len(size)
        self.size, self.kernel = size, kernel
        self.stride = per_axis(attrs, "strides", axes, 1)
        self.dilation = per_axis(attrs, "dilations", axes, 1)
        auto = attrs.get("auto_pad", b"NOTSET").decode()
        pads = per_axis(attrs, "pads", 2 * axes, 0)
        self.before, self.after, self.out = pads[:axes], pads[axes:], []
        for a, n in enumerate(size):
            span = (kernel[a] - 1) * self.dilation[a] + 1
            if auto.startswith("SAME"):
                steps = -(-n // self.stride[a])
                total = max(0, (steps - 1) * self.stride[a] + span - n)
                self.before[a] = total // 2 + (total % 2 if auto == "SAME_LOWER" else 0)
                self.after[a] = total - self.before[a]
            room = n + self.before[a] + self.after[a] - span
            count = room // self.stride[a] + 1
            if attrs.get("ceil_mode", 0) and room % self.stride[a]:
                count += count * self.stride[a] < n + self.before[a]
            self.out.append(count)

    def __iter__(self) -> Iterator[tuple[tuple[int, ...], list[tuple[int, ...]], list[Any]]]:
        """For each output place: input places, and the taps that read them."""
        for place in itertools.product(*map(range, self.out)):
            inside, taps = [], []
            for tap in itertools.product(*map(range, self.kernel)):
                at = tuple(
                    p * s + t * d - b
                    for p, s, t, d, b in zip(
                        place, self.stride, tap, self.dilation, self.before, strict=True
                    )
                )
                if all(0 <= i < n for i, n in zip(at, self.size, strict=True)):
                    inside.append(at)
                    taps.append(tap)
            yield place, inside, taps


def taken(x: Num, rows: slice, columns: slice, places: list[tuple[int, ...]]) -> Num:
    """The given places of ``x[rows, columns]``, as ``[N, C * places]``."""
    parts = (np.stack([t[(rows, columns, *p)] for p in places], 2) for t in (x.v, x.e))
    return Num(*(t.reshape(len(t), -1) for t in parts))


def conv(a: list[Any], attrs: dict[str, Any]) -> Num:
    x, w = a[0], a[1]
    groups = attrs.get("group", 1)
    windows = Windows(x.v.shape[2:], list(w.v.shape[2:]), attrs)
    rows, per_group = w.v.shape[0] // groups, w.v.shape[1]
    shape = (len(x.v), w.v.shape[0], *windows.out)
    v, e = np.zeros(shape), np.zeros(shape)
    for place, inside, taps in windows:
        for g in range(groups if inside else 0):
            rows_g, cols_g = (
                slice(g * rows, g * rows + rows),
                slice(g * per_group, (g + 1) * per_group),
            )
            xs = taken(x, slice(None), cols_g, inside)
            ws = taken(w, rows_g, slice(None), taps)
            y = matmul(xs, ws.map(np.transpose))
            v[(slice(None), rows_g, *place)] = y.v
            e[(slice(None), rows_g, *place)] = y.e
    return biased(Num(v, e), a)


def biased(y: Num, a: list[Any]) -> Num:
    if len(a) < 3 or a[2] is None:
        return y
    return add(y, a[2].map(lambda t: t.reshape(-1, *[1] * (y.v.ndim - 2))))


def pool(op: str, x: Num, attrs: dict[str, Any]) -> Num:
    if op.startswith("Global"):
        attrs = {"kernel_shape": list(x.v.shape[2:])}
        op = op[6:]
    windows = Windows(x.v.shape[2:], list(attrs["kernel_shape"]), attrs)
    v, e = np.zeros((*x.v.shape[:2], *windows.out)), np.zeros((*x.v.shape[:2], *windows.out))
    for place, inside, _ in windows:
        xs = Num(*(np.stack([t[(..., *i)] for i in inside], -1) for t in (x.v, x.e)))
        here = (slice(None), slice(None), *place)
        if op == "MaxPool":
            v[here], e[here] = xs.v.max(-1), xs.e.max(-1)
            continue
        count = len(inside)
        if attrs.get("count_include_pad", 0):
            count = 1
            for a, p in enumerate(place):
                end = windows.size[a] + windows.before[a] + windows.after[a]
                taps = range(windows.kernel[a])
                at = (p * windows.stride[a] + t * windows.dilation[a] for t in taps)
                count *= sum(t < end for t in at)
        mean = div(total(xs, -1), Num.of(float(count)))
        v[here], e[here] = mean.v, mean.e
    return Num(v, e)


def cut_of(size: tuple[int, ...], full: list[int], attrs: dict[str, Any]) -> list[int]:
    """What a ConvTranspose cuts from its whole result, in ONNX's order of ``pads``."""
    axes = len(size)
    pads = per_axis(attrs, "pads", 2 * axes, 0)
    auto = attrs.get("auto_pad", b"NOTSET").decode()
    if "output_shape" in attrs:
        raise NotImplementedError("ConvTranspose to an output_shape")
    wanted: list[int] = []
    if auto.startswith("SAME"):
        stride = per_axis(attrs, "strides", axes, 1)
        wanted = [n * s for n, s in zip(size, stride, strict=True)]
    for k, n in enumerate(wanted):
        over = max(0, full[k] - n)
        first = over // 2 if auto == "SAME_UPPER" else over - over // 2
        pads[k], pads[axes + k] = first, over - first
    return pads


def conv_transpose(a: list[Any], attrs: dict[str, Any]) -> Num:
    x, w = a[0], a[1]
    axes, groups = x.v.ndim - 2, attrs.get("group", 1)
    stride = per_axis(attrs, "strides", axes, 1)
    dilation = per_axis(attrs, "dilations", axes, 1)
    more = per_axis(attrs, "output_padding", axes, 0)
    span = [(k - 1) * d + 1 for k, d in zip(w.v.shape[2:], dilation, strict=True)]
    full = [
        (n - 1) * s + k + m for n, s, k, m in zip(x.v.shape[2:], stride, span, more, strict=True)
    ]
    pads = cut_of(x.v.shape[2:], full, attrs)
    rows, cols = w.v.shape[1], w.v.shape[0] // groups
    shape = (len(x.v), rows * groups, *full)
    v, e = np.zeros(shape), np.zeros(shape)
    for place in itertools.product(*map(range, x.v.shape[2:])):
        for tap in itertools.product(*map(range, w.v.shape[2:])):
            at = [p * s + t * d for p, s, t, d in zip(place, stride, tap, dilation, strict=True)]
            for g in range(groups):
                part = slice(g * cols, (g + 1) * cols)
                y = matmul(taken(x, slice(None), part, [place]), taken(w, part, slice(None), [tap]))
                here = (slice(None), slice(g * rows, (g + 1) * rows), *at)
                y = add(Num(v[here], e[here]), y)
                v[here], e[here] = y.v, y.e
    cut = [slice(pads[k], n - pads[axes + k]) for k, n in enumerate(full)]
    return biased(Num(v[(..., *cut)], e[(..., *cut)]), a)


def upsample(a: list[Any], attrs: dict[str, Any]) -> Num:
    x = a[0]
    if attrs.get("mode", b"nearest") != b"nearest":
        raise NotImplementedError("Upsample between places")
    for axis, scale in enumerate(attrs.get("scales") or a[1].v.tolist()):
        n = int(np.floor(x.v.shape[axis] * scale))
        index = np.floor(np.arange(n) / scale).astype(int)
        x = x.map(lambda t, i=index, ax=axis: np.take(t, i, ax))
    return x


def depth_to_space(x: Num, attrs: dict[str, Any]) -> Num:
    b = attrs["blocksize"]
    n, c, h, w = x.v.shape
    if attrs.get("mode", b"DCR") == b"DCR":
        return x.map(
            lambda t: (
                t.reshape(n, b, b, c // b**2, h, w)
                .transpose(0, 3, 4, 1, 5, 2)
                .reshape(n, c // b**2, h * b, w * b)
            )
        )
    return x.map(
        lambda t: (
            t.reshape(n, c // b**2, b, b, h, w)
            .transpose(0, 1, 4, 2, 5, 3)
            .reshape(n, c // b**2, h * b, w * b)
        )
    )


def space_to_depth(x: Num, attrs: dict[str, Any]) -> Num:
    b = attrs["blocksize"]
    n, c, h, w = x.v.shape
    return x.map(
        lambda t: (
            t.reshape(n, c, h // b, b, w // b, b)
            .transpose(0, 3, 5, 1, 2, 4)
            .reshape(n, c * b**2, h // b, w // b)
        )
    )


def place_step(op: str, a: list[Any], attrs: dict[str, Any]) -> Num | None:
    """The result of an operator over space; None for any other."""
    if op == "Conv":
        return conv(a, attrs)
    if op == "ConvTranspose":
        return conv_transpose(a, attrs)
    if op in ("MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool"):
        return pool(op, a[0], attrs)
    if op == "Upsample":
        return upsample(a, attrs)
    if op == "DepthToSpace":
        return depth_to_space(a[0], attrs)
    if op == "SpaceToDepth":
        return space_to_depth(a[0], attrs)
    if op in ("LeakyRelu", "PRelu"):
        slope = a[1] if op == "PRelu" else Num.of(np.float64(attrs.get("alpha", np.float32(0.01))))
        low = mul(a[0], slope)
        near = np.abs(a[0].v) <= a[0].e
        v = np.where(a[0].v >= 0, a[0].v, low.v)
        return Num(
            v,
            np.where(
                near,
                np.maximum(a[0].e, low.e + np.abs(low.v)),
                np.where(a[0].v >= 0, a[0].e, low.e),
            ),
        )
    return None


__all__ = ["Undecided", "place_step", "rounded"]
