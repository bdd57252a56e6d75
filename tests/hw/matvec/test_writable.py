"""Writable and streamed operators: equal to the golden model, to the cycle, under stalls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from bitrill.ir import BIPOLAR, IntType, Operator
from bitrill.ops import MatVec, Threshold
from bitrill_hw.design.build import component
from bitrill_hw.memories.constant_tables import words
from ops import test_depthwise, test_matvec, test_threshold
from ops.suite import least_times, pack, pattern, simulate
from ops.test_matvec import POT, TERNARY, matvec
from ops.test_threshold import threshold
from support import nightly


def free(*sizes: Any, style: str = "runtime", **more: Any) -> MatVec:
    op = matvec(*sizes, **more)
    return op.replace(impl=None, free=True).replace(impl=replace(op.folded, style=style))


CASES: dict[str, dict[str, Any]] = {
    "folded both ways": {"sizes": (6, 8, 2, 4)},
    "block memory": {"sizes": (6, 8, 2, 4), "memory": "block"},
    "one pass": {"sizes": (4, 8, 4, 2)},
    "one beat": {"sizes": (6, 7, 3, 7)},
    "one step": {"sizes": (3, 7, 3, 7)},
    "one by one": {"sizes": (1, 1, 1, 1)},
    "many vectors": {"sizes": (4, 6, 2, 3), "vectors": (3, 2)},
    "cells": {"sizes": (4, 6, 2, 3), "primitives": "xc7"},
    "bipolar, signed x": {"sizes": (6, 6, 2, 2, BIPOLAR, IntType(-4, 3))},
    "bipolar, unsigned x, block memory": {
        "sizes": (6, 6, 1, 3, BIPOLAR, IntType(0, 3)),
        "memory": "block",
    },
    "ternary, bipolar x": {"sizes": (4, 8, 2, 4, TERNARY)},
    "ternary, unsigned x": {"sizes": (8, 8, 2, 4, TERNARY, IntType(0, 3))},
    "int4, signed x": {"sizes": (4, 4, 2, 2, IntType(-8, 7), IntType(-8, 7))},
    "pot, signed x": {"sizes": (4, 4, 2, 2, POT, IntType(-4, 3))},
    "one pass, pot": {"sizes": (2, 6, 2, 3, POT, IntType(0, 3))},
}


def cases(style: str) -> dict[str, MatVec]:
    return {
        name: free(*c["sizes"], style=style, **{k: v for k, v in c.items() if k != "sizes"})
        for name, c in CASES.items()
    }


class TestRuntimeMatVec(test_matvec.TestMatVec):
    def instances(self) -> dict[str, Operator]:
        return dict(cases("runtime"))

    def test_rows_start_differently_somewhere(self) -> None:
        pass

    def test_the_range_is_reached_at_both_ends(self, op: Operator) -> None:
        pass


class TestRuntimeDepthwise(test_depthwise.TestDepthwise):
    def instances(self) -> dict[str, Operator]:
        plain = super().instances()
        names = [n for k, n in enumerate(plain) if k % 3 == 0]
        ops = {name: plain[name] for name in names}
        return {
            name: op.replace(impl=None, free=True).replace(impl=replace(op.folded, style="runtime"))
            for name, op in ops.items()
        }


class TestRuntimeThreshold(test_threshold.TestThreshold):
    def instances(self) -> dict[str, Operator]:
        u, s = IntType(0, 12), IntType(-8, 7)
        return {
            "bipolar": threshold(u, BIPOLAR, 2, "runtime"),
            "bipolar, falling": threshold(s, BIPOLAR, 2, "runtime", inverted=(1, 2)),
            "two bits": threshold(s, IntType(0, 3), 2, "runtime"),
            "cells": with_cells(threshold(s, IntType(0, 3), 2, "runtime")),
            "five levels": threshold(IntType(-3, 9), IntType(0, 5), 4, "runtime", inverted=(2,)),
        }


def with_cells(op: Threshold) -> Threshold:
    return op.replace(impl=replace(op.folded, primitives="xc7"))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("stall", ["free", "random", *nightly("bursty", "starved", "blocked")])
@pytest.mark.parametrize("op", cases("streamed").values(), ids=cases("streamed").keys())
def test_streamed_weights_to_the_cycle(op: MatVec, stall: str) -> None:
    """The words' stream stalls by a pattern of its own."""
    streamed(op, stall)


def streamed(op: MatVec, stall: str) -> None:
    x: Any = test_matvec.TestMatVec().frames(op)
    y = op.eval(x)
    vectors = len(x) * op.x.size // op.cols
    sent = {
        "in": pack(op.x.type.encode(x), op.lanes_in, op.x.type.bits),
        "in1": words(op.stream_words()) * vectors,
    }
    expected = {"out": pack(op.y.type.encode(y), op.lanes_out, op.y.type.bits)}
    schedule = op.schedule()
    frame = sum(schedule.sizes.values())
    limit = 200 + 40 * len(x) * frame
    gaps = {
        name: pattern(stall, len(beats), limit, seed=11 + k)[0]
        for k, (name, beats) in enumerate(sent.items())
    }
    ready = {"out": pattern(stall, len(sent["in"]), limit, seed=11)[1]}
    trace = simulate(component(op), sent, expected, gaps, ready, 200 + 4 * frame)
    assert trace.moved == least_times(schedule, len(x), trace.offered, ready)
