"""Small models of several kinds, to be damaged: convolutions, branches, pools, resizes, QDQ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from fuzz.victim import victim
from onnx import TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"


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

    def model(self, output: str) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 2, 4, 4))],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
            self.constants,
        )
        opsets = [helper.make_opsetid("", 13), helper.make_opsetid(QONNX, 1)]
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


VICTIMS: dict[str, Callable[[], onnx.ModelProto]] = {
    "dense": victim,
    "convolutional": convolutional,
    "branching": branching,
    "resizing": resizing,
    "pooling": pooling,
    "qdq": qdq,
}
