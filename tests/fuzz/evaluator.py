"""Evaluates an ONNX file of quantized dense layers in exact arithmetic, without using Bitrill.

Written from the operators' definitions (ONNX operator schemas; QONNX's Quant and BipolarQuant).
Reals are `Fraction`s in object arrays. Square roots that are irrational are taken to `DIGITS`
binary places; where a decision then lies nearer than half of them, `Unsure` is raised.
`Invalid`: the file breaks ONNX's rules, so it means nothing. `Unsure`: not judged here.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import floor, isqrt
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DIGITS = 400
CLOSE = Fraction(1, 1 << (DIGITS // 2))
FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16)
INTEGERS = (TensorProto.INT64, TensorProto.INT32)
QUANT_DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")


class Invalid(Exception):  # noqa: N818
    """The file breaks a rule of ONNX."""


class Unsure(Exception):  # noqa: N818
    """Not judged: outside what this evaluator knows, or too near a boundary."""


def reals(array: np.ndarray) -> np.ndarray:
    """Floats as the rationals that they are; integers stay int64."""
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    if array.dtype.kind != "f":
        raise Unsure
    if not np.isfinite(array).all():
        raise Invalid("a constant is not finite")
    out = np.empty(array.shape, object)
    out[...] = np.vectorize(Fraction, otypes=[object])(array.astype(np.float64))
    return out


def each(f: Any, *arrays: np.ndarray) -> np.ndarray:
    """``f`` on every element, broadcast, results as objects."""
    try:
        return np.asarray(np.frompyfunc(f, len(arrays), 1)(*arrays), object)
    except ValueError as error:
        raise Invalid(str(error)) from error


class Evaluator:
    """One file; `run` gives its output for one input."""

    prefixes: Mapping[str, str] = {
        "": "op",
        "ai.onnx": "op",
        **dict.fromkeys(QUANT_DOMAINS, "quant"),
    }
    """What the names of the methods of a domain's operators begin with."""

    outputs = 1
    """How many outputs the present node has."""

    def __init__(self, data: bytes):
        self.model = onnx.ModelProto()
        self.model.ParseFromString(data)
        self.graph = self.model.graph
        self.rounded = False
        versions = [o.version for o in self.model.opset_import if o.domain in ("", "ai.onnx")]
        if len(versions) != 1:
            raise Invalid("one version of ONNX's operators must be imported")
        self.opset = versions[0]
        self.constants: dict[str, np.ndarray] = {}
        for tensor in self.graph.initializer:
            if tensor.name in self.constants or not tensor.name:
                raise Invalid("initializers must have names of their own")
            self.constants[tensor.name] = self.tensor(tensor)
        inputs = [i for i in self.graph.input if i.name not in self.constants]
        if len(inputs) != 1 or len(self.graph.output) != 1:
            raise Unsure
        self.input, self.output = inputs[0].name, self.graph.output[0].name
        kind = inputs[0].type.tensor_type
        if kind.elem_type not in FLOATS:
            raise Invalid("the input must be floats")
        self.shape = tuple(d.dim_value for d in kind.shape.dim)

    @staticmethod
    def tensor(proto: TensorProto) -> np.ndarray:
        if proto.data_location == TensorProto.EXTERNAL or proto.HasField("segment"):
            raise Unsure
        if proto.data_type not in (*FLOATS, *INTEGERS):
            raise Unsure
        try:
            return reals(numpy_helper.to_array(proto))
        except (ValueError, TypeError, KeyError) as error:
            raise Invalid(str(error)) from error

    def run(self, x: np.ndarray) -> np.ndarray:
        """The output for float ``x`` of the input's shape, batch axis included."""
        known = dict(self.constants)
        known[self.input] = reals(x)
        for node in self.graph.node:
            names = [o for o in node.output if o]
            if any(o in known for o in names):
                raise Invalid("a tensor has two writers")
            if any(i and i not in known for i in node.input):
                raise Invalid("a tensor is read before it is written")
            arguments = [known[i] if i else None for i in node.input]
            result = self.step(node, arguments)
            for k, name in enumerate(node.output):
                if name:
                    if k:
                        raise Unsure
                    known[name] = result
        if self.output not in known:
            raise Invalid("nothing writes the output")
        return known[self.output]

    def step(self, node: onnx.NodeProto, a: list[Any]) -> np.ndarray:
        names = [n.name for n in node.attribute]
        if len(set(names)) != len(names):
            raise Invalid("an attribute is given twice")
        try:
            attrs = {n.name: helper.get_attribute_value(n) for n in node.attribute}
        except ValueError as error:
            raise Invalid(str(error)) from error
        rule, self.outputs = self.rule_of(node), len(node.output)
        try:
            return rule(attrs, *a)
        except (TypeError, IndexError) as error:  # too many or too few inputs
            raise Invalid(str(error)) from error

    def rule_of(self, node: onnx.NodeProto) -> Any:
        """The method of a node's operator; ONNX's own domain may hold older Quants, too."""
        if node.domain not in self.prefixes:
            raise Invalid("an unknown domain")
        names = [f"{self.prefixes[node.domain]}_{node.op_type.lower()}"]
        names += [f"quant_{node.op_type.lower()}"] * (self.prefixes[node.domain] == "op")
        for name in names:
            if hasattr(self, name):
                return getattr(self, name)
        raise Invalid(f"no operator {node.op_type}")

    # -- decisions

    def sign(self, x: Fraction) -> int:
        if self.rounded and 0 < abs(x) < CLOSE:
            raise Unsure
        return (x > 0) - (x < 0)

    def floor(self, x: Fraction) -> int:
        near = floor(x + Fraction(1, 2))
        self.sign(x - near)
        return near if x == near else floor(x)

    def root(self, x: Fraction) -> Fraction:
        if self.sign(x) < 0:
            raise Invalid("a root of a negative number")
        shift = 2 * DIGITS
        n, d = isqrt((x.numerator * x.denominator) << shift), x.denominator << DIGITS
        found = Fraction(n, d)
        self.rounded |= found * found != x
        return found

    def round(self, x: Fraction, mode: str) -> int:
        magnitude, s = abs(x), -1 if x < 0 else 1
        below = self.floor(magnitude)
        half = self.sign(magnitude - below - Fraction(1, 2))
        whole = magnitude == below
        match mode:
            case "FLOOR":
                return self.floor(x)
            case "CEIL":
                return -self.floor(-x)
            case "DOWN" | "ROUND_TO_ZERO":
                return s * below
            case "UP":
                return s * (below + (not whole))
            case "HALF_UP":
                return s * (below + (half >= 0))
            case "HALF_DOWN":
                return s * (below + (half > 0))
            case "ROUND" | "HALF_EVEN":
                return s * (below + (half > 0 or (half == 0 and below % 2 == 1)))
        raise Invalid(f"no rounding {mode}")

    # -- quantizers

    def quant_quant(self, attrs: Any, x: Any, scale: Any, zero: Any, bits: Any) -> np.ndarray:
        self.only(attrs, "signed", "narrow", "rounding_mode")
        signed, narrow = (self.flag(attrs[k]) for k in ("signed", "narrow"))
        width = self.single(bits)
        if width.denominator != 1 or width < 1:
            raise Unsure
        n = int(width)
        mode = attrs.get("rounding_mode", b"ROUND").decode().upper()
        self.nonzero(scale)
        scale, zero = self.scalar(self.numbers(scale)), self.scalar(self.numbers(zero))
        v = each(lambda x, s, z: x / s + z, self.real(x), scale, zero)
        if v.shape != x.shape:
            raise Invalid("a quantizer's parameters change its shape")
        if n == 1 and signed:
            q = each(lambda v: 1 if self.sign(v) >= 0 else -1, v)
        else:
            lo = narrow - (1 << (n - 1)) if signed else 0
            hi = (1 << (n - 1)) - 1 if signed else (1 << n) - 1 - narrow

            def code(v: Fraction) -> int:
                return (
                    lo
                    if self.sign(v - lo) <= 0
                    else hi
                    if self.sign(v - hi) >= 0
                    else (self.round(v, mode))
                )

            q = each(code, v)
        return each(lambda q, s, z: (q - z) * s, q, scale, zero)

    quant_intquant = quant_quant

    def quant_bipolarquant(self, attrs: Any, x: Any, scale: Any) -> np.ndarray:
        self.only(attrs)
        scale = self.scalar(self.numbers(scale))
        y = each(lambda v, s: s if self.sign(v) >= 0 else -s, self.real(x), self.real(scale))
        if y.shape != x.shape:
            raise Invalid("a quantizer's scale changes its shape")
        return y

    # -- arithmetic

    def two(self, f: Any, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        if (a.dtype == object) != (b.dtype == object):
            raise Invalid("integers and reals in one operator")
        if self.opset < 7 and a.shape != b.shape:
            raise Unsure
        return each(f, a, b)

    def op_add(self, attrs: Any, a: Any, b: Any) -> np.ndarray:
        self.only(attrs)
        return self.two(lambda x, y: x + y, a, b)

    def op_sub(self, attrs: Any, a: Any, b: Any) -> np.ndarray:
        self.only(attrs)
        return self.two(lambda x, y: x - y, a, b)

    def op_mul(self, attrs: Any, a: Any, b: Any) -> np.ndarray:
        self.only(attrs)
        return self.two(lambda x, y: x * y, a, b)

    def op_div(self, attrs: Any, a: Any, b: Any) -> np.ndarray:
        self.only(attrs)
        self.nonzero(b)
        return self.two(lambda x, y: x / y, self.real(a), self.real(b))

    def op_sqrt(self, attrs: Any, x: Any) -> np.ndarray:
        self.only(attrs)
        return each(self.root, self.real(x))

    def op_neg(self, attrs: Any, x: Any) -> np.ndarray:
        self.only(attrs)
        return each(lambda v: -v, x)

    def op_identity(self, attrs: Any, x: Any) -> np.ndarray:
        self.only(attrs)
        return x

    def op_relu(self, attrs: Any, x: Any) -> np.ndarray:
        self.only(attrs)
        return each(lambda v: v if self.sign(v) > 0 else Fraction(0), self.real(x))

    def op_matmul(self, attrs: Any, a: Any, b: Any) -> np.ndarray:
        self.only(attrs)
        try:
            return np.asarray(self.real(a) @ self.real(b), object)
        except ValueError as error:
            raise Invalid(str(error)) from error

    def op_gemm(self, attrs: Any, a: Any, b: Any, c: Any = None) -> np.ndarray:
        self.only(attrs, "alpha", "beta", "transA", "transB")
        alpha, beta = (Fraction(attrs.get(k, 1.0)) for k in ("alpha", "beta"))
        if a.ndim != 2 or b.ndim != 2:
            raise Invalid("Gemm takes matrices")
        left = a.T if attrs.get("transA", 0) else a
        y = self.op_matmul({}, left, b.T if attrs.get("transB", 0) else b)
        y = each(lambda v: alpha * v, y)
        if c is None:
            return y
        out = each(lambda v, w: v + beta * w, y, self.real(c))
        if out.shape != y.shape or self.opset < 7:
            raise Invalid("Gemm's third operand must broadcast to its result")
        return out

    def op_batchnormalization(
        self, attrs: Any, x: Any, gamma: Any, beta: Any, mean: Any, var: Any
    ) -> np.ndarray:
        later = ("training_mode",) if self.opset >= 14 else ()
        self.only(attrs, "epsilon", "momentum", *(("spatial",) if self.opset < 9 else later))
        if attrs.get("training_mode", 0) or not attrs.get("spatial", 1):
            raise Unsure
        eps = Fraction(float(np.float32(attrs.get("epsilon", 1e-5))))
        parts = [self.real(p) for p in (gamma, beta, mean, var)]
        if x.ndim < 2 or any(p.shape != (x.shape[1],) for p in parts):
            raise Invalid("batch norm takes one number a channel")
        g, b, m, v = (p.reshape(-1, *[1] * (x.ndim - 2)) for p in parts)
        bottom = each(lambda v: self.root(v + eps), v)
        self.nonzero(bottom)
        return each(lambda x, g, b, m, r: (x - m) / r * g + b, self.real(x), g, b, m, bottom)

    # -- shapes

    def op_constant(self, attrs: Any) -> np.ndarray:
        if list(attrs) != ["value"] or not isinstance(attrs["value"], TensorProto):
            raise Unsure
        return self.tensor(attrs["value"])

    def op_transpose(self, attrs: Any, x: Any) -> np.ndarray:
        self.only(attrs, "perm")
        perm = attrs.get("perm", tuple(reversed(range(x.ndim))))
        if sorted(perm) != list(range(x.ndim)):
            raise Invalid("perm must be a permutation")
        return x.transpose(perm)

    def op_flatten(self, attrs: Any, x: Any) -> np.ndarray:
        self.only(attrs, "axis")
        axis = attrs.get("axis", 1)
        if not -x.ndim <= axis <= x.ndim:
            raise Invalid("axis out of range")
        axis += x.ndim if axis < 0 else 0
        return x.reshape(int(np.prod(x.shape[:axis], dtype=int)), -1)

    def op_reshape(self, attrs: Any, x: Any, shape: Any) -> np.ndarray:
        self.only(attrs, "allowzero")
        if shape.dtype == object or shape.ndim != 1:
            raise Invalid("a shape must be a vector of integers")
        keep = attrs.get("allowzero", 0)
        sizes = [x.shape[i] if s == 0 and not keep else int(s) for i, s in enumerate(shape)]
        if sizes.count(-1) > 1 or any(s < -1 for s in sizes):
            raise Invalid("a shape must be of sizes, one of them open")
        try:
            return x.reshape(sizes)
        except ValueError as error:
            raise Invalid(str(error)) from error

    # -- checks

    @staticmethod
    def only(attrs: Any, *names: str) -> None:
        if set(attrs) - set(names):
            raise Invalid("an attribute that the operator does not have")

    @staticmethod
    def flag(value: Any) -> int:
        if value not in (0, 1):
            raise Unsure
        return value

    @staticmethod
    def real(x: np.ndarray) -> np.ndarray:
        if x.dtype != object:
            raise Invalid("reals are wanted, not integers")
        return x

    @staticmethod
    def numbers(x: np.ndarray) -> np.ndarray:
        """Reals, or integers that stand for them: QONNX does not say which parameters are."""
        return x if x.dtype == object else each(lambda v: Fraction(int(v)), x)

    @staticmethod
    def scalar(x: np.ndarray) -> np.ndarray:
        """A single number of any rank as a scalar; QONNX leaves open whether it adds axes."""
        return x.reshape(()) if x.size == 1 else x

    @staticmethod
    def single(x: np.ndarray) -> Fraction:
        if x.size != 1:
            raise Unsure
        return Fraction(x.reshape(-1)[0])

    @staticmethod
    def nonzero(x: np.ndarray) -> None:
        if any(v == 0 for v in x.reshape(-1)):
            raise Invalid("division by zero")
