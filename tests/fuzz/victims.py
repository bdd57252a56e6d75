"""Small models of several kinds, to be damaged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from frontend.onnx_models import MICROSOFT
from fuzz.victim import victim
from onnx import TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"
LAST = "qonnx.custom_op.channels_last"


class Builder:
    """A model over ``[1, 2, 4, 4]``; each method gives the name of the tensor it makes."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []

    def const(self, value: object, dtype: Any = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, op: str, *inputs: str, domain: str = "", outputs: int = 1, **more: Any) -> str:
        names = [f"t{len(self.nodes)}" + "abc"[:k][-1:] for k in range(outputs)]
        made = helper.make_node(op, inputs, names, name=f"{op}_{names[0]}", domain=domain, **more)
        self.nodes.append(made)
        return names[0]

    def quant(self, x: str, scale: object, bits: float = 4.0, signed: int = 1) -> str:
        parts = [self.const(scale), self.const(0.0), self.const(bits)]
        options = {"signed": signed, "narrow": 0, "rounding_mode": "ROUND"}
        return self.node("Quant", x, *parts, domain=QONNX, **options)

    def weights(self, *shape: int, scale: object = 0.3) -> str:
        return self.quant(self.const(self.rng.normal(0, 1, shape)), scale)

    def conv(self, x: str, *shape: int, **more: Any) -> str:
        return self.node("Conv", x, self.weights(*shape), **more)

    def norm(self, x: str, n: int) -> str:
        parts = [self.rng.normal(0, 1, n) for _ in range(3)] + [self.rng.uniform(0.5, 2, n)]
        return self.node("BatchNormalization", x, *map(self.const, parts), epsilon=1e-3)

    def qdq(self, x: str, scale: object, zero: object, dtype: Any = np.uint8, **more: Any) -> str:
        s, z = self.const(scale), self.const(zero, dtype)
        return self.node(
            "DequantizeLinear", self.node("QuantizeLinear", x, s, z, **more), s, z, **more
        )

    def dequantized(self, *shape: int, scale: object = 0.05) -> str:
        w = self.const(self.rng.integers(-20, 20, shape), np.int8)
        zero = self.const(np.zeros(np.shape(scale)), np.int8)
        return self.node("DequantizeLinear", w, self.const(scale), zero, axis=0)

    def model(self, output: str, kind: int = TensorProto.FLOAT) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 2, 4, 4))],
            [helper.make_tensor_value_info(output, kind, None)],
            self.constants,
        )
        domains = dict.fromkeys(["", QONNX, *(node.domain for node in self.nodes)])
        opsets = [helper.make_opsetid(d, 1 if d else 13) for d in domains]
        return helper.make_model(graph, ir_version=8, opset_imports=opsets)


def convolutional() -> onnx.ModelProto:
    """Padded, strided and depthwise convolutions, batch norm, a dense layer."""
    b = Builder(1)
    x = b.conv(b.quant("x", 0.25), 3, 2, 3, 3, pads=[1, 1, 1, 1], strides=[2, 2])
    x = b.quant(b.node("Relu", b.norm(x, 3)), 0.4, 3.0, 0)
    x = b.quant(b.conv(x, 3, 1, 2, 2, group=3), 0.4)
    x = b.node("Flatten", x, axis=1)
    return b.model(b.node("MatMul", x, b.weights(3, 2)))


def branching() -> onnx.ModelProto:
    """A residual sum, a split, concatenations of scales in a ratio, a clip."""
    b = Builder(2)
    x = b.quant("x", 0.25)
    y = b.quant(b.norm(b.conv(x, 2, 2, 1, 1), 2), 0.5)
    x = b.node("Add", x, y)
    x = b.node("Concat", b.quant(x, 0.3), y, axis=1)
    x = b.quant(b.node("Clip", x, b.const(-1.0), b.const(1.5)), 0.2)
    first = b.node("Split", x, b.const([1, 3], np.int64), outputs=2, axis=1)
    x = b.node("Concat", b.nodes[-1].output[1], first, axis=1)
    return b.model(b.conv(x, 2, 4, 2, 2))


def resizing() -> onnx.ModelProto:
    """Pixels repeated between convolutions."""
    b = Builder(3)
    x = b.quant(b.conv(b.quant("x", 0.25), 2, 2, 3, 3), 0.6)
    modes = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    x = b.node("Resize", x, "", b.const([1, 1, 2, 2]), mode="nearest", **modes)
    x = b.quant(b.conv(x, 2, 2, 2, 2, strides=[2, 2], dilations=[1, 1]), 0.7)
    return b.model(b.node("Reshape", x, b.const([1, 8], np.int64)))


def pooling() -> onnx.ModelProto:
    """Maxima and averages over windows and over all places."""
    b = Builder(4)
    x = b.node("MaxPool", b.quant("x", 0.25), kernel_shape=[2, 2], pads=[0, 0, 1, 1])
    x = b.node("Relu", b.norm(b.conv(x, 3, 2, 1, 1), 3))
    x = b.quant(b.node("MaxPool", x, kernel_shape=[2, 2]), 0.4, 3.0, 0)
    x = b.node("AveragePool", x, kernel_shape=[2, 1], strides=[1, 2])
    x = b.quant(x, 0.2, 5.0, 0)
    x = b.node("Flatten", b.node("GlobalAveragePool", x))
    w = b.node("Transpose", b.weights(2, 3), perm=[1, 0])
    return b.model(b.node("Add", b.node("MatMul", x, w), b.const([0.5, -1.0])))


def qdq() -> onnx.ModelProto:
    """ONNX's own quantizers: activations with zero points, weights of int8, for each channel."""
    b = Builder(5)
    x = b.qdq("x", 0.02, 128)
    x = b.node("Conv", x, b.dequantized(3, 2, 3, 3, scale=[0.05, 0.03, 0.07]))
    x = b.qdq(b.node("Relu", x), 0.04, 0)
    x = b.node("Flatten", x, axis=1)
    x = b.node("Gemm", x, b.dequantized(2, 12), transB=1)
    return b.model(b.qdq(x, 0.05, 3, np.int8))


def integers() -> onnx.ModelProto:
    """ONNX Runtime's operators on integers: a convolution, a sum, averages, layers."""
    b = Builder(6)
    grid = [b.const(0.25), b.const(10, np.uint8)]
    weight_grid = [b.const(0.125), b.const(0, np.int8)]
    to = [b.const(0.5), b.const(100, np.uint8)]
    w = [b.const(b.rng.integers(-9, 10, (3, 2, 2, 2)), np.int8), *weight_grid]
    x = [b.node("QuantizeLinear", "x", *grid), *grid]
    x = [b.node("QLinearConv", *x, *w, *to, b.const([5, -9, 30], np.int32)), *to]
    y = [b.node("QLinearLeakyRelu", *x, *to, domain=MICROSOFT, alpha=0.25), *to]
    x = [b.node("QLinearAdd", *x, *y, *to, domain=MICROSOFT), *to]
    x = [b.node("QLinearAveragePool", *x, *to, domain=MICROSOFT, kernel_shape=[2, 2]), *to]
    x[0] = b.node("Reshape", x[0], b.const([0, -1], np.int64))
    w = [b.const(b.rng.integers(-9, 10, (4, 12)), np.int8), *weight_grid]
    bias = b.const([1, 2, -3, 4], np.int32)
    q = b.node("QGemm", *x, *w, bias, *to, domain=MICROSOFT, transB=1)
    w = b.const(b.rng.integers(0, 9, (4, 3)), np.uint8)
    y = b.node("MatMulInteger", q, w, to[1], b.const(4, np.uint8))
    return b.model(b.node("Mul", b.node("Cast", y, to=TensorProto.FLOAT), b.const(0.25)))


def arranging() -> onnx.ModelProto:
    """Borders, crops, picked and repeated channels, reductions, axes that come and go."""
    b = Builder(7)
    long = lambda *v: b.const(v, np.int64)  # noqa: E731
    x = b.node("Pad", b.quant("x", 0.25), long(0, 0, 1, 0, 0, 0, 0, 1), b.const(0.5))
    x = b.node("Slice", x, long(0, 1), long(5, 9), long(2, 3), long(2, 1))
    x = b.node("Gather", b.quant(b.conv(x, 4, 2, 2, 2), 0.4), long(0, 2), axis=1)
    y = b.node("Expand", b.node("GlobalMaxPool", x), b.node("Shape", x))
    x = b.quant(b.node("Sub", x, y), 0.4)
    x = b.node("ReduceSum", x, long(3), keepdims=0)
    x = b.node("Unsqueeze", b.quant(x, 0.5, 5.0), long(2))
    x = b.node("Squeeze", b.node("ReduceMax", x, axes=[3]), long(2, 3))
    y = b.node("Mul", b.node("ConstantOfShape", long(3)), b.const([1.0, 2.0, 3.0]))
    return b.model(b.node("Add", b.node("MatMul", x, b.weights(2, 3)), y))


def last() -> onnx.ModelProto:
    """Channels last, thresholds, fewer bits, functions, a decision."""
    b = Builder(8)
    x = b.node("Transpose", b.quant("x", 0.25), perm=[0, 2, 3, 1])
    x = b.node("Conv", x, b.weights(3, 2, 2, 2), domain=LAST, pads=[0, 0, 1, 1])
    parts = map(b.const, ([1.0, -0.5, 2.0], [0.1, 0.2, -0.3], [0.0, 0.5, 1.0], [1.0] * 3))
    x = b.node("BatchNormalization", x, *parts, domain=LAST, epsilon=1e-3)
    x = b.node(
        "MaxPool", b.quant(b.node("Relu", x), 0.25, 6.0, 0), domain=LAST, kernel_shape=[2, 2]
    )
    x = b.node("Transpose", x, perm=[0, 3, 1, 2])
    numbers = [b.const(v) for v in (0.25, 0.0, 6.0, 3.0)]
    x = b.node("Trunc", x, *numbers, domain=QONNX, rounding_mode="FLOOR")
    x = b.conv(x, 3, 3, 2, 2)
    table = b.const(np.sort(b.rng.normal(0, 3, (3, 3))))
    options = {"out_dtype": "INT4", "out_scale": 0.5, "out_bias": -1.0}
    x = b.node("MultiThreshold", x, table, domain=QONNX, **options)
    best = b.node("ArgMax", b.node("Flatten", x), axis=1, keepdims=0)
    return b.model(best, TensorProto.INT64)


VICTIMS: dict[str, Callable[[], onnx.ModelProto]] = {
    "dense": victim,
    "convolutional": convolutional,
    "branching": branching,
    "resizing": resizing,
    "pooling": pooling,
    "qdq": qdq,
    "integers": integers,
    "arranging": arranging,
    "last": last,
}
