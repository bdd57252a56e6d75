"""Evaluates operators that make more or fewer pixels, exactly, from ONNX's schemas."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import ceil, floor
from typing import Any

import numpy as np
from fuzz.evaluator import Invalid, Unsure
from fuzz.place_evaluator import LARGEST, PlaceEvaluator


class PixelEvaluator(PlaceEvaluator):
    """One file, of operators of `PlaceEvaluator` and of those that change the number of places."""

    @staticmethod
    def whole(x: Any) -> list[int]:
        """A list of integers that an input gives."""
        if x.dtype != np.int64 or x.ndim > 1:
            raise Invalid("a list of integers is wanted")
        return [int(v) for v in x.reshape(-1)]

    @staticmethod
    def small(*sizes: Any) -> None:
        if np.prod([int(s) for s in sizes], dtype=object) > LARGEST:
            raise Unsure

    def op_convtranspose(self, attrs: Any, x: Any, w: Any, b: Any = None) -> np.ndarray:
        self.only(
            attrs,
            "auto_pad",
            "dilations",
            "group",
            "kernel_shape",
            "output_padding",
            "output_shape",
            "pads",
            "strides",
        )
        x, w, group, n = self.real(x), self.real(w), attrs.get("group", 1), x.ndim - 2
        if (
            "output_shape" in attrs
            or attrs.get("auto_pad", b"NOTSET") != b"NOTSET"
            or n < 1
            or w.ndim != x.ndim
        ):
            raise Unsure
        if group < 1 or x.shape[1] % group or x.shape[1] != w.shape[0] or min(w.shape) < 1:
            raise Invalid("the weights do not take the channels")
        if list(attrs.get("kernel_shape", w.shape[2:])) != list(w.shape[2:]):
            raise Invalid("kernel_shape is not that of the weights")
        strides, dilations, more = (
            self.sizes(attrs, name, n, default, least)
            for name, default, least in (
                ("strides", 1, 1),
                ("dilations", 1, 1),
                ("output_padding", 0, 0),
            )
        )
        pads = self.sizes(attrs, "pads", 2 * n, 0, 0)
        full = [
            (s - 1) * t + (k - 1) * d + 1 + m
            for s, t, k, d, m in zip(
                x.shape[2:], strides, w.shape[2:], dilations, more, strict=True
            )
        ]
        if np.prod(full, dtype=object) * w.size > LARGEST:
            raise Unsure
        rows, per = w.shape[1], w.shape[0] // group
        y = np.full((x.shape[0], rows * group, *full), Fraction(0), object)
        for place in product(*map(range, x.shape[2:])):
            for tap in product(*map(range, w.shape[2:])):
                at = [
                    p * s + t * d for p, s, t, d in zip(place, strides, tap, dilations, strict=True)
                ]
                for c in range(w.shape[0]):
                    here = (slice(None), slice(c // per * rows, (c // per + 1) * rows), *at)
                    y[here] = (
                        y[here] + x[(slice(None), c, *place)][:, None] * w[(c, slice(None), *tap)]
                    )
        cut = [slice(pads[k], s - pads[n + k]) for k, s in enumerate(full)]
        y = y[(slice(None), slice(None), *cut)]
        if b is None:
            return y
        if b.shape != (y.shape[1],):
            raise Invalid("the bias does not fit")
        return np.asarray(y + self.real(b).reshape(-1, *[1] * n), object)

    def op_depthtospace(self, attrs: Any, x: Any) -> np.ndarray:
        self.only(attrs, "blocksize", *(("mode",) if self.opset >= 11 else ()))
        b, mode = attrs.get("blocksize", 0), attrs.get("mode", b"DCR")
        if x.ndim != 4 or b < 1 or x.shape[1] % b**2 or mode not in (b"DCR", b"CRD"):
            raise Invalid("channels of b * b places")
        n, c, h, w = x.shape
        y = np.empty((n, c // b**2, h * b, w * b), x.dtype)
        for i in range(b):
            for j in range(b):
                first = (i * b + j) * (c // b**2)
                part = (
                    slice(first, first + c // b**2)
                    if mode == b"DCR"
                    else slice(i * b + j, c, b * b)
                )
                y[:, :, i::b, j::b] = x[:, part]
        return y

    def op_spacetodepth(self, attrs: Any, x: Any) -> np.ndarray:
        self.only(attrs, "blocksize")
        b = attrs.get("blocksize", 0)
        if x.ndim != 4 or b < 1 or x.shape[2] % b or x.shape[3] % b:
            raise Invalid("places of blocks")
        return np.concatenate([x[:, :, i::b, j::b] for i in range(b) for j in range(b)], 1)

    def op_upsample(self, attrs: Any, x: Any, scales: Any = None) -> np.ndarray:
        self.only(attrs, "mode", *(("scales",) if self.opset < 9 else ()))
        if (self.opset < 9) == (scales is not None) or self.opset > 9:
            raise Invalid("scales as an attribute before opset 9, as an input at 9")
        given = attrs["scales"] if scales is None else self.real(scales).tolist()
        if any(s < 1 for s in given):
            raise Invalid("scales of at least 1")
        return self.nearest(attrs, x, [Fraction(s) for s in given], "asymmetric", "floor")

    def op_resize(
        self, attrs: Any, x: Any, roi: Any = None, scales: Any = None, sizes: Any = None
    ) -> np.ndarray:
        known = {"coordinate_transformation_mode", "nearest_mode", "mode"}
        if set(attrs) - known or (self.opset > 10 and (scales is None) == (sizes is None)):
            raise Unsure
        if self.opset < 11:
            scales, back, near = roi, "asymmetric", "floor"
        else:
            back = attrs.get("coordinate_transformation_mode", b"half_pixel").decode()
            near = attrs.get("nearest_mode", b"round_prefer_floor").decode()
        if scales is not None and scales.size:
            return self.nearest(attrs, x, list(self.real(scales)), back, near)
        wanted = self.whole(sizes)
        ratios = [Fraction(n, m) for n, m in zip(wanted, x.shape, strict=True)]
        return self.nearest(attrs, x, ratios, back, near)

    def nearest(
        self, attrs: Any, x: Any, scales: list[Fraction], back: str, near: str
    ) -> np.ndarray:
        if attrs.get("mode", b"nearest") != b"nearest":
            raise Unsure
        if len(scales) != x.ndim or any(s <= 0 for s in scales):
            raise Invalid("a scale above 0 for each axis")
        for axis, s in enumerate(scales):
            n = x.shape[axis]
            self.small(x.size, ceil(s))
            x = np.take(x, [self.place(k, s, n, back, near) for k in range(floor(n * s))], axis)
        return x

    @staticmethod
    def place(k: int, s: Fraction, n: int, back: str, near: str) -> int:
        half = Fraction(1, 2)
        if s == 1:
            return k
        match back:
            case "half_pixel":
                at = (k + half) / s - half
            case "pytorch_half_pixel":
                at = (k + half) / s - half if floor(n * s) > 1 else Fraction(0)
            case "asymmetric":
                at = k / s
            case "align_corners" if floor(n * s) > 1:
                at = Fraction(k * (n - 1), floor(n * s) - 1)
            case _:
                raise Unsure
        match near:
            case "floor":
                found = floor(at)
            case "ceil":
                found = ceil(at)
            case "round_prefer_floor":
                found = ceil(at - half)
            case "round_prefer_ceil":
                found = floor(at + half)
            case _:
                raise Invalid("no such nearest_mode")
        return min(max(found, 0), n - 1)
