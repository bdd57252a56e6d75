"""Evaluates ONNX graphs in float64 with bounds of the error; shares no code with Bitrill.

Each float tensor is a pair of values and bounds on their error (running error analysis: Higham,
"Accuracy and Stability of Numerical Algorithms", 3.3). If a quantizer's input is nearer to one of
its boundaries than its bound, float64 cannot decide, and `Undecided` says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from frontend.float_exact import exact, grid
from onnx import helper, numpy_helper

U = 2.0**-52


class Undecided(Exception):  # noqa: N818
    """A quantizer's input lies too close to a boundary for float64."""


@dataclass
class Num:
    """A float tensor ``v`` with a bound ``e`` of its error: ``|true - v| <= e``."""

    v: np.ndarray
    e: np.ndarray

    @staticmethod
    def of(a: Any) -> Num:
        v = np.asarray(a)
        return (
            Num(v, np.zeros(v.shape))
            if v.dtype.kind in "iub"
            else Num(v.astype(np.float64), np.zeros(v.shape))
        )

    def map(self, f: Any) -> Num:
        return Num(np.asarray(f(self.v)), np.asarray(f(self.e)))

    @property
    def ints(self) -> list[int]:
        return [int(i) for i in self.v.reshape(-1)]


def rounded(v: np.ndarray, e: np.ndarray, exactly: bool = False) -> Num:
    v = np.asarray(v)
    if v.dtype.kind in "iu":
        return Num(v, np.zeros(v.shape))
    return Num(v, np.asarray(e + (0 if exactly else np.abs(v) * U + 1e-300)))


def known(*numbers: Num) -> bool:
    """Whether numbers are without error."""
    return not any(n.e.any() for n in numbers)


def add(a: Num, b: Num) -> Num:
    exactly = known(a, b) and exact(np.abs(a.v) + np.abs(b.v), min(grid(a.v), grid(b.v)), U)
    return rounded(a.v + b.v, a.e + b.e, exactly)


def sub(a: Num, b: Num) -> Num:
    return add(a, Num(-b.v, b.e))


def mul(a: Num, b: Num) -> Num:
    v = a.v * b.v
    exactly = known(a, b) and exact(np.abs(v), grid(a.v) + grid(b.v), U)
    return rounded(v, np.abs(a.v) * b.e + np.abs(b.v) * a.e + a.e * b.e, exactly)


def div(a: Num, b: Num) -> Num:
    if a.v.dtype.kind in "iu" and b.v.dtype.kind in "iu":
        return Num(np.trunc(a.v / b.v).astype(np.int64), np.zeros(()))
    low = np.abs(b.v) - b.e
    if (low <= 0).any():
        raise Undecided
    v = a.v / b.v
    exactly = known(a, b) and (v * b.v == a.v).all() and exact(np.abs(a.v), grid(v) + grid(b.v), U)
    return rounded(v, (a.e + np.abs(v) * b.e) / low, exactly)


def total(x: Num, axis: Any, keepdims: bool = False) -> Num:
    """The sum along axes."""
    size, n = np.abs(x.v).sum(axis, keepdims=keepdims), x.v.size
    exactly = known(x) and exact(size, grid(x.v), U)
    error = x.e.sum(axis, keepdims=keepdims) + (0 if exactly else n * U) * size
    return Num(x.v.sum(axis, keepdims=keepdims), np.asarray(error))


def root(a: Num) -> Num:
    if (a.v - a.e < 0).any():
        raise Undecided
    return rounded(np.sqrt(a.v), np.sqrt(a.v + a.e) - np.sqrt(a.v - a.e))


def matmul(a: Num, b: Num) -> Num:
    x, y = np.abs(a.v), np.abs(b.v)
    n, size = a.v.shape[-1], x @ y
    exactly = known(a, b) and exact(size, grid(a.v) + grid(b.v), U)
    error = (x + a.e) @ b.e + a.e @ y + (0 if exactly else n * U) * size
    return rounded(a.v @ b.v, error, exactly)


ROUND = {
    "ROUND": np.round,
    "HALF_EVEN": np.round,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "DOWN": np.trunc,
    "ROUND_TO_ZERO": np.trunc,
    "UP": lambda v: np.sign(v) * np.ceil(np.abs(v)),
    "HALF_UP": lambda v: np.sign(v) * np.floor(np.abs(v) + 0.5),
    "HALF_DOWN": lambda v: np.sign(v) * np.ceil(np.abs(v) - 0.5),
}


def sure(f: Any, a: Num) -> np.ndarray:
    """The value of the monotone step function ``f``, if both ends of the interval agree."""
    lo, hi = f(a.v - a.e), f(a.v + a.e)
    if (lo != hi).any():
        raise Undecided
    return f(a.v)


def quant(x: Num, scale: Num, zero: Num, bits: Num, attrs: dict[str, Any]) -> Num:
    n, signed, narrow = bits.v.astype(float), attrs["signed"], attrs["narrow"]
    v = add(div(x, scale), zero)
    if n.size == 1 and n.reshape(-1)[0] == 1 and signed:
        q = sure(lambda t: np.where(t >= 0, 1.0, -1.0), v)
    else:
        lo = -(2.0 ** (n - 1)) + narrow if signed else 0.0 * n
        hi = 2.0 ** (n - 1) - 1 if signed else 2.0**n - 1 - narrow
        mode = ROUND[attrs.get("rounding_mode", b"ROUND").decode().upper()]
        q = sure(lambda t: mode(np.maximum(np.minimum(t, hi), lo)), v)
    return mul(sub(Num.of(q), zero), scale)


def trunc(a: list[Num], attrs: dict[str, Any]) -> Num:
    x, scale, zero, bits_in = a[:4]
    v = sure(np.round, add(div(x, scale), zero))
    bits = int(a[-1].v.reshape(-1)[0])
    step = 2.0 ** (float(bits_in.v.reshape(-1)[0]) - bits)
    if len(a) == 6:
        step = 2.0 ** np.round(np.log2(a[4].v / scale.v))
        lo = -(2.0 ** (bits - 1)) + attrs["narrow"] if attrs["signed"] else 0.0
        hi = 2.0 ** (bits - attrs["signed"]) - 1 - (0 if attrs["signed"] else attrs["narrow"])
        v = np.clip(v / step, lo, hi) * step
    q = ROUND[attrs["rounding_mode"].decode().upper()](v / step)
    shift = div(zero, Num.of(step)) if len(a) == 6 else zero
    return mul(sub(Num.of(q), shift), a[4] if len(a) == 6 else scale)


def multi_threshold(x: Num, table: Num, attrs: dict[str, Any]) -> Num:
    last = attrs.get("data_layout", b"NCHW").endswith(b"C") and x.v.ndim > 2
    x = x.map(lambda t: np.moveaxis(t, -1, 1)) if last else x
    total = np.zeros(x.v.shape)
    for column in table.v.T:
        bound = column.reshape(-1, *[1] * (x.v.ndim - 2))
        total += sure(lambda t, b=bound: (t >= b).astype(float), x)
    y = total * np.float64(attrs.get("out_scale", 1.0)) + np.float64(attrs.get("out_bias", 0.0))
    return Num.of(np.moveaxis(y, 1, -1) if last else y)


def bipolar(x: Num, scale: Num) -> Num:
    return mul(Num.of(sure(lambda t: np.where(t >= 0, 1.0, -1.0), x)), scale)


def log_quant(x: Num, scale: Num, bits: int) -> Num:
    """The quantizer to 0 and powers of two, nearest by the logarithm (`docs/format.md`)."""
    bounds = 2.0 ** (np.arange(2**bits - 1) - 0.5)
    ratio = div(x, scale)
    ratio.e += np.abs(ratio.v) * U  # of the bounds
    code = sure(lambda t: np.searchsorted(bounds, t, side="right"), ratio)
    return mul(Num.of(np.where(code > 0, 2.0 ** (code - 1.0), 0.0)), scale)


def l1_matmul(x: Num, w: Num) -> Num:
    """``-sum |x - w|``, with rounding errors of each difference and each partial sum."""
    far = sub(Num(x.v[..., None], x.e[..., None]), w)
    total = np.abs(far.v).sum(-2)
    return rounded(-total, far.e.sum(-2) + len(w.v) * U * total)


def evaluate(proto: onnx.ModelProto, x: np.ndarray, error: float = 0.0) -> Num:
    """The model's first output for the float input ``x`` (with the batch axis)."""
    return evaluate_all(proto, x, error)[0]


def evaluate_all(proto: onnx.ModelProto, x: np.ndarray, error: float = 0.0) -> list[Num]:
    """The model's outputs for the float input ``x`` (with the batch axis)."""
    env = {t.name: Num.of(numpy_helper.to_array(t)) for t in proto.graph.initializer}
    (name,) = [i.name for i in proto.graph.input if i.name not in env]
    env[name] = Num(x.astype(np.float64), np.abs(x) * error)
    needed, nodes = {o.name for o in proto.graph.output}, []
    for node in reversed(proto.graph.node):
        if needed.intersection(node.output):
            nodes.insert(0, node)
            needed.update(node.input)
    for node in nodes:
        env |= results(node, env)
    return [env[o.name] for o in proto.graph.output]


def results(node: onnx.NodeProto, env: dict[str, Num]) -> dict[str, Num]:
    """What one node gives, by the names of its outputs."""
    from frontend.float_heads import top_k
    from frontend.float_operators import split

    args = [env[i] if i else None for i in node.input]
    attrs = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type == "Split":
        return dict(zip(node.output, split(args, attrs, len(node.output)), strict=True))
    if node.op_type == "TopK":
        return dict(zip(node.output, top_k(args, attrs), strict=True))
    last = node.domain == "qonnx.custom_op.channels_last"
    if last:
        for i in range(2 if node.op_type == "Conv" else 1):
            args[i] = args[i].map(lambda t: np.moveaxis(t, -1, 1))
    out = step(node.op_type, args, attrs)
    return {node.output[0]: out.map(lambda t: np.moveaxis(t, 1, -1)) if last else out}


def step(op: str, a: list[Any], attrs: dict[str, Any]) -> Num:
    simple = {"Add": add, "Sub": sub, "Mul": mul, "Div": div, "MatMul": matmul, "Sqrt": root}
    if op in simple:
        return simple[op](*a)
    if op in ("Quant", "IntQuant"):
        return quant(*a, attrs)
    if op == "LogQuant":
        return log_quant(*a, attrs["bits"])
    if op == "L1MatMul":
        return l1_matmul(*a)
    if op == "Trunc":
        return trunc(a, attrs)
    if op == "MultiThreshold":
        return multi_threshold(a[0], a[1], attrs)
    if op == "BipolarQuant":
        return bipolar(*a)
    if op in ("Identity", "Dropout"):
        return a[0]
    if op == "Neg":
        return Num(-a[0].v, a[0].e)
    if op == "Reciprocal":
        return div(Num.of(1.0), a[0])
    if op == "Pow":
        e = float(a[1].v.reshape(-1)[0])
        base = root(a[0]) if abs(e) == 0.5 else a[0]
        for _ in range(int(abs(e)) - 1):
            base = mul(base, a[0])
        return div(Num.of(1.0), base) if e < 0 else base
    if op == "Relu":
        return Num(np.maximum(a[0].v, 0), a[0].e)
    if op == "Clip":
        lo = attrs.get("min", a[1].v if len(a) > 1 and a[1] else -np.inf)
        hi = attrs.get("max", a[2].v if len(a) > 2 and a[2] else np.inf)
        return Num(np.clip(a[0].v, lo, hi).astype(a[0].v.dtype), a[0].e)
    if op == "BatchNormalization":
        x, *parts = a
        shape = (-1, *[1] * (x.v.ndim - 2))
        gamma, beta, mean, var = (p.map(lambda t: t.reshape(shape)) for p in parts)
        bottom = root(add(var, Num.of(np.float64(attrs.get("epsilon", float(np.float32(1e-5)))))))
        return add(mul(div(sub(x, mean), bottom), gamma), beta)
    if op == "Gemm":
        w = a[1].map(lambda t: t.T) if attrs.get("transB") else a[1]
        out = mul(matmul(a[0], w), Num.of(np.float64(attrs.get("alpha", 1.0))))
        return (
            add(out, mul(a[2], Num.of(np.float64(attrs.get("beta", 1.0))))) if len(a) > 2 else out
        )
    if op == "Constant":
        (value,) = attrs.values()
        if not isinstance(value, onnx.TensorProto):
            return Num.of(
                np.array(value, np.float32 if "value_f" in str(list(attrs)) else np.int64)
            )
        return Num.of(numpy_helper.to_array(value))
    from frontend.float_functions import function_step
    from frontend.float_heads import head_step
    from frontend.float_integers import integer_step
    from frontend.float_operators import more_step
    from frontend.float_places import place_step

    found = function_step(op, a[0], attrs) or place_step(op, a, attrs)
    found = found or more_step(op, a, attrs) or integer_step(op, a, attrs)
    found = found or head_step(op, a, attrs)
    return shape_step(op, a, attrs) if found is None else found


def shape_step(op: str, a: list[Any], attrs: dict[str, Any]) -> Num:
    x = a[0]
    axes = a[1].ints if len(a) > 1 and a[1] else list(attrs.get("axes", ()))
    if op == "Shape":
        return Num.of(np.array(x.v.shape, np.int64)[attrs.get("start", 0) : attrs.get("end")])
    if op == "Cast":
        return Num(x.v.astype(helper.tensor_dtype_to_np_dtype(attrs["to"])), x.e)
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
