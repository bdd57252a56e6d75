"""MultiThreshold, as a first quantizer and behind layers; weights that are integers already."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import UnsupportedError
from bitrill.ir import BIPOLAR, IntType
from bitrill.ops import MatVec, Threshold
from frontend.onnx_models import QONNX, Net, imported
from frontend.rules.test_convs import check


def counted(net: Net, x: str, channels: int, levels: int, *, seed: int = 0, **given: object) -> str:
    table = np.sort(np.random.default_rng(seed).normal(0, 4, (channels, levels)), 1)
    domain = given.pop("domain", QONNX)
    return net.node("MultiThreshold", x, net.const(table), domain=domain, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("domain", [QONNX, "finn.custom_op.general"])
def test_a_whole_network_of_thresholds(tmp_path: Path, domain: str) -> None:
    net = Net(1, 3, 4, 4)
    x = counted(net, "x", 3, 15, out_bias=-8.0, out_dtype="INT4", domain=domain)
    w = np.random.default_rng(0).integers(-2, 2, (4, 3, 3, 3))
    x = net.node("Conv", x, net.const(w), pads=[1] * 4)
    x = counted(net, x, 4, 3, seed=1, out_dtype="UINT2", domain=domain)
    x = net.node("Conv", x, net.const(np.where(w[:2, :1] < 0, -1, 1)), group=2)
    with pytest.raises(UnsupportedError, match="must have 2 channels a group, not 1"):
        imported(net.proto(x), tmp_path)
    net.nodes[-1].attribute[0].i = 4
    with pytest.raises(UnsupportedError, match="group must divide its 4 input and 2 output"):
        imported(net.proto(x), tmp_path)
    net.nodes.pop()
    x = net.node("Conv", net.nodes[-1].output[0], net.const(np.where(w[:, :1] < 0, -1, 1)), group=4)
    graph = check(net, x, tmp_path)
    assert graph.source.tensor.type == IntType(-8, 7)
    (layer,) = [n for n in graph if isinstance(n, MatVec)]
    assert layer.weight_type == IntType(-2, 1)
    assert [n.out for n in graph if isinstance(n, Threshold)] == [IntType(0, 3)]


@pytest.mark.parametrize("slopes", [(1.5, 0.25), (-1.5, 0.25)])
def test_falling_sums_and_bits(tmp_path: Path, slopes: tuple[float, float]) -> None:
    net = Net(1, 6)
    x = net.dense(net.quant("x", 0.3), 6, 2)
    x = net.node("Add", net.node("Mul", x, net.const(slopes)), net.const(0.1))
    x = counted(net, x, 1, 1, out_scale=2.0, out_bias=-1.0)
    graph = check(net, net.dense(x, 2, 3), tmp_path)
    (bits,) = [n for n in graph if isinstance(n, Threshold)]
    assert bits.out == BIPOLAR
    assert bits.inverted.tolist() == [slopes[0] < 0, False]


def test_a_bound_itself_is_reached(tmp_path: Path) -> None:
    """``>=``: rising from the bound on, falling up to it."""
    net = Net(1, 2)
    x = net.node("Mul", net.quant("x", 1.0), net.const([1.0, -1.0]))
    table = net.const([[-1.0, 2.0]])
    graph = imported(net.proto(net.node("MultiThreshold", x, table, domain=QONNX)), tmp_path)
    values = np.arange(-8, 8)
    got = graph.run(np.stack([values, values], 1))
    want = [[int(v >= -1) + int(v >= 2), int(-v >= -1) + int(-v >= 2)] for v in values]
    assert got.tolist() == want


def test_channels_last_and_a_scaled_float_input(tmp_path: Path) -> None:
    net = Net(1, 3, 4, 2)
    x = net.node("Add", net.node("Mul", "x", net.const(-0.7)), net.const([0.3, 0.1]))
    x = counted(net, x, 2, 7, data_layout="NHWC", out_scale=0.3, out_bias=0.1)
    first = net.node("Transpose", x, perm=[0, 3, 1, 2])
    graph = check(net, net.conv(first, 3, 2, 2, 2), tmp_path)
    assert graph.source.channel_last
    assert graph.source.quantizer is not None
    assert graph.source.quantizer.inverted.all()


def test_two_of_the_same_in_front_are_one(tmp_path: Path) -> None:
    net = Net(1, 6)
    a, b = (net.dense(counted(net, "x", 1, 7), 6, 4, seed=k) for k in range(2))
    check(net, net.node("Add", a, b), tmp_path)
    net = Net(1, 6)
    a, b = (net.dense(counted(net, "x", 1, 7, seed=k), 6, 4) for k in range(2))
    with pytest.raises(UnsupportedError, match="must go through one quantizer, not two different"):
        imported(net.proto(net.node("Add", a, b)), tmp_path)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"out_scale": 0.0}, "its out_scale must not be zero"),
        ({"data_layout": "CHWN"}, r"its data_layout must be a letter for each of .* 'CHWN'"),
        ({"channels": 5}, "its thresholds must be a single number or one for each channel"),
    ],
)
def test_refused(tmp_path: Path, given: dict[str, object], message: str) -> None:
    net = Net(1, 6)
    channels = given.pop("channels", 4) if "channels" in given else 4
    x = counted(net, net.dense(net.quant("x", 0.3), 6, 4), channels, 3, **given)  # type: ignore[arg-type]
    with pytest.raises(UnsupportedError, match=message):
        imported(net.proto(x), tmp_path)


def test_a_refused_table(tmp_path: Path) -> None:
    net = Net(1, 6)
    x = net.dense(net.quant("x", 0.3), 6, 4)
    x = net.node("MultiThreshold", x, net.const([1.0]), domain=QONNX)
    with pytest.raises(
        UnsupportedError, match=r"its thresholds must be \[channels, N\], not \[1\]"
    ):
        imported(net.proto(x), tmp_path)


def test_thresholds_of_a_clip_are_refused(tmp_path: Path) -> None:
    net = Net(1, 6)
    x = net.node("Relu", net.dense(net.quant("x", 0.3), 6, 4))
    message = "remove it, the thresholds can include it"
    with pytest.raises(UnsupportedError, match=message):
        imported(net.proto(counted(net, x, 4, 3)), tmp_path)


def test_too_many_levels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bitrill.frontend.reader.limits.ACTIVATION_BITS", 2)
    net = Net(1, 6)
    x = counted(net, net.dense(net.quant("x", 0.3, bits=2.0), 6, 4), 4, 15)
    with pytest.raises(UnsupportedError, match="activations must have at most 2 bits, not 4"):
        imported(net.proto(x), tmp_path)


def test_a_part_of_the_float_input_is_refused(tmp_path: Path) -> None:
    net = Net(1, 2, 4, 4, opset=13)
    x = net.node("Gather", "x", net.const([1, 2], np.int64), axis=2)
    x = net.node("MultiThreshold", x, net.const([[0.5, 1.0]]), domain=QONNX)
    with pytest.raises(UnsupportedError, match="must take the model's float input as a whole"):
        imported(net.proto(net.conv(x, 3, 2, 1, 1)), tmp_path)
