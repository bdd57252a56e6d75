"""SqueezeNet, ShuffleNet, DenseNet and Inception in small: torch = qonnx = golden = RTL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from bitrill.frontend import load_model
from bitrill.ir import Graph
from bitrill.lowering import to_integer, to_target
from bitrill.ops import Add, Concat, Depthwise, MaxPool, Shuffle, Split, SumPool
from bitrill.train import export
from bitrill.train.onnx_execution import QonnxNetwork
from bitrill.train.oracle import compare, golden_side
from bitrill_sim import verify
from blocks.modules import NETWORKS, pictures, settled, together
from torch import nn

INPUTS = 40
QUICK = ("squeezenet", "inception")
"""Networks of every run of the tests; the others wait for the night."""

CLOCK_HZ = 10**8

HOLDS: dict[str, dict[type, int]] = {
    "squeezenet": {Concat: 2, MaxPool: 1, SumPool: 1},
    "shufflenet-v1": {Shuffle: 2, Depthwise: 2, Add: 1, Concat: 1, SumPool: 2},
    "shufflenet-v2": {Split: 2, Shuffle: 3, Depthwise: 4, Concat: 3, SumPool: 1},
    "densenet": {Concat: 4, SumPool: 2},
    "inception": {Concat: 2, MaxPool: 3, SumPool: 1},
    "together": {Concat: 4, Add: 1, Split: 1, Shuffle: 2, Depthwise: 2, MaxPool: 1, SumPool: 1},
}


def checked(build: Callable[[], nn.Module], side: int, file: Path) -> Graph:
    """The network's integer graph, after every side decided alike but at proven boundaries."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = settled(build(), side)
    x = pictures(INPUTS, side, 1)
    report = export(network, x, file)  # torch against qonnx
    seen = {d.index[0] for d in report.differences}
    assert set(report.decisions) <= seen
    assert "golden model compared" in report.notes[0]
    graph = to_integer(load_model(file))
    qonnx = QonnxNetwork.load(file)
    report = compare(qonnx, x.numpy(), golden_side(qonnx, graph, x.numpy()))
    assert set(report.decisions) <= {d.index[0] for d in report.differences}
    assert report.samples == INPUTS
    return graph


def simulated(graph: Graph, interval: int, work: Path, side: int) -> None:
    """RTL against the golden model, free-running and with both ends pausing, to the cycle."""
    folded, _ = to_target(graph, clock_hz=CLOCK_HZ, fps=CLOCK_HZ / interval)
    x = graph.source.quantize(pictures(INPUTS, side, 2).numpy())
    decisions = graph.run(x).reshape(INPUTS, -1).argmax(1)
    assert len(set(decisions.tolist())) > 1
    for stall in (0.0, 0.5):
        report = verify(folded, None, x, stall=stall, seed=3, work=work)
        report.check()
        assert report.samples == INPUTS
        assert report.cycles_exact


def kinds(graph: Graph, *wanted: type) -> dict[type, int]:
    found = [type(n) for n in graph]
    return {k: found.count(k) for k in wanted}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.nightly) for n in NETWORKS]
)
def test_every_side_decides_alike(name: str, tmp_path: Path) -> None:
    graph = checked(NETWORKS[name], 8, tmp_path / "net.onnx")
    assert kinds(graph, *HOLDS[name]) == HOLDS[name]


@pytest.mark.nightly
def test_hardware_of_one_block_of_each_kind(tmp_path: Path) -> None:
    graph = checked(together, 8, tmp_path / "net.onnx")
    assert kinds(graph, *HOLDS["together"]) == HOLDS["together"]
    simulated(graph, 1024, tmp_path, 8)


@pytest.mark.nightly
@pytest.mark.parametrize("name", NETWORKS)
def test_hardware(name: str, tmp_path: Path) -> None:
    graph = checked(NETWORKS[name], 16, tmp_path / "net.onnx")
    simulated(graph, 4096, tmp_path, 16)


def test_a_shuffle_lost_by_the_export_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bitrill.errors import MismatchError
    from blocks import modules

    real = modules.shuffled

    def lost(x: torch.Tensor, groups: int) -> torch.Tensor:
        return x if torch.onnx.is_in_onnx_export() else real(x, groups)

    monkeypatch.setattr(modules, "shuffled", lost)
    torch.manual_seed(0)
    network = settled(modules.shufflenet_v2(), 8)
    with pytest.raises(MismatchError, match=r"differ at .* and not for rounding"):
        export(network, pictures(4, 8, 1), tmp_path / "net.onnx")


def test_weights_turned_in_one_channel_are_caught(tmp_path: Path) -> None:
    from bitrill.errors import MismatchError
    from bitrill.ops import MatVec

    file = tmp_path / "net.onnx"
    graph = checked(NETWORKS["squeezenet"], 8, file)
    node = next(n for n in graph if isinstance(n, MatVec))
    weights = np.array(node.weights)
    weights[0] = -weights[0]
    nodes = [n.replace(weights=weights) if n.name == node.name else n for n in graph.nodes]
    x = pictures(8, 8, 1).numpy()
    qonnx = QonnxNetwork.load(file)
    broken = graph.replace(nodes=tuple(nodes))
    with pytest.raises(MismatchError, match="and not for rounding"):
        compare(qonnx, x, golden_side(qonnx, broken, x))
