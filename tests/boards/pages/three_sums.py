"""The network of docs/serial.md: three counts of agreeing signs, small enough to work by hand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from bitrill.ir import BIPOLAR, Graph, Sink, Source, Stage, Tensor
from bitrill.lowering import to_folded
from bitrill.ops import MatVec

WEIGHTS = np.array([[1] * 8, [1, -1] * 4, [1] * 4 + [-1] * 4])


def three_sums() -> Graph:
    """Eight signs in; for each row of `WEIGHTS` the number of signs that agree with it."""
    x = Tensor((8,), BIPOLAR)
    count = MatVec(
        name="count", inputs=("input",), operands=(x,), weights=WEIGHTS, weight_type=BIPOLAR
    )
    sink = Sink(
        shape=(3,), edge="count", tensor=count.y, scale=(Fraction(1),), offset=(Fraction(0),)
    )
    source = Source(shape=(8,), tensor=x, raw_scale="1")
    graph = Graph(name="three_sums", stage=Stage.INTEGER, source=source, nodes=(count,), sink=sink)
    return to_folded(graph, folding={"count": {"pe": 1, "simd": 2}})
