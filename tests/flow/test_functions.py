"""Networks with functions of ONNX domain ``bitrill``, from file to RTL."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitrill import flow
from bitrill.errors import SpecError
from bitrill.ops import L1MatVec, Lookup, MatVec
from frontend.onnx_models import Net, save
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun


class Quant(OpRun):
    """Signed integers of QONNX, for the reference evaluator."""

    op_domain = "qonnx.custom_op.general"

    def _run(self, x, scale, zero, bits, narrow, signed, rounding_mode):  # type: ignore[no-untyped-def]
        half = 2 ** (int(bits) - 1)
        return (np.round(np.clip(x / scale, narrow - half, half - 1)).astype(np.float32) * scale,)


def network() -> tuple[Net, str]:
    """Distances, logarithmic codes, products of those, distances again; all on powers of two."""
    net = Net("b", 8, opset=15)
    x = net.distances(net.quant("x", 0.25), 8, 6, seed=1, scale=0.25)
    x = net.log_quant(net.norm(x, 6), 0.5, 3)
    x = net.norm(net.dense(x, 6, 6, scale=0.25, seed=2), 6, seed=3)
    x = net.distances(net.quant(x, 0.25, bits=6.0), 6, 4, seed=4, scale=0.25, bits=5.0)
    x = net.log_quant(net.node("Sub", net.const([-21.0, -21, -19, -15]), x), 0.5, 3)
    return net, net.distances(x, 4, 4, seed=6, scale=0.25)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    net, out = network()
    return save(net.proto(out), tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def build(model: Path, tmp_path_factory: pytest.TempPathFactory) -> flow.Compiled:
    return flow.compile(model, out=tmp_path_factory.mktemp("built") / "b")


def test_inspect_tells_the_layers(model: Path) -> None:
    layers = flow.inspect(model).layers
    kinds = [k.kind for k in layers if k.kind not in ("threshold", "requantize", "convert")]
    assert kinds == ["l1matvec", "matvec", "l1matvec", "lookup", "l1matvec"]
    first, *_, last = [k for k in layers if k.kind == "l1matvec"]
    assert (first.parameters, first.operations, first.weights) == (24, 48, "uint4[0..15]")
    assert (first.input, last.input) == ("int4[-8..7]", "uint8[0..128]")
    assert [k.output for k in layers if k.output.startswith("log")] == ["log3[0..64]"] * 2


def test_run_gives_what_onnx_gives(model: Path, build: flow.Compiled) -> None:
    x = np.random.default_rng(3).normal(0, 2, (200, 8)).astype(np.float32)
    (theirs,) = list(ReferenceEvaluator(str(model), new_ops=[Quant]).run(None, {"x": x}))
    ours = flow.run(build.build, x).floats
    # all is exact in float32 but batch norm: decisions at its boundaries alone may differ
    assert (ours == theirs).all(1).sum() >= 198
    assert len(np.unique(ours, axis=0)) >= 7


@pytest.mark.parametrize("stall", [0.0, 0.4])
def test_hardware_gives_what_the_golden_model_gives(build: flow.Compiled, stall: float) -> None:
    report = flow.verify(build.build, samples=40, stall=stall, seed=2)
    assert report.ok
    assert report.cycles_exact
    assert report.mismatches == 0
    assert report.measured.latency == report.predicted.latency  # pyright: ignore


def test_the_graph_holds_what_the_model_says(build: flow.Compiled) -> None:
    graph = build.build.graph
    kinds = {L1MatVec: 3, MatVec: 1, Lookup: 1}
    assert {k: sum(isinstance(n, k) for n in graph) for k in kinds} == kinds


def test_unrolled_distances_are_refused(model: Path, tmp_path: Path) -> None:
    folding = {"l1matmul3": {"style": "unrolled"}}
    with pytest.raises(SpecError, match="the style of l1matvec must be 'folded'"):
        flow.compile(model, out=tmp_path / "b", folding=folding)
