"""Each coding of weights and activations: trained, exported, imported, equal to torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from bitrill.errors import MismatchError, ToolError
from bitrill.train import Options, export, qonnx_export, recipe_networks, train
from bitrill.train.grid_weights import pot_values
from bitrill.train.onnx_execution import QonnxNetwork
from bitrill.train.qonnx_export import to_onnx
from onnx import numpy_helper
from support import nightly
from train import brevitas_modules as networks

EPOCHS = 2
POWERS = {0, 1, -1, 2, -2, 4, -4}
EXACT = "golden model compared: 0 differences at boundaries, 0 decisions differ"

TRAINED = [
    ("pot2", 2, {a + b for a in POWERS for b in POWERS}),
    ("codebook4", 2, set(range(-127, 128))),
    ("adder", 4, set(range(-7, 8))),
    ("int4", "log3", set(range(-7, 8))),
    *nightly(
        ("pot", 2, POWERS),
        ("int8", 8, set(range(-127, 128))),
        ("ttq", 2, set(range(-127, 128))),
        ("fgq", 2, set(range(-127, 128))),
    ),
]


@pytest.mark.parametrize(("weights", "acts", "allowed"), TRAINED, ids=lambda v: str(v)[:9])
def test_each_coding_learns_and_is_exported_exactly(
    weights: str, acts: int | str, allowed: set[int], tmp_path: Path
):
    result = train("tfc", weights=weights, acts=acts, epochs=EPOCHS, out=tmp_path)
    assert result.accuracy > 0.4  # 0.1 is chance
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["coding"] == weights
    assert metrics["export"]["notes"] == [EXACT]
    model = onnx.load_model(tmp_path / "model.onnx")
    for said, q in zip(metrics["layers"], QonnxNetwork(model).weights, strict=True):
        integers = q.decode(numpy_helper.to_array(_constant(model, q.input)))
        values = np.unique(integers)
        assert set(values.tolist()) <= allowed
        assert said["weights"] == integers.size
        assert said["sparsity"] == np.count_nonzero(integers == 0) / integers.size
        assert said["distinct"] == len(values) > 1
        assert said["range"] == [values.min(), values.max()]
        assert said["values"] == (values.tolist() if len(values) <= 17 else None)
        if weights == "codebook4":
            assert len(values) <= 4
        if weights == "ttq":
            assert (len(values), np.median(values)) == (3, 0)
        if weights == "fgq":  # one size a group
            for start in range(0, 64, 16):
                group = np.abs(integers[:, start : start + 16])
                assert np.all((group == 0) | (group == group.max(1, keepdims=True)))


def _constant(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    return next(i for i in model.graph.initializer if i.name == name)


@pytest.mark.parametrize(
    ("weights", "acts"),
    [
        ("adder", 8),
        ("binary", "log3"),
        *nightly(("adder", 1), ("adder", 2), ("pot3", 8), ("codebook16", 1)),
    ],
)
def test_other_pairs_are_exported_exactly_too(weights: str, acts: int | str, tmp_path: Path):
    module = networks.recipe(weights, acts)
    report = export(module, networks.images(32), tmp_path / "m.onnx")
    assert report.notes == (EXACT,)
    assert sum(report.nodes.values()) == 32 * (4 * 64 + 10)


@pytest.mark.parametrize("weights", ["pot2", "codebook4", "fgq", *nightly("pot", "int8", "ttq")])
def test_convolutions_take_every_coding_of_products(weights: str, tmp_path: Path):
    module = recipe_networks.build(Options(recipe="dilated1d", weights=weights, acts=8, width=3))
    module = networks.settled(module, (1, 64), batch=8, steps=3)
    report = export(module, networks.images(4, (1, 64)), tmp_path / "m.onnx")
    assert report.notes == (EXACT,)


def test_powers_are_all_sums_of_terms():
    assert pot_values(1) == [-4, -2, -1, 0, 1, 2, 4]
    assert [v for v in pot_values(2) if v >= 0] == [0, 1, 2, 3, 4, 5, 6, 8]
    assert [v for v in range(13) if v not in pot_values(3)] == [11]


def test_what_qonnx_cannot_say_is_a_local_function(tmp_path: Path):
    for weights, acts, name in (("adder", 2, "L1MatMul"), ("int4", "log3", "LogQuant")):
        model = to_onnx(networks.recipe(weights, acts), networks.images(1), dynamo=False)
        assert [(f.domain, f.name) for f in model.functions] == [("bitrill", name)]
        assert {o.domain: o.version for o in model.opset_import}["bitrill"] == 1
        calls = [n for n in model.graph.node if n.domain == "bitrill"]
        assert [n.op_type for n in calls] == [name] * (4 if name == "L1MatMul" else 3)
        with pytest.raises(ToolError, match=rf"cannot write functions .* \({name}\): export with"):
            to_onnx(networks.recipe(weights, acts), networks.images(1), dynamo=True)


def _spoilt(monkeypatch: pytest.MonkeyPatch, spoil: Any) -> None:
    """Exports that differ from the module as ``spoil(model)`` does."""

    def spoilt(*given: Any, **named: Any) -> onnx.ModelProto:
        model = to_onnx(*given, **named)
        spoil(model)
        return model

    monkeypatch.setattr(qonnx_export, "to_onnx", spoilt)


def test_a_wrong_body_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def half(model: onnx.ModelProto) -> None:
        """Spoil a logarithmic quantizer: bounds of 2**k instead of 2**(k - 1/2)."""
        (at,) = (n for n in model.functions[0].node if n.output[0] == "half")
        at.attribute[0].f = 0.0

    _spoilt(monkeypatch, half)
    with pytest.raises(MismatchError, match=r"differ at \S*LogQuant\S* in \d+ of 2048 values"):
        export(networks.recipe("int4", "log3"), networks.images(32), tmp_path / "m.onnx")

    def squared(model: onnx.ModelProto) -> None:
        (at,) = (n for n in model.functions[0].node if n.op_type == "Abs")
        at.op_type = "Neg"

    _spoilt(monkeypatch, squared)
    with pytest.raises(MismatchError, match=r"differ at \S*Quant\S* in \d+ of 2048 values"):
        export(networks.recipe("adder", 4), networks.images(32), tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("weights", "state"), [("codebook3", "centroids"), ("ttq", "positive")])
def test_what_a_quantizer_learns_goes_on_where_it_was_broken_off(
    weights: str, state: str, tmp_path: Path
):
    def stop(epoch: int, *_: Any) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    given: dict[str, Any] = {"weights": weights, "acts": 2, "epochs": 2}
    with pytest.raises(KeyboardInterrupt):
        train("tfc", out=tmp_path, progress=stop, **given)
    again = train("tfc", out=tmp_path, resume=True, **given)
    whole = train("tfc", **given)
    for (name, a), b in zip(
        again.module.state_dict().items(), whole.module.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b), name
    assert sum(state in name for name in again.module.state_dict()) == 4
