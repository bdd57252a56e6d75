"""Evaluates rational functions, reductions and decisions, exactly, from ONNX's schemas."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np
from fuzz.evaluator import Invalid, Unsure, each
from fuzz.shape_evaluator import ShapeEvaluator, axes_of, axis_of

IRRATIONAL = (
    "Celu",
    "Elu",
    "Erf",
    "Exp",
    "Gelu",
    "Log",
    "LogSoftmax",
    "Mish",
    "Selu",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Swish",
    "Tanh",
)
"""Functions whose values are no rationals."""


class NumberEvaluator(ShapeEvaluator):
    """One file, of operators of `ShapeEvaluator` and of those that compute with numbers."""

    def of_each(self, attrs: Any, x: Any, f: Callable[[Fraction], Any], *names: str) -> np.ndarray:
        self.only(attrs, *names)
        return each(f, self.real(x))

    @staticmethod
    def number(attrs: Any, name: str, default: float) -> Fraction:
        return Fraction(float(np.float32(attrs.get(name, default))))

    def op_abs(self, attrs: Any, x: Any) -> np.ndarray:
        return self.of_each(attrs, x, abs)

    def op_sign(self, attrs: Any, x: Any) -> np.ndarray:
        return self.of_each(attrs, x, lambda v: Fraction(self.sign(v)))

    def op_floor(self, attrs: Any, x: Any) -> np.ndarray:
        return self.of_each(attrs, x, lambda v: Fraction(self.floor(v)))

    def op_ceil(self, attrs: Any, x: Any) -> np.ndarray:
        return self.of_each(attrs, x, lambda v: Fraction(-self.floor(-v)))

    def op_round(self, attrs: Any, x: Any) -> np.ndarray:
        return self.of_each(attrs, x, lambda v: Fraction(self.round(v, "ROUND")))

    def op_reciprocal(self, attrs: Any, x: Any) -> np.ndarray:
        self.nonzero(self.real(x))
        return self.of_each(attrs, x, lambda v: 1 / v)

    def op_softsign(self, attrs: Any, x: Any) -> np.ndarray:
        return self.of_each(attrs, x, lambda v: v / (1 + abs(v)))

    def op_hardsigmoid(self, attrs: Any, x: Any) -> np.ndarray:
        a, b = self.number(attrs, "alpha", 0.2), self.number(attrs, "beta", 0.5)
        return self.of_each(attrs, x, lambda v: min(max(a * v + b, 0), 1), "alpha", "beta")

    def op_hardswish(self, attrs: Any, x: Any) -> np.ndarray:
        gate = lambda v: min(max(v / 6 + Fraction(1, 2), 0), 1)  # noqa: E731
        return self.of_each(attrs, x, lambda v: v * gate(v))

    def op_leakyrelu(self, attrs: Any, x: Any) -> np.ndarray:
        a = self.number(attrs, "alpha", 0.01)
        return self.of_each(attrs, x, lambda v: v if self.sign(v) >= 0 else a * v, "alpha")

    def op_thresholdedrelu(self, attrs: Any, x: Any) -> np.ndarray:
        a = self.number(attrs, "alpha", 1.0)
        f = lambda v: v if self.sign(v - a) > 0 else Fraction(0)  # noqa: E731
        return self.of_each(attrs, x, f, "alpha")

    def op_prelu(self, attrs: Any, x: Any, slope: Any) -> np.ndarray:
        self.only(attrs)
        y = each(lambda v, s: v if self.sign(v) >= 0 else s * v, self.real(x), self.real(slope))
        if y.shape != x.shape:
            raise Invalid("slopes must broadcast to the data")
        return y

    def op_pow(self, attrs: Any, x: Any, exponent: Any) -> np.ndarray:
        self.only(attrs)
        e = self.single(exponent)
        if abs(e) == Fraction(1, 2):
            y = each(self.root, self.real(x))
        elif e.denominator == 1 and abs(e) < 9:
            y = each(lambda v: Fraction(v) ** abs(int(e)), self.real(x))
        else:
            raise Unsure
        if e >= 0:
            return y
        self.nonzero(y)
        return each(lambda v: 1 / v, y)

    # -- several operands

    def folded(self, attrs: Any, f: Callable[[Any, Any], Any], *parts: Any) -> np.ndarray:
        self.only(attrs)
        if not parts or any(p is None for p in parts):
            raise Invalid("operands must be given")
        if len({p.dtype == object for p in parts}) > 1:
            raise Invalid("integers and reals in one operator")
        if self.opset < 8 and len({p.shape for p in parts}) > 1:
            raise Invalid("operands of one shape")
        return reduce(lambda a, b: each(f, a, b), parts)

    def op_sum(self, attrs: Any, *parts: Any) -> np.ndarray:
        return self.folded(attrs, lambda a, b: a + b, *parts)

    def op_mean(self, attrs: Any, *parts: Any) -> np.ndarray:
        return each(lambda v: Fraction(v) / len(parts), self.op_sum(attrs, *parts))

    def op_max(self, attrs: Any, *parts: Any) -> np.ndarray:
        return self.folded(attrs, lambda a, b: a if self.sign(a - b) >= 0 else b, *parts)

    def op_min(self, attrs: Any, *parts: Any) -> np.ndarray:
        return self.folded(attrs, lambda a, b: a if self.sign(a - b) <= 0 else b, *parts)

    # -- reductions

    def reduced(self, attrs: Any, x: Any, axes: Any, since: int, f: Any) -> np.ndarray:
        self.only(attrs, "axes", "keepdims", *(("noop_with_empty_axes",) * (self.opset >= since)))
        given = self.listed(attrs, axes, "axes", since)
        if not given and attrs.get("noop_with_empty_axes", 0):
            return x
        if not x.size:
            raise Unsure
        along = axes_of(given or range(x.ndim), x.ndim)
        kept = [k for k in range(x.ndim) if k not in along]
        rows = x.transpose([*kept, *along]).reshape(*(x.shape[k] for k in kept), -1)
        y = np.apply_along_axis(lambda row: np.array([f(row)], object), -1, rows)[..., 0]
        if not self.flag(attrs.get("keepdims", 1)):
            return y
        return y.reshape([1 if k in along else n for k, n in enumerate(x.shape)])

    def greatest(self, row: Any) -> Any:
        return reduce(lambda a, b: a if self.sign(a - b) >= 0 else b, row)

    def op_reducesum(self, attrs: Any, x: Any, axes: Any = None) -> np.ndarray:
        return self.reduced(attrs, self.real(x), axes, 13, lambda row: sum(row, Fraction(0)))

    def op_reducemean(self, attrs: Any, x: Any, axes: Any = None) -> np.ndarray:
        mean = lambda row: sum(row, Fraction(0)) / len(row)  # noqa: E731
        return self.reduced(attrs, self.real(x), axes, 18, mean)

    def op_reducemax(self, attrs: Any, x: Any, axes: Any = None) -> np.ndarray:
        return self.reduced(attrs, self.real(x), axes, 18, self.greatest)

    def op_reducemin(self, attrs: Any, x: Any, axes: Any = None) -> np.ndarray:
        return self.reduced(attrs, self.real(x), axes, 18, lambda row: -self.greatest(-row))

    def op_globalmaxpool(self, attrs: Any, x: Any) -> np.ndarray:
        self.only(attrs)
        if x.ndim < 3:
            raise Invalid("a pool must have places")
        flat = self.real(x).reshape(*x.shape[:2], -1)
        y = each(lambda *v: self.greatest(v), *np.moveaxis(flat, 2, 0))
        return y.reshape(*x.shape[:2], *[1] * (x.ndim - 2))

    # -- decisions

    def best(self, row: Any, *, largest: bool, last: bool) -> int:
        """The index of the greatest or least number, of equal ones the first or the last."""
        found = 0
        for k in range(1, len(row)):
            ahead = self.sign(row[k] - row[found]) * (1 if largest else -1)
            if ahead > 0 or (ahead == 0 and last):
                found = k
        return found

    def chosen(self, attrs: Any, x: Any, *, largest: bool) -> np.ndarray:
        names = ("select_last_index",) if self.opset >= 12 else ()
        self.only(attrs, "axis", "keepdims", *names)
        axis, last = axis_of(attrs.get("axis", 0), x.ndim), attrs.get("select_last_index", 0)
        rows = np.moveaxis(x, axis, -1)
        find = lambda row: self.best(row, largest=largest, last=bool(last))  # noqa: E731
        y = np.array([find(row) for row in rows.reshape(-1, x.shape[axis])], np.int64)
        y = y.reshape(rows.shape[:-1])
        return np.expand_dims(y, axis) if self.flag(attrs.get("keepdims", 1)) else y

    def op_argmax(self, attrs: Any, x: Any) -> np.ndarray:
        return self.chosen(attrs, x, largest=True)

    def op_argmin(self, attrs: Any, x: Any) -> np.ndarray:
        return self.chosen(attrs, x, largest=False)

    def op_topk(self, attrs: Any, x: Any, k: Any = None) -> tuple[np.ndarray, np.ndarray]:
        self.only(
            attrs,
            "axis",
            *(("k",) if self.opset < 10 else ()),
            *(("largest", "sorted") if self.opset >= 11 else ()),
        )
        given = [attrs.get("k")] if self.opset < 10 else self.whole(k)
        axis = axis_of(attrs.get("axis", -1), x.ndim)
        if len(given) != 1 or given[0] is None or not 0 <= given[0] <= x.shape[axis]:
            raise Invalid("k of the axis")
        largest = bool(attrs.get("largest", 1))
        rows = np.moveaxis(x, axis, -1)
        order = np.empty((*rows.shape[:-1], given[0]), np.int64)
        for at in np.ndindex(rows.shape[:-1]):
            left = list(range(rows.shape[-1]))
            for place in range(given[0]):
                best = self.best([rows[at][i] for i in left], largest=largest, last=False)
                order[(*at, place)] = left.pop(best)
        values = np.take_along_axis(rows, order, -1)
        return np.moveaxis(values, -1, axis), np.moveaxis(order, -1, axis)
