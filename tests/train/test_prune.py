"""Pruning: how many weights become zero, which, and when; and the exported file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bitrill.train import Options, recipe_networks, train
from bitrill.train.brevitas_quantizers import quantized_layers
from bitrill.train.magnitude_pruning import Pruned, drop_constant_inputs, masked, share, update
from bitrill.train.onnx_execution import QonnxNetwork
from support import shared_data

COMPARED = re.compile(r"golden model compared: \d+ differences at boundaries, \d decisions differ")


def network(**given: Any) -> Any:
    torch.manual_seed(1)
    return recipe_networks.build(Options(recipe="tfc", **({"prune": 0.5} | given)))


def zeros(pruned: Pruned) -> int:
    return int((~pruned.mask).sum())


def test_the_share_grows_to_its_end_and_stays():
    shares = [share(0.8, t, 100) for t in range(100)]
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert shares[25] == 0.8 * (1 - 0.5**3)
    assert shares[50:] == [0.8] * 50


@pytest.mark.parametrize("steps", [1 << 10, 37, 22])
def test_zeros_are_chosen_until_the_ramp_ends(steps: int):
    net = network(prune=0.75)
    generator = torch.Generator().manual_seed(0)
    changed = []
    for step in range(steps):
        before = [p.mask.clone() for _, p in masked(net)]
        update(net, 0.75, step, steps)
        if any(not torch.equal(a, p.mask) for a, (_, p) in zip(before, masked(net), strict=True)):
            changed.append(step)
        for weight, _ in masked(net):
            with torch.no_grad():
                weight.uniform_(-1, 1, generator=generator)
    assert steps / 2 <= changed[-1] < steps / 2 + 17
    assert all(zeros(p) == int(0.75 * w.numel()) for w, p in masked(net))


def test_the_smallest_weights_are_zero_and_may_come_back():
    _, layer = quantized_layers(network())[0]
    pruned = Pruned(layer.weight_quant.tensor_quant, torch.empty(2, 3))
    weight = torch.tensor([[0.1, -0.9, 0.3], [-0.2, 0.3, 1.0]])
    pruned.keep(weight, 0.5)
    assert pruned.mask.int().tolist() == [[0, 1, 0], [0, 1, 1]]  # of equals the first
    pruned.keep(-weight.flip(0), 0.5)
    assert pruned.mask.int().tolist() == [[0, 0, 1], [0, 1, 1]]
    pruned.alive[0] = False
    pruned.keep(weight, 0.5)  # of the three others one
    assert pruned.mask.int().tolist() == [[0, 0, 0], [0, 1, 1]]


def test_a_pruned_weight_has_no_gradient_and_one_bit_becomes_two():
    net = network(weights="binary")
    weight, pruned = next(masked(net))
    pruned.keep(weight, 0.5)
    y, _, _, bits = pruned(weight)
    assert float(bits) == 2
    assert sorted(y.unique().tolist()) == [-1, 0, 1]
    assert torch.equal(y == 0, ~pruned.mask)
    y.sum().backward()
    assert torch.equal(weight.grad != 0, pruned.mask)


def test_weights_of_constant_inputs_are_zero_and_not_counted():
    net = network()
    x = torch.rand(50, 1, 8, 8, generator=torch.Generator().manual_seed(2))
    x[:, 0, 0] = 0
    x[:, 0, 1] = 0.25  # of 1 bit: as 0
    x[:49, 0, 2] = 0
    x[49, 0, 2] = 1  # once another is no constant
    drop_constant_inputs(net, x)
    assert [int(p.alive.sum()) for _, p in masked(net)] == [64 * 48, 4096, 4096, 640]
    update(net, 0.5, 0, 10)
    update(net, 0.5, 5, 10)
    assert [zeros(p) for _, p in masked(net)] == [64 * 16 + 32 * 48, 2048, 2048, 320]


def test_a_pruned_network_is_trained_resumed_and_exported(tmp_path: Path):
    def stop(epoch: int, _: int, batch: int, *__: Any) -> None:
        if (epoch, batch) == (2, 3):
            raise KeyboardInterrupt

    given: dict[str, Any] = {"weights": "binary", "prune": 0.5, "epochs": 4}
    whole = train("tfc", out=tmp_path / "whole", **given)
    with pytest.raises(KeyboardInterrupt):
        train("tfc", out=tmp_path / "broken", progress=stop, **given)
    train("tfc", out=tmp_path / "broken", resume=True, **given)
    files = ("metrics.json", "model.onnx")
    a, b = ([(tmp_path / d / f).read_bytes() for f in files] for d in ("whole", "broken"))
    assert a == b
    assert whole.options.name == "tfc_w1a1_p50_digits"
    assert whole.accuracy > 0.5
    metrics = json.loads(a[0])
    assert COMPARED.fullmatch(metrics["export"]["notes"][0])  # each difference is proven
    assert [layer["sparsity"] for layer in metrics["layers"][1:]] == [0.5, 0.5, 0.5]
    assert metrics["layers"][0]["sparsity"] > 0.5  # digits have pixels that are never inked
    assert [layer["values"] for layer in metrics["layers"]] == [[-1, 0, 1]] * 4
    file = QonnxNetwork.load(tmp_path / "whole" / "model.onnx")
    for q, layer in zip(file.weights, metrics["layers"], strict=True):
        y = file.constant(q.output)
        assert np.count_nonzero(y == 0) == layer["sparsity"] * layer["weights"]


def test_codebooks_have_zero_beside_their_values():
    net = network(weights="codebook4")
    for weight, pruned in masked(net):
        pruned.keep(weight, 0.25)
        assert len(pruned(weight)[0].unique()) == 5


def test_without_pruning_nothing_is_wrapped():
    assert not list(masked(network(prune=0.0)))


@pytest.mark.nightly
def test_half_of_tfc_is_pruned_and_reaches_92_5_percent_on_mnist(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BITRILL_DATA", str(shared_data()))
    result = train("tfc", dataset="mnist", prune=0.5)
    print(f"\npruned: {100 * result.accuracy:.2f} %")
    assert result.accuracy >= 0.925
    assert all(layer["sparsity"] >= 0.5 for layer in result.metrics["layers"])
