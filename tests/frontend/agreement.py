"""Compares an imported graph with the float evaluator of its ONNX model."""

from __future__ import annotations

import numpy as np
import onnx
from bitrill.ir import Graph
from frontend.float_evaluator import U, Undecided, evaluate


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
        t, scale = graph.source.tensor.type, float(eval_fraction(graph.source.raw_scale))
        integers = rng.integers(t.lo, t.hi + 1, (n, *shape))
        floats, error = integers * scale, 4 * U
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


def eval_fraction(text: str | None) -> float:
    top, _, bottom = (text or "1").partition("/")
    return int(top) / int(bottom or 1)
