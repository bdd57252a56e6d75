"""Steps of random models that act on each element or on the channels: quantizers, layers, sums."""

from __future__ import annotations

import numpy as np
from bitrill.frontend.reader.local_functions import DOMAIN
from frontend.onnx_models import MICROSOFT, QONNX
from fuzz.random_net import FURTHER_MODES, MODES, Draw, Unfit
from ml_dtypes import iinfo, int4, uint4


def per_channel(d: Draw, x: str, share: float = 0.1) -> tuple[int, ...]:
    """A shape of one number, or of one for each channel."""
    shape = d.shape_of(x)
    if len(shape) < 2 or not d.maybe(share):
        return d.one((), (), (1,), (1,) * len(shape))
    return (1, shape[1], *[1] * (len(shape) - 2))


def quant(d: Draw, x: str) -> str:
    """qonnx's Quant or IntQuant."""
    bits, signed = d.whole(1, 9), d.whole(0, 2)
    if bits == 1 and signed and d.maybe(0.7):
        bits = 2
    bits = d.whole(9, 13) if d.maybe(0.05) else bits
    shape = per_channel(d, x)
    zero = np.float32(0)
    if d.maybe(0.15):
        zero = np.float32(d.whole(-3, 4) if d.maybe(0.8) else 0.5)
    mode = d.one(*MODES) if d.maybe(0.9) else d.one(*FURTHER_MODES)
    return d.quant(
        x,
        d.scale(x, bits, shape=shape),
        zero,
        float(bits),
        signed=signed,
        narrow=int(d.maybe(0.3)),
        rounding=mode,
        op=d.one("Quant", "Quant", "IntQuant"),
    )


def bipolar(d: Draw, x: str) -> str:
    return d.bipolar(x, d.scale(x, 1, shape=per_channel(d, x, 0.1)))


def qdq(d: Draw, x: str) -> str:
    """QuantizeLinear and DequantizeLinear."""
    d.need(d.later(10))
    dtype = d.one(np.uint8, np.int8)
    if d.later(21) and d.maybe(0.3):
        dtype = d.one(int4, uint4, np.int16, np.uint16)
    low, values = int(iinfo(dtype).min), int(iinfo(dtype).max) - int(iinfo(dtype).min) + 1
    zero = d.one(low, 0, low + values // 2, low + d.whole(0, values))
    many = d.later(13) and len(d.shape_of(x)) > 1 and d.maybe(0.1)
    shape = (d.shape_of(x)[1],) if many else ()
    scale = d.scale(x, 7, shape=shape)
    s, z = d.const(scale), d.const(np.full(shape, zero), dtype)
    operands = (s,) if dtype == np.uint8 and d.maybe(0.1) else (s, z)
    domain = MICROSOFT if not many and d.maybe(0.1) else ""
    q = d.node("QuantizeLinear", x, *operands, domain=domain)
    return d.node("DequantizeLinear", q, *operands, domain=domain)


def log_quantized(d: Draw, x: str) -> str:
    """The quantizer to 0 and powers of two, of numbers that are mostly above 0."""
    d.need(d.later(13) and not d.later(21))
    y = d.node("Relu", x) if d.maybe() else x
    return d.log_quant(y, d.scale(x, 3, shape=per_channel(d, x)), d.whole(1, 5))


def multi_threshold(d: Draw, x: str) -> str:
    shape = d.shape_of(x)
    d.need(len(shape) > 1)
    rows = d.one(1, shape[1])
    table = np.sort(d.rng.normal(0, d.size_of(x), (rows, d.one(1, 3, 7))), 1)
    options = {"out_scale": d.one(1.0, 2.0, 0.25), "out_bias": d.one(0.0, -1.0, -0.5)}
    if len(shape) == 3:
        options["data_layout"] = "NCW"
    return d.node("MultiThreshold", x, d.const(table), domain=QONNX, out_dtype="INT8", **options)


def truncated(d: Draw, x: str) -> str:
    """A Trunc of a quantizer's integers."""
    scale = d.scale(x, 6)
    y = d.quant(x, scale, bits=8.0)
    parts = [d.const(v) for v in (scale, 0.0, 8.0, float(d.whole(2, 8)))]
    return d.node("Trunc", y, *parts, domain=QONNX, rounding_mode=d.one("FLOOR", "ROUND", "CEIL"))


QUANTIZERS = (
    quant,
    quant,
    quant,
    quant,
    quant,
    bipolar,
    qdq,
    qdq,
    qdq,
    multi_threshold,
    truncated,
    log_quantized,
)


def quantized(d: Draw, x: str) -> str:
    """A tensor behind some quantizer."""
    for _ in range(8):
        try:
            y = d.one(*QUANTIZERS)(d, x)
        except Unfit:
            continue
        d.integers.append(y)
        return y
    raise Unfit


def on_grid(d: Draw, x: str) -> str:
    """The tensor, quantized if it is not; now and then left as it is."""
    return x if x in d.integers or d.maybe(0.04) else quantized(d, x)


def weights(d: Draw, *shape: int, channel: int = 0) -> str:
    """Weights of that shape; scales may differ along the axis ``channel``."""
    w = d.const(d.rng.normal(0, 1, shape))
    along = [1] * len(shape)
    along[channel] = shape[channel]
    many = tuple(along) if d.maybe(0.4) else ()
    kind = d.rng.random()
    if kind < 0.12:
        return d.bipolar(w, d.scale(w, 1, shape=many))
    if kind < 0.3 and d.later(13):
        return integers(d, shape, channel, bool(many))
    if kind < 0.4:
        return d.const(d.rng.integers(-7, 8, shape) * (0.1 if d.maybe(0.1) else d.one(1, 0.25)))
    if kind < 0.47:  # each weight has its own power of two
        return d.quant(w, 2.0 ** d.rng.integers(-4, 0, shape), bits=float(d.whole(2, 6)))
    bits = d.whole(2, 9)
    narrow, mode = int(d.maybe()), d.one("ROUND", "ROUND", "FLOOR", "ROUND_TO_ZERO")
    zero = 0.0 if d.maybe(0.92) else float(d.whole(-2, 3))
    scale = d.scale(w, bits, shape=many)
    return d.quant(w, scale, zero, float(bits), narrow=narrow, rounding=mode)


def integers(d: Draw, shape: tuple[int, ...], channel: int, many: bool) -> str:
    """Weights of int8 with DequantizeLinear behind them."""
    w = d.const(d.rng.integers(-127, 128, shape), np.int8)
    size = (shape[channel],) if many else ()
    s = d.const(2.0 ** d.rng.integers(-7, -3, size) * d.one(1.0, 1.1))
    z = d.const(np.full(size, 0 if d.maybe(0.9) else 3), np.int8)
    return d.node("DequantizeLinear", w, s, z, axis=channel)


def dense(d: Draw, x: str) -> str:
    x = on_grid(d, x)
    rank = len(d.shape_of(x))
    if rank > 2 and d.maybe(0.85):
        x = d.node("Transpose", x, perm=[0, *range(2, rank), 1])
        y = dense_last(d, x, d.shape_of(x)[-1])
        back = [0, rank - 1, *range(1, rank - 1)]
        return d.node("Transpose", y, perm=back) if d.maybe(0.8) else y
    return dense_last(d, x, d.shape_of(x)[-1])


def dense_last(d: Draw, x: str, n: int) -> str:
    """A layer over the last axis, of ``n`` numbers."""
    rows, rank = d.whole(1, 6), len(d.shape_of(x))
    if rank != 2 or d.maybe():
        if d.maybe():
            y = d.node("MatMul", x, weights(d, n, rows, channel=1))
        else:
            y = d.node("MatMul", x, d.node("Transpose", weights(d, rows, n), perm=[1, 0]))
        return d.node("Add", y, d.const(d.rng.normal(0, 2, rows))) if d.maybe(0.3) else y
    flip = d.whole(0, 2)
    w = weights(d, rows, n) if flip else weights(d, n, rows, channel=1)
    options = {"transB": flip} if flip or d.maybe() else {}
    if d.maybe(0.3):
        options["alpha"] = d.one(0.5, 2.0, -1.0, 0.3)
    if d.maybe(0.3):
        options["beta"] = d.one(0.5, 2.0, 0.0)
    bias = d.const(d.rng.normal(0, 2, d.one((rows,), (1, rows), (1,))))
    return d.node("Gemm", x, w, *(() if d.later(11) and d.maybe() else (bias,)), **options)


def norm(d: Draw, x: str) -> str:
    shape = d.shape_of(x)
    d.need(len(shape) > 1)
    return d.norm(x, shape[1], seed=d.whole(0, 1000))


def relu(d: Draw, x: str) -> str:
    return d.node("Relu", x)


def clip(d: Draw, x: str) -> str:
    low, high = np.sort(d.rng.normal(0, 1.5 * d.size_of(x), 2)).astype(np.float32)
    if d.maybe(0.3):
        low, high = np.float32(0), np.float32(6)
    if d.later(11):
        ends = [d.const(low) if d.maybe(0.8) else "", d.const(high)]
        return d.node("Clip", x, *ends[: d.one(1, 2, 2, 2)])
    return d.node("Clip", x, min=float(low), max=float(high))


def leaky(d: Draw, x: str) -> str:
    if d.maybe():
        return d.node("LeakyRelu", x, **({"alpha": d.one(0.1, 0.25, -0.5)} if d.maybe() else {}))
    shape = d.shape_of(x)
    d.need(len(shape) > 1)
    slope = d.one((1,), (shape[1], *[1] * (len(shape) - 2)))
    return d.node("PRelu", x, d.const(d.rng.uniform(-0.3, 1, slope)))


FUNCTIONS = {
    "Sigmoid": 7,
    "Tanh": 7,
    "HardSigmoid": 7,
    "Elu": 7,
    "Selu": 7,
    "Softplus": 7,
    "Softsign": 7,
    "Abs": 7,
    "Exp": 7,
    "Erf": 9,
    "Sign": 9,
    "Celu": 12,
    "HardSwish": 14,
    "Mish": 18,
    "Gelu": 20,
    "Swish": 24,
}
"""Activation functions, and the first opset that has each."""

WITH_ALPHA = ("HardSigmoid", "Elu", "Selu", "Celu", "Swish")


def function(d: Draw, x: str) -> str:
    op = d.one(*[f for f, first in FUNCTIONS.items() if d.later(first)])
    options = {"alpha": d.one(0.5, 1.0, 0.2)} if op in WITH_ALPHA and d.maybe(0.4) else {}
    if op == "Gelu" and d.maybe():
        options = {"approximate": "tanh"}
    rising = op in ("Abs", "HardSwish", "Mish", "Gelu", "Swish")
    y = d.node(op, on_grid(d, x) if rising else x, **options)
    return quantized(d, y) if d.maybe(0.8) else y


def product(d: Draw, x: str) -> str:
    """``x * f(x)``, a power, or the logarithm of what is above 0."""
    x = on_grid(d, x)
    if d.maybe(0.15):
        above = d.node("Add", d.node("Relu", x), d.const(d.one(0.25, 1.0)))
        return quantized(d, d.node("Log", above))
    if d.maybe(0.3):
        y = d.node("Pow", x, d.const(float(d.one(2, 3, 4, 0.5))))
    else:
        y = d.node("Mul", x, d.node(d.one("Sigmoid", "Tanh", "HardSigmoid"), x))
    return quantized(d, y) if d.maybe(0.8) else y


def shift(d: Draw, x: str) -> str:
    """Add, Sub, Mul, Div, Max, Min with a constant, of one number or one a channel."""
    op = d.one("Add", "Sub", "Mul", "Div", "Max", "Min")
    numbers = d.rng.normal(0, 1, per_channel(d, x, 0.5))
    if op in ("Mul", "Div"):
        numbers = np.where(numbers < 0, -1, 1) * d.one(2.0, 0.5, 0.3, 1.0, 3.0)
        numbers = numbers * 2.0 ** d.rng.integers(-1, 2, numbers.shape)
        numbers = numbers * (0.0 if op == "Mul" and d.maybe(0.03) else 1.0)
    else:
        numbers = numbers * d.size_of(x)
    operands = (x, d.const(numbers))
    return d.node(op, *(operands if op == "Div" or d.maybe(0.8) else operands[::-1]))


def plain(d: Draw, x: str) -> str:
    op = d.one(*["Identity", "Dropout", "Neg", "Ceil", "Floor", "Round"] * 6, "Sqrt", "Reciprocal")
    d.need(op != "Round" or d.later(11))
    return d.node(op, x)


def partner(d: Draw, x: str) -> str:
    """A tensor of the same shape: an older one, or a branch."""
    shape = d.shape_of(x)
    older = [t for t in d.older() if t != x and d.shape_of(t) == shape]
    if older and d.maybe(0.75):
        return d.one(*older)
    y = quantized(d, x)
    return d.one(relu, shift, norm, quantized)(d, y) if d.maybe(0.4) else y


def total(d: Draw, x: str) -> str:
    """A sum of tensors, the greater of two, or their mean."""
    parts = [on_grid(d, x)]
    for _ in range(d.one(1, 1, 1, 2, 3)):
        parts.append(on_grid(d, partner(d, parts[0])))
    op = d.one("Add", "Add", "Add", "Sub", "Sum", "Sum", "Mean", "Max", "Min", "Mul")
    if op in ("Sum", "Mean", "Max", "Min"):
        return d.node(op, *parts)
    y = parts[0]
    for part in parts[1:]:
        y = d.node(op, y, part)
    return y


def gated(d: Draw, x: str) -> str:
    """The tensor times a number for each channel, or for each place, that it decides itself."""
    x = on_grid(d, x)
    d.need(len(d.shape_of(x)) > 2)
    if d.maybe(0.7):
        gate = quantized(d, d.node(d.one("GlobalAveragePool", "GlobalMaxPool"), x))
        gate = dense(d, gate) if d.maybe() else gate
    else:
        gate = d.node("ReduceMax", x, axes=[1]) if not d.later(18) else x
    gate = quantized(d, d.node("Sigmoid", gate) if d.maybe() else gate)
    return d.node("Mul", *((x, gate) if d.maybe(0.7) else (gate, x)))


def attended(d: Draw, x: str) -> str:
    """Rows times those of another tensor, and perhaps what comes of it times a third one."""
    x = on_grid(d, x)
    rank = len(d.shape_of(x))
    d.need(rank > 2)
    rows = on_grid(d, partner(d, x))
    y = d.node("MatMul", x, d.node("Transpose", rows, perm=[*range(rank - 2), rank - 1, rank - 2]))
    y = quantized(d, y) if d.maybe(0.7) else y
    if d.later(13) and not d.later(21) and d.maybe():
        y = d.node("IntSoftmax", y, domain=DOMAIN, exponent=d.whole(4, 9), bits=d.whole(2, 9))
    if d.maybe():
        y = d.node("MatMul", y, on_grid(d, partner(d, x)))
    return quantized(d, y) if d.maybe() else y


ELEMENTWISE = (
    quantized,
    dense,
    norm,
    relu,
    clip,
    leaky,
    function,
    product,
    shift,
    plain,
    total,
    gated,
)
