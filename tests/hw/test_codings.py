# amaranth: UnusedElaboratable=no
"""Whole networks of coded weights and logarithmic activations: every beat and every cycle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from bitrill.ir import Graph, IntType, Operator, Sink, Source, Stage, Tensor
from bitrill.lowering import to_folded
from bitrill.ops import Depthwise, MatVec, MaxPool, Pad, Threshold, Window
from bitrill.timing.replay import replay
from hw.driving import stalls
from hw.test_branches import FRAMES, beats, play, whole
from support import nightly

U4, LOG, SHORT = IntType(0, 15), IntType(0, 64, "log2"), IntType(0, 4, "log2")
BOOK = IntType.of_entries((-90, -41, -20, -5, 0, 17, 45, 101))
POT, POT2 = IntType(-4, 4, "pot"), IntType(-16, 16, "pot", 2)


def integers(*nodes: Operator) -> Graph:
    x, last = nodes[0].x, nodes[-1]
    return Graph(
        name="coded",
        stage=Stage.INTEGER,
        source=Source(shape=_first(x.shape), tensor=x, raw_scale="1"),
        nodes=nodes,
        sink=Sink(shape=_first(last.y.shape), edge=last.name, tensor=last.y),
    )


def _first(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Channels first, as in a model."""
    return (shape[-1], *shape[:-1])


def after(of: Operator | Tensor) -> dict[str, Any]:
    """The arguments of an operator that reads ``of``."""
    if isinstance(of, Tensor):
        return {"inputs": ("input",), "operands": (of,)}
    return {"inputs": (of.name,), "operands": (of.y,)}


def dense(name: str, of: Operator | Tensor, rows: int, values: IntType) -> MatVec:
    """A dense layer with random weights of type ``values``."""
    x = of if isinstance(of, Tensor) else of.y
    w = np.random.default_rng(rows).choice(values.values(), (rows, x.channels))
    kept = IntType.for_range(lo=int(w.min()), hi=int(w.max()))
    return MatVec(name=name, **after(of), weights=w, weight_type=kept)


def steps(name: str, of: Operator, out: IntType) -> Threshold:
    t, rng = of.y.type, np.random.default_rng(3)
    limits = np.sort(rng.integers(t.lo, t.hi + 1, (of.y.channels, out.n_values - 1)), 1)
    inverted = np.arange(of.y.channels) % 3 == 1
    return Threshold(name=name, **after(of), thresholds=limits, inverted=inverted, out=out)


def layers() -> Graph:
    """A dense network; each layer has another coding, and all activations are logarithmic."""
    first = dense("fc0", Tensor((12,), U4), 8, POT)
    a = steps("act0", first, LOG)
    second = dense("fc1", a, 6, BOOK)
    b = steps("act1", second, SHORT)
    third = dense("fc2", b, 4, POT2)
    return integers(first, a, second, b, third)


def pixels() -> Graph:
    """A convolution, a maximum and a padded depthwise layer, all on logarithmic data."""
    x = Tensor((4, 4, 2), U4)
    window = Window(name="win0", **after(x), kernel=(1, 1), stride=(1, 1))
    conv = dense("conv", window, 4, IntType(-1, 1))
    act = steps("act", conv, LOG)
    pool = MaxPool(name="pool", **after(act), kernel=(2, 2), stride=(2, 2))
    pad = Pad(name="pad", **after(pool), pads=(1, 1, 1, 1), value=0)
    taps = Window(name="win1", **after(pad), kernel=(3, 3), stride=(1, 1))
    w = np.random.default_rng(4).integers(-7, 8, (4, 9))
    each = Depthwise(name="each", **after(taps), weights=w, weight_type=IntType(-7, 7))
    return integers(window, conv, act, pool, pad, taps, each)


CASES: dict[str, Callable[[], Graph]] = {
    "layers": lambda: to_folded(layers()),
    "layers as told": lambda: to_folded(
        layers(),
        folding={
            "fc0": {"coding": "pot", "simd": 3, "pe": 2},
            "fc1": {"coding": "codebook", "simd": 4, "pe": 3, "primitives": "xc7"},
            "fc2": {"coding": "pot2", "memory": "block"},
        },
    ),
    "layers unrolled": lambda: to_folded(layers(), style="unrolled"),
    "pixels": lambda: to_folded(pixels()),
}


@pytest.mark.parametrize("stall", [*nightly("free"), "both random"])
@pytest.mark.parametrize("name", CASES)
def test_every_beat_and_every_cycle(name: str, stall: str) -> None:
    graph = CASES[name]()
    shape = (FRAMES, *graph.source.shape)
    x = np.random.default_rng(2).integers(0, 16, shape)
    sent, want = beats(graph, x)
    assert len(set(want)) > 1
    pattern = next(s for s in stalls(len(sent), seed=5) if s.name == stall)
    moves = play(graph, whole(sent), len(want), pattern)
    due = replay(graph, np.array(pattern.offered), np.array(pattern.ready, bool))
    assert moves.values == want
    assert moves.accepted == due.accepted.tolist()
    assert moves.taken == due.taken.tolist()


def test_codings_are_the_ones_meant() -> None:
    def types(name: str) -> list[str]:
        return [n.weight_type.coding.word for n in CASES[name]().nodes if isinstance(n, MatVec)]

    assert types("layers as told") == ["pot", "codebook", "pot"]
    assert types("layers")[0] == "pot"
    assert set(types("layers unrolled")) == {"integer"}
