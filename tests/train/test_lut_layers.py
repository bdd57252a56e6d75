"""Learned tables: gradients, wires, the recipe `lutnet`, and its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import onnxruntime
import torch
from bitrill.errors import SpecError, StorageError
from bitrill.frontend import load_model
from bitrill.ops import MatVec, Tables
from bitrill.train import train
from bitrill.train.lut_layers import GroupSum, LutLayer
from bitrill.train.lut_network import LutNetwork, Thermometer, live_parts, to_onnx
from bitrill.train.lut_recipe import CLASSES, LutOptions, luts_of, tables_within


def test_a_layer_gives_the_entries_that_its_wires_address() -> None:
    layer = LutLayer(9, 5, 3)
    x = torch.randint(0, 2, (40, 9)).float()
    places = (x[:, layer.wires] * torch.tensor([1, 2, 4])).sum(-1).long()
    want = torch.stack([layer.table[j][places[:, j]] > 0 for j in range(5)], 1)
    assert torch.equal(layer(x), want.float())


def test_gradients_are_straight_through_and_finite_differences() -> None:
    """One table, written out: entries get the outputs' gradients, inputs the table's steps."""
    layer = LutLayer(4, 1, 2)
    layer.wires.copy_(torch.tensor([[3, 1]]))
    table = layer.table.detach()[0]
    x = torch.tensor([[0, 1, 0, 1.0], [0, 0, 0, 1.0]], requires_grad=True)
    g = torch.tensor([[2.0], [-3.0]])
    layer(x).backward(g)
    assert layer.table.grad is not None
    assert layer.table.grad.tolist() == [[0, -3, 0, 2]]
    want = torch.zeros(2, 4)
    want[0, 3], want[0, 1] = 2 * (table[3] - table[2]), 2 * (table[3] - table[1])
    want[1, 3], want[1, 1] = -3 * (table[1] - table[0]), -3 * (table[3] - table[1])
    assert x.grad is not None
    assert torch.allclose(x.grad, want)


def test_wires_are_found_and_two_layers_learn() -> None:
    """A parity of two of twenty bits: only the right wires tell it."""
    torch.manual_seed(0)
    first, second = LutLayer(20, 16, 2), LutLayer(16, 8, 4, seed=1)
    adam = torch.optim.Adam([*first.parameters(), *second.parameters()], lr=0.05)
    sums = GroupSum(2, 1.0)
    x = torch.randint(0, 2, (256, 20)).float()
    labels = (x[:, 4] != x[:, 11]).long()
    for _ in range(200):
        adam.zero_grad()
        torch.nn.functional.cross_entropy(sums(second(first(x))), labels).backward()
        adam.step()
        for layer in (first, second):
            layer.clamp()
            layer.rewire(0.05)
    right = (sums(second(first(x))).argmax(1) == labels).float().mean()
    assert right > 0.95


def test_the_file_of_two_layers_counts_as_torch_does(tmp_path: Path) -> None:
    """By ONNX Runtime and by the golden model, of images and of their bits."""
    x = torch.rand(60, 1, 4, 5, generator=torch.Generator().manual_seed(1))
    network = LutNetwork(Thermometer.quantiles(x, 3), [40, 20], 4)
    counts = (network(x) * network.counts.temperature).round().detach().numpy()
    for encoded in (False, True):
        path = tmp_path / "net.onnx"
        path.write_bytes(to_onnx(network, (1, 4, 5), encoded=encoded).SerializeToString())
        graph = load_model(path)
        given = x.numpy()
        if encoded:
            given = network.code(x)[:, live_parts(network)[0]].numpy()
        else:
            (run,) = onnxruntime.InferenceSession(path).run(None, {"x": given})
            assert np.array_equal(run, counts)
        assert np.array_equal(graph.run_floats(given), counts)
        assert [type(n) for n in graph.nodes][-3:] == [Tables, Tables, MatVec]


def test_lutnet_learns_digits(tmp_path: Path) -> None:
    done = train("lutnet", budget=200, epochs=3, out=tmp_path)
    assert done.accuracy > 0.8
    assert done.metrics["tables"] == tables_within(200)
    graph = load_model(tmp_path / "model.onnx")
    assert isinstance(graph.nodes[-1], MatVec)
    again = train("lutnet", budget=200, epochs=3, out=tmp_path, resume=True)
    assert again.metrics["epochs"] == done.metrics["epochs"]
    with pytest.raises(SpecError, match=r"checkpoint.pt is another run's .*: seed is 0, not 1$"):
        train("lutnet", budget=200, epochs=3, seed=1, out=tmp_path, resume=True)
    path = tmp_path / "checkpoint.pt"
    state = torch.load(path)
    for damage in ({"history": 3}, {"rng": torch.zeros(3)}, {"network": {}}, {"options": None}):
        torch.save({**state, **damage}, path)
        with pytest.raises((StorageError, SpecError), match=r"checkpoint.pt "):
            train("lutnet", budget=200, epochs=3, out=tmp_path, resume=True)
    torch.save({**state, "format": 99}, path)
    with pytest.raises(StorageError, match=r"checkpoint.pt must have format 1, not 99"):
        train("lutnet", budget=200, epochs=3, out=tmp_path, resume=True)


@pytest.mark.parametrize("budget", [20, 300, 3300])
def test_a_budget_is_used_up(budget: int) -> None:
    tables = tables_within(budget)
    assert luts_of(tables) <= budget < luts_of(tables + CLASSES)


def test_wrong_options() -> None:
    message = "budget must be 10 to 100000 LUTs, not 3; dataset must be one of digits, .* not 'x'"
    with pytest.raises(SpecError, match=message):
        LutOptions(budget=3, dataset="x")
    with pytest.raises(SpecError, match="weights and prune must not be given for lutnet"):
        train("lutnet", weights="binary", prune=0.5)
    message = "budget must not be given for tfc, but for lutnet and precision alone"
    with pytest.raises(SpecError, match=message):
        train("tfc", budget=100)
    with pytest.raises(SpecError, match="the last layer's tables must be a multiple of 4 classes"):
        LutNetwork(Thermometer.of(torch.rand(9, 3), [0.5]), [6], 4)
