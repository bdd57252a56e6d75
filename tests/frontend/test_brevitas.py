"""Networks that Brevitas trains and exports, branches included, import as what they mean."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import onnx
import pytest
from bitrill.frontend import load_model
from bitrill.ir.activation import Activation
from bitrill.lowering import to_integer
from bitrill.ops import (
    Add,
    Concat,
    Depthwise,
    MatVec,
    MaxPool,
    Pad,
    Shuffle,
    Split,
    SumPool,
    Upsample,
    Window,
)
from frontend.agreement import agrees
from frontend.rules.test_convs import kinds
from support import shared_model


def residual_network() -> Any:
    """A stem with a pool, a residual and a depthwise-separable block, an average, a classifier."""
    torch = pytest.importorskip("torch")
    qnn = pytest.importorskip("brevitas.nn")
    torch.manual_seed(0)
    torch.set_num_threads(1)
    nn = torch.nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inputs = qnn.QuantIdentity(bit_width=4, return_quant_tensor=False)
            self.stem = qnn.QuantConv2d(2, 8, 3, padding=1, weight_bit_width=4, bias=False)
            self.norms = nn.ModuleList(nn.BatchNorm2d(8) for _ in range(4))
            self.relu = qnn.QuantReLU(bit_width=4, return_quant_tensor=False)
            self.pool = nn.MaxPool2d(2)
            self.block = qnn.QuantConv2d(8, 8, 3, padding=1, weight_bit_width=3, bias=False)
            self.branch = qnn.QuantIdentity(bit_width=4, return_quant_tensor=False)
            self.after = qnn.QuantReLU(bit_width=4, return_quant_tensor=False)
            self.deep = qnn.QuantConv2d(8, 8, 3, groups=8, weight_bit_width=4, bias=True)
            self.mid = qnn.QuantReLU(bit_width=4, return_quant_tensor=False)
            self.wide = qnn.QuantConv2d(8, 6, 1, weight_bit_width=4, bias=False)
            self.last = qnn.QuantReLU(bit_width=4, return_quant_tensor=False)
            self.average = nn.AdaptiveAvgPool2d(1)
            self.dense = qnn.QuantLinear(6, 5, bias=True, weight_bit_width=4)

        def forward(self, x: Any) -> Any:
            x = self.inputs(x)
            x = self.pool(self.relu(self.norms[0](self.stem(x))))
            x = self.after(self.branch(self.norms[1](self.block(x))) + x)
            x = self.mid(self.norms[2](self.deep(x)))
            x = self.last(self.wide(x))
            return self.dense(self.average(x).flatten(1))

    network = Network()
    for norm in network.norms:
        torch.nn.init.normal_(norm.weight)  # slopes of both signs
    with torch.no_grad():
        for _ in range(4):
            network(torch.randn(8, 2, 8, 8))
    return network.eval()


def test_a_residual_and_depthwise_network(tmp_path: Path) -> None:
    network = residual_network()
    import torch
    from brevitas.export import export_qonnx

    x = torch.randn(1, 2, 8, 8)
    path = tmp_path / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        export_qonnx(network, x, str(path), dynamo=False)
    graph = load_model(path)
    assert {Add, Depthwise, MaxPool, SumPool} <= set(kinds(graph))
    proto = onnx.load(path)
    assert agrees(graph, proto, n=12, spread=1.0) >= 10
    integer = to_integer(graph)
    assert agrees(integer, proto, n=12, spread=1.0) >= 10


def test_a_model_with_upsampling_made_elsewhere() -> None:
    graph = load_model(shared_model("qonnx_bsd300x3-espcn_nn_resize_quant_model.onnx"))
    assert graph.source.shape == (3, 128, 128)
    assert graph.sink.shape == (3, 256, 256)
    layer = [Pad, Window, MatVec, Activation]
    assert kinds(graph) == [*layer * 3, Upsample, *layer]


@pytest.mark.parametrize("dynamo", [False, True])
def test_shuffled_halves_and_a_truncated_average(tmp_path: Path, dynamo: bool) -> None:
    torch = pytest.importorskip("torch")
    qnn = pytest.importorskip("brevitas.nn")
    from brevitas.export import export_qonnx

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inputs = qnn.QuantIdentity(bit_width=4)
            self.stem = qnn.QuantConv2d(2, 8, 1, weight_bit_width=4)
            self.relu = qnn.QuantReLU(bit_width=4)
            self.branch = qnn.QuantConv2d(4, 4, 3, padding=1, weight_bit_width=4)
            self.other = qnn.QuantReLU(bit_width=4)
            self.joined = qnn.QuantIdentity(bit_width=4, return_quant_tensor=True)
            self.average = qnn.TruncAvgPool2d(2, 2, bit_width=4)
            self.last = qnn.QuantConv2d(8, 4, 3, groups=2, weight_bit_width=4)

        def forward(self, x: Any) -> Any:
            left, right = self.relu(self.stem(self.inputs(x))).chunk(2, 1)
            x = torch.cat([left, self.other(self.branch(right))], 1)
            x = self.average(self.joined(x))
            n, c, h, w = x.shape
            x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
            return self.last(x)

    torch.manual_seed(0)
    network = Network()
    with torch.no_grad():
        network(torch.randn(8, 2, 6, 6))
    path = tmp_path / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        export_qonnx(network.eval(), torch.randn(1, 2, 6, 6), str(path), dynamo=dynamo)
    graph = load_model(path)
    assert {Split, Concat, SumPool, Shuffle} <= set(kinds(graph))
    assert agrees(to_integer(graph), onnx.load(path), n=12, spread=1.0) >= 10
