"""Evaluates operators that arrange, cut, border and repeat data, exactly, from ONNX's schemas."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from fuzz.evaluator import FLOATS, INTEGERS, Invalid, Unsure, each
from fuzz.pixel_evaluator import PixelEvaluator
from fuzz.place_evaluator import PlaceEvaluator
from onnx import TensorProto, helper, numpy_helper


def axis_of(axis: int, rank: int) -> int:
    """An axis that may count from the end."""
    if not -rank <= axis < rank:
        raise Invalid("axis out of range")
    return axis % rank


def axes_of(axes: Any, rank: int) -> list[int]:
    found = [axis_of(int(a), rank) for a in axes]
    if len({*found}) != len(found):
        raise Invalid("an axis is given twice")
    return found


class ShapeEvaluator(PixelEvaluator):
    """One file, of operators of `PixelEvaluator` and of those that move elements."""

    @staticmethod
    def tensor(proto: TensorProto) -> np.ndarray:
        if proto.data_type == TensorProto.BOOL and proto.data_location != TensorProto.EXTERNAL:
            return numpy_helper.to_array(proto)
        return PlaceEvaluator.tensor(proto)

    def listed(self, attrs: Any, given: Any, name: str, since: int) -> list[int] | None:
        """Integers that are an attribute before opset ``since``, an input later."""
        if self.opset >= since:
            if name in attrs:
                raise Invalid(f"{name} is an input now")
            return None if given is None else self.whole(given)
        if given is not None:
            raise Invalid(f"{name} is an attribute yet")
        return list(attrs[name]) if name in attrs else None

    def op_constant(self, attrs: Any) -> np.ndarray:
        if len(attrs) != 1:
            raise Invalid("one value must be given")
        ((name, value),) = attrs.items()
        if name == "value" and isinstance(value, TensorProto):
            return self.tensor(value)
        if name in ("value_float", "value_floats"):
            return each(Fraction, np.asarray(value, object))
        if name in ("value_int", "value_ints"):
            return np.asarray(value, np.int64)
        raise Unsure

    def op_constantofshape(self, attrs: Any, shape: Any) -> np.ndarray:
        self.only(attrs, "value")
        sizes = self.whole(shape)
        value = self.tensor(attrs["value"]) if "value" in attrs else np.array([Fraction(0)])
        if value.size != 1 or min(sizes, default=0) < 0:
            raise Invalid("one value, and sizes")
        self.small(*sizes)
        return np.full(sizes, value.reshape(-1)[0], value.dtype)

    def op_shape(self, attrs: Any, x: Any) -> np.ndarray:
        self.only(attrs, *(("start", "end") if self.opset >= 15 else ()))
        return np.array(x.shape, np.int64)[attrs.get("start", 0) : attrs.get("end")]

    def op_cast(self, attrs: Any, x: Any) -> np.ndarray:
        if set(attrs) - {"to", "saturate"} or "to" not in attrs or attrs.get("saturate", 1) != 1:
            raise Unsure
        to = attrs["to"]
        if to in INTEGERS:
            return each(int, x).astype(np.int64) if x.size else x.astype(np.int64)
        if to not in FLOATS:
            raise Unsure
        y = each(Fraction, x) if x.dtype == object else each(lambda v: Fraction(int(v)), x)
        dtype = helper.tensor_dtype_to_np_dtype(to)
        with np.errstate(over="ignore"):
            if any(self.rounds(v, dtype) for v in y.reshape(-1)):
                raise Unsure
        return y

    def rounds(self, v: Fraction, dtype: Any) -> bool:
        single = float(np.asarray(float(v), dtype))
        return not np.isfinite(single) or Fraction(single) != v

    def op_dropout(self, attrs: Any, x: Any, ratio: Any = None, mode: Any = None) -> np.ndarray:
        self.only(attrs, *(("seed",) if self.opset >= 12 else ("ratio",)))
        if self.opset < 12 and ratio is not None:
            raise Invalid("ratio is an attribute yet")
        if mode is not None and (mode.size != 1 or bool(mode.reshape(-1)[0])):
            raise Unsure
        return x

    # -- axes

    def op_squeeze(self, attrs: Any, x: Any, axes: Any = None) -> np.ndarray:
        self.only(attrs, "axes")
        given = self.listed(attrs, axes, "axes", 13)
        found = axes_of(given, x.ndim) if given is not None else None
        if found is None:
            found = [k for k, n in enumerate(x.shape) if n == 1]
        if any(x.shape[k] != 1 for k in found):
            raise Invalid("only axes of one place go")
        return x.squeeze(tuple(found))

    def op_unsqueeze(self, attrs: Any, x: Any, axes: Any = None) -> np.ndarray:
        self.only(attrs, "axes")
        given = self.listed(attrs, axes, "axes", 13)
        if given is None:
            raise Invalid("axes must be given")
        return np.expand_dims(x, tuple(axes_of(given, x.ndim + len(given))))

    def op_tile(self, attrs: Any, x: Any, repeats: Any) -> np.ndarray:
        self.only(attrs)
        n = self.whole(repeats)
        if len(n) != x.ndim or min(n, default=0) < 0:
            raise Invalid("a repeat for each axis")
        self.small(x.size, *n)
        return np.tile(x, n)

    def op_expand(self, attrs: Any, x: Any, shape: Any) -> np.ndarray:
        self.only(attrs)
        sizes = self.whole(shape)
        self.small(x.size, *(max(1, s) for s in sizes))
        try:
            return np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(sizes)))
        except ValueError as error:
            raise Invalid(str(error)) from error

    # -- parts

    def op_slice(
        self,
        attrs: Any,
        x: Any,
        starts: Any = None,
        ends: Any = None,
        axes: Any = None,
        steps: Any = None,
    ) -> np.ndarray:
        self.only(attrs, *(("starts", "ends", "axes") if self.opset < 10 else ()))
        given = [
            self.listed(attrs, t, name, 10)
            for t, name in ((starts, "starts"), (ends, "ends"), (axes, "axes"))
        ]
        first, last, along = given
        if first is None or last is None or len(first) != len(last):
            raise Invalid("starts and ends, as many")
        if steps is not None and self.opset < 10:
            raise Invalid("steps came later")
        jumps = [1] * len(first) if steps is None else self.whole(steps)
        along = axes_of(range(len(first)) if along is None else along, x.ndim)
        if not len(first) == len(along) == len(jumps) or 0 in jumps:
            raise Invalid("a start, an end and a step for each axis")
        for s, e, axis, step in zip(first, last, along, jumps, strict=True):
            x = np.take(x, self.places(s, e, step, x.shape[axis]), axis)
        return x

    @staticmethod
    def places(start: int, end: int, step: int, n: int) -> list[int]:
        start, end = (v + n if v < 0 else v for v in (start, end))
        if step > 0:
            return list(range(min(max(start, 0), n), min(max(end, 0), n), step))
        return list(range(min(max(start, 0), n - 1), min(max(end, -1), n - 1), step))

    def op_gather(self, attrs: Any, x: Any, indices: Any) -> np.ndarray:
        self.only(attrs, "axis")
        axis = axis_of(attrs.get("axis", 0), x.ndim)
        n = x.shape[axis]
        if indices.dtype != np.int64 or (indices.size and not -n <= indices.min()):
            raise Invalid("indices out of range")
        if indices.size and indices.max() >= n:
            raise Invalid("indices out of range")
        if self.opset < 11 and (indices < 0).any():
            raise Unsure
        self.small(x.size, indices.size)
        return np.take(x, indices, axis)

    def op_split(self, attrs: Any, x: Any, sizes: Any = None) -> tuple[np.ndarray, ...]:
        self.only(
            attrs,
            "axis",
            *(("split",) if self.opset < 13 else ()),
            *(("num_outputs",) if self.opset >= 18 else ()),
        )
        axis = axis_of(attrs.get("axis", 0), x.ndim)
        parts, n = self.listed(attrs, sizes, "split", 13), x.shape[axis]
        if parts is None:
            count = attrs.get("num_outputs", self.outputs)
            if count != self.outputs or (self.opset < 18 and n % count):
                raise Invalid("equal parts")
            each_size = -(-n // count)
            parts = [each_size] * (count - 1) + [n - each_size * (count - 1)]
        if sum(parts) != n or min(parts, default=-1) < 0 or len(parts) != self.outputs:
            raise Invalid("the sizes must be those of the axis")
        return tuple(np.split(x, np.cumsum(parts)[:-1], axis))

    def op_pad(
        self, attrs: Any, x: Any, pads: Any = None, value: Any = None, axes: Any = None
    ) -> np.ndarray:
        self.only(attrs, "mode", *(("pads", "value") if self.opset < 11 else ()))
        mode: Any = attrs.get("mode", b"constant").decode()
        if mode not in ("constant", "reflect", "edge", "wrap"):
            raise Invalid("no such mode")
        if mode == "wrap" and self.opset < 19:
            raise Unsure
        given = self.listed(attrs, pads, "pads", 11)
        along = axes_of(range(x.ndim) if axes is None else self.whole(axes), x.ndim)
        if given is None or len(given) != 2 * len(along) or (axes is not None and self.opset < 18):
            raise Invalid("pads on both sides of each axis")
        border = Fraction(attrs.get("value", 0.0)) if value is None else self.single(value)
        for k, axis in enumerate(along):
            front, back = given[k], given[len(along) + k]
            n = x.shape[axis]
            self.small(x.size // max(n, 1), max(0, front) + max(0, back) + n)
            x = np.take(x, range(max(0, -front), n - max(0, -back)), axis)
            width = [(0, 0)] * x.ndim
            width[axis] = (max(0, front), max(0, back))
            if mode == "constant":
                x = np.pad(x, width, constant_values=border)
            elif max(front, back) < x.shape[axis]:
                x = np.pad(x, width, mode=mode)
            else:  # more than there is to reflect or to repeat
                raise Unsure
        return x
