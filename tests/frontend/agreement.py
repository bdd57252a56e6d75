"""Compares an imported graph with the float evaluator of its ONNX model."""

from __future__ import annotations

import numpy as np
import onnx
from bitrill.ir import Graph
from frontend.float_evaluator import evaluate
from frontend.float_numbers import U, Undecided


def agrees(
    graph: Graph, proto: onnx.ModelProto, *, n: int = 40, seed: int = 0, spread: float = 2.0
) -> int:
    """Compare ``n`` random inputs; every output must lie within the evaluator's own error bound.

    Returns the number of inputs that float64 could decide.
    """
    rng = np.random.default_rng(seed)
    shape = graph.source.shape
    decided = 0
    if graph.source.quantizer is None:
        t, source = graph.source.tensor.type, graph.source
        integers = t.values()[rng.integers(0, t.n_values, (n, *shape))]
        scale, offset = (np.array(numbers, object) for numbers in source.raw_meaning)
        exact = source.flatten(integers).astype(object) * scale + offset
        floats, error = source.restore(exact.astype(np.float64)), 4 * U
    else:
        floats, error = rng.normal(0, spread, (n, *shape)).astype(np.float32), 0.0
        integers = graph.source.quantize(floats)
    got = graph.sink.dequantize(graph.run(integers))
    for k in range(n):
        try:
            want = evaluate(proto, floats[k : k + 1], error)
        except Undecided:
            continue
        decided += 1
        v, e = np.broadcast_arrays(want.v, want.e)
        assert v.shape[1:] == graph.sink.shape
        far = np.abs(got[k].reshape(v[0].shape) - v[0]) > e[0] + 8 * U * (
            np.abs(v[0]) + magnitude(graph)
        )
        assert not far.any(), f"sample {k}: {got[k]} against {v[0]}, known to {e[0]}"
    return decided


def magnitude(graph: Graph) -> float:
    """Bound of ``|scale * integer| + |offset|``; rounding when dequantizing is relative to it."""
    t = graph.sink.tensor.type
    largest = max(abs(t.lo), abs(t.hi))
    return max(abs(float(s)) for s in graph.sink.scale) * largest + max(
        abs(float(o)) for o in graph.sink.offset
    )
