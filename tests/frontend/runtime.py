"""ONNX Runtime as a judge of imported models; it rounds floats, so each difference is examined."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from bitrill.ir import Graph
from bitrill.lowering import to_integer
from frontend.onnx_models import Net, imported


def session(proto: onnx.ModelProto, *, optimize: bool = False) -> Any:
    """A session of ONNX Runtime that computes as the file says, or optimised.

    Kernels of u8 times s8 saturate at 16 bits on some processors; the option keeps them from it
    (only where graphs are optimised: it is a step of that).
    """
    runtime = pytest.importorskip("onnxruntime")
    options = runtime.SessionOptions()
    level = runtime.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimize else level.ORT_DISABLE_ALL
    options.add_session_config_entry("session.x64quantprecision", "1")
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return runtime.InferenceSession(proto.SerializeToString(), options)


def outputs_of(made: Any, x: np.ndarray) -> np.ndarray:
    """What a session gives for each frame of ``x``, one by one."""
    name = made.get_inputs()[0].name
    return np.concatenate([made.run(None, {name: frame[None]})[0] for frame in x])


def check_equal(net: Net, folder: Path, x: np.ndarray, *, optimize: bool = False) -> Graph:
    """Compare imported and integer graph with ONNX Runtime exactly, where floats are exact."""
    proto = net.proto(net.nodes[-1].output[0])
    proto.opset_import.add(domain="com.microsoft", version=1)
    graph = imported(proto, folder)
    want = outputs_of(session(proto, optimize=optimize), x)
    few = graph.sink.tensor.type.bits < 16  # thresholds of 16 bits take long
    for some in (graph, to_integer(graph) if few else graph):
        got = some.sink.dequantize(some.run(some.source.quantize(x)))
        assert np.array_equal(got.reshape(want.shape), want)
    return graph
