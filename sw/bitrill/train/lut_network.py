"""Networks of a thermometer code and layers of truth tables, and their export to ONNX.

The file consists of standard operators and the local functions Thermometer and LutLayer
(docs/format.md). Bits and tables that nothing reads are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from ..errors import SpecError
from ..frontend.reader.local_functions import (
    DOMAIN,
    IR_VERSION,
    VERSION,
    lut_layer_function,
    thermometer_function,
)
from .lut_layers import GroupSum, LutLayer
from .onnx_nodes import OPSET, QONNX, Nodes

SELDOM = 0.004
"""Bits that are 1, or 0, in fewer training images carry no information and are left out."""


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

        They are half way between two of ``0, 1 / parts, .. 1``, so floats are on the same side of
        them as integers.
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
    """A thermometer code, then layers of tables, then a count of ones for each class."""

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

    Tables that no later layer reads are left out, and wires are numbers of the remaining tables.
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
    nodes = _Nodes()
    bits = nodes.quantized_bits() if encoded else nodes.thermometer(network.code, read)
    for n, (wires, table) in enumerate(layers):
        bits = nodes.layer(n, bits, wires, table)
    groups = network.counts.groups
    ones = np.repeat(np.eye(groups), len(layers[-1][1]) // groups, 0)
    nodes.add("MatMul", "counts", bits, nodes.constant("ones", ones))
    size = [len(read)] if encoded else list(shape)
    floats = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes.nodes,
        "lutnet",
        [helper.make_tensor_value_info("x", floats, ["batch", *size])],
        [helper.make_tensor_value_info("counts", floats, ["batch", groups])],
        nodes.constants,
    )
    functions = [lut_layer_function()] + ([] if encoded else [thermometer_function()])
    domains = [("", OPSET), (DOMAIN, VERSION), *([(QONNX, 1)] if encoded else [])]
    return helper.make_model(
        graph,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid(*domain) for domain in domains],
        functions=functions,
    )


class _Nodes(Nodes):
    """Nodes and constants of a network of tables; its input is ``x``."""

    def quantized_bits(self) -> str:
        """Add a quantizer that says that ``x`` is bits."""
        ends = [self.constant(n, np.array(v)) for n, v in (("one", 1), ("zero", 0), ("width", 1))]
        return self.quant("bits", "x", *ends, signed=False)

    def thermometer(self, code: Thermometer, read: np.ndarray) -> str:
        """Add the bits of a code that are read."""
        flat = self.add("Flatten", "flat", "x")
        features = self.constant("features", code.features.numpy()[read], np.int64)
        limits = self.constant("limits", code.limits.numpy()[read])
        return self.add("Thermometer", "bits", flat, features, limits, domain=DOMAIN)

    def layer(self, n: int, bits: str, wires: np.ndarray, table: np.ndarray) -> str:
        """Add layer ``n`` of tables."""
        inputs = [
            self.constant(f"wires{n}", wires, np.int64),
            self.constant(f"powers{n}", 2 ** np.arange(wires.shape[1])),
            self.constant(f"starts{n}", np.arange(len(table)) * table.shape[1]),
            self.constant(f"tables{n}", table),
        ]
        return self.add("LutLayer", f"layer{n}", bits, *inputs, domain=DOMAIN)
