"""Evaluates layers over places, branches and QDQ in exact arithmetic, as `evaluator` does the rest.

Written from ONNX's operator schemas; forms that are rare in files are `Unsure` instead of judged.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
from fuzz.evaluator import Evaluator, Invalid, Unsure, each, reals
from onnx import TensorProto, numpy_helper

SMALL = {TensorProto.INT8: np.int8, TensorProto.UINT8: np.uint8}
AUTO = ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")

LARGEST = 1 << 14
"""Elements of a result that is still judged."""


def alike(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two parameters have one shape; a scalar and a list of one mean the same."""
    return a.shape == b.shape or (a.size == b.size == 1 and max(a.ndim, b.ndim) < 2)


class PlaceEvaluator(Evaluator):
    """One file, of any of the operators that the fuzzer's models have."""

    @staticmethod
    def tensor(proto: TensorProto) -> np.ndarray:
        if proto.data_type in SMALL and proto.data_location != TensorProto.EXTERNAL:
            try:
                return numpy_helper.to_array(proto)
            except (ValueError, TypeError, KeyError) as error:
                raise Invalid(str(error)) from error
        return Evaluator.tensor(proto)

    def several(self, node: Any, result: Any) -> list[np.ndarray]:
        return list(result) if isinstance(result, tuple) else [result]

    def run(self, x: np.ndarray) -> np.ndarray:
        known = dict(self.constants)
        known[self.input] = reals(x)
        for node in self.graph.node:
            names = [o for o in node.output if o]
            if any(o in known for o in names):
                raise Invalid("a tensor has two writers")
            if any(i and i not in known for i in node.input):
                raise Invalid("a tensor is read before it is written")
            results = self.several(
                node, self.step(node, [known[i] if i else None for i in node.input])
            )
            if len(results) < len(node.output):
                raise Unsure
            known |= {o: r for o, r in zip(node.output, results, strict=False) if o}
        if self.output not in known:
            raise Invalid("nothing writes the output")
        return known[self.output]

    # -- windows

    @staticmethod
    def sizes(attrs: Any, name: str, count: int, default: int, least: int) -> list[int]:
        given = list(attrs.get(name, [default] * count))
        if len(given) != count or any(s < least for s in given):
            raise Invalid(f"{name} does not fit")
        return given

    def windows(
        self, attrs: Any, shape: tuple[int, ...], kernel: list[int]
    ) -> tuple[list[int], list[int], list[int], list[int], list[int]]:
        """``(out, strides, dilations, before, after)`` of windows over the places ``shape``."""
        n = len(shape)
        strides = self.sizes(attrs, "strides", n, 1, 1)
        dilations = self.sizes(attrs, "dilations", n, 1, 1)
        pads = self.sizes(attrs, "pads", 2 * n, 0, 0)
        auto = attrs.get("auto_pad", b"NOTSET").decode()
        span = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
        if auto not in AUTO:
            raise Invalid("no such auto_pad")
        if auto != "NOTSET" and "pads" in attrs:
            raise Unsure
        for a in range(n if auto.startswith("SAME") else 0):
            over = max(0, (-(-shape[a] // strides[a]) - 1) * strides[a] + span[a] - shape[a])
            small = over // 2
            pads[a], pads[n + a] = (
                (small, over - small) if auto == "SAME_UPPER" else (over - small, small)
            )
        room = [s + pads[a] + pads[n + a] - span[a] for a, s in enumerate(shape)]
        if min(room) < 0:
            raise Invalid("the kernel is larger than its input")
        out = [r // s + 1 for r, s in zip(room, strides, strict=True)]
        if attrs.get("ceil_mode", 0):
            for a, (r, s) in enumerate(zip(room, strides, strict=True)):
                out[a] += bool(r % s) and out[a] * s < shape[a] + pads[a]
        if np.prod(out, dtype=object) * np.prod(kernel, dtype=object) > LARGEST:
            raise Unsure
        return out, strides, dilations, pads[:n], pads[n:]

    def taps(self, attrs: Any, x: np.ndarray, kernel: list[int]) -> tuple[list[int], list[Any]]:
        """The windows' sizes, and each window's taps: place, values, whether they are padding."""
        sizes = x.shape[2:]
        out, strides, dilations, before, after = self.windows(attrs, sizes, kernel)
        found = []
        for window in product(*map(range, out)):
            here = []
            for tap in product(*map(range, kernel)):
                at = [
                    w * s + t * d - b
                    for w, s, t, d, b in zip(window, strides, tap, dilations, before, strict=True)
                ]
                inside = all(0 <= p < n for p, n in zip(at, sizes, strict=True))
                padded = all(p < n + a for p, n, a in zip(at, sizes, after, strict=True))
                values = x[(slice(None), slice(None), *at)] if inside else None
                here.append((tap, values, padded))
            found.append(here)
        return out, found

    def op_conv(self, attrs: Any, x: Any, w: Any, b: Any = None) -> np.ndarray:
        self.only(attrs, "auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")
        x, w, group = self.real(x), self.real(w), attrs.get("group", 1)
        if x.ndim < 3 or w.ndim != x.ndim or group < 1 or w.shape[0] % group:
            raise Invalid("the weights do not fit")
        if x.shape[1] != w.shape[1] * group or min(w.shape) < 1:
            raise Invalid("the weights do not take the channels")
        kernel = list(w.shape[2:])
        if list(attrs.get("kernel_shape", kernel)) != kernel:
            raise Invalid("kernel_shape is not that of the weights")
        out, windows = self.taps(attrs, x, kernel)
        rows, per = w.shape[0] // group, w.shape[1]
        if b is not None and b.shape != (w.shape[0],):
            raise Invalid("the bias does not fit")
        y = np.empty((x.shape[0], w.shape[0], len(windows)), object)
        for place, taps in enumerate(windows):
            for o in range(w.shape[0]):
                first = o // rows * per
                total = np.full(x.shape[0], Fraction(0) if b is None else self.real(b)[o], object)
                for tap, values, _ in taps:
                    if values is not None:
                        part = values[:, first : first + per]
                        total = total + (part * w[(o, slice(None), *tap)]).sum(1)
                y[:, o, place] = total
        return y.reshape(x.shape[0], w.shape[0], *out)

    def pooled(self, attrs: Any, x: Any, merge: Any) -> np.ndarray:
        if x.ndim < 3 or "kernel_shape" not in attrs:
            raise Invalid("a pool must have a kernel and places")
        if attrs.get("storage_order", 0):
            raise Unsure
        kernel = self.sizes(attrs, "kernel_shape", x.ndim - 2, 1, 1)
        pads = attrs.get("pads", [])
        if any(p >= k for p, k in zip(pads, [*kernel, *kernel], strict=False)):
            raise Unsure
        if self.opset < 10 and {"dilations", "ceil_mode"} & {*attrs}:
            raise Invalid("dilations and ceil_mode came later")
        out, windows = self.taps(attrs, x, kernel)
        y = np.empty((*x.shape[:2], len(windows)), object)
        for place, taps in enumerate(windows):
            inside = [v for _, v, _ in taps if v is not None]
            if not inside:
                raise Unsure
            y[:, :, place] = merge(inside, sum(padded for *_, padded in taps))
        return y.reshape(*x.shape[:2], *out)

    def op_maxpool(self, attrs: Any, x: Any) -> np.ndarray:
        names = ("auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "storage_order")
        self.only(attrs, *names, "strides")
        small = self.opset >= 12 and x.dtype in (np.int8, np.uint8)

        def greatest(values: list[np.ndarray], n: int) -> np.ndarray:
            best = values[0]
            for v in values[1:]:
                best = each(lambda a, b: a if self.sign(a - b) >= 0 else b, best, v)
            return best

        y = self.pooled(attrs, x.astype(object) if small else self.real(x), greatest)
        return y.astype(x.dtype)

    def op_averagepool(self, attrs: Any, x: Any) -> np.ndarray:
        names = ("auto_pad", "ceil_mode", "count_include_pad", "kernel_shape", "pads", "strides")
        self.only(attrs, *names, *(("dilations",) if self.opset >= 19 else ()))
        whole = attrs.get("count_include_pad", 0)
        if whole not in (0, 1):
            raise Unsure
        mean = lambda v, n: sum(v) / Fraction(n if whole else len(v))  # noqa: E731
        return self.pooled(attrs, self.real(x), mean)

    def op_globalaveragepool(self, attrs: Any, x: Any) -> np.ndarray:
        self.only(attrs)
        if x.ndim < 3:
            raise Invalid("a pool must have places")
        flat = self.real(x).reshape(*x.shape[:2], -1)
        return (flat.sum(2) / Fraction(flat.shape[2])).reshape(*x.shape[:2], *[1] * (x.ndim - 2))

    # -- shapes

    def op_concat(self, attrs: Any, *parts: Any) -> np.ndarray:
        self.only(attrs, "axis")
        axis = attrs.get("axis")
        if axis is None or not parts or not -parts[0].ndim <= axis < parts[0].ndim:
            raise Invalid("an axis must be given")
        if len({p.dtype for p in parts}) != 1:
            raise Invalid("integers and reals in one operator")
        try:
            return np.concatenate(parts, axis)
        except ValueError as error:
            raise Invalid(str(error)) from error

    def op_clip(self, attrs: Any, x: Any, lo: Any = None, hi: Any = None) -> np.ndarray:
        self.only(attrs, *(("min", "max") if self.opset < 11 else ()))
        if self.opset < 11:
            if lo is not None or hi is not None:
                raise Invalid("bounds are attributes yet")
            lo, hi = (np.array(Fraction(attrs[k])) if k in attrs else None for k in ("min", "max"))
        bounds = [None if b is None else self.single(self.real(b)) for b in (lo, hi)]
        if any(b is not None and b.ndim for b in (lo, hi)):
            raise Unsure
        if None not in bounds and bounds[0] > bounds[1]:
            raise Unsure

        def clip(v: Fraction) -> Fraction:
            if bounds[0] is not None and self.sign(v - bounds[0]) < 0:
                return bounds[0]
            return bounds[1] if bounds[1] is not None and self.sign(v - bounds[1]) > 0 else v

        return each(clip, self.real(x))

    # -- QDQ

    def along(self, attrs: Any, x: np.ndarray, part: np.ndarray) -> np.ndarray:
        """A scale or zero point of one number, or of one for each place of an axis."""
        if part.size == 1 and part.ndim <= 1:
            return part.reshape(())
        axis = attrs.get("axis", 1)
        if part.ndim != 1 or not -x.ndim <= axis < x.ndim or part.size != x.shape[axis]:
            raise Invalid("one number for each place of the axis")
        return part.reshape(-1, *[1] * (x.ndim - 1 - axis % x.ndim))

    def op_quantizelinear(self, attrs: Any, x: Any, scale: Any, zero: Any = None) -> np.ndarray:
        if set(attrs) - {"axis"} or self.opset < 10 or (attrs and self.opset < 13):
            raise Unsure
        dtype = np.dtype(np.uint8) if zero is None else zero.dtype
        if dtype not in (np.int8, np.uint8) or (zero is not None and not alike(zero, scale)):
            raise Invalid("a zero point of 8 bits, as many as scales")
        self.nonzero(self.real(scale))
        zero = np.zeros((), np.int64) if zero is None else self.along(attrs, x, zero)
        lo, hi = np.iinfo(dtype).min, np.iinfo(dtype).max
        place = each(
            lambda v, s: self.round(v / s, "ROUND"), self.real(x), self.along(attrs, x, scale)
        )
        return each(lambda q, z: min(max(q + int(z), lo), hi), place, zero).astype(dtype)

    def op_dequantizelinear(self, attrs: Any, x: Any, scale: Any, zero: Any = None) -> np.ndarray:
        if set(attrs) - {"axis"} or self.opset < 10 or (attrs and self.opset < 13):
            raise Unsure
        if x.dtype == object or (zero is not None and not alike(zero, scale)):
            raise Invalid("integers and their scales")
        if zero is not None and zero.dtype != x.dtype:
            raise Invalid("a zero point of the data's type")
        zero = np.zeros((), np.int64) if zero is None else self.along(attrs, x, zero)
        return each(lambda q, s, z: (int(q) - int(z)) * s, x, self.along(attrs, x, scale), zero)
