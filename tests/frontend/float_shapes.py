"""The float evaluator's operators that arrange data, and constants, from the ONNX standard."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from frontend.float_numbers import Num
from onnx import helper, numpy_helper


def constant(attrs: dict[str, Any]) -> Num:
    ((name, value),) = attrs.items()
    if isinstance(value, onnx.TensorProto):
        return Num.of(numpy_helper.to_array(value))
    return Num.of(np.array(value, np.float32 if name.startswith("value_f") else np.int64))


def shape_step(op: str, a: list[Any], attrs: dict[str, Any]) -> Num:
    """The result of an operator of this module; NotImplementedError for any other."""
    if op == "Constant":
        return constant(attrs)
    x = a[0]
    axes = a[1].ints if len(a) > 1 and a[1] else list(attrs.get("axes", ()))
    if op == "Shape":
        return Num.of(np.array(x.v.shape, np.int64)[attrs.get("start", 0) : attrs.get("end")])
    if op == "Cast":
        to = helper.tensor_dtype_to_np_dtype(attrs["to"])
        if to.kind not in "iuf" or to.itemsize < 2 or x.v.dtype.kind not in "iuf":
            raise NotImplementedError(f"Cast to {to}")
        return Num(x.v.astype(to), x.e)
    if op == "Concat":
        return Num(
            *(np.concatenate(t, attrs["axis"]) for t in zip(*((n.v, n.e) for n in a), strict=True))
        )
    if op == "Gather":
        return x.map(lambda t: np.take(t, a[1].v, attrs.get("axis", 0)))
    if op == "Slice":
        given = [t.ints for t in a[1:]] or [list(attrs[k]) for k in ("starts", "ends")]
        starts, ends = given[:2]
        along = given[2] if len(given) > 2 else list(attrs.get("axes", range(len(starts))))
        steps = given[3] if len(given) > 3 else [1] * len(starts)
        parts = [slice(None)] * x.v.ndim
        for s, t, k, d in zip(starts, ends, along, steps, strict=True):
            parts[k] = slice(s, t, d)
        return x.map(lambda t: t[tuple(parts)])
    if op == "Transpose":
        return x.map(lambda t: t.transpose(attrs.get("perm")))
    if op == "Flatten":
        k = attrs.get("axis", 1)
        return x.map(lambda t: t.reshape(int(np.prod(t.shape[:k])), -1))
    if op == "Reshape":
        keep = attrs.get("allowzero", 0)
        shape = [x.v.shape[i] if s == 0 and not keep else s for i, s in enumerate(a[1].ints)]
        return x.map(lambda t: t.reshape(shape))
    if op == "Squeeze":
        return x.map(lambda t: t.squeeze(tuple(axes) or None))
    if op == "Unsqueeze":
        return x.map(lambda t: np.expand_dims(t, tuple(axes)))
    raise NotImplementedError(op)
