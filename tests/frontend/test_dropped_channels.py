"""Channels that change nothing go from files of ONNX Runtime, which judges what is left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from bitrill.lowering import to_integer
from bitrill.passes.drop_channels import drop_channels
from frontend.onnx_models import imported
from frontend.runtime_files import FILES, shapes
from frontend.runtime_proof import compare
from onnx import numpy_helper


def thinned(proto: onnx.ModelProto) -> None:
    """Make rows of each layer's weights 0, or copies of the first one, with their biases."""
    rng, tensors = np.random.default_rng(4), {t.name: t for t in proto.graph.initializer}
    for node in proto.graph.node:
        if node.op_type not in ("Conv", "Gemm"):
            continue
        sources = [next(n for n in proto.graph.node if i in n.output) for i in node.input[1:]]
        places = [tensors[s.input[0]] for s in sources]
        arrays = [np.array(numpy_helper.to_array(t)) for t in places]
        fate = rng.integers(0, 4, len(arrays[0]))
        for t, a in zip(places, arrays, strict=True):
            a[fate == 0] = 0  # the bias, too: such a channel is 0 even behind a border
            a[fate == 1] = a[0]
            t.CopyFrom(numpy_helper.from_array(a, t.name))


def test_a_thinned_file_is_what_the_runtime_computes(tmp_path: Path) -> None:
    proto = FILES["ONNX Runtime, QDQ, u8s8, branches"](tmp_path)
    thinned(proto)
    graph = imported(proto, tmp_path)
    narrow = to_integer(graph, drop=drop_channels)
    x = np.random.default_rng(5).normal(0, 1, (20, *shapes(proto))).astype(np.float32)
    assert compare(proto, [graph, narrow], x).frames == 20
    fewer = [n.name for n in narrow if n.y.channels < graph.edges[n.name].channels]
    assert len(fewer) >= 4
