"""Export: what torch decides is what the file decides, and what an exporter loses is caught."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import brevitas.nn as qnn
import brevitas.quant
import numpy as np
import onnx
import pytest
import torch
from bitrill.errors import MismatchError, SpecError, ToolError
from bitrill.train import export, qonnx_export
from bitrill.train.brevitas_quantizers import BinaryWeight
from bitrill.train.onnx_execution import QonnxNetwork
from torch import Tensor, nn
from train import brevitas_modules as networks


def without_freezing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Export as Brevitas does by itself: raw weights and a plain Quant node."""
    monkeypatch.setattr(qonnx_export, "freeze_weights", lambda m, _: copy.deepcopy(m).eval())


@pytest.mark.parametrize(("weights", "acts"), [("binary", 1), ("ternary", 2), ("int4", 4)])
def test_recipes_are_exported_as_torch_has_them(weights: str, acts: int, tmp_path: Path):
    network = networks.recipe(weights, acts)
    report = export(network, networks.images(48), tmp_path / "m.onnx")
    assert report.samples == 48
    assert len(report.nodes) == 5  # four quantizers and the output
    assert sum(report.nodes.values()) == 48 * (4 * 64 + 10)
    assert report.notes == (
        "golden model compared: 0 differences at boundaries, 0 decisions differ",
    )
    x = networks.images(200, seed=9)
    with torch.no_grad():
        decided = network(x).argmax(1).numpy()
    found = QonnxNetwork.load(tmp_path / "m.onnx").run(x.numpy()).output.argmax(1)
    assert np.array_equal(decided, found)


def test_both_exporters_give_the_same_network(tmp_path: Path):
    network = networks.recipe("binary", 2)
    x = networks.images(16)
    files = [tmp_path / "script.onnx", tmp_path / "dynamo.onnx"]
    reports = [export(network, x, f, dynamo=d) for f, d in zip(files, (False, True), strict=True)]
    assert [list(r.nodes.values()) for r in reports] == [[16 * 64] * 4 + [160]] * 2
    runs = [QonnxNetwork.load(f).run(x.numpy()) for f in files]
    for a, b in zip(runs[0].given, runs[1].given, strict=True):
        assert np.array_equal(a, b)


def test_the_file_is_the_same_each_time_and_says_nothing_of_the_machine(tmp_path: Path):
    network = networks.recipe("int4", 4)
    for name in ("a", "b"):
        export(network, networks.images(2), tmp_path / name / "m.onnx")
    data = (tmp_path / "a" / "m.onnx").read_bytes()
    assert data == (tmp_path / "b" / "m.onnx").read_bytes()
    model = onnx.load_model_from_string(data)
    assert [i.name for i in model.graph.input] == ["input"]
    assert [o.name for o in model.graph.output] == ["output"]
    assert [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim] == [1, 1, 8, 8]
    for text in (str(Path.cwd()), "site-packages", ".py"):
        assert text.encode() not in data


def test_a_quantizer_of_ones_own_survives(tmp_path: Path):
    network = networks.with_codebook()
    export(network, networks.images(32, (12,)), tmp_path / "m.onnx")
    found = QonnxNetwork.load(tmp_path / "m.onnx")
    values = np.unique(found.constant(found.weights[0].output))
    assert values.tolist() == [-1, -0.25, 0.25, 1]


def test_the_trap_is_caught_when_weights_are_not_frozen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    without_freezing(monkeypatch)
    want = (
        r"export lost the quantizer 1\.weight_quant: at \S+, \d+ of 108 weights differ;"
        r" first \[\d+, \d+\]: torch -?[\d.]+, qonnx -?[\d.]+$"
    )
    with pytest.raises(MismatchError, match=want) as caught:
        export(networks.with_codebook(), networks.images(32, (12,)), tmp_path / "m.onnx")
    assert caught.value.details["differences"] > 40
    assert not list(tmp_path.iterdir())


def test_a_lost_activation_quantizer_is_caught(tmp_path: Path):
    want = r"qonnx and torch differ at \S+Quant\S* in \d+ of 288 values, and not for rounding"
    with pytest.raises(MismatchError, match=want) as caught:
        export(networks.with_lost_activation(), networks.images(32, (12,)), tmp_path / "m.onnx")
    assert "/3/" in caught.value.details["node"]
    assert not list(tmp_path.iterdir())


class OnlyInTheFile(nn.Module):
    """Adds to the output, but only while it is exported."""

    def __init__(self, amount: float):
        super().__init__()
        self.amount = amount

    def forward(self, x: Tensor) -> Tensor:
        return x + (self.amount if torch.onnx.is_in_onnx_export() else 0.0)


def test_a_changed_output_is_caught(tmp_path: Path):
    network = networks.settled(networks.two_layers(tail=OnlyInTheFile(1e-5)), (12,))
    want = (
        r"differ at output in \d+ of 160 values, and not for rounding: .* outside the float error"
    )
    with pytest.raises(MismatchError, match=want):
        export(network, networks.images(32, (12,)), tmp_path / "m.onnx")


def test_convolutional_modules_are_compared_too(tmp_path: Path):
    network = networks.convolutional()
    report = export(network, networks.images(8, (2, 9, 8)), tmp_path / "m.onnx")
    assert list(report.nodes.values())[:3] == [8 * 2 * 9 * 8, 8 * 6 * 5 * 5, 8 * 6 * 5 * 5]
    assert len(report.notes) == 1


def test_the_module_stays_as_it_was(tmp_path: Path):
    network = networks.with_codebook().train()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    export(network, networks.images(4, (12,)), tmp_path / "m.onnx")
    assert network.training
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


def test_what_cannot_be_exported_is_told(tmp_path: Path):
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layer(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return torch.linalg.svdvals(self.dense(x))

    with pytest.raises(ToolError, match="Brevitas cannot export this module: "):
        export(Odd(), networks.images(4, (3, 3)), tmp_path / "m.onnx")
    for bad in (torch.zeros(3), torch.zeros(0, 3)):
        with pytest.raises(
            SpecError, match=r"example_input must be a batch of inputs, \[N, \.\.\], not"
        ):
            export(nn.Linear(3, 3), bad, tmp_path / "m.onnx")


def test_exporting_is_quiet(tmp_path: Path, capfd: pytest.CaptureFixture[str], recwarn: Any):
    network = networks.settled(networks.two_layers(1, BinaryWeight), (12,))
    export(network, networks.images(4, (12,)), tmp_path / "m.onnx")
    assert capfd.readouterr() == ("", "")
    assert not [w for w in recwarn if w.category is not ImportWarning]


def chain(*layers: nn.Module) -> nn.Module:
    """Return a network of layers whose activations have seen data, in evaluation mode."""
    torch.manual_seed(0)
    network = nn.Sequential(*layers)
    with torch.no_grad():
        network(torch.randn(64, 8))
    return network.eval()


def layer(columns: int, rows: int, **options: Any) -> nn.Module:
    return qnn.QuantLinear(columns, rows, bias=True, **({"weight_bit_width": 4} | options))


@pytest.mark.parametrize("dynamo", [False, True])
def test_activations_of_0_and_1_are_exported_as_torch_has_them(tmp_path: Path, dynamo: bool):
    """Brevitas alone writes them as -1 and +1."""
    network = chain(
        qnn.QuantIdentity(bit_width=4), layer(8, 6), qnn.QuantReLU(bit_width=1), layer(6, 3)
    )
    report = export(network, torch.randn(64, 8), tmp_path / "m.onnx", dynamo=dynamo)
    assert report.notes == (
        "golden model compared: 0 differences at boundaries, 0 decisions differ",
    )


@pytest.mark.parametrize(
    "quantizer", ["Int8AccumulatorAwareWeightQuant", "Int8AccumulatorAwareZeroCenterWeightQuant"]
)
def test_weights_bounded_by_the_accumulator_are_exported(tmp_path: Path, quantizer: str):
    """A2Q's weights depend on the input's bits, which Brevitas' exporter does not look at."""
    network = chain(
        qnn.QuantIdentity(bit_width=4, return_quant_tensor=True),
        layer(
            8, 6, weight_quant=getattr(brevitas.quant, quantizer), weight_accumulator_bit_width=9
        ),
        qnn.QuantReLU(bit_width=4),
        layer(6, 3),
    )
    report = export(network, torch.randn(64, 8), tmp_path / "m.onnx")
    assert report.notes == (
        "golden model compared: 0 differences at boundaries, 0 decisions differ",
    )


def test_layers_without_a_quantizer_are_named(tmp_path: Path):
    network = chain(qnn.QuantIdentity(bit_width=4), layer(8, 6), nn.ReLU(), nn.Linear(6, 3))
    with pytest.raises(SpecError, match=r"of its weights, but 3 \(Linear\) has none; use Brev"):
        export(network, torch.randn(4, 8), tmp_path / "m.onnx")
    with pytest.raises(SpecError, match=r"must have a quantized layer, and has none"):
        export(nn.Sequential(nn.ReLU()), torch.randn(4, 8), tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()
