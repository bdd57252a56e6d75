"""Learned precision: gradients, widths in the file, the recipe `precision` and its front."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from bitrill import flow
from bitrill.errors import SpecError, StorageError, ToolError
from bitrill.frontend import load_model
from bitrill.ir import INPUT, serialisation
from bitrill.train import PrecisionOptions, precise_training, train
from bitrill.train.precise_layers import (
    MOST_BITS,
    PreciseActivation,
    PreciseLinear,
    clamp,
    estimated_luts,
    signed_digits,
    widths,
)
from bitrill.train.precise_network import PreciseNetwork, exact_sums, to_onnx
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun


class Quant(OpRun):
    """QONNX's quantizer, with a width for each element; qonnx's own takes one for all."""

    op_domain = "qonnx.custom_op.general"

    def _run(self, x, scale, zero, bits, *, signed, narrow, rounding_mode):
        assert rounding_mode == "ROUND"
        low = -np.exp2(bits - 1) + narrow if signed else 0 * bits
        high = np.exp2(bits - signed) - 1 - (narrow and not signed)
        return ((np.round(np.clip(x / scale + zero, low, high)) - zero) * scale,)


def drawn(seed: int) -> PreciseNetwork:
    """A small network whose widths differ from weight to weight and from channel to channel."""
    torch.manual_seed(seed)
    network = PreciseNetwork(12, (9, 7), 3)
    with torch.no_grad():
        for p in widths(network):
            p.add_(torch.rand_like(p) * 5 - 2.5)
        clamp(network)
    network(torch.rand(50, 12))  # the batch norms' statistics
    return network.eval()


def test_rounding_and_its_gradients() -> None:
    layer = PreciseLinear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.3, -0.07]]))
        layer.fraction.copy_(torch.tensor([[2.2, 1.0]]))
    assert layer.values().tolist() == [[0.25, 0]]
    layer(torch.tensor([[2.0, 5.0]])).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.tolist() == [[2, 5]]
    want = torch.tensor([[2 * 0.05, 5 * -0.07]]) * math.log(2)
    assert layer.fraction.grad is not None
    assert torch.allclose(layer.fraction.grad, want)


def test_activations_have_a_width_a_channel() -> None:
    layer = PreciseActivation(3, bits=1.0)
    with torch.no_grad():
        layer.bits.copy_(torch.tensor([0.2, 1.0, 2.0]))
    x = torch.tensor([[0.9, 0.9, 0.9], [0.1, 0.3, 0.3]])
    assert layer(x).tolist() == [[0, 0.5, 0.75], [0, 0.5, 0.25]]
    layer(x).sum().backward()
    assert layer.bits.grad is not None
    lost = torch.tensor([0.9 + 0.1, 0.4 - 0.2, 0.15 + 0.05])
    assert torch.allclose(layer.bits.grad, lost * math.log(2))


def test_signed_digits_are_the_fewest() -> None:
    """Every sum of up to three powers of two: no integer needs more digits than it has terms."""
    powers = [sign * 2**k for k in range(9) for sign in (-1, 1)]
    sums, fewest = {0}, {0: 0}
    for terms in (1, 2, 3):
        sums = {s + p for s in sums for p in powers}
        for s in sums:
            fewest.setdefault(s, terms)
    for n in range(43):
        assert int(signed_digits(torch.tensor(n))) == fewest[n]


def test_the_estimate_counts_digits_times_bits() -> None:
    """A weight of 3 (two digits) reads 2 bits, one of -1 reads none; three steps of a threshold."""
    net = torch.nn.Sequential(PreciseActivation(2), PreciseLinear(2, 1))
    activation, matrix = net
    assert isinstance(activation, PreciseActivation)
    assert isinstance(matrix, PreciseLinear)
    with torch.no_grad():
        activation.bits.copy_(torch.tensor([2.0, 0.0]))
        matrix.weight.copy_(torch.tensor([[0.75, -0.25]]))
        matrix.fraction.fill_(2.0)
    luts = estimated_luts(net)
    assert float(luts.detach()) == 0.5 * 2 * 2 + 2.5 * 3
    luts.backward()
    assert all(p.grad is not None and (p.grad >= 0).all() for p in widths(net))


@pytest.mark.parametrize("seed", range(3))
def test_the_file_gives_torchs_sums(seed: int, tmp_path: Path) -> None:
    """By onnx's evaluator and by the golden model, in every bit."""
    network = drawn(seed)
    x = torch.rand(100, 12, generator=torch.Generator().manual_seed(seed))
    sums = exact_sums(network, x).numpy()
    evaluator = ReferenceEvaluator(to_onnx(network, (12,)), new_ops=[Quant])
    (theirs,) = evaluator.run(None, {"x": x.numpy()})
    assert np.array_equal(theirs, sums)
    assert precise_training.write_model(network, x, tmp_path / "m.onnx")


def test_the_design_gives_torchs_sums(tmp_path: Path) -> None:
    """A frame a clock under stalls, every beat in its cycle; single slots beside the matrices."""
    model, x = tmp_path / "m.onnx", torch.rand(8, 12, generator=torch.Generator().manual_seed(1))
    precise_training.write_model(drawn(3), x, model)
    np.save(tmp_path / "x.npy", x.numpy())
    flow.compile(model, out=tmp_path / "b", style="unrolled")
    graph = serialisation.load(tmp_path / "b")
    assert [graph.depths[e] for e in (INPUT, *(n.name for n in graph.nodes))] == [1, 1, 1, 2, 1, 2]
    for stall in (0.0, 0.4):
        frames = str(tmp_path / "x.npy")
        assert flow.verify(tmp_path / "b", engine="amaranth", data=frames, stall=stall).ok


def test_weights_stay_within_sixteen_bits() -> None:
    layer = PreciseLinear(3, 2)
    with torch.no_grad():
        layer.weight.fill_(-9.0)
        layer.fraction.fill_(14.0)
    clamp(layer)
    integers = layer.values() * 2.0**14
    assert integers.unique().tolist() == [-(2.0 ** (MOST_BITS - 1)) + 1]


def test_precision_learns_digits_and_keeps_a_front(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precise_training, "HIDDEN", (12,))
    done = train("precision", budget=1500, epochs=3, out=tmp_path)
    front = done.metrics["front"]
    assert done.accuracy > 0.6
    assert done.metrics["luts"] <= 1500
    assert [p["luts"] for p in front] == sorted({p["luts"] for p in front})
    assert [p["held"] for p in front] == sorted({p["held"] for p in front})
    for point in front:
        assert load_model(tmp_path / "front" / f"model_{point['luts']}.onnx").nodes
    again = train("precision", budget=1500, epochs=3, out=tmp_path, resume=True)
    assert again.metrics == done.metrics
    with pytest.raises(SpecError, match=r"another run's .*: budget is 1500, not 1501$"):
        train("precision", budget=1501, epochs=3, out=tmp_path, resume=True)
    path = tmp_path / "checkpoint.pt"
    state = torch.load(path)
    for damage in ({"front": 3}, {"network": {}}, {"ratio": None}):
        torch.save({**state, **damage}, path)
        with pytest.raises(StorageError, match=r"checkpoint.pt must be a whole checkpoint"):
            train("precision", budget=1500, epochs=3, out=tmp_path, resume=True)


def test_a_budget_that_no_network_meets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precise_training, "HIDDEN", (8,))
    message = r"budget of 100 LUTs: the smallest takes \d+; train more epochs, or give it more$"
    with pytest.raises(ToolError, match=message):
        train("precision", budget=100, epochs=1)


def test_wrong_options() -> None:
    message = "budget must be 100 to 100000 LUTs, not 3; dataset must be one of digits, .* not 'x'"
    with pytest.raises(SpecError, match=message):
        PrecisionOptions(budget=3, dataset="x")
    with pytest.raises(SpecError, match="weights must not be given for precision"):
        train("precision", weights="binary")
    with pytest.raises(ValueError, match="grain must be one of element, row, tensor, not 'column'"):
        PreciseLinear(2, 2, grain="column")  # pyright: ignore[reportArgumentType]
