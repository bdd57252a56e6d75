"""Speed of the golden model beside ONNX Runtime's float kernels on the same network.

    python benchmarks/golden_float.py [NAME ...]

Networks of `compile`, one thread each, batch 100 (`BATCH`). The float network is the same file
without its quantizers; the golden model's time includes quantizing the floats. At most `PROMISED`
times as long is promised; exits with 1 where it is longer.
"""

from __future__ import annotations

import os

# one thread for both sides
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import sys
from pathlib import Path

import numpy as np
import onnx
from bitrill.flow.import_and_fold import load
from bitrill.lowering import to_integer
from common import table
from compile import NETWORKS, drawn_model
from golden import best

BATCH = 100
PROMISED = 5
RUNS = 5
DEFAULT = ("mobilenet", "vww", "resnet8", "keywords")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("networks", nargs="*", metavar="NAME", help=f"of {', '.join(NETWORKS)}")
    rows = [row(name) for name in parser.parse_args().networks or DEFAULT]
    print(table(list(rows[0]), rows))
    return int(any(float(r["times"]) > PROMISED for r in rows))


def row(name: str) -> dict[str, str]:
    """Milliseconds a frame of both sides."""
    path = drawn_model(NETWORKS[name])
    graph = to_integer(load(path))
    x = np.random.default_rng(0).random((BATCH, *graph.source.shape), np.float32)
    floats = float_session(path)
    ours = best(lambda: graph.run_floats(x), RUNS) / BATCH * 1e3
    theirs = best(lambda: floats(x), RUNS) / BATCH * 1e3
    return {
        "network": name,
        "golden ms a frame": f"{ours:.3f}",
        "float ms a frame": f"{theirs:.3f}",
        "times": f"{ours / theirs:.1f}",
        "promised": f"<= {PROMISED}",
    }


def float_session(path: Path):
    """ONNX Runtime on the float network: `without_quantizers`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = without_quantizers(onnx.load(path))
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return lambda x: session.run(None, {"x": x})[0]


def without_quantizers(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model whose quantizers pass their first input on, for any batch."""
    graph, passed = model.graph, {}
    kept = []
    for node in graph.node:
        if node.op_type in ("Quant", "BipolarQuant"):
            passed[node.output[0]] = passed.get(node.input[0], node.input[0])
            continue
        for i, name in enumerate(node.input):
            node.input[i] = passed.get(name, name)
        kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)
    graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
    return model


if __name__ == "__main__":
    sys.exit(main())
