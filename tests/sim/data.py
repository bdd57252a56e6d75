"""Input frames for simulations."""

from __future__ import annotations

import numpy as np
from bitrill.ir import Graph


def frames(graph: Graph, n: int, seed: int = 0) -> np.ndarray:
    """Input frames: the type's lowest, its highest, then random ones; ``n`` in all."""
    values = graph.source.tensor.type.values()
    rng = np.random.default_rng(seed)
    x = values[rng.integers(0, len(values), (n, *graph.source.shape))]
    x[0], x[min(1, n - 1)] = values[0], values[-1]
    return x
