"""Max, Min, Sum and Mean of data and constants; constants that are rounded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import UnsupportedError
from frontend.onnx_models import Net, imported
from frontend.rules.test_convs import check


@pytest.mark.parametrize("op", ["Max", "Min", "Sum", "Mean"])
@pytest.mark.parametrize("bound", [0.0, 0.3, [[[0.5]], [[-1.0]], [[0.25]]]])
def test_data_and_constants(tmp_path: Path, op: str, bound: object) -> None:
    net = Net(1, 2, 3, 3)
    x = net.conv(net.quant("x", 0.5), 3, 2, 2, 2)
    check(net, net.quant(net.node(op, net.const(bound), x, net.const(1.5)), 0.3), tmp_path)


def test_sums_of_three(tmp_path: Path) -> None:
    net = Net(1, 2, 3, 3)
    x = net.quant("x", 0.5)
    scales, w = (0.5, 0.25, 1.0), {"scale": 0.37}
    parts = [net.quant(net.conv(x, 3, 2, 1, 1, seed=int(8 * s), quant=w), s) for s in scales]
    x = net.node("Sum", *parts, net.const(0.5))
    check(net, net.conv(net.quant(x, 0.53), 2, 3, 1, 1), tmp_path)


@pytest.mark.parametrize("op", ["Ceil", "Floor", "Max", "Min"])
def test_constants(tmp_path: Path, op: str) -> None:
    net = Net(1, 6)
    more = [] if op in ("Ceil", "Floor") else [net.const(3.75)]
    bits = net.node("Ceil", net.node(op, net.const(3.3), *more))
    parts = [net.const(0.53), net.const(0.0), bits]
    x = net.node(
        "Quant",
        net.dense(net.quant("x", 0.5), 6, 4),
        *parts,
        domain="qonnx.custom_op.general",
        signed=1,
        narrow=0,
        rounding_mode="ROUND_TO_ZERO",
    )
    check(net, x, tmp_path)


def test_the_greater_of_two_data_is_refused(tmp_path: Path) -> None:
    net = Net(1, 6)
    x = net.dense(net.quant("x", 0.5), 6, 4)
    x = net.node("Max", x, x)
    message = "one operand may depend on the model's input, the others be constants"
    with pytest.raises(UnsupportedError, match=message):
        imported(net.proto(x), tmp_path)


def test_bounds_of_places_are_refused(tmp_path: Path) -> None:
    net = Net(1, 2, 3, 3)
    x = net.conv(net.quant("x", 0.5), 3, 2, 1, 1)
    with pytest.raises(UnsupportedError, match="its bound must be one for each of 3 channels"):
        imported(net.proto(net.node("Max", x, net.const(np.arange(3.0)))), tmp_path)
