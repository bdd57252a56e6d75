"""Checks of a random network: golden model, FIFO depths, hardware and timing agree."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.lib.wiring import Component
from bitrill.errors import StageError
from bitrill.ir import INPUT, Graph
from bitrill.ir.interface import to_edge
from bitrill.timing.frames_in_flight import frames_inside
from bitrill.timing.predict import Timing, predict
from bitrill.timing.replay import replay
from bitrill_hw.design.top import Top
from bitrill_sim import amaranth_sim, stalls
from bitrill_sim.job import Job, streams
from bitrill_sim.measured import late_beat
from bitrill_sim.ports import AXIS
from graphs.cases import Case
from ops.suite import several, suite_of

PAUSED, PAUSED_BEATS = 4, 24
"""Least number of frames with stalls on both sides, and least number of their beats."""

FULL = 200
"""Cycles for which the sink stays stalled, so that the network fills up."""

SETTLED = 16
"""Frames back to back within which most networks are at their interval."""


def check(case: Case) -> None:
    """Check that golden model, hardware and timing of one network agree."""
    folded = case.folded()
    check_golden(case, folded)
    timing = predict(folded)
    check_depths(folded, timing, case.seed)
    check_hardware(case, folded, timing, Top(folded))


def check_golden(case: Case, folded: Graph) -> None:
    """Compare the golden model before and after folding with independent oracles."""
    x = case.frames(4)
    y = case.graph.run(x)
    assert (y == folded.run(x)).all(), "folding changed the function"
    expected = np.array([oracle(case.graph, frame) for frame in case.graph.source.flatten(x)])
    flat = to_edge(y, case.graph.sink.tensor).reshape(len(x), -1)
    assert (flat == expected.reshape(len(x), -1)).all(), "the golden model is wrong"


def oracle(graph: Graph, frame: np.ndarray) -> Any:
    """The output for one frame (nested lists of integers), by the operators' oracles."""
    values: dict[str, Any] = {"input": frame.tolist()}
    for node in graph:
        xs = [values[e] for e in node.inputs]
        if node.kind == "argmax":  # its oracle takes a flat vector
            xs = [np.ravel(xs[0]).tolist()]
        y = suite_of(node.kind)().oracle(node, *xs)
        values |= zip(node.outputs, several(y), strict=True)
    return values[graph.output]


def check_depths(folded: Graph, timing: Timing, seed: int) -> None:
    """Check that more slots give no higher rate, and one slot less a lower one."""
    deeper = {e: 2 * d + 4 for e, d in folded.depths.items()}
    assert predict(folded.replace(depths=deeper)).ii == timing.ii, "FIFOs hold up the rate"
    deep = [e for e, d in folded.depths.items() if d > 2]
    if deep:
        edge = deep[seed % len(deep)]
        less = folded.replace(depths={**folded.depths, edge: folded.depths[edge] - 1})
        assert slower(less, timing), f"the FIFO of {edge} is deeper than needed"


def slower(graph: Graph, than: Timing) -> bool:
    """Whether a graph takes longer for a frame, or deadlocks."""
    try:
        return predict(graph).ii > than.ii
    except StageError:
        return True


@dataclass(frozen=True)
class Plan:
    """Plan of a run: free frames, then a stalled sink, then stalls on both sides.

    ``free``: frames back to back. ``settled``: whether the last of them come at the interval.

    ``source``, ``sink``: the cycles in which either may move.
    """

    free: int
    frames: int
    settled: bool
    source: np.ndarray
    sink: np.ndarray


def plan(graph: Graph, timing: Timing, seed: int) -> Plan:
    """Plan the fewest free frames that show the interval; when it is idle, the sink stalls."""
    n_in = graph.source.tensor.size // graph.reader(INPUT).lanes_in
    n_out = graph.sink.tensor.size // graph.producer(graph.output).lanes_out
    due = replay(graph, np.zeros(SETTLED * n_in, int), np.ones(0, bool))
    ends, period = due.taken[n_out - 1 :: n_out], timing.ii.denominator
    at_rate = np.flatnonzero(ends[period:] - ends[:-period] == timing.ii * period)
    # frames that still fill the network may come at the interval by chance, which shows nothing
    late = [f for f in at_rate if f >= 2 and set(at_rate) >= set(range(f, len(ends) - period))]
    free = int(late[0]) + period + 1 if late else 4
    inside = min(frames_inside(graph) + 1, 2 + int(FULL / timing.ii))
    paused = max(PAUSED, PAUSED_BEATS // max(n_in, n_out))
    begins, idle = int(due.accepted[free * n_in - 1]) + 1, int(due.taken[free * n_out - 1]) + 3
    full = int(inside * timing.ii) + timing.latency
    rng = np.random.default_rng([seed, 2])
    source, sink = (pauses(rng) for _ in range(2))
    return Plan(
        free=free,
        frames=free + inside + paused,
        settled=bool(late),
        source=np.concatenate([np.arange(idle) < begins, np.ones(full, bool), source]),
        sink=np.concatenate([np.ones(idle, bool), np.zeros(full, bool), sink]),
    )


def pauses(rng: np.random.Generator) -> np.ndarray:
    """Cycles in which one side may move: all, or with single stalls, or short or long bursts."""
    n, share = stalls.CYCLES, rng.choice([0.2, 0.5, 0.7])
    return (
        lambda: np.ones(n, bool),
        lambda: stalls.single(share, n, rng),
        lambda: stalls.bursts(share, n, 5, rng),
        lambda: stalls.bursts(share, n, 25, rng),
    )[rng.choice(4, p=[0.1, 0.4, 0.3, 0.2])]()


def check_hardware(case: Case, folded: Graph, timing: Timing, top: Component) -> None:
    """Check every beat's value and cycle at both edges, free-running and stalled."""
    schedule = plan(folded, timing, case.seed)
    x = case.frames(schedule.frames)
    i, o = streams(folded, AXIS)
    due = timing.latency + int(timing.ii)
    with tempfile.TemporaryDirectory(prefix="bitrill-graph-") as folder:
        job = Job(
            folder=Path(folder),
            i=i,
            o=o,
            frames=len(x),
            source=schedule.source,
            sink=schedule.sink,
            patience=2 * due + 2 * max(map(stalls.longest_pause, (schedule.source, schedule.sink))),
            seed=case.seed,
        )
        job.write([folded.source.flatten(x)])
        capture = amaranth_sim.simulate(top, job, ports=AXIS)
        capture.check_finished()
        assert not capture.violations, "; ".join(map(str, capture.violations))
        golden = to_edge(folded.run(x), folded.sink.tensor).reshape(len(x), -1)
        wrong = np.argwhere(capture.values(0, len(x)) != golden)
        assert not len(wrong), f"element {wrong[0][1]} of frame {wrong[0][0]} is wrong"
        assert late_beat(folded, capture) is None, late_beat(folded, capture)
        ends = capture.taken[o.beats - 1 :: o.beats][: schedule.free]
        assert ends[0] - capture.accepted[0] == timing.latency
        period = timing.ii.denominator
        assert not schedule.settled or ends[-1] - ends[-1 - period] == timing.ii * period
