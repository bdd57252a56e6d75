"""Rules for elementwise operators: batch norm, arithmetic, ReLU, clip; also on constants."""

from fractions import Fraction
from operator import add, mul, sub, truediv
from typing import cast

import numpy as np

from ...exact import Real, Surd, reciprocal, sign, sqrt
from ...real import Affine, Clip, Leaky
from ..reader import limits
from ..symbolic import (
    Call,
    Const,
    Data,
    Known,
    Quantized,
    RefusedError,
    as_objects,
    brief,
    check_exact,
    per_channel,
)
from . import activations, addition, stream_products
from .broadcasts import check_one_shape
from .layouts import either, on_last
from .table import CHANNELS_LAST, Versioned, rule, since, until

_ARITHMETIC = {"Add": add, "Sub": sub, "Mul": mul, "Div": truediv}


NORM: dict[str, type | Versioned] = {"epsilon": float, "momentum": float}


@rule(
    "BatchNormalization",
    inputs=5,
    layout="spatial",
    spatial=until(8, int),
    training_mode=since(14, int),
    attributes=NORM,
)
def batch_norm(call: Call) -> Known:
    """``gamma / sqrt(var + eps) * (x - mean) + beta`` over axis 1, the root exact."""
    x = call.data(0)
    if call.int_attribute("training_mode", 0):
        raise RefusedError("training_mode must be 0")
    if call.int_attribute("spatial", 1) != 1:
        raise RefusedError("spatial must be 1: one mean and one variance for each channel")
    channels = x.shape[0] if x.shape else 1
    names = ("its scale", "its bias", "its mean", "its variance")
    parts = [call.exact(i + 1, name) for i, name in enumerate(names)]
    for part, name in zip(parts, names, strict=True):
        if part.shape != (channels,):
            raise RefusedError(f"{name} must have {channels} numbers, not shape {list(part.shape)}")
    gamma, beta, mean, var = parts
    eps = call.fraction("epsilon", float(np.float32(1e-5)))
    total = var + eps
    if any(sign(v) <= 0 for v in total):
        raise RefusedError("its variance plus epsilon must be above 0")
    scale = gamma / np.array([sqrt(v) for v in total], object)
    shape = (channels, *[1] * (len(x.shape) - 1))
    what = "batch norm's numbers"
    step = Affine(
        per_channel(scale.reshape(shape), x, what=what),
        per_channel((beta - mean * scale).reshape(shape), x, what=what),
    )
    return call.then(x, step)


rule(
    "BatchNormalization",
    domain=CHANNELS_LAST,
    inputs=5,
    layout="spatial",
    training_mode=int,
    attributes=NORM,
)(on_last(batch_norm))


@rule("Add", inputs=2, layout="same")
@rule("Sub", inputs=2, layout="same")
@rule("Mul", inputs=2, layout="same")
@rule("Div", inputs=2, layout="same")
@either
def arithmetic(call: Call) -> Known:
    """Add, subtract, multiply or divide data and a constant, or two constants."""
    return combined(call, call.node.op)


@rule("Sum", inputs=(1, limits.NODE_ITEMS), layout="same")
@rule("Mean", inputs=(1, limits.NODE_ITEMS), layout="same")
def total(call: Call) -> Known:
    """Add up all operands; a mean is their sum divided by their number."""
    check_one_shape(call)
    out = call.value(0)
    for i in range(1, len(call.values)):
        out = cast("Known", _plus(Call(call.builder, call.node, [out, call.value(i)])))
    if call.node.op == "Sum":
        return out
    count = Const(np.array(len(call.values), np.float64))
    return combined(Call(call.builder, call.node, [out, count]), "Div")


@either
def _plus(call: Call) -> Known:
    return combined(call, "Add")


def combined(call: Call, op: str) -> Known:
    """Return the two operands of ``call`` combined by the arithmetic operator ``op``."""
    a, b = call.value(0), call.value(1)
    if isinstance(a, Data):
        if isinstance(b, Data):
            together = activations.combined(call, op, a, b)
            if together is not None:
                return together
            if op in ("Add", "Sub"):
                return addition.add(call)
            if op == "Mul":
                return stream_products.multiply(call)
            raise RefusedError("its divisor must be a constant, not data")
        data, constant = a, 1
    elif isinstance(b, Data):
        data, constant = b, 0
    else:
        return _fold(call, a, b, op)
    if op == "Div" and constant == 0:
        raise RefusedError("data must not stand in the denominator")
    values = per_channel(call.exact(constant, "its constant"), data, what="its constant")
    if op == "Div":
        step = Affine(tuple(inverse(v) for v in values))
    elif op == "Mul":
        step = Affine(values)
    elif op == "Sub" and constant == 0:
        step = Affine((Fraction(-1),), values)
    else:
        step = Affine(offset=values if op == "Add" else tuple(-v for v in values))
    return call.then(data, step)


def _fold(call: Call, a: Const | Quantized, b: Const | Quantized, op: str) -> Known:
    """Compute with two constants: int64 as ONNX does, everything else exactly."""
    for one, other, index in ((a, b, 1), (b, a, 0)):
        single = isinstance(other, Const) and other.array.size == 1
        scales = op == "Mul" or (op == "Div" and index == 1)
        if isinstance(one, Quantized) and single and scales:
            return _rescaled(call, one, index, op)
    whole = all(isinstance(v, Const) and v.array.dtype == np.int64 for v in (a, b))
    kind = "any" if whole else "floats"
    first, second = (call.exact(i, "its operand", like=kind) for i in (0, 1))
    try:
        shape = np.broadcast_shapes(first.shape, second.shape)
    except ValueError:
        raise RefusedError(
            "its operands must have shapes that fit,"
            f" not {list(first.shape)} and {list(second.shape)}"
        ) from None
    if len(shape) > limits.RANK:
        raise RefusedError(f"its result must have at most {limits.RANK} axes")
    call.builder.work.spend(int(np.prod(shape, dtype=object)))
    if op == "Div" and not second.all():
        raise RefusedError("its divisor must not be zero")
    out = as_objects(_ARITHMETIC[op](first, second), shape)
    if whole:
        return whole_numbers(out)  # division of integers drops the fraction
    check_exact(out.reshape(-1).tolist())
    return Const(out)


def _rescaled(call: Call, weights: Quantized, index: int, op: str) -> Quantized:
    """Multiply or divide a quantized constant by input ``index``, a single number."""
    factor = call.number(index, "its constant")
    scale = weights.scale * (inverse(factor) if op == "Div" else factor)
    check_exact(scale.reshape(-1).tolist())
    return Quantized(weights.integers, scale, weights.type)


@rule("Neg", inputs=1, layout="same")
def negate(call: Call) -> Known:
    """``-x``."""
    value = call.value(0)
    if isinstance(value, Data):
        return call.then(value, Affine((Fraction(-1),)))
    if isinstance(value, Quantized):
        return Quantized(value.integers, as_objects(-value.scale, value.scale.shape), value.type)
    if value.array.dtype == np.int64:
        if (value.array == np.iinfo(np.int64).min).any():
            raise RefusedError("integers must fit 64 bits")
        return Const(-call.integers(0, "its operand"))
    array = call.exact(0, "its operand")
    return Const(as_objects(-array, array.shape))


def whole_numbers(numbers: np.ndarray) -> Const:
    """Return whole numbers, which must fit 64 bits, as integers."""
    whole = [int(v) for v in numbers.reshape(-1)]
    if any(not -(1 << 63) <= v < 1 << 63 for v in whole):
        raise RefusedError("integers must fit 64 bits")
    return Const(np.array(whole, np.int64).reshape(numbers.shape))


def inverse(v: Real) -> Real:
    if not v:
        raise RefusedError("its divisor must not be zero")
    return reciprocal(v)


@rule("Relu", inputs=1, layout="same", integers="kept")
def relu(call: Call) -> Known:
    """``max(x, 0)``."""
    return call.then(call.data(0), Clip(Fraction(0), None))


@rule(
    "Clip",
    inputs={1: 1, 11: (1, 3)},
    layout="same",
    integers="kept",
    min=until(10, float),
    max=until(10, float),
)
def clip(call: Call) -> Known:
    """Clip to bounds that are attributes (before opset 11) or inputs."""
    x = call.value(0)
    whole = isinstance(x, Const) and x.array.dtype == np.int64
    bounds: list[Fraction | None] = []
    for i, name in ((1, "min"), (2, "max")):
        if name in call.attributes:
            bounds.append(call.fraction(name, 0.0))
        elif call.has(i):
            bound = call.number(i, f"its {name}", like="integers" if whole else "data")
            if isinstance(bound, Surd):
                raise RefusedError(f"its {name} must be rational")
            bounds.append(bound)
        else:
            bounds.append(None)
    lo, hi = bounds
    if lo is not None and hi is not None and lo > hi:
        raise RefusedError(f"its min must not be above its max, not {brief(lo)} and {brief(hi)}")
    if not isinstance(x, Data):
        return _clipped(call, lo, hi)
    return x if lo is None and hi is None else call.then(x, Clip(lo, hi))


def _clipped(call: Call, lo: Fraction | None, hi: Fraction | None) -> Const:
    """Clip a constant: integers stay integers, and floats floats where the bounds are such."""
    value = call.value(0)
    if isinstance(value, Const) and value.array.dtype != object and not value.depends_on_batch:
        array, ends = value.array, [_of_type(b, value.array.dtype) for b in (lo, hi)]
        if (lo is None or ends[0] is not None) and (hi is None or ends[1] is not None):
            clipped = array if ends[0] is None else np.maximum(array, ends[0])
            clipped = clipped if ends[1] is None else np.minimum(clipped, ends[1])
            return Const(clipped.astype(array.dtype))
    out, inner = call.exact(0, "its operand", like="any"), Clip(lo, hi)
    flat = [inner(v, 0) for v in out.reshape(-1)]
    made = np.empty(out.shape, object)
    made.reshape(-1)[:] = flat
    return Const(made)


def _of_type(bound: Fraction | None, dtype: np.dtype) -> np.generic | None:
    """Return a number as one of an array's type; None where it is none of these."""
    if bound is None or (dtype.kind == "i" and (bound.denominator != 1 or abs(bound) >= 1 << 62)):
        return None
    with np.errstate(over="ignore"):
        made = dtype.type(bound)
    return made if np.isfinite(made) and Fraction(made.item()) == bound else None


@rule("LeakyRelu", inputs=1, layout="same", alpha=float)
@rule("PRelu", inputs=2, layout="same")
def leaky(call: Call) -> Known:
    """Scale negative numbers by one slope, or by one for each channel."""
    x = call.data(0)
    if call.node.op == "LeakyRelu":
        return call.then(x, Leaky((call.fraction("alpha", float(np.float32(0.01))),)))
    slope = call.exact(1, "its slope")
    if slope.ndim < len(x.shape) and slope.size > 1:
        raise RefusedError(
            f"its slope must be a single number or of shape [{x.shape[0]}, 1, ..],"
            f" not {list(slope.shape)}"
        )
    return call.then(x, Leaky(per_channel(slope, x, what="its slope")))
