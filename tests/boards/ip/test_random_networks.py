"""Random networks as cores: every beat in Icarus, where an unset bit is seen, and every cycle."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bitrill.timing.predict import predict
from bitrill_boards.ip import testbench
from bitrill_boards.ip.core import Core
from bitrill_hw.design.verilog import verilog
from boards.ip.exported import run, simulated
from graphs.cases import Case
from graphs.exploring import drawn
from support import need_tool

FRAMES = 30
"""Frames behind which the interval is settled."""


def check(case: Case, bits: int | None, counted: bool, work: Path) -> None:
    """Run a network's bench, free and with stalls; compare latency and interval."""
    graph = case.folded()
    text = verilog(graph, watched=counted)
    timing = predict(graph)
    core = Core("net", graph, timing, text, bits, control=counted, counters=counted)
    recorded = testbench.record(core, case.frames(FRAMES))
    files = {"net.v": core.text(), "net_tb.v": testbench.testbench(core, recorded)}
    for name, content in {**files, **recorded.files(core)}.items():
        (work / name).write_text(content)
    words = [need_tool("iverilog"), "-g2005", "-s", "net_tb", "-o", "net", "net_tb.v", "net.v"]
    run(words, work)
    for plus in ("", "+stall=40 +seed=7"):
        printed = simulated(work / "net", work, plus)
        found = re.search(
            rf"^PASS {FRAMES} frames: latency (\d+), last interval (\d+)", printed, re.M
        )
        assert found, f"{printed}\n{case}"
        if not plus:
            assert int(found[1]) == core.latency, case
            if core.interval.denominator == 1:
                assert int(found[2]) == core.interval, case


@pytest.mark.parametrize("bits", [None, 32])
def test_a_random_network(tmp_path: Path, bits: int | None) -> None:
    """The output's words are of one chunk, and an empty one ends its frames."""
    check(drawn(180, 12)[2], bits, bits is None, tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("group", range(3))
def test_many_random_networks(tmp_path: Path, group: int) -> None:
    for k, case in enumerate(drawn(180 + group, 12)):
        for j, bits in enumerate((None, 8, 32, 128)):
            check(case, bits, (k + j) % 3 == 0, tmp_path)
