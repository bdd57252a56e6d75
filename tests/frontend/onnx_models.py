"""Small ONNX models built by hand, saved and imported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from bitrill.frontend import load_model
from bitrill.frontend.reader.local_functions import (
    DOMAIN,
    int_softmax_function,
    l1_conv_function,
    l1_matmul_function,
    log_quant_function,
    lut_layer_function,
    thermometer_function,
)
from bitrill.ir import Graph
from onnx import TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"
MICROSOFT = "com.microsoft"


class Net:
    """Builds one model; each method gives the name of the tensor it makes."""

    def __init__(self, *shape: int | str, opset: int = 11, ir: int = 8, declare: bool = True):
        self.shape, self.opset, self.ir, self.declare = shape or (1, 6), opset, ir, declare
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def const(self, value: Any, dtype: Any = np.float32, name: str | None = None) -> str:
        name = name or f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def shape_const(self, *value: int) -> str:
        return self.const(value, np.int64)

    def node(
        self, op: str, *inputs: str, domain: str = "", name: str | None = None, **attributes: Any
    ) -> str:
        out = f"t{len(self.nodes)}"
        name = f"{op.lower()}{len(self.nodes)}" if name is None else name
        self.nodes.append(
            helper.make_node(op, inputs, [out], name=name, domain=domain, **attributes)
        )
        return out

    def quant(
        self,
        x: str,
        scale: Any = 1.0,
        zero: Any = 0.0,
        bits: Any = 4.0,
        *,
        signed: int = 1,
        narrow: int = 0,
        rounding: str = "ROUND",
        domain: str = QONNX,
        op: str = "Quant",
    ) -> str:
        parts = [self.const(v) for v in (scale, zero, bits)]
        return self.node(
            op, x, *parts, domain=domain, signed=signed, narrow=narrow, rounding_mode=rounding
        )

    def bipolar(self, x: str, scale: Any = 1.0, domain: str = QONNX) -> str:
        return self.node("BipolarQuant", x, self.const(scale), domain=domain)

    def log_quant(self, x: str, scale: Any = 1.0, bits: int = 3) -> str:
        return self.node("LogQuant", x, self.const(scale), domain=DOMAIN, bits=bits)

    def distances(self, x: str, cols: int, rows: int, *, seed: int = 0, **quant: Any) -> str:
        """An ``L1MatMul`` whose weights have the given quantizer."""
        w = self.node("Transpose", self.weights(rows, cols, seed=seed, **quant), perm=[1, 0])
        return self.node("L1MatMul", x, w, domain=DOMAIN)

    def window_distances(self, x: str, *shape: int, seed: int = 0, **quant: Any) -> str:
        """An ``L1Conv`` whose weights ``[O, C, kh, kw]`` have the given quantizer."""
        return self.node("L1Conv", x, self.kernel(*shape, seed=seed, **quant), domain=DOMAIN)

    def lut_layer(self, x: str, wires: Any, tables: Any, base: int = 2) -> str:
        """A ``LutLayer`` whose inputs are whole numbers ``0 .. base - 1``."""
        powers = base ** np.arange(np.shape(wires)[1])
        starts = np.arange(len(tables)) * np.shape(tables)[1]
        parts = [self.const(wires, np.int64), *map(self.const, (powers, starts, tables))]
        return self.node("LutLayer", x, *parts, domain=DOMAIN)

    def thermometer(self, x: str, features: Any, limits: Any) -> str:
        parts = self.const(features, np.int64), self.const(limits)
        return self.node("Thermometer", x, *parts, domain=DOMAIN)

    def weights(self, rows: int, cols: int, *, seed: int = 0, **quant: Any) -> str:
        """Quantized weights ``[rows, cols]``."""
        w = np.random.default_rng(seed).normal(0, 2, (rows, cols))
        return self.quant(self.const(w), **quant)

    def dense(self, x: str, cols: int, rows: int, *, seed: int = 0, **quant: Any) -> str:
        """``x @ w.T`` as exported by TorchScript."""
        w = self.node("Transpose", self.weights(rows, cols, seed=seed, **quant), perm=[1, 0])
        return self.node("MatMul", x, w)

    def kernel(self, *shape: int, seed: int = 0, **quant: Any) -> str:
        """Quantized weights of that shape, as a Conv takes them."""
        w = np.random.default_rng(seed).normal(0, 2, shape)
        return self.quant(self.const(w), **quant)

    def conv(
        self,
        x: str,
        *shape: int,
        seed: int = 0,
        bias: bool = False,
        quant: dict[str, Any] | None = None,
        **attributes: Any,
    ) -> str:
        """A Conv with weights ``[O, C/g, ...]``."""
        operands = [x, self.kernel(*shape, seed=seed, **(quant or {}))]
        if bias:
            operands.append(self.const(np.random.default_rng(seed).normal(0, 2, shape[0])))
        return self.node("Conv", *operands, **attributes)

    def norm(self, x: str, channels: int, *, seed: int = 0) -> str:
        """Batch norm with slopes of both signs."""
        rng = np.random.default_rng(seed)
        parts = rng.normal(0, 1, channels), rng.normal(0, 1, channels), rng.normal(0, 1, channels)
        return self.node(
            "BatchNormalization",
            x,
            *map(self.const, parts),
            self.const(rng.uniform(0.5, 3, channels)),
            epsilon=1e-3,
        )

    def proto(
        self, *outputs: str, dtype: int = TensorProto.FLOAT, whole: Sequence[str] = ()
    ) -> onnx.ModelProto:
        """The model with outputs of that type; those of ``whole`` are int64."""
        types = {name: TensorProto.INT64 if name in whole else dtype for name in outputs}
        graph = helper.make_graph(
            self.nodes,
            "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)],
            [helper.make_tensor_value_info(name, kind, None) for name, kind in types.items()],
            self.constants,
        )
        imports = [helper.make_opsetid("", self.opset)]
        if any(n.domain == MICROSOFT for n in self.nodes):
            imports.append(helper.make_opsetid(MICROSOFT, 1))
        if self.declare:
            imports.append(helper.make_opsetid(QONNX, 1))
        functions = []
        if any(n.domain == DOMAIN for n in self.nodes):
            imports.append(helper.make_opsetid(DOMAIN, 1))
            functions = [l1_matmul_function(), log_quant_function()]
        for function in (
            l1_conv_function(),
            lut_layer_function(),
            thermometer_function(),
            int_softmax_function(),
        ):
            if any(n.op_type == function.name for n in self.nodes):
                functions.append(function)
        return helper.make_model(
            graph, ir_version=self.ir, opset_imports=imports, functions=functions
        )


def small(**options: Any) -> tuple[Net, str]:
    """A network of two layers of 4-bit integers, with batch norm, ReLU and bias."""
    net = Net(1, 1, 2, 3, **options)
    rng = np.random.default_rng(7)
    x = net.node("Reshape", "x", net.shape_const(1, -1))
    x = net.dense(net.quant(x, 0.25), 6, 5, seed=1, scale=0.3, narrow=1)
    gamma, mean, var = rng.normal(0, 1, 5), rng.normal(0, 1, 5), rng.uniform(0.5, 3, 5)
    parts = [net.const(v) for v in (gamma, rng.normal(0, 1, 5), mean, var)]
    x = net.node("Relu", net.node("BatchNormalization", x, *parts, epsilon=1e-3))
    x = net.quant(x, 0.4, bits=2.0, signed=0)
    x = net.dense(x, 5, 3, seed=2, scale=[[0.2], [0.3], [0.5]], bits=3.0)
    x = net.node("Add", x, net.const([0.5, -0.25, 3.0]))
    return net, x


def save(proto: onnx.ModelProto, folder: Path, name: str = "net.onnx") -> Path:
    path = folder / name
    path.write_bytes(proto.SerializeToString())
    return path


def imported(proto: onnx.ModelProto, folder: Path, **options: Any) -> Graph:
    return load_model(save(proto, folder), **options)
