"""Rules for dense layers and for what stands between them: batch norm, arithmetic, ReLU, clip."""

from __future__ import annotations

from fractions import Fraction
from functools import reduce
from operator import add, mul, sub, truediv

import numpy as np

from .. import exact
from ..exact import Real, Surd
from ..ops.matvec import MatVec
from ..real import Affine, Clip
from . import limits
from .context import RAW_HINT, Call
from .values import (
    Const, Data, Quantized, Refused, Value, as_objects, check_exact, compact, exact_array,
    per_channel, to_fractions,
)  # fmt: skip

_ARITHMETIC = {"Add": add, "Sub": sub, "Mul": mul, "Div": truediv}


def matmul(call: Call) -> Value:
    return _dense(call, call.value(1), transposed=False)


def gemm(call: Call) -> Value:
    """``alpha * x @ w + beta * c``."""
    if call.attributes.get("transA", 0):
        raise Refused("transA must be 0")
    out = _dense(call, call.value(1), transposed=bool(call.attributes.get("transB", 0)))
    out = out.then(Affine((call.fraction("alpha", 1.0),)))
    if not call.has(2):
        return out
    beta = call.fraction("beta", 1.0)
    bias = per_channel(call.exact(2, "its bias"), out, what="its bias")
    return out.then(Affine(offset=tuple(beta * b for b in bias)))


def _dense(call: Call, weights: Value, *, transposed: bool) -> Data:
    """``x @ w``: a `MatVec` over the integers, and the real meaning of what it counts."""
    x = call.value(0)
    if not isinstance(x, Data) or isinstance(weights, Data):
        raise Refused("its first operand must be data, its second constant weights")
    if not isinstance(weights, Quantized):
        raise Refused("its weights are not quantized; pass them through Quant or BipolarQuant")
    if x.type is None:
        raise Refused(f"it takes unquantized floats; {RAW_HINT}")
    real_x = x.affine
    if not x.quantized or real_x is None:
        raise Refused("its data are not quantized; put Quant or BipolarQuant right before it")
    if len(real_x.scale) != 1:
        raise Refused("its data must have one scale for all channels, not one for each")
    if weights.integers.ndim != 2 or len(x.shape) != 1:
        raise Refused("data must be [batch, features] and weights a matrix; flatten them first")
    w, scale = weights.integers, weights.scale
    if not transposed:
        w, scale = w.T, scale.T
    if w.shape[1] != x.size:
        raise Refused(f"its weights must take {x.size} features, not {w.shape[1]}")
    if scale.shape[1] != 1:
        columns = [compact(row) for row in scale.tolist()]
        if any(len(c) != 1 for c in columns):
            raise Refused("its weights must have one scale, or one for each output, not for each input")
        scale = np.array(columns, object)
    rows = compact(scale[:, 0].tolist())
    node = MatVec(
        name=call.builder.names.legal(call.node.name or f"{call.node.op}_{call.node.index}"),
        inputs=(x.edge,), operands=(call.builder.edges[x.edge],), weights=w, weight_type=weights.type,
    )  # fmt: skip
    call.builder.add(node, str(call.node))
    out = Data(node.name, node.y.type, (len(w),))
    sums = _offset_sums(w, real_x.offset, call)
    dot = Affine((Fraction(node.dot_gain),), compact([Fraction(int(o)) for o in node.dot_offset]))
    return out.then(dot).then(Affine(real_x.scale, sums)).then(Affine(rows))


def _offset_sums(w: np.ndarray, offset: tuple[Real, ...], call: Call) -> tuple[Real, ...]:
    """``w @ offset`` of the data's offsets, exact, one a row."""
    if len(offset) == 1:
        if not offset[0]:
            return (Fraction(0),)
        return compact([offset[0] * int(s) for s in w.sum(1)])
    call.builder.work.spend(w.size)
    columns = np.array(offset, object)
    return compact([reduce(add, (row * columns).tolist()) for row in w.astype(object)])


def batch_norm(call: Call) -> Value:
    """``gamma / sqrt(var + eps) * (x - mean) + beta`` over axis 1, the root exact."""
    x = call.data(0)
    if call.attributes.get("training_mode", 0):
        raise Refused("training_mode must be 0")
    channels = x.shape[0] if x.shape else 1
    names = ("its scale", "its bias", "its mean", "its variance")
    parts = [call.exact(i + 1, name) for i, name in enumerate(names)]
    for part, name in zip(parts, names, strict=True):
        if part.shape != (channels,):
            raise Refused(f"{name} must have {channels} numbers, not shape {list(part.shape)}")
    gamma, beta, mean, var = parts
    eps = call.fraction("epsilon", float(np.float32(1e-5)))
    total = var + eps
    if any(exact.sign(v) <= 0 for v in total):
        raise Refused("its variance plus epsilon must be above 0")
    scale = gamma / np.array([exact.sqrt(v) for v in total], object)
    shape = (channels, *[1] * (len(x.shape) - 1))
    what = "batch norm's numbers"
    return x.then(
        Affine(
            per_channel(scale.reshape(shape), x, what=what),
            per_channel((beta - mean * scale).reshape(shape), x, what=what),
        )
    )


def arithmetic(call: Call) -> Value:
    """Add, Sub, Mul and Div, of data and a constant or of two constants."""
    a, b, op = call.value(0), call.value(1), call.node.op
    if isinstance(a, Data) and isinstance(b, Data):
        raise Refused("one operand must be a constant; two branches of data are not accepted")
    if not isinstance(a, Data) and not isinstance(b, Data):
        return _fold(call, a, b)
    data, index = (a, 1) if isinstance(a, Data) else (b, 0)
    if op == "Div" and index == 0:
        raise Refused("data must not stand in the denominator")
    values = per_channel(call.exact(index, "its constant"), data, what="its constant")  # type: ignore[arg-type]
    if op == "Div":
        if not all(values):
            raise Refused("its divisor must not be zero")
        return data.then(Affine(tuple(exact.reciprocal(v) for v in values)))  # type: ignore[union-attr]
    if op == "Mul":
        return data.then(Affine(values))  # type: ignore[union-attr]
    if op == "Sub" and index == 0:
        return data.then(Affine((Fraction(-1),), values))  # type: ignore[union-attr]
    return data.then(Affine(offset=values if op == "Add" else tuple(-v for v in values)))  # type: ignore[union-attr]


def _fold(call: Call, a: Value, b: Value) -> Const:
    """Two constants: int64 as ONNX computes them, all else exactly."""
    whole = all(isinstance(v, Const) and v.array.dtype == np.int64 for v in (a, b))
    left, right = call.exact(0, "its operand"), call.exact(1, "its operand")
    try:
        shape = np.broadcast_shapes(left.shape, right.shape)
    except ValueError:
        raise Refused(
            f"its operands must have shapes that fit, not {list(left.shape)} and {list(right.shape)}"
        ) from None
    if len(shape) > limits.RANK:
        raise Refused(f"it must give at most {limits.RANK} axes")
    call.builder.work.spend(int(np.prod(shape, dtype=object)))
    if call.node.op == "Div" and not right.all():
        raise Refused("its divisor must not be zero")
    out = as_objects(_ARITHMETIC[call.node.op](left, right), shape)
    if whole:
        numbers = [int(v) for v in out.reshape(-1)]  # division of integers drops the fraction
        if any(not -(1 << 63) <= v < 1 << 63 for v in numbers):
            raise Refused("integers must fit 64 bits")
        return Const(np.array(numbers, np.int64).reshape(shape))
    check_exact(out.reshape(-1).tolist())
    return Const(out)


def negate(call: Call) -> Value:
    value = call.value(0)
    if isinstance(value, Data):
        return value.then(Affine((Fraction(-1),)))
    if isinstance(value, Quantized):
        return Quantized(value.integers, as_objects(-value.scale, value.scale.shape), value.type)
    array = call.exact(0, "its operand")
    return Const(as_objects(-array, array.shape)) if value.array.dtype != np.int64 else Const(-value.array)  # type: ignore[union-attr]


def power(call: Call) -> Value:
    """Pow, Sqrt and Reciprocal of constants; the root is kept exact."""
    if isinstance(call.value(0), Data):
        raise Refused("its base must be a constant, not data")
    base = call.exact(0, "its base")
    exponent = {"Sqrt": Fraction(1, 2), "Reciprocal": Fraction(-1)}.get(call.node.op)
    if exponent is None:
        exponent = call.number(1, "its exponent")
    rules = {
        Fraction(1): lambda v: v, Fraction(2): lambda v: v * v, Fraction(-1): _reciprocal,
        Fraction(1, 2): _root, Fraction(-1, 2): lambda v: _reciprocal(_root(v)),
    }  # fmt: skip
    if isinstance(exponent, Surd) or exponent not in rules:
        raise Refused(f"its exponent must be -1, -0.5, 0.5, 1 or 2, not {float(exponent):g}")
    out = np.empty(base.shape, object)
    out.reshape(-1)[:] = [rules[exponent](v) for v in base.reshape(-1)]
    check_exact(out.reshape(-1).tolist())
    return Const(out)


def _reciprocal(v: Real) -> Real:
    if not v:
        raise Refused("its divisor must not be zero")
    return exact.reciprocal(v)


def _root(v: Real) -> Real:
    if exact.sign(v) < 0:
        raise Refused(f"a square root must be of a number of at least 0, not {float(v):g}")
    return exact.sqrt(v)


def relu(call: Call) -> Value:
    return call.data(0).then(Clip(Fraction(0), None))


def clip(call: Call) -> Value:
    """Bounds as attributes (before opset 11) or inputs."""
    bounds: list[Fraction | None] = []
    for i, name in ((1, "min"), (2, "max")):
        if name in call.attributes and call.has(i):
            raise Refused(f"{name} must be given once, as attribute or as input")
        if name in call.attributes:
            bounds.append(call.fraction(name, 0.0))
        elif call.has(i):
            bound = call.number(i, f"its {name}")
            if isinstance(bound, Surd):
                raise Refused(f"its {name} must be rational")
            bounds.append(bound)
        else:
            bounds.append(None)
    lo, hi = bounds
    if lo is not None and hi is not None and lo > hi:
        raise Refused(f"its min must not be above its max, as {float(lo):g} is above {float(hi):g}")
    x = call.data(0)
    return x if lo is None and hi is None else x.then(Clip(lo, hi))
