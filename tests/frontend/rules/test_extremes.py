"""Max, Min, Sum and Mean of data and constants; constants that are rounded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from bitrill.errors import UnsupportedError
from bitrill.frontend import load_model
from bitrill.ops import Lookup
from frontend.onnx_models import Net, imported, save
from frontend.rules.test_convs import check, kinds


@pytest.mark.parametrize("op", ["Max", "Min", "Sum", "Mean"])
@pytest.mark.parametrize("bound", [0.0, 0.3, [[[0.5]], [[-1.0]], [[0.25]]]])
def test_data_and_constants(tmp_path: Path, op: str, bound: object) -> None:
    net = Net(1, 2, 3, 3)
    x = net.conv(net.quant("x", 0.5), 3, 2, 2, 2)
    check(net, net.quant(net.node(op, net.const(bound), x, net.const(1.5)), 0.3), tmp_path)


@pytest.mark.parametrize("last", [False, True])
def test_sums_of_three(tmp_path: Path, last: bool) -> None:
    net = Net(1, 2, 3, 3)
    x = net.quant("x", 0.5)
    scales, w = (0.5, 0.25, 1.0), {"scale": 0.37}
    parts = [net.quant(net.conv(x, 3, 2, 1, 1, seed=int(8 * s), quant=w), s) for s in scales]
    if last:
        parts = [net.node("Transpose", p, perm=[0, 2, 3, 1]) for p in parts]
    x = net.node("Sum", *parts, net.const(0.5))
    x = net.node("Transpose", x, perm=[0, 3, 1, 2]) if last else x
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


@pytest.mark.parametrize("op", ["Max", "Min"])
@pytest.mark.parametrize("scale", [0.5, -0.5])
@pytest.mark.parametrize("kind", ["map", "vector", "tokens"])
def test_extremes_of_data(tmp_path: Path, op: str, scale: float, kind: str) -> None:
    net = Net(1, 2, 3, 3) if kind == "map" else Net(1, 6) if kind == "vector" else Net(1, 3, 6)
    x, w = net.quant("x", 0.37), {"scale": 0.3}
    if kind == "map":
        parts = [net.conv(x, 3, 2, k, 1, seed=k, pads=[0, 0, k - 1, 0]) for k in (1, 2)]
    else:
        parts = [net.dense(x, 6, 3, seed=k, **w) for k in (1, 2)]
    a, b = (net.quant(p, scale) for p in parts)
    x = net.quant(net.node(op, a, net.const(-0.7), b), 0.53)
    check(net, net.conv(x, 2, 3, 2, 2) if kind == "map" else net.dense(x, 3, 2), tmp_path)


@pytest.mark.parametrize("op", ["Max", "Min"])
@pytest.mark.parametrize("scales", [(0.5, 0.75), (-0.5, -1.0), (0.3, 0.5, 0.25)])
def test_extremes_on_a_common_grid(tmp_path: Path, op: str, scales: tuple[float, ...]) -> None:
    """The last operator; sums in front of any quantizer are compared, too."""
    net = Net(1, 6)
    x, w = net.quant("x", 0.5), {"scale": 0.5}
    parts = [net.dense(x, 6, 4, seed=k, **w) for k in range(len(scales))]
    if 0.3 not in scales:
        parts = [net.quant(p, s) for p, s in zip(parts, scales, strict=True)]
    graph = check(net, net.node(op, *parts), tmp_path)
    assert Lookup not in kinds(graph)


@pytest.mark.parametrize("op", ["Max", "Min"])
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("last", ["signed", "unsigned", "bipolar", "log"])
def test_extremes_wait_for_their_quantizer(tmp_path: Path, op: str, norm: bool, last: str) -> None:
    """Scales in no ratio, offsets, slopes of both signs behind them."""
    net = Net(1, 2, 3, 3, opset=13)
    x, w = net.quant("x", 0.5), {"scale": 0.37}
    grids = enumerate([(0.31, 0.0), (0.53, 1.0), (0.7, -3.0)])
    parts = [net.quant(net.conv(x, 4, 2, 1, 1, seed=k, quant=w), *grid) for k, grid in grids]
    x = net.node(op, *parts, net.const(-1.3))
    x = net.norm(x, 4, seed=2) if norm else x
    if last == "bipolar":
        x = net.bipolar(x)
    elif last == "log":
        x = net.log_quant(x, 0.4)
    else:
        x = net.quant(x, 0.45, bits=3.0, signed=int(last == "signed"))
    check(net, net.conv(x, 2, 4, 2, 2), tmp_path)


def test_extremes_of_unlike_scales_without_a_quantizer_are_refused(tmp_path: Path) -> None:
    net = Net(1, 6)
    x = net.quant("x", 0.5)
    x = net.node("Max", *(net.quant(net.dense(x, 6, 4, seed=k), s) for k, s in ((1, 1), (2, 0.3))))
    message = r"branches of Max node 'max\d+' must lie on one grid .* scales 1 and 0.3 has more"
    with pytest.raises(UnsupportedError, match=message):
        imported(net.proto(x), tmp_path)


def test_wide_sums_are_compared(tmp_path: Path) -> None:
    """A table of their values would not fit memory."""
    net = Net(1, 12)
    x = net.quant("x", 1.0, bits=10.0)
    parts = [net.dense(x, 12, 2, seed=k, bits=32.0, scale=2.0**-28) for k in range(2)]
    check(net, net.node("Min", *parts), tmp_path)


def test_bounds_of_places_are_refused(tmp_path: Path) -> None:
    net = Net(1, 2, 3, 3)
    x = net.conv(net.quant("x", 0.5), 3, 2, 1, 1)
    x = net.quant(net.node("Max", x, net.const(np.arange(3.0))), 0.5)
    with pytest.raises(UnsupportedError, match="its bound must be one for each of 3 channels"):
        imported(net.proto(net.conv(x, 2, 3, 1, 1)), tmp_path)


@pytest.mark.parametrize("op", ["Max", "Min", "Sum", "Mean"])
@pytest.mark.parametrize(("opset", "shape"), [(7, (1, 6)), (7, (6,)), (8, (6,))])
def test_nothing_was_broadcast_before_opset_8(
    tmp_path: Path, op: str, opset: int, shape: tuple[int, ...]
) -> None:
    """ONNX Runtime refuses such a node, too, and takes one whose operands have one shape."""
    net, bare = Net(1, 6, opset=opset), Net(1, 6, opset=opset)
    x = net.node(op, net.quant("x", 0.5), net.const(np.full(shape, 0.25)))
    path = save(net.proto(net.quant(x, 0.3)), tmp_path)
    out = bare.node(op, "x", bare.const(np.full(shape, 0.25)))
    session = onnxruntime.InferenceSession(bare.proto(out).SerializeToString())
    frame = {"x": np.zeros((1, 6), np.float32)}
    if opset < 8 and shape != (1, 6):
        with pytest.raises(UnsupportedError, match="opset 8 its operands must have the same"):
            load_model(path)
        with pytest.raises(Exception, match=op):
            session.run(None, frame)
    else:
        load_model(path)
        session.run(None, frame)
