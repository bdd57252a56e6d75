"""Quantized files as other tools write them, made here: one function for each style."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from frontend.onnx_models import Net, save

SHAPE = (2, 8, 8)
"""Shape of one frame, channels first."""


def plain(*, branches: bool = False, matrix: bool = False) -> onnx.ModelProto:
    """A float network with the layers that quantizers of ONNX Runtime know."""
    net, rng = Net("b", *SHAPE, opset=13, ir=7, declare=False), np.random.default_rng(3)

    def conv(x: str, *shape: int, **attributes: Any) -> str:
        w = net.const(rng.normal(0, 0.4, shape) * rng.uniform(0.3, 1, (shape[0], 1, 1, 1)))
        b = net.const(rng.normal(0, 0.3, shape[0]))
        return net.node("Relu", net.node("Conv", x, w, b, **attributes))

    x = conv("x", 6, 2, 3, 3, pads=[1] * 4)
    y = conv(x, 6, 1, 3, 3, pads=[1] * 4, group=6)
    if branches:
        y = net.node("Add", x, y)
        y = net.node("Concat", y, conv(x, 4, 6, 1, 1), axis=1)
    x = net.node("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    if branches:
        x = net.node("GlobalAveragePool", conv(x, 8, 10, 3, 3))
    x = net.node("Flatten", x)
    features = 8 if branches else 96
    w, b = rng.normal(0, 0.3, (5, features)), net.const(rng.normal(0, 0.3, 5))
    if matrix:
        return net.proto(net.node("Add", net.node("MatMul", x, net.const(w.T)), b))
    return net.proto(net.node("Gemm", x, net.const(w), b, transB=1))


def frames(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (n, *SHAPE)).astype(np.float32)


def of_onnx_runtime(
    form: str, act: str, weight: str, *, per_channel: bool, **layers: bool
) -> Callable[[Path], onnx.ModelProto]:
    """What ``onnxruntime.quantization.quantize_static`` writes."""

    def make(folder: Path) -> onnx.ModelProto:
        quantization = pytest.importorskip("onnxruntime.quantization")

        class Reader(quantization.CalibrationDataReader):
            def __init__(self) -> None:
                self.left = iter(frames(64, seed=9))

            def get_next(self) -> dict[str, np.ndarray] | None:
                frame = next(self.left, None)
                return None if frame is None else {"x": frame[None]}

        proto = plain(**layers)
        source, target = save(proto, folder, "float.onnx"), folder / "quantized.onnx"
        level = logging.root.level
        logging.root.setLevel(logging.ERROR)
        try:
            quantization.quantize_static(
                str(source),
                str(target),
                Reader(),
                quant_format=getattr(quantization.QuantFormat, form),
                activation_type=getattr(quantization.QuantType, act),
                weight_type=getattr(quantization.QuantType, weight),
                per_channel=per_channel,
            )
        finally:
            logging.root.setLevel(level)
        return onnx.load(target)

    return make


def brevitas_network() -> Any:
    torch = pytest.importorskip("torch")
    qnn = pytest.importorskip("brevitas.nn")
    nn = torch.nn
    torch.manual_seed(1)
    torch.set_num_threads(1)
    network = nn.Sequential(
        qnn.QuantIdentity(bit_width=8),
        qnn.QuantConv2d(2, 6, 3, padding=1, bias=True, weight_bit_width=4),
        nn.BatchNorm2d(6),
        qnn.QuantReLU(bit_width=4),
        nn.MaxPool2d(2),
        qnn.QuantConv2d(6, 6, 3, groups=6, bias=False, weight_bit_width=5),
        qnn.QuantReLU(bit_width=5),
        nn.Flatten(),
        qnn.QuantLinear(24, 5, bias=True, weight_bit_width=4),
    )
    with torch.no_grad():
        for _ in range(4):
            network(torch.randn(8, *SHAPE))
    return network.eval()


def of_brevitas(folder: Path) -> onnx.ModelProto:
    """QCDQ: a Clip between QuantizeLinear and DequantizeLinear for fewer bits than 8."""
    network = brevitas_network()
    import torch
    from brevitas.export import export_onnx_qcdq

    path = folder / "qcdq.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        export_onnx_qcdq(network, torch.randn(1, *SHAPE), str(path), dynamo=False)
    return onnx.load(path)


def of_qonnx(folder: Path) -> onnx.ModelProto:
    """What qonnx makes of its own Quant nodes for ONNX Runtime."""
    network = brevitas_network()
    import torch
    from brevitas.export import export_qonnx

    wrapper = pytest.importorskip("qonnx.core.modelwrapper")
    from qonnx.transformation.qonnx_to_qcdq import QuantToQCDQ

    path = folder / "qonnx.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        export_qonnx(network, torch.randn(1, *SHAPE), str(path), dynamo=False)
        model = wrapper.ModelWrapper(str(path)).transform(QuantToQCDQ())
    return model.model


def of_torch(*, dynamo: bool) -> Callable[[Path], onnx.ModelProto]:
    """torch's fake quantization, per channel for weights, exported by one of its exporters."""

    def make(folder: Path) -> onnx.ModelProto:
        torch = pytest.importorskip("torch")
        nn = torch.nn
        torch.manual_seed(2)

        class Network(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.conv, self.dense = nn.Conv2d(2, 6, 3, padding=1), nn.Linear(96, 5)
                self.scales = torch.rand(6) * 0.002 + 0.001

            def forward(self, x: Any) -> Any:
                fake = torch.fake_quantize_per_tensor_affine
                zeros = torch.zeros(6, dtype=torch.int32)
                w = torch.fake_quantize_per_channel_affine(
                    self.conv.weight, self.scales, zeros, 0, -128, 127
                )
                x = nn.functional.conv2d(fake(x, 0.03, 3, -128, 127), w, self.conv.bias, padding=1)
                x = nn.functional.max_pool2d(fake(torch.relu(x), 0.012, 7, 0, 255), 2)
                w = fake(self.dense.weight, 0.0009, 0, -128, 127)
                return fake(
                    nn.functional.linear(x.flatten(1), w, self.dense.bias), 0.013, 99, 0, 255
                )

        path = folder / "torch.onnx"
        options = {"dynamo": True} if dynamo else {"dynamo": False, "opset_version": 13}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                Network().eval(), (torch.randn(1, *SHAPE),), str(path), verbose=False, **options
            )
        return onnx.load(path)

    return make


def of_tflite(folder: Path) -> onnx.ModelProto:
    """The style of converters from TF-Lite: channels last, Transpose around layers, fused Relu6."""
    net, rng = Net("b", 8, 8, 2, opset=13, declare=False), np.random.default_rng(4)

    def grid(scale: Any, zero: Any, kind: Any) -> list[str]:
        return [net.const(scale), net.const(zero, kind)]

    def qdq(x: str, scale: float, zero: int) -> str:
        q = net.node("QuantizeLinear", x, *grid(scale, zero, np.uint8))
        return net.node("DequantizeLinear", q, *grid(scale, zero, np.uint8))

    def constant(scale: np.ndarray, axis: int, kind: Any, *shape: int) -> str:
        high = 2000 if kind == np.int32 else 127
        q = net.const(rng.integers(-high, high + 1, shape), kind)
        parts = grid(scale, np.zeros(len(scale)), kind)
        return net.node("DequantizeLinear", q, *parts, axis=axis)

    def conv(x: str, s: float, *shape: int, axis: int, **attributes: Any) -> str:
        """Weights ``[O, h, w, I]`` on axis 0, or a depthwise layer's ``[1, h, w, O]`` on axis 3."""
        scale = rng.uniform(0.002, 0.004, shape[axis]).astype(np.float32)
        w = constant(scale, axis, np.int8, *shape)
        w = net.node("Transpose", w, perm=[0, 3, 1, 2] if axis == 0 else [3, 0, 1, 2])
        b = constant((scale * np.float32(s)).astype(np.float32), 0, np.int32, shape[axis])
        x = net.node("Transpose", x, perm=[0, 3, 1, 2])
        x = net.node("Conv", x, w, b, **attributes)
        x = net.node("Clip", x, net.const(0.0), net.const(6.0))
        return net.node("Transpose", x, perm=[0, 2, 3, 1])

    x = qdq("x", 0.0235, 128)
    x = qdq(conv(x, 0.0235, 6, 3, 3, 2, axis=0, auto_pad="SAME_UPPER", strides=[2, 2]), 6 / 255, 0)
    y = conv(x, 6 / 255, 1, 3, 3, 6, axis=3, group=6, pads=[1] * 4)
    x = net.node("Add", qdq(y, 0.0123, 0), x)
    x = qdq(x, 0.0311, 3)
    x = net.node("Transpose", x, perm=[0, 3, 1, 2])
    x = qdq(net.node("AveragePool", x, kernel_shape=[4, 4]), 0.0311, 3)
    x = net.node("Reshape", x, net.shape_const(-1, 6))
    w = constant(np.array([0.0042], np.float32), 0, np.int8, 5, 6)
    x = net.node(
        "Gemm", x, w, constant(np.array([0.0042 * 0.0311], np.float32), 0, np.int32, 5), transB=1
    )
    return net.proto(qdq(x, 0.05, 131))


FILES: dict[str, Callable[[Path], onnx.ModelProto]] = {
    "ONNX Runtime, QDQ, u8s8, per tensor": of_onnx_runtime(
        "QDQ", "QUInt8", "QInt8", per_channel=False
    ),
    "ONNX Runtime, QDQ, s8s8, per channel": of_onnx_runtime(
        "QDQ", "QInt8", "QInt8", per_channel=True
    ),
    "ONNX Runtime, QDQ, u8s8, branches": of_onnx_runtime(
        "QDQ", "QUInt8", "QInt8", per_channel=True, branches=True
    ),
    "ONNX Runtime, QOperator, u8s8, per tensor": of_onnx_runtime(
        "QOperator", "QUInt8", "QInt8", per_channel=False
    ),
    "ONNX Runtime, QOperator, s8s8, per channel": of_onnx_runtime(
        "QOperator", "QInt8", "QInt8", per_channel=True, matrix=True
    ),
    "ONNX Runtime, QOperator, u8s8, branches": of_onnx_runtime(
        "QOperator", "QUInt8", "QInt8", per_channel=True, branches=True
    ),
    "Brevitas, QCDQ": of_brevitas,
    "qonnx, QuantToQCDQ": of_qonnx,
    "torch, fake quantization, TorchScript": of_torch(dynamo=False),
    "torch, fake quantization, dynamo": of_torch(dynamo=True),
    "in the style of TF-Lite": of_tflite,
}
"""Each style of file by its name."""


def shapes(proto: onnx.ModelProto) -> tuple[int, ...]:
    initial = {t.name for t in proto.graph.initializer}
    (given,) = [i for i in proto.graph.input if i.name not in initial]
    return tuple(d.dim_value for d in given.type.tensor_type.shape.dim[1:])
