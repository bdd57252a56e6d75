"""The verb `check`: float rounding at a boundary is proven, another network is a fault."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from bitrill import flow
from bitrill.cli import show
from bitrill.errors import SpecError
from bitrill.flow.rounding_proofs import Boundaries
from bitrill.frontend import load_model
from flow.helpers import frames, refused
from frontend.onnx_models import Net, save
from onnx import TensorProto, helper

X_SCALE, W_SCALE, Y_SCALE = (np.float32(s) for s in (0.1, 0.1, 0.02))
"""Every odd accumulator lies next to a tie of the second quantizer, at which float32 rounds."""


def ties(folder: Path) -> tuple[Path, np.ndarray, np.ndarray]:
    """Make a network whose float32 evaluation decides otherwise, its inputs and its outputs."""
    rng = np.random.default_rng(3)
    first, last = rng.integers(-7, 8, (5, 6)), rng.integers(-7, 8, (3, 5))
    net = Net(1, 6)
    x = net.quant("x", X_SCALE)
    w = net.quant(net.const((first * W_SCALE).T), W_SCALE)
    x = net.quant(net.node("MatMul", x, w), Y_SCALE, bits=6.0)
    w = net.quant(net.const(last.T), 1.0)
    path = save(net.proto(net.node("MatMul", x, w)), folder)
    q = rng.integers(-8, 8, (300, 6))
    sums = (q.astype(np.float32) * X_SCALE) @ (first.astype(np.float32) * W_SCALE).T
    hidden = np.clip(np.rint(sums / Y_SCALE), -32, 31) * Y_SCALE
    return path, q.astype(np.float32) * X_SCALE, hidden @ last.T.astype(np.float32)


def silent(*_: object) -> None:
    """No progress."""


def test_decisions_that_float32_rounds_are_proven(tmp_path: Path) -> None:
    path, x, y = ties(tmp_path)
    done = flow.check(path, inputs=x, outputs=y, progress=silent)
    assert done.ok
    assert done.boundary == done.differ > 10, done
    assert done.proofs[0].startswith("sample ")
    assert "within 12.5 %" in done.proofs[0]


def test_one_step_too_many_is_a_fault(tmp_path: Path) -> None:
    """A recorded frame whose hidden layer is one step off where no boundary is near."""
    path, x, y = ties(tmp_path)
    exact = flow.check(path, inputs=x, outputs=y, progress=silent)
    y = y.copy()
    y[7] += Y_SCALE
    done = flow.check(path, inputs=x, outputs=y, progress=silent)
    assert not done.ok
    assert len(done.faults) == 1
    assert "ORT_DISABLE_ALL" in show.checked(done)
    assert done.faults[0].startswith("sample 7: 3 of 3 outputs differ; element [0] is ")
    assert done.differ - exact.differ in (0, 1)


def test_frames_of_integers_have_no_decision_at_the_input(tmp_path: Path) -> None:
    """Another integer at the input is another frame, and explains nothing."""
    path, x, _ = ties(tmp_path)
    graph = load_model(path)
    codes = graph.source.quantize(x[:1])
    boundaries = Boundaries(graph)
    assert not list(boundaries._inputs(codes, codes))
    other = codes + np.where(codes < 0, 1, -1)
    y = graph.sink.dequantize(graph.run(other))
    assert not flow.check(path, inputs=codes, outputs=y, progress=silent).ok


@pytest.mark.parametrize("scale", [0.5, 1.1, -1.0])
def test_another_network_is_told(small_model: Path, scale: float) -> None:
    x = frames(40)
    y = load_model(small_model)
    outputs = y.sink.dequantize(y.run_floats(x)) * scale
    done = flow.check(small_model, inputs=x, outputs=outputs, progress=silent)
    assert not done.ok
    assert len(done.faults) == 3
    assert done.differ > 30


def test_the_network_itself_agrees(small_model: Path, tmp_path: Path) -> None:
    graph = load_model(small_model)
    np.save(tmp_path / "x.npy", x := frames(40))
    np.save(tmp_path / "y.npy", graph.sink.dequantize(graph.run_floats(x)).astype(np.float32))
    done = flow.check(small_model, inputs=tmp_path / "x.npy", outputs=tmp_path / "y.npy")
    assert done.to_json() == {
        "samples": 40,
        "differ": 0,
        "boundary": 0,
        "decisions_differ": 0,
        "proofs": [],
        "faults": [],
    }


def test_outputs_that_the_host_computes_are_compared(tmp_path: Path) -> None:
    """Two outputs by name: probabilities, and the scores behind another layer."""
    net = Net(1, 6)
    hidden = net.quant(net.dense(net.quant("x", 0.25), 6, 5, seed=1), 0.4)
    scores = net.dense(hidden, 5, 3, seed=2, scale=0.2)
    likely = net.node("Softmax", net.dense(hidden, 5, 4, seed=3, scale=0.01), axis=1)
    proto = net.proto(scores)
    proto.graph.output.append(helper.make_tensor_value_info(likely, TensorProto.FLOAT, None))
    path = save(proto, tmp_path)
    build = flow.compile(path, out=tmp_path / "b").build
    x = np.random.default_rng(0).normal(0, 1, (40, 6))
    outputs = {name: y.astype(np.float32) for name, y in flow.run(build, x).outputs.items()}
    np.savez(tmp_path / "y.npz", **outputs)
    assert flow.check(path, inputs=x, outputs=tmp_path / "y.npz", progress=silent).differ == 0
    outputs[likely] = outputs[likely].copy()
    outputs[likely][3] = outputs[likely][3, ::-1]
    done = flow.check(path, inputs=x, outputs=outputs, progress=silent)
    assert done.differ == 1
    assert f"differ; {likely} element [0] is " in done.faults[0]
    with refused(SpecError, f"outputs must be a .npz file of {scores}, {likely}, not one array"):
        flow.check(path, inputs=x, outputs=outputs[scores])
    with refused(SpecError, f"outputs must be {scores}, {likely}, not {scores}"):
        flow.check(path, inputs=x, outputs={scores: outputs[scores]})


def test_nothing_is_near_a_boundary_far_from_ties(small_model: Path) -> None:
    """The float error of a small network is far below a step of its accumulators."""
    assert Boundaries(load_model(small_model)).errors.max() < 1e-3


def test_bad_arrays_are_named(small_model: Path) -> None:
    x, y = frames(4), np.zeros((4, 3))
    with refused(SpecError, "outputs must have shape [N, 3], not [4, 2]"):
        flow.check(small_model, inputs=x, outputs=y[:, :2])
    with refused(SpecError, "outputs must have 4 frames, one per input, not 3"):
        flow.check(small_model, inputs=x, outputs=y[:3])
    with refused(SpecError, "input must have shape [N, 1, 2, 3], not [4, 2, 3]"):
        flow.check(small_model, inputs=x[:, 0], outputs=y)


def test_brevitas_own_export_of_one_bit_relu_is_another_network(tmp_path: Path) -> None:
    """Brevitas writes it with a zero point and a range that torch does not use."""
    torch = pytest.importorskip("torch")
    qnn = pytest.importorskip("brevitas.nn")
    from brevitas.export import export_qonnx

    torch.manual_seed(0)
    network = torch.nn.Sequential(
        qnn.QuantIdentity(bit_width=4),
        qnn.QuantLinear(8, 6, bias=True, weight_bit_width=4),
        qnn.QuantReLU(bit_width=1),
        qnn.QuantLinear(6, 3, bias=True, weight_bit_width=4),
    )
    with torch.no_grad():
        network(torch.randn(64, 8))
        x = torch.randn(40, 8)
        y = network.eval()(x).numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        export_qonnx(network, x[:1], str(tmp_path / "net.onnx"), dynamo=False)
    done = flow.check(tmp_path / "net.onnx", inputs=x.numpy(), outputs=y, progress=silent)
    assert not done.ok
    assert done.decisions_differ > 0
