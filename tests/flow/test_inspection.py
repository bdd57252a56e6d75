"""The verb `inspect`: counts of layers, reasons of a refusal."""

from __future__ import annotations

from pathlib import Path

import pytest
from bitrill import flow
from bitrill.errors import SpecError, UnsupportedError
from bitrill.ir import Stage
from flow.helpers import refused
from frontend.onnx_models import Net, save


def test_inspect_counts_what_is_there(model: Path) -> None:
    found = flow.inspect(model)
    assert [g.stage for g in found.stages] == list(Stage)
    value = found.to_json()
    rows = [layer for layer in value["layers"] if layer["kind"] == "matvec"]
    assert [r["parameters"] for r in rows] == [30, 15]
    assert [r["operations"] for r in rows] == [60, 30]
    assert [r["weight_bits"] for r in rows] == [120, 45]
    assert value["total"]["operations"] == 90
    assert list(value["stages"]) == ["imported", "integer", "folded"]
    assert value["ii"] == int(found.ii)


def test_inspect_gives_every_reason(tmp_path: Path) -> None:
    net = Net(1, 6)
    out = net.node("Cos", net.node("Sin", net.quant("x")))
    with pytest.raises(UnsupportedError) as caught:
        flow.inspect(save(net.proto(out), tmp_path))
    assert len(caught.value.reasons) >= 2
    assert any("Sin" in r for r in caught.value.reasons)
    assert any("Cos" in r for r in caught.value.reasons)


def test_wrong_options_are_named(model: Path) -> None:
    with refused(SpecError, "a raw input must have both a type and a scale"):
        flow.inspect(model, raw_input="uint8")
