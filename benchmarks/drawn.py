"""Networks of published shapes with drawn weights, written as QONNX without torch.

Weights and batch norms are drawn, and the norms' statistics are such that activations use all of
their levels, as in a trained network. Inputs are in 0..1, quantized to 8 bits. Recipes:

- ``dense`` (Umuroglu et al.: FINN, 2017, TFC and LFC): 784-H-H-H-10, one bit throughout.
- ``keywords`` (FINN's KWS, MLPerf Tiny): 490-256-256-256-12.
- ``lenet`` (LeCun et al., 1998): two 5x5 convolutions, each with a pool, three dense layers.
- ``cnv`` (FINN, 2017): three times two 3x3 convolutions, three dense layers, one bit.
- ``resnet8``, ``resnet20`` (He et al., 2016, on 32x32), ``resnet50`` (224x224).
- ``mobilenet`` (v1, Howard et al., 2017), ``mobilenet2`` (Sandler et al., 2018).
- ``vgg10`` (FINN's RadioML; O'Shea et al., 2018): seven convolutions over time, three dense layers.

The first and the last layer of networks below 8 bits keep weights of 8 bits, except in ``dense``
and ``cnv``.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"

REACH = 3.0
"""Standard deviations of a norm's result that an activation spans."""


@dataclass(frozen=True)
class Map:
    """A tensor of the network: channels, height (0 of a vector), and mean square of its values."""

    name: str
    channels: int
    side: int
    power: float


@dataclass(frozen=True)
class Bits:
    """Bits of weights and of activations; 1 is bipolar. ``seed``: of the weights and norms."""

    weights: int
    acts: int
    seed: int = 0


class Drawn:
    """Builder of one network; each call gives the tensor that it makes."""

    def __init__(self, bits: Bits, channels: int, side: int, *, line: bool = False):
        self.bits, self.rng = bits, np.random.default_rng(bits.seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.line = line  # images are one pixel wide
        shape = (1, channels, side, 1 if line else side) if side else (1, channels)
        self.input = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
        self.x = self.quantize(Map("x", channels, side, 1 / 3), 8, 1 / 255, signed=False)

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        name = f"n{len(self.nodes)}_{op.lower()}"
        made = helper.make_node(op, inputs, [name], name=name, domain=domain, **attributes)
        self.nodes.append(made)
        return name

    def _quant(self, x: str, bits: int, scale: float, *, signed: bool) -> str:
        if bits == 1:
            return self.node("BipolarQuant", x, self.constant(scale), domain=QONNX)
        parts = [self.constant(v) for v in (scale, 0.0, float(bits))]
        more = {"signed": int(signed), "narrow": 0, "rounding_mode": "ROUND"}
        return self.node("Quant", x, *parts, domain=QONNX, **more)

    def quantize(self, x: Map, bits: int, scale: float, *, signed: bool) -> Map:
        return Map(self._quant(x.name, bits, scale, signed=signed), x.channels, x.side, x.power)

    def weights(self, shape: tuple[int, ...], bits: int, deviation: float) -> str:
        values = self.rng.normal(0, deviation, shape).astype(np.float32)
        scale = 1.0 if bits == 1 else 4 * deviation / (1 << bits)
        return self._quant(self.constant(values), bits, scale, signed=True)

    def linear(
        self,
        x: Map,
        rows: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        groups: int = 1,
        pad: bool = True,
        bits: int = 0,
    ) -> Map:
        """A dense layer or a convolution."""
        bits = bits or self.bits.weights
        cols = x.channels // groups * kernel ** (1 if self.line else 2)
        deviation = 1 / sqrt(cols)
        power = x.power * (cols if bits == 1 else 1)
        if not x.side:
            w = self.node("Transpose", self.weights((rows, cols), bits, deviation), perm=[1, 0])
            return Map(self.node("MatMul", x.name, w), rows, 0, power)
        across, edge = 1 if self.line else kernel, kernel // 2 if pad else 0
        w = self.weights((rows, x.channels // groups, kernel, across), bits, deviation)
        side = (x.side + 2 * edge - kernel) // stride + 1
        strides, pads = [stride] * 2, [edge] * 4
        if self.line:
            strides, pads = [stride, 1], [edge, 0, edge, 0]
        more = {"kernel_shape": [kernel, across], "strides": strides, "pads": pads}
        return Map(self.node("Conv", x.name, w, group=groups, **more), rows, side, power)

    def norm(self, x: Map) -> Map:
        """Batch norm to about a mean of 0 and a deviation of 1, some slopes below 0."""
        n, rng = x.channels, self.rng
        gamma = rng.normal(1, 0.2, n) * np.where(rng.random(n) < 0.1, -1, 1)
        mean, var = sqrt(x.power) * rng.normal(0, 0.3, n), x.power * rng.uniform(0.5, 2, n)
        parts = [self.constant(v) for v in (gamma, rng.normal(0, 0.3, n), mean, var)]
        return Map(self.node("BatchNormalization", x.name, *parts, epsilon=1e-5), n, x.side, 1.0)

    def act(self, x: Map, *, relu: bool = True, bits: int = 0) -> Map:
        """A rectified, unsigned activation; a signed one of one scale with it, or one bit."""
        bits = bits or self.bits.acts
        if bits == 1:
            return Map(self._quant(x.name, 1, 1.0, signed=True), x.channels, x.side, 1.0)
        name = self.node("Relu", x.name) if relu else x.name
        name = self._quant(name, bits, REACH / (1 << bits), signed=not relu)
        return Map(name, x.channels, x.side, 0.5 if relu else 1.0)

    def layer(self, x: Map, *given: Any, relu: bool = True, **more: Any) -> Map:
        """A linear layer, norm and activation."""
        return self.act(self.norm(self.linear(x, *given, **more)), relu=relu)

    def add(self, a: Map, b: Map, *, relu: bool = True) -> Map:
        name = self.node("Add", a.name, b.name)
        return self.act(Map(name, a.channels, a.side, a.power + b.power), relu=relu)

    def head(self, x: Map, classes: int) -> onnx.ModelProto:
        """Mean over all places, quantized, and a dense layer of 8 bits."""
        name = self.node("Flatten", self.node("GlobalAveragePool", x.name))
        x = self.act(Map(name, x.channels, 0, x.power), bits=max(self.bits.acts, 2))
        return self.model(self.linear(x, classes, bits=8))

    def model(self, x: Map) -> onnx.ModelProto:
        out = helper.make_tensor_value_info(x.name, TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "drawn", [self.input], [out], self.constants)
        imports = [helper.make_opsetid("", 11), helper.make_opsetid(QONNX, 1)]
        return helper.make_model(graph, ir_version=8, opset_imports=imports)


def dense(bits: Bits, width: int, side: int) -> onnx.ModelProto:
    d = Drawn(bits, side * side, 0)
    x = d.act(d.norm(d.x), bits=1)
    for _ in range(3):
        x = d.layer(x, width)
    return d.model(d.linear(x, 10))


def keywords(bits: Bits, width: int, _: int) -> onnx.ModelProto:
    d = Drawn(bits, 490, 0)
    x = d.x
    for _ in range(3):
        x = d.layer(x, width)
    return d.model(d.linear(x, 12))


def lenet(bits: Bits, width: int, side: int) -> onnx.ModelProto:
    d = Drawn(bits, 1, side)
    x = d.x
    for rows, pad in ((width, True), (8 * width // 3, False)):
        x = d.layer(x, rows, 5, pad=pad)
        name = d.node("MaxPool", x.name, kernel_shape=[2, 2], strides=[2, 2])
        x = Map(name, x.channels, x.side // 2, x.power)
    x = Map(d.node("Flatten", x.name), x.channels * x.side**2, 0, x.power)
    for rows in (20 * width, 14 * width):
        x = d.layer(x, rows)
    return d.model(d.linear(x, 10))


def cnv(bits: Bits, width: int, side: int) -> onnx.ModelProto:
    d = Drawn(bits, 3, side)
    x = d.x
    for stage in range(3):
        for _ in range(2):
            x = d.layer(x, width << stage, 3, pad=False)
        if stage < 2:
            name = d.node("MaxPool", x.name, kernel_shape=[2, 2], strides=[2, 2])
            x = Map(name, x.channels, x.side // 2, x.power)
    x = Map(d.node("Flatten", x.name), x.channels * x.side**2, 0, x.power)
    for _ in range(2):
        x = d.layer(x, 8 * width)
    return d.model(d.linear(x, 10))


def _residual(d: Drawn, x: Map, rows: int, stride: int) -> Map:
    y = d.layer(d.layer(x, rows, 3, stride), rows, 3, relu=False)
    if stride > 1 or rows != x.channels:
        x = d.layer(x, rows, 1, stride, relu=False)
    return d.add(y, x)


def _resnet(bits: Bits, width: int, side: int, blocks: int) -> onnx.ModelProto:
    d = Drawn(bits, 3, side)
    x = d.layer(d.x, width, 3, bits=8)
    for stage in range(3):
        for block in range(blocks):
            x = _residual(d, x, width << stage, 2 if stage and not block else 1)
    return d.head(x, 10)


def resnet8(bits: Bits, width: int, side: int) -> onnx.ModelProto:
    return _resnet(bits, width, side, 1)


def resnet20(bits: Bits, width: int, side: int) -> onnx.ModelProto:
    return _resnet(bits, width, side, 3)


def resnet50(bits: Bits, width: int, side: int) -> onnx.ModelProto:
    d = Drawn(bits, 3, side)
    x = d.layer(d.x, width, 7, 2, bits=8)
    name = d.node("MaxPool", x.name, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    x = Map(name, width, (x.side + 1) // 2, x.power)
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for block in range(blocks):
            inner, stride = width << stage, 2 if stage and not block else 1
            y = d.layer(d.layer(x, inner), inner, 3, stride)
            y = d.layer(y, 4 * inner, relu=False)
            x = d.add(y, x if block else d.layer(x, 4 * inner, 1, stride, relu=False))
    return d.head(x, 1000)


_V1 = ((2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (16, 2), *((16, 1),) * 5, (32, 2), (32, 1))
"""Channels over the first layer's, and stride, of MobileNet-v1's blocks."""

_V2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels at width 1.0, repetitions and stride of MobileNet-v2's stages."""


def mobilenet(bits: Bits, width: int, side: int) -> onnx.ModelProto:
    d = Drawn(bits, 3, side)
    x = d.layer(d.x, width, 3, 2, bits=8)
    for factor, stride in _V1:
        x = d.layer(x, x.channels, 3, stride, groups=x.channels)
        x = d.layer(x, factor * width)
    return d.head(x, 2 if side == 96 else 1000)


def mobilenet2(bits: Bits, width: int, side: int) -> onnx.ModelProto:
    """``width``: channels of the first layer, 32 at width 1.0."""
    d = Drawn(bits, 3, side)
    x = d.layer(d.x, width, 3, 2, bits=8)
    for expansion, channels, repeats, stride in _V2:
        for block in range(repeats):
            y = d.layer(x, expansion * x.channels) if expansion > 1 else x
            step, rows = stride if not block else 1, channels * width // 32
            y = d.layer(y, y.channels, 3, step, groups=y.channels)
            y = d.layer(y, rows, relu=False)
            x = d.add(y, x, relu=False) if block else y
    return d.head(d.layer(x, 1280), 2 if side == 96 else 1000)


def vgg10(bits: Bits, width: int, side: int) -> onnx.ModelProto:
    d = Drawn(bits, 2, side, line=True)
    x = d.x
    for _ in range(7):
        x = d.layer(x, width, 3)
        name = d.node("MaxPool", x.name, kernel_shape=[2, 1], strides=[2, 1])
        x = Map(name, width, x.side // 2, x.power)
    x = Map(d.node("Flatten", x.name), width * x.side, 0, x.power)
    for _ in range(2):
        x = d.layer(x, 2 * width)
    return d.model(d.linear(x, 24))


_ALL = (dense, keywords, lenet, cnv, resnet8, resnet20, resnet50, mobilenet, mobilenet2, vgg10)
RECIPES = {f.__name__: f for f in _ALL}


def main() -> None:
    """Write one network: ``RECIPE WEIGHT_BITS ACT_BITS WIDTH SIDE [SEED] FILE``."""
    recipe, *numbers, path = sys.argv[1:]
    weights, acts, width, side, *seed = map(int, numbers)
    model = RECIPES[recipe](Bits(weights, acts, *seed), width, side)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
