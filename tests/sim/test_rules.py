"""The benches themselves: a good design passes, each planted fault is seen and named."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import MismatchError, SimulationTimeout
from bitrill.ir import Graph
from bitrill_sim import Dut, Engine, Report, verify
from sim.data import frames
from support import nightly, optional_tool

N = 40


def run(
    graph: Graph,
    dut: Dut,
    work: Path,
    *faults: str,
    engine: Engine = "verilator",
    **options: object,
) -> Report:
    dut = dataclasses.replace(dut, plusargs=tuple(f"+{f}" for f in faults))
    given = {"stall": 0.5, "cycles": False, **options}
    return verify(graph, dut, frames(graph, N), engine=engine, work=work, **given)  # pyright: ignore


@pytest.mark.parametrize("stall", [0, 0.1, 0.5, 0.9])
def test_good_design_passes(relay_graph: Graph, relay: Dut, work: Path, stall: float) -> None:
    report = run(relay_graph, relay, work, stall=stall)
    assert report.ok
    assert report.samples == N
    assert report.cycles_exact is None
    report.check()


@pytest.mark.parametrize(
    ("fault", "text", "wrong"),
    [
        ("padding", "padding bits are not zero (output beat 13", 0),
        ("early", "tlast is not at the end of the frame (output beat 13", 0),
        ("rise", "the error flag is set on good frames (output beat 14", 0),
        ("extra", "a beat follows the last frame (output beat 160", 0),
        ("unstable", "the payload changes while valid waits for ready (output beat 13", 1),
        ("withdraw", "valid is withdrawn before ready (output beat 13", 0),
    ],
)
@pytest.mark.parametrize("engine", ["verilator", *nightly("cocotb")])
def test_broken_rule_is_named(
    relay_graph: Graph, relay: Dut, work: Path, fault: str, text: str, wrong: int, engine: Engine
) -> None:
    # two faults wait for a sink that is not ready: with 0.9 they have to
    report = run(relay_graph, relay, work, fault, engine=engine, stall=0.9)
    assert not report.ok
    assert report.mismatches == wrong
    with pytest.raises(MismatchError) as caught:
        report.check()
    assert text in str(caught.value)
    assert text in report.to_json()["violations"][0]


@pytest.mark.parametrize(
    ("fault", "stream", "text"),
    [
        ("hang", "s_axis", "stream s_axis took beat 2 of frame 5 never (22 output beats"),
        ("mute", "s_axis", "stream s_axis took beat 3 of frame 5 never (22 output beats"),
        ("drop", "m_axis", "stream m_axis gave beat 3 of frame 39 never"),
    ],
)
@pytest.mark.parametrize("engine", ["verilator", *nightly("cocotb")])
def test_hang_names_the_stream(
    relay_graph: Graph, relay: Dut, work: Path, fault: str, stream: str, text: str, engine: Engine
) -> None:
    with pytest.raises(SimulationTimeout) as caught:
        run(relay_graph, relay, work, fault, engine=engine)
    assert text in str(caught.value)
    assert caught.value.details["stream"] == stream


def test_duplicated_beat_is_seen(relay_graph: Graph, relay: Dut, work: Path) -> None:
    report = run(relay_graph, relay, work, "duplicate")
    # from the frame of the beat on, all is late by one
    assert report.mismatches == N - 3
    assert report.first is not None
    assert (report.first.sample, report.first.channel) == (3, 4)
    assert [v.kind for v in report.violations] == ["extra"]


@pytest.mark.parametrize(
    ("fault", "layer"), [("wrong", "same"), ("bad_input", "input")], ids=["behind", "before"]
)
def test_fault_that_needs_its_past_is_located(
    relay_graph: Graph, relay: Dut, work: Path, tmp_path: Path, fault: str, layer: str
) -> None:
    """Beat 13 alone is wrong: frame 3 comes out right when it runs with the one before only."""
    x = frames(relay_graph, N)
    report = run(relay_graph, relay, work, fault, keep=tmp_path / "keep")
    assert report.mismatches == 1
    first = report.first
    assert first is not None
    expected = int(x[3, 2])
    assert (first.sample, first.layer, first.index) == (3, layer, (2,))
    assert (first.expected, first.seen) == (expected, expected ^ 1)
    assert first.located
    text = f"sample 3, layer {layer}, channel 2: expected {expected}, seen {expected ^ 1}"
    with pytest.raises(MismatchError, match=text) as caught:
        report.check()
    assert all(str(f) in str(caught.value) for f in first.files)
    names = {f.name for f in first.files}
    assert names == {"golden.npz", "seen.npz", "wave.vcd", "mismatch.json"}
    golden, seen = (np.load(tmp_path / "keep" / f"{k}.npz") for k in ("golden", "seen"))
    assert golden["input"].tolist() == x[3].tolist()
    wrong = x[3].copy()
    wrong[2] ^= 1
    assert seen["same"].tolist() == wrong.tolist()
    assert seen["input"].tolist() == (wrong if layer == "input" else x[3]).tolist()
    assert json.loads((tmp_path / "keep" / "mismatch.json").read_text())["layer"] == layer


def test_unknown_bits_are_refused_by_a_simulator_that_has_them(
    relay_graph: Graph, relay: Dut, work: Path
) -> None:
    optional_tool("iverilog")
    report = run(relay_graph, relay, work, "unknown", engine="icarus")
    assert [v.kind for v in report.violations] == ["unknown"]
    with pytest.raises(MismatchError, match=r"a bit is unknown \(X or Z\) \(output beat 13"):
        report.check()
