"""The verb `inspect`: counts of layers, reasons of a refusal."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from bitrill import flow
from bitrill.errors import SpecError, UnsupportedError
from bitrill.flow import inspect_advice
from bitrill.ir import IntType, Stage
from bitrill.ops import MatVec
from flow.helpers import refused
from frontend.onnx_models import Net, save


def test_inspect_counts_what_is_there(model: Path) -> None:
    found = flow.inspect(model)
    assert [g.stage for g in found.stages] == list(Stage)
    value = found.to_json()
    rows = [layer for layer in value["layers"] if layer["kind"] == "matvec"]
    assert [r["parameters"] for r in rows] == [24, 12]
    assert [r["operations"] for r in rows] == [48, 24]
    assert [r["weight_bits"] for r in rows] == [
        168,
        36,
    ]  # the first is sparse: with an index memory
    assert value["total"]["operations"] == 72
    assert list(value["stages"]) == ["imported", "integer", "folded"]
    assert value["ii"] == int(found.ii)


def matrix(name: str, bits: int, acts: int, zeros: int = 0) -> MatVec:
    weights = np.ones((2, 5), np.int64)
    weights.reshape(-1)[:zeros] = 0
    op = mock.Mock(spec=MatVec, weights=weights, folded=mock.Mock(style="folded"))
    op.weight_type = IntType.for_range(lo=-(1 << bits - 1), hi=(1 << bits - 1) - 1)
    op.x.type = IntType.for_range(lo=0, hi=(1 << acts) - 1)
    op.name = name
    return op


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([("a", 4, 8), ("b", 4, 4), ("c", 8, 8)], "a (4 bits) hold 33 % of the weights"),
        ([("a", 8, 8), ("b", 4, 2), ("c", 8, 8)], "b has 4-bit weights behind 2-bit activations"),
        ([("a", 8, 8), ("b", 8, 8, 8)], "40 % of the weights of folded layers are zero"),
        ([("a", 8, 8), ("b", 4, 4, 2), ("c", 8, 8)], None),
    ],
)
def test_a_rule_speaks_by_its_figure(layers: list[tuple], said: str | None) -> None:
    graph = mock.Mock(nodes=[matrix(*each) for each in layers])
    lines = inspect_advice.advise(graph)
    assert len(lines) == bool(said)
    assert all(str(said) in line and line.endswith(")") for line in lines)


def test_advice_may_be_left_out(model: Path) -> None:
    found, silent = flow.inspect(model), flow.inspect(model, no_advice=True)
    assert found.to_json()["advice"] == list(found.advice)
    assert silent.advice == ()
    assert len(silent.tables()) == 1


def test_inspect_gives_every_reason(tmp_path: Path) -> None:
    net = Net(1, 6)
    out = net.node("Cos", net.node("Sin", net.quant("x")))
    with pytest.raises(UnsupportedError) as caught:
        flow.inspect(save(net.proto(out), tmp_path))
    assert len(caught.value.reasons) >= 2
    assert any("Sin" in r for r in caught.value.reasons)
    assert any("Cos" in r for r in caught.value.reasons)


def test_wrong_options_are_named(model: Path) -> None:
    with refused(SpecError, "a raw input must have a type and a scale"):
        flow.inspect(model, raw_input="uint8")
