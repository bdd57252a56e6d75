"""An 8-bit network with zero points, from training over ONNX Runtime to RTL."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from bitrill import flow
from onnx import numpy_helper

for package in ("torch", "brevitas", "onnxruntime", "sklearn"):
    pytest.importorskip(package)
import zero_points as benchmark  # noqa: E402

STYLE = "QOperator-int8"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest network of the benchmark, hardly trained."""
    path = tmp_path_factory.mktemp("zero") / f"{STYLE}.onnx"
    benchmark.write_model(STYLE, path, channels=2, epochs=1)
    return path


def test_each_image_is_what_onnx_runtime_gives(model: Path) -> None:
    seen = benchmark.compared(model)
    assert not seen.faults
    assert (seen.images, seen.differ) == (360, seen.boundary)
    assert len(set(seen.zero_points)) > 2
    assert 0 not in seen.zero_points


def test_another_zero_point_is_another_network(model: Path) -> None:
    """The comparison sees a layer that reads its input with a zero point that is off by one."""
    x = benchmark.images("test")[0][:20]
    y = benchmark.by_onnx_runtime(model, x)
    proto = onnx.load(model)
    conv = [n for n in proto.graph.node if n.op_type == "QLinearConv"][2]
    zero = next(t for t in proto.graph.initializer if t.name == conv.input[2])
    moved = numpy_helper.from_array(numpy_helper.to_array(zero) + np.int8(1), "moved")
    proto.graph.initializer.append(moved)
    conv.input[2] = moved.name
    path = model.with_name(f"{STYLE}-damaged.onnx")
    onnx.save(proto, path)
    assert flow.check(model, inputs=x, outputs=y).ok
    assert not flow.check(path, inputs=x, outputs=y).ok


def test_its_rtl_is_exact_in_slices(model: Path, tmp_path: Path) -> None:
    done = benchmark.compiled(model, "chosen", tmp_path / "build")
    assert done.resources.dsp > 0
    assert any(n.folded.in_slices for n in done.build.graph.nodes)
    x = benchmark.images("test")[0][:3]
    seen = flow.verify(done.build, data=x, samples=len(x), stall=0.3)
    assert (seen.samples, seen.mismatches, seen.cycles_exact) == (3, 0, True)


@pytest.mark.nightly
@pytest.mark.parametrize("style", benchmark.STYLES)
def test_every_style(style: str, tmp_path: Path) -> None:
    path = tmp_path / f"{style}.onnx"
    benchmark.write_model(style, path)
    seen = benchmark.compared(path)
    assert not seen.faults
    assert min(seen.right, seen.right_runtime) > 330
    for form in benchmark.FORMS:
        done = benchmark.compiled(path, form, tmp_path / form)
        for line in benchmark.verified(done, 20):
            assert ": 0 mismatches of 20, every beat in its cycle" in line
