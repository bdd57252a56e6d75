"""The solver finds the cheapest legal folding: by brute force over all of them."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from bitrill.errors import FitError, SpecError
from bitrill.folding.fold import fold, folding_of
from bitrill.folding.options import Choices
from bitrill.folding.search import LEAST_SAVED, FoldingSearch, all_choices
from bitrill.folding.solve import solve
from bitrill.ir import BIPOLAR, Graph, IntType, Sink, Source, Stage, Tensor
from bitrill.lowering import to_integer, to_target
from bitrill.ops import Add, Fork, MatVec
from bitrill.parts.devices import Part, part_of
from bitrill.resources.estimate import Resources, network_resources
from bitrill.timing.predict import Timing, predict
from networks import UINT4, mlp, random_weights

CLOCK = 100_000_000


def chain(*sizes: int) -> Graph:
    return to_integer(mlp(sizes, seed=1))


def searched(graph: Graph, part: Part | None = None) -> FoldingSearch:
    return FoldingSearch(graph, part, all_choices(graph, part, {}))


def branches() -> Graph:
    """A fork, two layers, and their sum."""
    rng = np.random.default_rng(0)
    x = Tensor((2,), BIPOLAR)
    fork = Fork(name="fork", inputs=("input",), operands=(x,))
    layers = [
        MatVec(
            name=f"fc{k}",
            inputs=(edge,),
            operands=(x,),
            weight_type=t,
            weights=random_weights(rng, t, (4, 2)),
        )
        for k, (edge, t) in enumerate(zip(fork.outputs, (BIPOLAR, IntType(-2, 1)), strict=True))
    ]
    add = Add(name="add", inputs=("fc0", "fc1"), operands=tuple(n.y for n in layers))
    return Graph(
        name="branches",
        stage=Stage.INTEGER,
        source=Source(shape=x.shape, tensor=x, quantizer=None),
        nodes=(fork, *layers, add),
        sink=Sink(shape=add.y.shape, edge="add", tensor=add.y),
    )


def every_folding(graph: Graph) -> Iterator[tuple[int, Resources]]:
    """Interval and resources of all legal foldings, by folding the graph."""
    choices = [Choices(n).options for n in graph.nodes]
    for options in itertools.product(*choices):
        told = {
            n.name: {k: getattr(o.impl, k) for k in ("pe", "simd", "style", "memory")}
            for n, o in zip(graph.nodes, options, strict=True)
        }
        used = sum(network_resources(fold(graph, told)).values(), Resources())
        yield max(o.cycles for o in options), used


def price(r: Resources) -> float:
    """LUTs, with those that block memory has to save where it is not scarce."""
    return r.lcs + LEAST_SAVED * r.bram18


def thinned(intervals: list[int]) -> list[int]:
    """At most 13 of the intervals, the ends among them."""
    return sorted({*intervals[:: 1 + len(intervals) // 12], intervals[-1]})


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.nightly)])
@pytest.mark.parametrize(
    "graph", [chain(4, 3, 2), chain(2, 4, 1), branches()], ids=["chain", "narrow", "branches"]
)
def test_the_cheapest_of_all(graph: Graph, whole: bool) -> None:
    every = list(every_folding(graph))
    intervals = sorted({i for i, _ in every})
    for interval in intervals if whole else thinned(intervals):
        least = min(price(r) for i, r in every if i <= interval)
        found = solve(graph, clock_hz=CLOCK, interval=interval)
        assert price(found.resources) == least
        assert found.interval <= interval
        folded = fold(graph, found.folding)
        assert sum(network_resources(folded).values(), Resources()) == found.resources


def drawn(seed: int) -> Graph:
    """One or two layers of few channels of any kind, primes included."""
    rng = np.random.default_rng([7, seed])
    sizes = [int(n) for n in rng.integers(2, 6, rng.integers(2, 4))]
    weights = (BIPOLAR, IntType(-1, 1), IntType(-8, 7))[int(rng.integers(3))]
    x = (BIPOLAR, UINT4)[int(rng.integers(2))]
    return to_integer(mlp(tuple(sizes), weights=weights, x=x, seed=seed))


@pytest.mark.parametrize(
    "seed", [*(pytest.param(k, marks=pytest.mark.nightly) for k in (0, 1, 3)), 2]
)
def test_the_cheapest_of_all_of_any_graph(seed: int) -> None:
    graph = drawn(seed)
    every = list(every_folding(graph))
    intervals = sorted({i for i, _ in every})
    for interval in {intervals[0], intervals[len(intervals) // 2], intervals[-1]}:
        least = min(price(r) for i, r in every if i <= interval)
        found = solve(graph, clock_hz=CLOCK, interval=interval)
        assert (price(found.resources), found.interval <= interval) == (least, True)


def test_the_fastest_that_fits_of_all() -> None:
    graph = chain(4, 3, 2)
    every = list(every_folding(graph))
    for lcs in range(min(r.lcs for _, r in every), max(r.lcs for _, r in every), 7):
        part = Part("some", "some", lcs, 10**6, 10**6, 0)
        assert solve(graph, clock_hz=CLOCK, part=part).interval == min(
            i for i, r in every if r.lcs <= lcs
        )


@pytest.mark.parametrize("lcs", [260, 300, 400, 500, 700, 1000, 1500, 2500])
def test_the_fastest_that_fits_by_trying_all_intervals(lcs: int) -> None:
    graph = chain(24, 48, 36, 10)
    part = Part("some", "some", lcs, 10**6, 10**6, 0)
    search = searched(graph, part)
    first = next(i for i in search.intervals() if search.cheapest(i) is not None)
    assert solve(graph, clock_hz=CLOCK, part=part).interval == first


def test_too_many_states_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """With too many states the result is legal, and no cheaper than the best."""
    graph = branches()
    best = solve(graph, clock_hz=CLOCK, interval=4)
    monkeypatch.setattr("bitrill.folding.search.STATES", 1)
    found = solve(graph, clock_hz=CLOCK, interval=4)
    assert found.interval <= 4
    assert found.resources.lcs >= best.resources.lcs
    used = network_resources(fold(graph, found.folding)).values()
    assert sum(used, Resources()) == found.resources


def test_more_time_never_costs_more() -> None:
    search = searched(chain(60, 48, 36, 10))
    costs = [search.least(i).lcs for i in search.intervals()]
    assert costs == sorted(costs, reverse=True)
    assert len(set(costs)) > 20


def test_many_who_limit() -> None:
    assert "slowest layers: fc0, act0 and fc1, 1 cycles a frame" in str(
        solve(chain(4, 3, 2), clock_hz=CLOCK, interval=1)
    )
    assert "slowest layers: fc0, act0 and 3 more, 1 cycles a frame" in str(
        solve(chain(4, 3, 2, 2), clock_hz=CLOCK, interval=1)
    )


@pytest.mark.parametrize(("interval", "fewer"), [(64, 1), (256, 0)])
def test_few_converters(interval: int, fewer: int) -> None:
    """Than layers chosen each by itself; where those happen to fit together, no more."""
    graph = chain(60, 64, 48, 64, 10)
    folded = fold(graph, solve(graph, clock_hz=CLOCK, interval=interval).folding)
    search = searched(graph)
    alone = {}
    for name, choices in search.choices.items():
        best = min(choices.within(interval), key=lambda o, c=choices: c.resources(o).lcs)
        alone[name] = {k: getattr(best.impl, k) for k in ("pe", "simd", "style", "memory")}
    assert converters(folded) + fewer <= converters(fold(graph, alone))


def converters(graph: Graph) -> int:
    return sum(n.kind == "convert" for n in graph.nodes)


@pytest.mark.parametrize("interval", [16, 60, 64, 500])
def test_the_network_runs_as_fast_as_its_slowest_node(interval: int) -> None:
    folded, found = to_target(chain(24, 48, 36, 10), clock_hz=CLOCK, fps=CLOCK / interval)
    assert predict(folded).ii == found.interval <= interval
    told = folding_of(folded)
    assert {n: {k: told[n][k] for k in own} for n, own in found.folding.items()} == found.folding
    assert found.interval in {n.cost().cycles for n in map(folded.__getitem__, found.limits)}


def test_a_prime_layer_takes_what_is_legal() -> None:
    graph = chain(17, 13, 7)
    found = solve(graph, clock_hz=CLOCK, interval=20)
    assert found.interval <= 20
    assert found.folding["fc0"]["pe"] in (1, 13)
    assert found.folding["fc0"]["simd"] in (1, 17)
    with pytest.raises(SpecError, match=r"PE must divide 13 rows, not 2 \(nearest: 1 or 13\)"):
        fold(graph, {"fc0": {"pe": 2}})


def test_what_is_told_stands() -> None:
    graph = chain(24, 48, 36, 10)
    told = {"fc1": {"pe": 9, "simd": 16, "memory": "distributed"}}
    found = solve(graph, clock_hz=CLOCK, interval=100, folding=told)
    assert found.folding["fc1"] == {"style": "folded", "multiply": "lut", **told["fc1"]}
    with pytest.raises(SpecError, match=r"fc1: no legal folding has \{'pe': 5\}"):
        solve(graph, clock_hz=CLOCK, interval=100, folding={"fc1": {"pe": 5}})


def test_scarce_block_memory_is_spared() -> None:
    graph = chain(240, 96, 96, 10)
    part = Part("some", "some", 10**6, 10**6, 1, 0)
    free = solve(graph, clock_hz=CLOCK, interval=100, part=part.without_limits())
    assert free.resources.bram18 > 2
    found = solve(graph, clock_hz=CLOCK, interval=100, part=part)
    assert found.resources.bram18 <= 2
    assert found.resources.lcs > free.resources.lcs


def test_scarce_flip_flops_are_spared() -> None:
    graph = chain(60, 48, 36, 10)
    part = Part("some", "some", 10**6, 10**6, 10**6, 0)
    free = solve(graph, clock_hz=CLOCK, interval=100, part=part)
    part = dataclasses.replace(part, ff=free.resources.ff - 1)
    assert solve(graph, clock_hz=CLOCK, interval=100, part=part).resources.ff < free.resources.ff


def test_a_rate_out_of_reach() -> None:
    graph = to_integer(mlp((4, 10, 10), seed=1), top=1)
    words = (
        "mlp: the rate needs a frame every 5 cycles, and argmax takes 10 with all its lanes:"
        " 10,000,000 frames/s at 100 MHz at the most"
    )
    with pytest.raises(FitError, match=words) as caught:
        solve(graph, clock_hz=CLOCK, fps=20_000_000)
    assert caught.value.exit_code == 6


def test_a_part_too_small() -> None:
    graph, part = chain(784, 64, 64, 10), part_of("xc7s6")
    words = (
        r"mlp: a frame every 7 cycles does not fit xc7s6: lcs \d+ of 3750 \(\d+ %\).*;"
        r" it holds [\d,]+ cycles \([\d,.]+ frames/s\); xc7s\d+ is enough"
    )
    with pytest.raises(FitError, match=words):
        solve(graph, clock_hz=CLOCK, fps=Fraction(CLOCK, 7), part=part)
    fastest = solve(graph, clock_hz=CLOCK, part=part)
    assert not part.excess(fastest.resources)
    with pytest.raises(FitError):
        solve(graph, clock_hz=CLOCK, interval=fastest.interval - 1, part=part)


def test_a_part_that_holds_nothing() -> None:
    part = Part("none", "xc7a", 1, 10**6, 10**6, 0)
    with pytest.raises(FitError, match="it holds no folding of this network"):
        solve(chain(4, 3, 2), clock_hz=CLOCK, part=part)


def test_what_limits_and_what_is_next() -> None:
    graph = chain(24, 48, 36, 10)
    found = solve(graph, clock_hz=CLOCK, interval=100)
    assert found.faster is not None
    interval, used = found.faster
    words = {1: "layer: {}", 2: "layers: {} and {}"}[len(found.limits)].format(*found.limits)
    assert str(found) == (
        f"slowest {words}, {found.interval} cycles a frame\n"
        f"faster folding: {interval} cycles a frame would take"
        f" +{used.lcs - found.resources.lcs} LUTs"
    )
    nodes = len(found.folding)
    assert repr(found) == f"<Solution {nodes} nodes, {found.interval} cycles, {found.resources}>"
    assert solve(graph, clock_hz=CLOCK, interval=interval).resources == used
    assert "faster folding: none that fits" in str(solve(graph, clock_hz=CLOCK, interval=1))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, "a rate or a part must be given"),
        ({"fps": 0}, "the rate must be above 0 frames a second, not 0"),
    ],
)
def test_wrong_use(told: dict, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        solve(chain(4, 3, 2), clock_hz=CLOCK, **told)


def test_four_bit_layers_too() -> None:
    graph = to_integer(mlp((16, 16, 8), weights=IntType(-8, 7), x=UINT4, seed=2))
    folded, found = to_target(graph, clock_hz=CLOCK, fps=CLOCK / 40)
    assert predict(folded).ii == found.interval <= 40


def test_the_real_fifos_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that holds the folding with FIFOs of two slots, but not with deep ones."""
    graph = chain(24, 48, 36, 10)
    free = solve(graph, clock_hz=CLOCK, interval=100)
    part = Part("some", "xc7z", free.resources.lcs, 10**6, 10**6, 0)
    monkeypatch.setattr("bitrill.lowering.set_depths", deep)
    with pytest.raises(FitError, match=r"the design does not fit some: lcs \d+ of \d+"):
        to_target(graph, clock_hz=CLOCK, fps=CLOCK / 100, part=part)
    enough = Part("some", "xc7z", free.resources.lcs + 400, 10**6, 10**6, 0)
    folded, slower = to_target(graph, clock_hz=CLOCK, part=enough)
    assert sum(network_resources(folded).values(), Resources()).lcs <= free.resources.lcs + 400
    assert slower.interval > solve(graph, clock_hz=CLOCK, part=enough).interval


def deep(graph: Graph, expected: object = None) -> Graph:
    return graph.replace(depths=dict.fromkeys(graph.depths, 40))


def test_a_network_slower_than_its_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the whole network is slower than its nodes, the search takes a shorter interval."""
    graph = chain(24, 48, 36, 10)

    def slow(folded: Graph) -> Timing:
        exact = predict(folded)
        return Timing(exact.ii * 5 / 4, exact.latency)

    monkeypatch.setattr("bitrill.lowering.predict", slow)
    folded, found = to_target(graph, clock_hz=CLOCK, fps=CLOCK / 100)
    assert found.interval <= 80
    assert predict(folded).ii * 5 / 4 <= 100
    with pytest.raises(FitError, match="the rate needs a frame every"):
        to_target(graph, clock_hz=CLOCK, fps=CLOCK)


def test_no_folding_keeps_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bitrill.lowering.ROUNDS", 1)
    monkeypatch.setattr("bitrill.lowering.predict", lambda _: Timing(Fraction(401, 4), 1))
    words = (
        "once timing and FIFOs of the whole network are counted; the last one tried:"
        " a frame every 100.2 cycles"
    )
    with pytest.raises(FitError, match=words):
        to_target(chain(24, 48, 36, 10), clock_hz=CLOCK, fps=CLOCK / 100)
