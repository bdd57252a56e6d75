"""Evaluates layers on integers, ONNX Runtime's operators and those of other domains, exactly.

Written from ONNX's schemas, ONNX Runtime's ContribOperators.md, QONNX's operator definitions and
`docs/format.md`.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
from fuzz.evaluator import Invalid, Unsure, each
from fuzz.number_evaluator import IRRATIONAL, NumberEvaluator

GRIDS = (np.int8, np.uint8)

PLACES = 40
"""Decimal places to which exponentials are decided."""

UNJUDGED = (*IRRATIONAL, "QLinearSigmoid", "QLinearSoftmax", "DynamicQuantizeLinear")
"""Operators of irrational values, and one whose scale is float32's of each frame."""


class IntegerEvaluator(NumberEvaluator):
    """One file, of operators of `NumberEvaluator` and of those that compute with integers."""

    prefixes = NumberEvaluator.prefixes | {
        "com.microsoft": "runtime",
        "bitrill": "own",
        "qonnx.custom_op.channels_last": "last",
    }

    def rule_of(self, node: Any) -> Any:
        if node.op_type in UNJUDGED and node.domain in self.prefixes:
            raise Unsure
        return super().rule_of(node)

    # -- grids

    @staticmethod
    def beside(part: Any, x: Any, axis: int) -> np.ndarray:
        """One number, or one for each place of an axis."""
        if part.size == 1 and part.ndim <= 1:
            return part.reshape(())
        if part.ndim != 1 or part.size != x.shape[axis]:
            raise Invalid("one number for each place of the axis")
        return part.reshape([-1 if k == axis % x.ndim else 1 for k in range(x.ndim)])

    def shifted(self, x: Any, zero: Any, axis: int = 0) -> np.ndarray:
        """Integers of 8 bits less their zero points, as rationals."""
        if x.dtype not in GRIDS or (zero is not None and zero.dtype != x.dtype):
            raise Invalid("integers of 8 bits and a zero point of their type")
        zeros = np.zeros((), np.int64) if zero is None else self.beside(zero, x, axis)
        return each(lambda q, z: Fraction(int(q) - int(z)), x, zeros)

    def unscaled(self, x: Any, scale: Any, zero: Any, axis: int = 0) -> np.ndarray:
        scale = self.beside(self.real(scale), x, axis)
        return each(lambda q, s: q * s, self.shifted(x, zero, axis), scale)

    def scaled(
        self, y: Any, scale: Any, zero: Any, like: Any, *, behind: bool = False
    ) -> np.ndarray:
        """``y`` on a grid of 8 bits; ``behind``: rounded behind the zero point."""
        dtype = like.dtype if zero is None else zero.dtype
        if scale.size != 1 or dtype not in GRIDS or (zero is not None and zero.size != 1):
            raise Invalid("one scale, and one zero point of 8 bits")
        self.nonzero(self.real(scale))
        s, z = self.single(scale), 0 if zero is None else int(zero.reshape(-1)[0])
        lo, hi = np.iinfo(dtype).min, np.iinfo(dtype).max

        def place(v: Fraction) -> int:
            q = self.round(v / s + z, "ROUND") if behind else self.round(v / s, "ROUND") + z
            return min(max(q, lo), hi)

        return each(place, y).astype(dtype)

    def bias(self, b: Any, scale: Any) -> np.ndarray | None:
        if b is None:
            return None
        if b.dtype != np.int64:  # as `reals` keeps int32
            raise Invalid("a bias of integers")
        return each(lambda q, s: q * s, each(lambda q: Fraction(int(q)), b), scale.reshape(-1))

    # -- layers

    def op_qlinearconv(
        self,
        attrs: Any,
        x: Any,
        xs: Any,
        xz: Any,
        w: Any,
        ws: Any,
        wz: Any,
        ys: Any,
        yz: Any,
        b: Any = None,
    ) -> np.ndarray:
        parts = self.unscaled(x, xs, xz), self.unscaled(w, ws, wz)
        bias = self.bias(b, each(lambda a, s: a * s, self.scalar(xs), ws))
        return self.scaled(self.op_conv(attrs, *parts, bias), ys, yz, x)

    def op_qlinearmatmul(
        self, attrs: Any, x: Any, xs: Any, xz: Any, w: Any, ws: Any, wz: Any, ys: Any, yz: Any
    ) -> np.ndarray:
        parts = self.unscaled(x, xs, xz), self.unscaled(w, ws, wz, -1)
        return self.scaled(self.op_matmul(attrs, *parts), ys, yz, x)

    runtime_qlinearmatmul = op_qlinearmatmul

    def op_convinteger(
        self, attrs: Any, x: Any, w: Any, xz: Any = None, wz: Any = None
    ) -> np.ndarray:
        y = self.op_conv(attrs, self.shifted(x, xz), self.shifted(w, wz))
        return self.fits(y)

    def op_matmulinteger(
        self, attrs: Any, x: Any, w: Any, xz: Any = None, wz: Any = None
    ) -> np.ndarray:
        if xz is not None and xz.size != 1:
            raise Unsure
        return self.fits(self.op_matmul(attrs, self.shifted(x, xz), self.shifted(w, wz, -1)))

    @staticmethod
    def fits(y: Any) -> np.ndarray:
        y = each(int, y)
        if any(not -(1 << 31) <= v < 1 << 31 for v in y.reshape(-1)):
            raise Unsure
        return y.astype(np.int64)

    def runtime_qgemm(
        self,
        attrs: Any,
        x: Any,
        xs: Any,
        xz: Any,
        w: Any,
        ws: Any,
        wz: Any,
        b: Any = None,
        ys: Any = None,
        yz: Any = None,
    ) -> np.ndarray:
        self.only(attrs, "alpha", "transA", "transB")
        row = 0 if attrs.get("transB", 0) else -1
        parts = self.unscaled(x, xs, xz), self.unscaled(w, ws, wz, row)
        y = self.op_gemm(attrs, *parts)
        if b is not None:
            alpha = self.number(attrs, "alpha", 1.0)
            bias = self.bias(b, each(lambda a, s: alpha * a * s, self.scalar(xs), ws))
            y = each(lambda v, c: v + c, y, bias)
        return y if ys is None else self.scaled(y, ys, yz, x)

    # -- element by element

    def runtime_qlinearadd(
        self,
        attrs: Any,
        a: Any,
        as_: Any,
        az: Any,
        b: Any,
        bs: Any,
        bz: Any,
        ys: Any,
        yz: Any = None,
    ) -> np.ndarray:
        parts = self.unscaled(a, as_, az), self.unscaled(b, bs, bz)
        return self.scaled(self.op_add(attrs, *parts), ys, yz, a, behind=True)

    def runtime_qlinearmul(
        self,
        attrs: Any,
        a: Any,
        as_: Any,
        az: Any,
        b: Any,
        bs: Any,
        bz: Any,
        ys: Any,
        yz: Any = None,
    ) -> np.ndarray:
        parts = self.unscaled(a, as_, az), self.unscaled(b, bs, bz)
        return self.scaled(self.op_mul(attrs, *parts), ys, yz, a, behind=True)

    def runtime_qlinearleakyrelu(
        self, attrs: Any, x: Any, xs: Any, xz: Any, ys: Any, yz: Any = None
    ) -> np.ndarray:
        return self.scaled(self.op_leakyrelu(attrs, self.unscaled(x, xs, xz)), ys, yz, x)

    def runtime_qlinearconcat(self, attrs: Any, ys: Any, yz: Any, *parts: Any) -> np.ndarray:
        if len(parts) % 3 or not parts:
            raise Invalid("each tensor with scale and zero point")
        reals = [self.unscaled(*parts[i : i + 3]) for i in range(0, len(parts), 3)]
        return self.scaled(self.op_concat(attrs, *reals), ys, yz, parts[0])

    def pooled_grid(self, op: Any, attrs: Any, x: Any, grids: Any, *, behind: bool) -> np.ndarray:
        last = self.flag(attrs.get("channels_last", 0))
        real = self.unscaled(x, *grids[:2])
        rest = {k: v for k, v in attrs.items() if k != "channels_last"}
        y = op(rest, np.moveaxis(real, -1, 1) if last else real)
        return self.scaled(np.moveaxis(y, 1, -1) if last else y, *grids[2:], x, behind=behind)

    def runtime_qlinearaveragepool(
        self, attrs: Any, x: Any, xs: Any, xz: Any, ys: Any, yz: Any = None
    ) -> np.ndarray:
        return self.pooled_grid(self.op_averagepool, attrs, x, (xs, xz, ys, yz), behind=True)

    def runtime_qlinearglobalaveragepool(
        self, attrs: Any, x: Any, xs: Any, xz: Any, ys: Any, yz: Any = None
    ) -> np.ndarray:
        return self.pooled_grid(self.op_globalaveragepool, attrs, x, (xs, xz, ys, yz), behind=False)

    def runtime_quantizelinear(self, attrs: Any, *parts: Any) -> np.ndarray:
        return self.op_quantizelinear(attrs, *parts)

    def runtime_dequantizelinear(self, attrs: Any, *parts: Any) -> np.ndarray:
        return self.op_dequantizelinear(attrs, *parts)

    # -- channels last

    @staticmethod
    def on_first(op: Any, attrs: Any, x: Any, *rest: Any) -> np.ndarray:
        if x.ndim < 3:
            raise Unsure
        return np.moveaxis(op(attrs, np.moveaxis(x, -1, 1), *rest), 1, -1)

    def last_conv(self, attrs: Any, x: Any, w: Any, *bias: Any) -> np.ndarray:
        return self.on_first(self.op_conv, attrs, x, np.moveaxis(w, -1, 1), *bias)

    def last_maxpool(self, attrs: Any, x: Any) -> np.ndarray:
        return self.on_first(self.op_maxpool, attrs, x)

    def last_batchnormalization(self, attrs: Any, x: Any, *parts: Any) -> np.ndarray:
        if x.ndim == 2:
            return self.op_batchnormalization(attrs, x, *parts)
        return self.on_first(self.op_batchnormalization, attrs, x, *parts)

    # -- quantizers and distances

    def own_l1matmul(self, attrs: Any, x: Any, w: Any) -> np.ndarray:
        self.only(attrs)
        if w.ndim != 2 or x.shape[-1] != w.shape[0]:
            raise Invalid("a weight for each feature")
        far = each(lambda a, b: abs(a - b), self.real(x)[..., None], self.real(w))
        return -far.sum(-2)

    def own_l1conv(self, attrs: Any, x: Any, w: Any) -> np.ndarray:
        self.only(attrs)
        if x.ndim != 4 or w.ndim != 4 or x.shape[1] != w.shape[1]:
            raise Invalid("kernels of as many channels as the images")
        kernel = w.shape[2:]
        if any(k > n for k, n in zip(kernel, x.shape[2:], strict=True)):
            raise Invalid("a kernel no larger than the image")
        windows = np.lib.stride_tricks.sliding_window_view(self.real(x), kernel, (2, 3))
        far = each(lambda a, b: abs(a - b), windows[:, None], self.real(w)[:, :, None, None])
        return -far.sum((2, 5, 6))

    def own_logquant(self, attrs: Any, x: Any, scale: Any) -> np.ndarray:
        """``ratio >= 2**(k - 1/2)`` is ``ratio**2 >= 2**(2 k - 1)`` for what is above 0."""
        self.only(attrs, "bits")
        levels = (1 << attrs.get("bits", 0)) - 1
        if not 1 <= levels < 16 or any(self.sign(s) <= 0 for s in scale.reshape(-1)):
            raise Unsure

        def power(v: Fraction, s: Fraction) -> Fraction:
            square = (v / s) ** 2
            code = sum(self.sign(square - Fraction(4) ** k / 2) >= 0 for k in range(levels))
            return s * 2 ** (code - 1) if self.sign(v) > 0 and code else Fraction(0)

        return each(power, self.real(x), self.real(scale))

    def own_thermometer(self, attrs: Any, x: Any, features: Any, limits: Any) -> np.ndarray:
        self.only(attrs)
        if x.ndim != 2 or features.shape != limits.shape or features.ndim != 1:
            raise Invalid("a limit for each feature")
        reached = each(lambda v, t: Fraction(self.sign(v - t) >= 0), x[:, features], limits)
        return reached.reshape(len(x), -1)

    def own_lutlayer(
        self, attrs: Any, x: Any, wires: Any, powers: Any, starts: Any, tables: Any
    ) -> np.ndarray:
        self.only(attrs)
        places = (x[:, wires] * powers).sum(-1) + starts
        if any(p.denominator != 1 or not 0 <= p < tables.size for p in places.reshape(-1)):
            raise Invalid("places of the tables")
        return tables.reshape(-1)[places.astype(np.int64)]

    def own_intsoftmax(self, attrs: Any, x: Any) -> np.ndarray:
        """Exponentials to `PLACES` decimal places; refused where rounding needs more of them."""
        self.only(attrs, "exponent", "bits")
        largest, levels = ((1 << attrs[k]) - 1 for k in ("exponent", "bits"))

        def exponential(d: Fraction) -> int:
            with localcontext(prec=2 * PLACES):
                real = (Decimal(d.numerator) / d.denominator).exp() * largest
                whole = int(real.to_integral_value(ROUND_HALF_EVEN))
                if d and abs(abs(real - whole) - Decimal("0.5")) < Decimal(10) ** -PLACES:
                    raise Unsure
            return whole

        less = self.real(x) - np.max(x, -1, keepdims=True)
        parts = each(exponential, less)
        total = parts.sum(-1, keepdims=True)
        return each(lambda e, t: Fraction(levels * e // t, levels), parts, total)

    def quant_multithreshold(self, attrs: Any, x: Any, table: Any) -> np.ndarray:
        self.only(attrs, "out_dtype", "out_scale", "out_bias", "data_layout")
        layout = attrs.get("data_layout", b"" if x.ndim == 3 else b"NCHW" if x.ndim == 4 else b"NC")
        if table.ndim != 2 or len(layout) != x.ndim:
            raise Unsure
        last = layout.endswith(b"C") and x.ndim > 2
        x = np.moveaxis(self.real(x), -1, 1) if last else self.real(x)
        if len(table) not in (1, x.shape[1]):
            raise Invalid("a row of thresholds for each channel")
        a, b = Fraction(attrs.get("out_scale", 1.0)), Fraction(attrs.get("out_bias", 0.0))
        rows = np.broadcast_to(self.real(table), (x.shape[1], table.shape[1]))
        y = np.empty(x.shape, object)
        for at in np.ndindex(x.shape):
            y[at] = a * sum(self.sign(x[at] - t) >= 0 for t in rows[at[1]]) + b
        return np.moveaxis(y, 1, -1) if last else y

    def quant_trunc(
        self, attrs: Any, x: Any, scale: Any, zero: Any, bits: Any, *to: Any
    ) -> np.ndarray:
        """Drop low bits of integers: those of a ratio of widths, or (version 2) of two scales."""
        mode = attrs.get("rounding_mode", b"FLOOR").decode().upper()
        before, after = self.single(bits), self.single(to[-1])
        self.nonzero(scale)
        s, z = self.single(scale), self.single(zero)
        if before.denominator != 1 or after.denominator != 1 or len(to) > 2:
            raise Unsure
        if len(to) == 1:
            self.only(attrs, "rounding_mode")
            step, out, lo, hi = Fraction(2) ** int(before - after), s, None, None
        else:
            self.only(attrs, "rounding_mode", "signed", "narrow")
            signed, narrow = (self.flag(attrs.get(k, d)) for k, d in (("signed", 1), ("narrow", 0)))
            out, n = self.single(to[0]), int(after)
            step = out / s
            if step < 1 or step.numerator & (step.numerator - 1) or step.denominator != 1:
                raise Unsure
            lo = narrow - (1 << (n - 1)) if signed else 0
            hi = (1 << (n - 1)) - 1 if signed else (1 << n) - 1 - narrow

        def cut(v: Fraction) -> Fraction:
            q = Fraction(self.round(v / s + z, "ROUND")) / step
            q = q if lo is None else min(max(q, lo), hi)
            return out * (self.round(Fraction(q), mode) - (z if lo is None else z / step))

        return each(cut, self.real(x))
