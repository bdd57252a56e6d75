"""Small folded networks with random constants."""

from __future__ import annotations

from typing import Any

import numpy as np
from bitrill.ir import BIPOLAR, Graph, Impl, IntType, Sink, Source, Stage, Tensor, verify
from bitrill.ops import Convert, MatVec, Threshold


def chained(*nodes: Any, depth: int = 2) -> Graph:
    """Nodes in a row, each edge's FIFO of ``depth`` slots."""
    last = nodes[-1]
    graph = Graph(
        name="chain",
        stage=Stage.FOLDED,
        source=Source(shape=nodes[0].x.shape, tensor=nodes[0].x, raw_scale="1"),
        nodes=nodes,
        sink=Sink(shape=last.y.shape, edge=last.name, tensor=last.y),
    )
    graph = graph.replace(depths=dict.fromkeys(graph.edges, depth))
    verify(graph, Stage.FOLDED)
    return graph


def matvec(name: str, edge: str, x: Tensor, rows: int, pe: int, simd: int, *, seed: int) -> MatVec:
    """A matrix with random bipolar weights."""
    weights = np.random.default_rng(seed).choice([-1, 1], (rows, x.channels))
    return MatVec(
        name=name,
        inputs=(edge,),
        operands=(x,),
        weights=weights,
        weight_type=BIPOLAR,
        impl=Impl(pe=pe, simd=simd),
    )


def threshold(of: MatVec, name: str, *, out: IntType = BIPOLAR) -> Threshold:
    """Random thresholds near the middle of the range."""
    y, n = of.y, out.n_values - 1
    middle = (y.type.lo + y.type.hi) // 2
    steps = np.sort(np.random.default_rng(len(name)).integers(-2, 3, (y.channels, n)), axis=1)
    return Threshold(
        name=name,
        inputs=(of.name,),
        operands=(y,),
        thresholds=middle + steps,
        inverted=np.arange(y.channels) % 3 == 0,
        out=out,
        impl=Impl(pe=of.lanes_out, simd=of.lanes_out, style="parallel"),
    )


def convert(name: str, edge: str, x: Tensor, simd: int, pe: int) -> Convert:
    """A converter from ``simd`` elements a beat to ``pe``."""
    return Convert(name=name, inputs=(edge,), operands=(x,), impl=Impl(simd=simd, pe=pe))


def mlp(*, depth: int = 2) -> Graph:
    """12-8-3, bipolar; three elements a beat in, one integer a beat out."""
    fc0 = matvec("fc0", "input", Tensor((12,), BIPOLAR), 8, 2, 3, seed=1)
    act0 = threshold(fc0, "act0")
    wide = convert("wide", "act0", act0.y, 2, 4)
    fc1 = matvec("fc1", "wide", wide.y, 3, 1, 4, seed=2)
    return chained(fc0, act0, wide, fc1, depth=depth)


def inputs(graph: Graph, n: int, *, seed: int = 0) -> np.ndarray:
    """``n`` random frames of a bipolar graph."""
    return np.random.default_rng(seed).choice([-1, 1], (n, *graph.source.shape))
