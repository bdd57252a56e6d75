"""Speed and memory of the golden model beside qonnx's executor, in one run on one model.

Both take the same floats; their decisions are compared. Times are the best of several runs; the
golden model's include quantizing the floats. Exits with 1 where a ratio is below what is promised:
100 at batch 1, 10 at batch 1000.

    python benchmarks/golden.py [--model MODEL.onnx]
"""

from __future__ import annotations

import os

# one thread for both sides
os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import sys
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from bitrill.cli.show import table
from bitrill.flow.import_and_fold import load
from bitrill.flow.result import TextTable
from bitrill.ir import Graph
from bitrill.lowering import to_integer
from common import default_model

PROMISED = {1: 100, 1000: 10}
LARGE_BATCH = 200_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a QONNX file (default: TFC_1W1A, if at hand)")
    model = parser.parse_args().model or default_model("TFC_1W1A.onnx")
    graph = to_integer(load(model))
    rows, kept = [], True
    for batch, promised in PROMISED.items():
        x = np.random.default_rng(batch).random((batch, *graph.source.shape), np.float32)
        oracle = qonnx_executor(model, batch)
        same = decisions(graph.sink.dequantize(graph.run_floats(x))) == decisions(oracle(x))
        theirs = best(lambda x=x, oracle=oracle: oracle(x), 20 if batch == 1 else 5)
        ours = best(lambda x=x: graph.run_floats(x), 500 if batch == 1 else 50)
        ratio = theirs / ours
        kept &= ratio >= promised
        rows.append(
            (
                batch,
                f"{ours * 1e6:.1f}",
                f"{theirs * 1e6:.1f}",
                f"{ratio:.0f}",
                f">= {promised}",
                f"{same.sum()}/{batch}",
            )
        )
    print(f"{model.name}, one thread, {sys.platform}")
    head = ("batch", "golden us", "qonnx us", "ratio", "promised", "same decisions")
    print(table(TextTable.of(head, rows)))
    print(large_batch(graph))
    return 0 if kept else 1


def qonnx_executor(model: Path, batch: int) -> Callable[[np.ndarray], np.ndarray]:
    """qonnx on floats ``[batch, *shape]``."""
    warnings.simplefilter("ignore")
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    wrapped = ModelWrapper(str(model))
    source, sink = wrapped.graph.input[0].name, wrapped.graph.output[0].name
    shape = wrapped.get_tensor_shape(source)
    del wrapped.graph.value_info[:]
    wrapped.set_tensor_shape(source, [batch, *shape[1:]])
    out = wrapped.get_tensor_shape(sink)
    wrapped.set_tensor_shape(sink, [batch, *out[1:]])
    wrapped = wrapped.transform(InferShapes())
    return lambda x: execute_onnx(wrapped, {source: x})[sink]


def decisions(y: np.ndarray) -> np.ndarray:
    return y.reshape(len(y), -1).argmax(1)


def best(call: Callable[[], object], runs: int) -> float:
    """Seconds of the quickest of ``runs`` calls, after one that does not count."""
    call()
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def large_batch(graph: Graph) -> str:
    """Measure the memory that a large batch allocates beyond its outputs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.npy"
        shape = (LARGE_BATCH, *graph.source.shape)
        np.lib.format.open_memmap(path, "w+", np.float32, shape).flush()
        x = np.lib.format.open_memmap(path, "r")
        tracemalloc.start()
        y = graph.run_floats(x)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        size = path.stat().st_size
    return (
        f"batch {LARGE_BATCH:,}: {size / 2**20:,.0f} MiB of floats, mapped from a file; at most"
        f" {(peak - y.nbytes) / 2**20:,.1f} MiB allocated at once beyond the outputs"
    )


if __name__ == "__main__":
    sys.exit(main())
