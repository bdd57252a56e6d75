"""Networks of truth tables behind a thermometer code, and their export to ONNX.

The file says all of a network in standard operators and the local functions Thermometer and
LutLayer (docs/format.md). Only bits and tables that something reads are in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from ..errors import SpecError
from ..frontend.reader.functions import (
    DOMAIN,
    IR_VERSION,
    VERSION,
    lut_layer_function,
    thermometer_function,
)
from .lut_layers import GroupSum, LutLayer

OPSET = 13
QONNX = "qonnx.custom_op.general"

SELDOM = 0.004
"""Bits that are 1, or 0, in fewer training images tell nothing and are left out."""


class Thermometer(nn.Module):
    """``y[n, j] = [x[n, features[j]] >= limits[j]]``; x is flattened."""

    features: Tensor
    limits: Tensor

    def __init__(self, features: Tensor, limits: Tensor):
        super().__init__()
        self.register_buffer("features", features)
        self.register_buffer("limits", limits)

    @staticmethod
    def of(x: Tensor, levels: Sequence[float]) -> Thermometer:
        """Return the code of these levels, without bits that hardly ever change in ``x``."""
        flat = x.flatten(1)
        share = torch.stack([(flat >= level).float().mean(0) for level in levels])
        level, feature = torch.nonzero((share > SELDOM) & (share < 1 - SELDOM), as_tuple=True)
        return Thermometer(feature, torch.tensor(levels)[level])

    @staticmethod
    def quantiles(x: Tensor, levels: int, parts: int = 255) -> Thermometer:
        """Return a code whose levels are the quantiles of the values above 0.

        They lie half way between two of ``0, 1 / parts, .. 1``, so that floats decide as integers.
        """
        present = x[x > 0]
        if not len(present):
            raise SpecError("the training data must not all be zero")
        some = present[:: max(1, len(present) // 1_000_000)]
        places = torch.arange(1, levels + 1) / (levels + 1)
        near = (some.quantile(places) * parts).round().clamp(1, parts)
        return Thermometer.of(x, ((near.unique() - 0.5) / parts).tolist())

    def forward(self, x: Tensor) -> Tensor:
        return (x.flatten(1)[:, self.features] >= self.limits).to(x.dtype)


class LutNetwork(nn.Module):
    """A thermometer code, layers of tables one behind the other, ones counted for each class."""

    def __init__(
        self, code: Thermometer, rows: Sequence[int], classes: int, k: int = 6, seed: int = 0
    ):
        super().__init__()
        if rows[-1] % classes:
            raise SpecError(f"the last layer's tables must be a multiple of {classes} classes")
        self.code = code
        self.layers = nn.ModuleList(
            LutLayer(i, o, k, seed=seed + n)
            for n, (i, o) in enumerate(pairwise([len(code.features), *rows]))
        )
        self.counts = GroupSum(classes, (rows[-1] / classes) ** 0.5)

    @property
    def tables(self) -> list[LutLayer]:
        """Return the layers."""
        return [layer for layer in self.layers if isinstance(layer, LutLayer)]

    def forward(self, x: Tensor) -> Tensor:
        x = self.code(x)
        for layer in self.layers:
            x = layer(x)
        return self.counts(x)


def live_parts(network: LutNetwork) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """Return the code's bits that are read, and each layer's wires and tables of 0 and 1.

    Tables that no later layer reads are left out, and wires are counted over what is left.
    """
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    read = np.arange(len(network.tables[-1].wires))
    for layer in reversed(network.tables):
        wires = layer.wires.numpy()[read]
        table = (layer.table.detach().numpy()[read] > 0).astype(np.float32)
        read, places = np.unique(wires, return_inverse=True)
        parts.insert(0, (places.reshape(wires.shape), table))
    return read, parts


def to_onnx(network: LutNetwork, shape: Sequence[int], *, encoded: bool = False) -> onnx.ModelProto:
    """Return the model of images of ``shape``; its outputs are the counts of each class.

    ``encoded``: the model takes the bits of the thermometer code that it reads, not the images.
    """
    read, layers = live_parts(network)
    held: list[TensorProto] = []
    nodes: list[onnx.NodeProto] = []

    def constant(name: str, value: np.ndarray, dtype: type = np.float32) -> str:
        held.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype), name))
        return name

    def node(op: str, out: str, *inputs: str, domain: str = "", **attributes: int | str) -> str:
        made = helper.make_node(op, inputs, [out], out, domain=domain)
        made.attribute.extend(helper.make_attribute(*pair) for pair in sorted(attributes.items()))
        nodes.append(made)
        return out

    code = network.code
    if encoded:
        ends = [constant(n, np.array(v)) for n, v in (("one", 1), ("zero", 0), ("width", 1))]
        bits = node(
            "Quant", "bits", "x", *ends, domain=QONNX, signed=0, narrow=0, rounding_mode="ROUND"
        )
    else:
        flat = node("Flatten", "flat", "x")
        features = constant("features", code.features.numpy()[read], np.int64)
        limits = constant("limits", code.limits.numpy()[read])
        bits = node("Thermometer", "bits", flat, features, limits, domain=DOMAIN)
    for n, (wires, table) in enumerate(layers):
        given = {
            "powers": 2 ** np.arange(wires.shape[1]),
            "starts": np.arange(len(table)) * table.shape[1],
            "tables": table,
        }
        names = [constant(f"{name}{n}", value) for name, value in given.items()]
        bits = node(
            "LutLayer",
            f"layer{n}",
            bits,
            constant(f"wires{n}", wires, np.int64),
            *names,
            domain=DOMAIN,
        )
    groups = network.counts.groups
    ones = np.repeat(np.eye(groups), len(layers[-1][1]) // groups, 0)
    node("MatMul", "counts", bits, constant("ones", ones))
    size = [len(read)] if encoded else list(shape)
    floats = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "lutnet",
        [helper.make_tensor_value_info("x", floats, ["batch", *size])],
        [helper.make_tensor_value_info("counts", floats, ["batch", groups])],
        held,
    )
    functions = [lut_layer_function()] + ([] if encoded else [thermometer_function()])
    domains = [("", OPSET), (DOMAIN, VERSION), *([(QONNX, 1)] if encoded else [])]
    return helper.make_model(
        graph,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid(*domain) for domain in domains],
        functions=functions,
    )
