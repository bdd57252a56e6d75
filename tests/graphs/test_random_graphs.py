# amaranth: UnusedElaboratable=no
"""Random networks: every bit and every cycle, free-running and stalled.

A network is an INTEGER graph of 2 to 8 random operators (and those that join open ends), with
random constants, folded at random. For each network: the golden model equals the operators'
oracles, also after folding; FIFOs are as short as full rate allows; the RTL equals the golden model
in every beat and the schedule in every cycle, with frames back to back and with stalls on both
sides; interval and latency are as predicted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bitrill.ir import Graph, Operator, serialisation
from bitrill.ops import OPERATORS, MatVec, MaxPool, Window
from bitrill.timing.predict import predict
from bitrill_hw.design.top import Top
from bitrill_sim import verify
from graphs.cases import Case
from graphs.exploring import GENERATED, drawn, explore
from graphs.playing import check, check_depths, check_golden, check_hardware
from graphs.together import chosen, together
from sim.icarus_bench import NetworkSpecimen, run
from support import need_tool, optional_tool

GROUPS, EACH = 4, 14
"""Number of groups, and of networks in each; some are drawn twice, so 50 are different."""

EVERY_RUN = 1
"""Number of groups in every run; the others are for the night."""

NIGHTLY_GROUPS = 20

TOGETHER, TOGETHER_NIGHTLY = 6, 12
"""Number of networks in one Verilog file."""

IN_ICARUS = 20
"""Number of networks in one run of Icarus."""


@pytest.mark.parametrize("group", range(EVERY_RUN))
def test_random_networks(group: int) -> None:
    explore(group, EACH, check)


@pytest.mark.nightly
@pytest.mark.parametrize("group", range(EVERY_RUN, GROUPS + NIGHTLY_GROUPS))
def test_many_random_networks(group: int) -> None:
    explore(group, 115, check)


def test_networks_are_many_and_of_all_kinds() -> None:
    cases = [case for group in range(GROUPS) for case in drawn(group, EACH)]
    assert len({case.dump() for case in cases}) >= 50
    graphs = [case.folded() for case in cases]
    nodes = [node for graph in graphs for node in graph]
    kinds = Counter(node.kind for node in nodes)
    assert set(kinds) == {op.kind for op in OPERATORS}
    assert min(kinds.values()) >= 1
    assert kinds["fork"] >= 20
    assert kinds["add"] >= 10
    assert kinds["concat"] >= 10
    assert {n.folded.style for n in nodes if n.kind == "window"} == {"folded", "parallel"}
    assert {n.folded.style for n in nodes if n.kind == "threshold"} == {"search", "parallel"}
    assert sum(max(graph.depths.values()) > 2 for graph in graphs) >= 5
    sources = [case.graph.source.tensor for case in cases]
    assert {len(t.shape) for t in sources} == {1, 2, 3}
    assert {str(t.type) for t in sources} >= {"bipolar", "uint1[0..1]", "int2[-2..1]"}


@pytest.mark.parametrize(
    "count", [TOGETHER, pytest.param(TOGETHER_NIGHTLY, marks=pytest.mark.nightly)]
)
def test_networks_together_in_verilator(tmp_path: Path, count: int) -> None:
    need_tool("c++")
    cases = drawn(100, count + 5)[-count:]  # the first ones are the smallest
    graphs = [case.folded() for case in cases]
    source = tmp_path / "top.v"
    source.write_text(together(graphs))
    for k, (case, graph) in enumerate(zip(cases, graphs, strict=True)):
        dut = replace(chosen(k, source), level="-O0")
        for stall in (0.0, 0.5):
            report = verify(graph, dut, case.frames(20), stall=stall, seed=k, work=tmp_path)
            assert report.ok, f"{report}\n{case}"

    def seen(k: int) -> bool:
        """Whether a deeper FIFO at the output is noticed, which it is if that FIFO fills up."""
        graph = graphs[k]
        deeper = graph.replace(
            depths={**graph.depths, graph.output: 3 + graph.depths[graph.output]}
        )
        dut = replace(chosen(k, source), level="-O0")
        report = verify(deeper, dut, cases[k].frames(20), stall=0.5, seed=1, work=tmp_path)
        return report.late is not None

    assert any(map(seen, range(count))), "a FIFO of other depth went unseen"


def in_icarus(cases: Sequence[Case], folder: Path, frames: int) -> list[str]:
    """Faults of networks side by side under stalls; every register starts with X."""
    specimens = {
        f"network {k}": NetworkSpecimen(c.folded(), c.frames(frames)) for k, c in enumerate(cases)
    }
    return run(specimens, folder, cycles=40_000)


def test_networks_together_in_a_second_simulator(tmp_path: Path) -> None:
    """Icarus knows X: a bit that nothing has set is seen, which Verilator takes for 0."""
    optional_tool("iverilog")
    assert in_icarus(drawn(101, IN_ICARUS), tmp_path, 3) == []


@pytest.mark.nightly
@pytest.mark.parametrize("number", range(102, 107))
def test_many_networks_together_in_a_second_simulator(number: int, tmp_path: Path) -> None:
    optional_tool("iverilog")
    assert in_icarus(drawn(number, IN_ICARUS), tmp_path, 8) == []


def test_another_network_is_seen_in_a_second_simulator(tmp_path: Path) -> None:
    """Planted: hardware of a network whose weights are those of the right one, in another order."""
    optional_tool("iverilog")
    for case in drawn(101, 60):
        graph, x = case.folded(), case.frames(6)
        other = graph.replace(nodes=tuple(map(turned, graph.nodes)))
        if (other.run(x) != graph.run(x)).any():
            break
    (fault, *_) = run({"planted": NetworkSpecimen(graph, x, other)}, tmp_path)
    assert re.match(r"FAULT planted, m_axis: beat \d+ is [0-9a-f]+ and must be", fault)


def turned(node: Operator) -> Operator:
    """The operator with the rows of its weights the other way round, if its types stay."""
    if not isinstance(node, MatVec):
        return node
    other = node.replace(weights=np.ascontiguousarray(node.weights[::-1]))
    return other if other.y == node.y else node


def test_a_printed_network_is_the_network() -> None:
    for case in drawn(3, 6):
        again = eval(repr(case)[repr(case).index("Case.load") :], {"Case": Case})
        assert serialisation.digest(again.folded()) == serialisation.digest(case.folded())
        assert (again.frames(5) == case.frames(5)).all()


# planted faults: if one were not noticed, the tests above would be worth nothing


def test_a_wrong_golden_model_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def least(op: MaxPool, x: np.ndarray) -> np.ndarray:
        return np.min(op.windows.taps(x), axis=0).reshape(len(x), *op.y.shape)

    monkeypatch.setattr(MaxPool, "eval", least)
    with pytest.raises(AssertionError, match="the golden model is wrong"):
        explore(0, 60, lambda case: check_golden(case, case.folded()), phases=GENERATED)


def test_a_window_that_comes_a_cycle_late_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = Window.schedule

    def late(op: Window):
        right = schedule(op)
        rules = tuple(replace(r, delay=r.delay + (r.dst == "out")) for r in right.rules)
        return replace(right, rules=rules)

    monkeypatch.setattr(Window, "schedule", late)
    with pytest.raises(AssertionError, match="must move in cycle"):
        explore(0, 60, check, phases=GENERATED)


def planted(case: Case, wrong: Graph) -> None:
    """Check the hardware of another graph instead of the right one."""
    folded = case.folded()
    check_hardware(case, folded, predict(folded), Top(wrong))


def test_a_fifo_of_one_slot_more_is_seen() -> None:
    def holds(case: Case) -> None:
        folded = case.folded()
        edge = max(folded.depths)
        planted(case, folded.replace(depths={**folded.depths, edge: folded.depths[edge] + 1}))

    with pytest.raises(AssertionError, match="must move in cycle"):
        explore(1, 60, holds, phases=GENERATED)


def test_a_fifo_deeper_than_needed_is_seen() -> None:
    def holds(case: Case) -> None:
        folded = case.folded()
        depths = {e: max(3, d + 1) for e, d in folded.depths.items()}
        check_depths(folded.replace(depths=depths), predict(folded), case.seed)

    with pytest.raises(AssertionError, match="is deeper than needed"):
        explore(2, 60, holds, phases=GENERATED)


def test_a_wrong_bit_is_seen() -> None:
    def holds(case: Case) -> None:
        nodes = [n for n in case.folded() if n.kind == "matvec"]
        if not nodes:
            return
        weights = np.array(nodes[-1].weights)
        low, high = nodes[-1].weight_type.lo, nodes[-1].weight_type.hi
        weights[-1, -1] = high if weights[-1, -1] == low else low
        wrong = nodes[-1].replace(weights=weights)
        if wrong.y != nodes[-1].y:
            return
        folded = case.folded()
        put = tuple(wrong if n.name == wrong.name else n for n in folded)
        planted(case, folded.replace(nodes=put))

    with pytest.raises(AssertionError, match="is wrong"):
        explore(3, 60, holds, phases=GENERATED)
