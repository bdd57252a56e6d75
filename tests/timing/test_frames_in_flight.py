"""Frames in flight: the bound holds and is reached; which outputs wait for their whole frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from bitrill.errors import StageError
from bitrill.ir import BIPOLAR, Graph, Schedule, Stage, Tensor, pipeline
from bitrill.ops import Convert
from bitrill.timing.frames_in_flight import frames_inside, whole_frame_first
from bitrill.timing.replay import replay
from hw.networks import chained, convert, matvec, mlp, threshold

FRAME = Tensor((12,), BIPOLAR)


def one_pass() -> Graph:
    fc = matvec("fc", "input", FRAME, 4, 4, 3, seed=1)
    return chained(fc, threshold(fc, "act"))


GRAPHS: dict[str, Any] = {
    "mlp": mlp,
    "deep FIFOs": lambda: mlp(depth=9),
    "one pass": one_pass,
    "one beat a frame": lambda: chained(matvec("fc", "input", FRAME, 4, 4, 12, seed=1)),
    "converter": lambda: chained(convert("c", "input", FRAME, 3, 2)),
    "frames longer than all buffers": lambda: chained(
        convert("c", "input", Tensor((48,), BIPOLAR), 2, 2)
    ),
}


def complete(graph: Graph, stops: int, frames: int = 60) -> int:
    """Frames that are whole at the input but not at the output, if the sink stops."""
    n_in, n_out = graph.nodes[0].beats_in, graph[graph.output].beats_out
    free = replay(graph, np.zeros(frames * n_in), np.ones(0, bool))
    edge = int(free.taken[stops - 1]) + 1 if stops else 0
    ready = np.zeros(20_000, bool)
    ready[:edge] = True
    moved = replay(graph, np.zeros(frames * n_in), ready)
    taken = int((moved.taken < len(ready)).sum())
    assert taken == stops
    return int((moved.accepted < len(ready)).sum()) // n_in - taken // n_out


@pytest.mark.parametrize("name", GRAPHS)
def test_frames_inside_is_the_most_that_a_standing_sink_finds(name):
    graph = GRAPHS[name]()
    n_out = graph[graph.output].beats_out
    found = [complete(graph, stops) for stops in range(2 * n_out + 1)]
    assert max(found) == frames_inside(graph)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("mlp", True), ("one pass", True), ("one beat a frame", True), ("converter", False)],
)
def test_whole_frame_first(name, expected):
    assert whole_frame_first(GRAPHS[name]()) is expected


def test_a_dense_layer_behind_others_is_enough():
    c = convert("c", "input", FRAME, 3, 2)
    assert whole_frame_first(chained(c, matvec("fc", "c", FRAME, 4, 2, 2, seed=1)))


def test_refuses_another_stage():
    for function in (frames_inside, whole_frame_first):
        with pytest.raises(
            StageError, match="frames in flight are known for folded graphs, not integer ones"
        ):
            function(mlp().replace(stage=Stage.INTEGER))


@dataclass(frozen=True, kw_only=True, eq=False)
class Untied(Convert, abstract=True):
    """A converter whose schedule lacks one of its two rules."""

    keep: int = 0

    def schedule(self) -> Schedule:
        whole = pipeline(n=4, latency=1)
        return Schedule(4, 0, 4, whole.rules[self.keep : self.keep + 1])


def test_refuses_schedules_that_tie_nothing():
    node = {"name": "c", "inputs": ("input",), "operands": (FRAME,)}
    impl = convert("c", "input", FRAME, 3, 3).impl
    with pytest.raises(StageError, match="c: no rule of its schedule links 'in' to 'out'"):
        frames_inside(chained(Untied(**node, impl=impl, keep=0)))
    with pytest.raises(StageError, match="c: no rule of its schedule links 'out' to 'in'"):
        whole_frame_first(chained(Untied(**node, impl=impl, keep=1)))
