"""A super-resolution network that others trained and exported, against qonnx and in RTL.

The network is fully convolutional, so its input may be cut to a size that is quick.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from bitrill.errors import MismatchError
from bitrill.frontend import load_model
from bitrill.ir import Graph
from bitrill.lowering import to_folded, to_integer
from bitrill.ops import Threshold
from bitrill.train.onnx_execution import QonnxNetwork
from bitrill.train.oracle import compare, golden_side
from support import shared_model

MODEL = "qonnx_bsd300x3-espcn_nn_resize_quant_model.onnx"


def cut(folder: Path, side: int) -> Path:
    """The model for images of ``side`` by ``side``."""
    model = onnx.load(shared_model(MODEL))
    (image,) = [i for i in model.graph.input if i.name == "onnx::Relu_0"]
    for d in image.type.tensor_type.shape.dim[2:]:
        d.dim_value = side
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    path = folder / "espcn.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def images(n: int, side: int) -> np.ndarray:
    """Slopes and noise, 0..1: the brightest and darkest places are reached."""
    rng = np.random.default_rng(0)
    slope = np.linspace(0, 1, side, dtype=np.float32)
    x = 0.5 * (slope[:, None] + slope) * rng.random((n, 3, 1, 1), np.float32)
    return (0.8 * x + 0.2 * rng.random((n, 3, side, side), np.float32)).astype(np.float32)


def checked(path: Path, x: np.ndarray) -> Graph:
    """Compare golden model and qonnx; they may differ only at a proven boundary."""
    graph, network = to_integer(load_model(path)), QonnxNetwork.load(path)
    report = compare(network, x, golden_side(network, graph, x))
    assert set(report.decisions) <= {d.index[0] for d in report.differences}
    assert sum(report.nodes.values()) > 10 * x.size
    return graph


def test_small_images_as_qonnx_computes_them(tmp_path: Path) -> None:
    path, x = cut(tmp_path, 10), images(4, 10)
    graph = checked(path, x)
    layer = next(n for n in graph if isinstance(n, Threshold))
    t = layer.x.type
    moved = layer.replace(thresholds=np.clip(layer.thresholds + 900, t.lo, t.hi + 1))
    broken = graph.replace(nodes=tuple(moved if n is layer else n for n in graph.nodes))
    network = QonnxNetwork.load(path)
    with pytest.raises(MismatchError, match="and not for rounding"):
        compare(network, x, golden_side(network, broken, x))


@pytest.mark.nightly
def test_an_image_of_full_size(tmp_path: Path) -> None:
    checked(shared_model(MODEL), images(1, 128))


@pytest.mark.nightly
def test_hardware(tmp_path: Path) -> None:
    from bitrill_sim import verify

    graph = checked(cut(tmp_path, 6), images(8, 6))
    x = graph.source.quantize(images(8, 6))
    for stall in (0.0, 0.5):
        report = verify(to_folded(graph), None, x, stall=stall, seed=1, work=tmp_path)
        report.check()
        assert report.cycles_exact
