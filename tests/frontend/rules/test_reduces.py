"""ReduceMax, ReduceSum and ReduceMean over any axes, in every form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from frontend.onnx_models import Net
from frontend.rules.test_convs import check


@pytest.mark.parametrize("op", ["ReduceMax", "ReduceSum", "ReduceMean"])
@pytest.mark.parametrize("axes", [(2, 3), (2,), (-1,), (1,), (1, 2), (1, 2, 3)])
@pytest.mark.parametrize("keep", [0, 1])
def test_axes(tmp_path: Path, op: str, axes: tuple[int, ...], keep: int) -> None:
    net = Net(1, 3, 4, 2, opset=18)
    x = net.quant(net.conv(net.quant("x", 0.5), 4, 3, 1, 1), 0.7)
    check(net, net.node(op, x, net.shape_const(*axes), keepdims=keep), tmp_path)


@pytest.mark.parametrize("op", ["ReduceMax", "ReduceSum", "ReduceMean"])
@pytest.mark.parametrize("form", ["attribute", "none", "noop", "empty"])
def test_forms(tmp_path: Path, op: str, form: str) -> None:
    net = Net(1, 3, 4, 2, opset=12 if form == "attribute" else 18)
    x = net.quant(net.conv(net.quant("x", 0.5), 4, 3, 1, 1), 0.7)
    if form == "attribute":
        x = net.node(op, x, axes=[-2, 3], keepdims=0)
    elif form == "empty":
        x = net.node(op, x, net.shape_const(), noop_with_empty_axes=0)
    else:
        x = net.node(op, x, noop_with_empty_axes=int(form == "noop"))
    check(net, x, tmp_path)


@pytest.mark.parametrize("op", ["ReduceMax", "ReduceSum", "ReduceMean"])
def test_tokens(tmp_path: Path, op: str) -> None:
    """A layer for each token, then a reduction over them."""
    net = Net(1, 5, 6, opset=18)
    x = net.quant(net.node("Relu", net.dense(net.quant("x", 0.5), 6, 4)), 0.7)
    x = net.node(op, x, net.shape_const(1), keepdims=0)
    check(net, net.dense(x, 4, 3, seed=1), tmp_path)


@pytest.mark.parametrize("op", ["ReduceSum", "ReduceMean"])
def test_channels_with_an_offset_each(tmp_path: Path, op: str) -> None:
    net = Net(1, 3, 4, 2, opset=18)
    zero = np.arange(4.0).reshape(4, 1, 1)
    x = net.quant(net.conv(net.quant("x", 0.37), 4, 3, 1, 1), 0.7, zero)
    check(net, net.quant(net.node(op, x, net.shape_const(1)), 0.53), tmp_path)
