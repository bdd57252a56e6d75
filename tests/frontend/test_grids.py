"""Clips of integers on their own grid, and sums of scales that differ by channel: exact tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import UnsupportedError
from bitrill.ops import Add, Lookup
from frontend.onnx_models import Net, imported
from frontend.rules.test_convs import check, kinds


@pytest.mark.parametrize("zero", [0.0, 3.0, -2.0])
@pytest.mark.parametrize("signed", [0, 1])
def test_a_layer_right_behind_a_relu(tmp_path: Path, zero: float, signed: int) -> None:
    net = Net(1, 2, 4, 4)
    x = net.node("Relu", net.quant("x", 0.3, zero, signed=signed))
    graph = check(net, net.conv(x, 3, 2, 2, 2), tmp_path)
    (table,) = [n for n in graph if isinstance(n, Lookup)]
    assert table.out.lo == max(zero, table.x.type.lo)


def test_a_relu_of_bits_and_of_falling_scales(tmp_path: Path) -> None:
    net = Net(1, 2, 4, 4)
    x = net.node("Relu", net.bipolar("x", 0.5))
    x = net.quant(net.conv(x, 3, 2, 2, 2), np.array([0.7, 0.9, 0.8]).reshape(3, 1, 1))
    x = net.node("Relu", net.node("Mul", x, net.const(np.array([1, -1, 1]).reshape(3, 1, 1))))
    graph = check(net, net.conv(x, 3, 1, 2, 2, group=3), tmp_path)
    assert kinds(graph).count(Lookup) == 2


def test_clips_and_maps_in_a_row(tmp_path: Path) -> None:
    net = Net(1, 6)
    x = net.node("Relu", net.quant("x", 0.25))
    x = net.node("Clip", x, net.const(-3.0), net.const(1.25))
    x = net.node("Add", net.node("Mul", x, net.const(-0.5)), net.const(0.25))
    check(net, net.dense(x, 6, 4), tmp_path)


def test_branches_and_averages_of_relus(tmp_path: Path) -> None:
    net = Net(1, 3, 4, 4)
    x = net.quant("x", 0.3)
    y = net.node("Relu", net.quant(net.conv(x, 3, 3, 1, 1), 0.3))
    x = net.node("Add", net.node("Relu", x), y)
    graph = check(net, net.node("GlobalAveragePool", net.node("Relu", x)), tmp_path)
    assert kinds(graph).count(Lookup) == 3


def test_a_bound_between_two_integers_is_refused(tmp_path: Path) -> None:
    net = Net(1, 6)
    x = net.node("Clip", net.quant("x", 0.25), net.const(-0.3))
    message = r"the bound -0.3 of a Relu or Clip must be on the grid of its data, 0.25 \* integer"
    with pytest.raises(UnsupportedError, match=message):
        imported(net.proto(net.dense(x, 6, 4)), tmp_path)


def test_a_table_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bitrill.frontend.symbolic.grids.MAX_ENTRIES", 50)
    net = Net(1, 6)
    x = net.node("Relu", net.quant("x", 0.25))
    with pytest.raises(UnsupportedError, match="a table of its integers must have at most 16 bits"):
        imported(net.proto(net.dense(x, 6, 4)), tmp_path)


@pytest.mark.parametrize("op", ["Add", "Sub"])
def test_a_sum_of_scales_by_channel(tmp_path: Path, op: str) -> None:
    net = Net(1, 2, 3, 3)
    x = net.quant("x", 0.37)
    scales = np.array([0.5, 0.75, 1.0]), np.array([0.25, 0.5, -1.5])
    parts = [
        net.quant(net.conv(x, 3, 2, 1, 1, seed=k), s.reshape(3, 1, 1)) for k, s in enumerate(scales)
    ]
    y = net.node("Relu", net.norm(net.node(op, *parts), 3))
    graph = check(net, net.conv(net.quant(y, 0.3), 2, 3, 1, 1), tmp_path)
    assert kinds(graph).count(Lookup) == 2
    (total,) = [n for n in graph if isinstance(n, Add)]
    assert {*map(abs, total.gains)} == {1}


def test_one_scale_beside_many(tmp_path: Path) -> None:
    net = Net(1, 3, 3, 3)
    x = net.quant("x", 0.5)
    y = net.conv(x, 3, 3, 1, 1, quant={"scale": 0.3})
    y = net.quant(y, np.array([0.5, 0.25, 1.0]).reshape(3, 1, 1))
    check(net, net.node("Add", x, y), tmp_path)


@pytest.mark.parametrize("ends", [False, True])
def test_scales_by_channel_that_share_no_grid_are_refused(tmp_path: Path, ends: bool) -> None:
    net = Net(1, 3, 3, 3)
    x = net.quant("x", 0.5)
    y = net.quant(net.conv(x, 3, 3, 1, 1), np.array([0.5, 0.25, 0.713]).reshape(3, 1, 1))
    total = net.node("Add", x, y)
    message = "no quantizer follows" if ends else "its operands have a scale for each channel"
    with pytest.raises(UnsupportedError, match=message):
        imported(net.proto(total if ends else net.quant(total, 0.4)), tmp_path)
