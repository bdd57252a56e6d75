"""The cheapest form of thresholds is chosen, and a folding can force one."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.folding.fold import cheapest_form, fold, folding_of, weight
from bitrill.ir import Graph, Impl, IntType, Sink, Source, Stage, Tensor
from bitrill.ops import Requantize, Threshold

X = IntType(-2048, 2047)


def thresholds(bits: int, *, even: bool, channels: int = 16) -> Threshold:
    """Thresholds with results of ``bits`` bits; ``even``: evenly spaced in each channel."""
    rng, n = np.random.default_rng(bits), (1 << bits) - 1
    limits = np.sort(rng.integers(X.lo, X.hi + 2, (channels, n)), 1)
    if even:
        steps = np.arange(1, n + 1) - 0.5 - n / 2
        limits = np.ceil(steps / (rng.uniform(0.5, 1.5, (channels, 1)) * n / X.n_values))
    return Threshold(
        name="act",
        inputs=("input",),
        operands=(Tensor((channels,), X),),
        thresholds=limits.clip(X.lo, X.hi + 1).astype(int),
        inverted=np.zeros(channels, bool),
        out=IntType(0, n),
    )


def graph_of(node: Threshold) -> Graph:
    return Graph(
        name="net",
        source=Source(shape=node.x.shape, tensor=node.x),
        nodes=(node,),
        sink=Sink(shape=node.y.shape, edge="act", tensor=node.y),
        stage=Stage.INTEGER,
    )


def at(pe: int, **more) -> Impl:
    return Impl(pe=pe, simd=pe, style="parallel", primitives="xc7", **more)


@pytest.mark.parametrize("pe", [1, 16])
@pytest.mark.parametrize("bits", [1, 2, 4, 7])
def test_no_other_form_weighs_less(bits: int, pe: int) -> None:
    node = thresholds(bits, even=False)
    op, impl = cheapest_form(node, at(pe), {})
    assert op is node
    for style in ("parallel", "search"):
        for memory in ("distributed", "block"):
            other = dataclasses.replace(impl, style=style, memory=memory)
            assert weight(node, impl) <= weight(node, other)


def test_few_levels_are_compared_many_are_searched() -> None:
    assert cheapest_form(thresholds(1, even=False), at(4), {})[1].style == "parallel"
    assert cheapest_form(thresholds(7, even=False), at(4), {})[1].style == "search"


def test_even_steps_of_many_levels_are_multiplied_where_that_is_less() -> None:
    node = thresholds(8, even=True)
    op, impl = cheapest_form(node, at(16), {})
    assert isinstance(op, Requantize)
    assert impl.style == "requantize"
    x = X.values()[:, None].repeat(16, 1)
    assert np.array_equal(op.eval(x), node.eval(x))


@pytest.mark.parametrize("style", ["parallel", "search", "requantize"])
def test_a_folding_forces_the_style_and_goes_round(style: str) -> None:
    graph = graph_of(thresholds(4, even=True))
    folded = fold(graph, {"act": {"style": style, "pe": 4}})
    assert folded["act"].folded.style == style
    told = json.loads(json.dumps(folding_of(folded)))
    assert folding_of(fold(graph, told)) == told
    assert isinstance(fold(graph, told)["act"], Requantize) == (style == "requantize")
    x = graph.source.tensor.type.values()[:, None].repeat(16, 1)
    assert np.array_equal(folded.run(x), graph.run(x))


def test_a_memory_that_is_told_stays() -> None:
    for memory in ("distributed", "block"):
        _, impl = cheapest_form(thresholds(8, even=False), at(1), {"memory": memory})
        assert impl.memory == memory


def test_uneven_steps_are_no_product() -> None:
    with pytest.raises(
        SpecError,
        match=r"folding: act: style 'requantize' needs even steps \(a gain and an offset that"
        r" give every threshold\), which its 15 thresholds a channel do not have",
    ):
        fold(graph_of(thresholds(4, even=False)), {"act": {"style": "requantize"}})


def test_runtime_stays() -> None:
    node = thresholds(4, even=True)
    given = node.default_impl((4,), style="runtime")
    op, impl = cheapest_form(node, given, {"style": "runtime"})
    assert op is node
    assert impl is given
    assert impl.style == "runtime"
