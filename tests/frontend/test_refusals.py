"""Every reason at once, limits on reasons and on exact arithmetic, bad grids."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import SpecError, UnsupportedError
from bitrill.frontend import load_model
from bitrill.frontend.reader import limits
from bitrill.ir import IntType
from frontend.onnx_models import Net, imported, small
from frontend.refused import dense, of_integers
from support import shared_model


def test_every_reason_is_told_at_once(tmp_path: Path) -> None:
    net = Net(1, 6)
    x = net.node("Atanh", dense(net))
    x = net.dense(net.quant(x, 0.5), 4, 4)
    x = net.node("Tan", x)
    w = net.quant(net.const(np.ones((4, 4))), 0.0)
    with pytest.raises(UnsupportedError) as caught:
        imported(net.proto(net.node("MatMul", x, w)), tmp_path)
    assert [r.split(" node")[0] for r in caught.value.reasons] == ["Atanh", "Tan", "Quant"]
    assert str(caught.value).startswith("3 reasons: ")


def test_reasons_are_listed_up_to_a_number(tmp_path: Path) -> None:
    net = Net(1, 6)
    x = dense(net)
    for _ in range(limits.REASONS + 5):
        x = net.node("Tan", x)
    with pytest.raises(UnsupportedError) as caught:
        imported(net.proto(x), tmp_path)
    assert len(caught.value.reasons) == limits.REASONS + 1
    assert caught.value.reasons[-1] == "and 5 more"


def test_a_float_network_made_elsewhere_is_refused() -> None:
    with pytest.raises(UnsupportedError) as caught:
        load_model(shared_model("qonnx_mnist-conv_model.onnx"))
    text = str(caught.value)
    assert "has no quantizer: a network must be quantized" in text
    assert "Conv node 'Convolution28': it takes unquantized floats" in text


@pytest.mark.parametrize(
    ("raw", "scale", "message"),
    [
        (IntType(0, 255), None, "raw_input and raw_scale must be given together"),
        (None, Fraction(1, 255), "raw_input and raw_scale must be given together"),
        (IntType(0, 255), Fraction(0), "raw_scale must be above 0, not 0"),
        (IntType(0, 1 << 16), Fraction(1), "raw_input must be an integer type of at most 16 bits"),
        (IntType(-1, 1, "bipolar"), Fraction(1), "raw_input must be an integer type"),
    ],
)
def test_a_bad_raw_grid(
    tmp_path: Path, raw: IntType | None, scale: Fraction | None, message: str
) -> None:
    net, out = small()
    with pytest.raises(SpecError, match=message):
        imported(net.proto(out), tmp_path, raw_input=raw, raw_scale=scale)


@pytest.mark.parametrize(
    ("limit", "value", "message"),
    [
        ("EXACT_ELEMENTS", 3, "computed in the graph must have at most 3 elements, not"),
        ("EXACT_WORK", 20, "computed in the graph must have at most 20 elements together"),
    ],
)
def test_exact_arithmetic_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, message: str
) -> None:
    monkeypatch.setattr(limits, limit, value)
    net, out = small()
    with pytest.raises(UnsupportedError, match=message):
        imported(net.proto(out), tmp_path)


def test_shape_noise_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "EXACT_ELEMENTS", 3)
    for build in (
        of_integers("Gather", [1, 4], [0, 1, 0, 1]),
        of_integers("Concat", [1, 4], [1, 4], axis=0),
    ):
        net = Net(1, 6)
        with pytest.raises(UnsupportedError, match="its result must have at most 3 elements"):
            imported(net.proto(build(net)), tmp_path)


@pytest.mark.parametrize("axes", [9, 8])
def test_constants_keep_a_bounded_rank(tmp_path: Path, axes: int) -> None:
    net = Net(1, 6)
    c = net.node("Unsqueeze", net.const(1.0), axes=list(range(axes)))
    message = "at most 8 axes" if axes == 9 else "its constant must be a single number"
    with pytest.raises(UnsupportedError, match=message):
        imported(net.proto(net.node("Add", dense(net), c)), tmp_path)
