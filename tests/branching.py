"""Small folded networks that branch and join."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bitrill.ir import BIPOLAR, Graph, IntType, Operator, Sink, Source, Stage, Tensor
from bitrill.lowering import to_folded
from bitrill.ops import Add, Concat, MatVec, Shuffle, Split, Threshold, Upsample

U = IntType(0, 3)
PIXELS = Tensor((2, 3, 4), U)


def network(*nodes: Operator, x: Tensor = PIXELS, folding: Any = None) -> Graph:
    """INTEGER nodes, the last one the output, folded; arrays of the model channel first."""
    y = nodes[-1].y
    graph = Graph(
        name="branches",
        stage=Stage.INTEGER,
        source=Source(shape=_first(x.shape), tensor=x, raw_scale="1"),
        nodes=nodes,
        sink=Sink(shape=_first(y.shape), edge=nodes[-1].name, tensor=y),
    )
    return to_folded(graph, folding=folding)


def _first(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[-1], *shape[:-1])


def dense(name: str, edge: str, x: Tensor, rows: int) -> MatVec:
    weights = np.random.default_rng(len(name)).choice([-1, 1], (rows, x.channels))
    return MatVec(name=name, inputs=(edge,), operands=(x,), weights=weights, weight_type=BIPOLAR)


def steps(of: Operator, name: str, out: IntType = U) -> Threshold:
    t, n = of.y.type, out.n_values - 1
    limits = np.sort(np.random.default_rng(3).integers(t.lo, t.hi + 2, (of.y.channels, n)), 1)
    return Threshold(
        name=name,
        inputs=(of.name,),
        operands=(of.y,),
        thresholds=limits,
        inverted=np.arange(of.y.channels) % 3 == 0,
        out=out,
    )


def join(name: str, *edges: tuple[str, Tensor], gains: tuple[int, ...] | None = None) -> Add:
    inputs, operands = zip(*edges, strict=True)
    return Add(name=name, inputs=inputs, operands=operands, gains=gains or (1,) * len(edges))


def collected() -> Graph:
    """A network with a shuffle, which collects pixels, and a bypass beside it."""
    mix = Shuffle(name="mix", inputs=("input",), operands=(PIXELS,), order=np.array([2, 0, 3, 1]))
    total = join("total", ("mix", mix.y), ("input", PIXELS), gains=(1, -2))
    return network(mix, total, folding={"input_fork": {"pe": 2}})


def residual() -> Graph:
    """Two layers on each pixel, and the pixel added to what they give."""
    first = dense("first", "input", PIXELS, 6)
    act = steps(first, "act")
    second = dense("second", "act", act.y, 4)
    total = join("total", ("second", second.y), ("input", PIXELS))
    return network(first, act, second, total, folding={"first": {"pe": 2, "simd": 2}})


def around_dense() -> Graph:
    """Whole vectors on the way, and one waiting."""
    x = Tensor((12,), U)
    first = dense("first", "input", x, 8)
    act = steps(first, "act")
    second = dense("second", "act", act.y, 12)
    total = join("total", ("input", x), ("second", second.y), gains=(3, 1))
    folding = {n: {"pe": 2, "simd": 2} for n in ("first", "second")}
    return network(first, act, second, total, x=x, folding=folding)


def shuffled() -> Graph:
    """Half the channels through a layer, joined to the others, shuffled; the output read twice."""
    apart = Split(name="apart", inputs=("input",), operands=(PIXELS,), sizes=(2, 2))
    layer = dense("layer", "apart_1", apart.results[1], 4)
    act = steps(layer, "act")
    cat = Concat(name="cat", inputs=("apart", "act"), operands=(apart.results[0], act.y))
    mix = Shuffle(
        name="mix", inputs=("cat",), operands=(cat.y,), order=np.array([0, 2, 4, 1, 3, 5])
    )
    return network(apart, layer, act, cat, mix, folding={"layer": {"pe": 1}})


def three_ways() -> Graph:
    """Three paths of unequal length into one join, one of them out of the middle of another."""
    a = dense("a", "input", PIXELS, 4)
    b = steps(a, "b")
    c = dense("c", "b", b.y, 2)
    d = dense("d", "input", PIXELS, 2)
    cat = Concat(name="cat", inputs=("c", "b", "d"), operands=(c.y, b.y, d.y), gains=(1, 2, -1))
    return network(a, b, c, d, cat)


def upsampled() -> Graph:
    """Both sides of an addition upsampled, one of them behind a layer."""
    up = Upsample(name="up", inputs=("input",), operands=(PIXELS,), factors=(2, 2))
    layer = dense("layer", "input", PIXELS, 4)
    wide = Upsample(name="wide", inputs=("layer",), operands=(layer.y,), factors=(2, 2))
    total = join("total", ("up", up.y), ("wide", wide.y))
    return network(up, layer, wide, total, folding={"layer": {"pe": 2, "simd": 1}})


NETWORKS: dict[str, Callable[[], Graph]] = {
    "a bypass of a shuffle": collected,
    "residual": residual,
    "around dense layers": around_dense,
    "half the channels": shuffled,
    "three ways": three_ways,
    "two upsampled": upsampled,
}
