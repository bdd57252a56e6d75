"""A whole design on spans of its samples: the same outcome as of one run."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from bitrill.ir import Graph
from bitrill.jobs import InProcess
from bitrill.timing.predict import Timing
from bitrill_sim import verify
from bitrill_sim.measured import Measured
from bitrill_sim.parallel_verification import LEAST_FRAMES, _measured, _sent, _spans, narrow
from bitrill_sim.ports import Dut
from bitrill_sim.tools import digest
from sim.data import frames


class Two(InProcess):
    """Two workers in name."""

    workers = 2


def test_spans_are_the_samples() -> None:
    spans = _spans(101, 3)
    assert [s.number for s in spans] == list(range(len(spans)))
    assert [k for s in spans for k in range(s.start, s.stop)] == list(range(101))
    assert len(spans) == 6
    assert [(s.start, s.stop) for s in _spans(LEAST_FRAMES + 1, 16)] == [(0, 8), (8, 9)]
    assert str(spans[0]) == "samples 0 to 16"


def test_integers_are_sent_in_few_bytes() -> None:
    for lo, hi, name in ((0, 255, "uint8"), (-4, 3, "int8"), (-1, 200, "int16")):
        x = np.array([[lo, hi]])
        assert narrow(x).dtype == name
        assert (narrow(x) == x).all()


@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_right_design_is_right_in_spans(
    network: Graph, verilog: Path, work: Path, stall: float
) -> None:
    x = frames(network, 50)
    report = verify(network, verilog, x, work=work, stall=stall, executor=Two())
    report.check()
    assert (report.samples, report.cycles_exact) == (50, True)


def test_first_mismatch_of_all_spans_is_looked_into(
    network: Graph, verilog: Path, work: Path, tmp_path: Path
) -> None:
    text = verilog.read_text()
    at = text.index(">=", text.index("module \\top.act0 "))
    (tmp_path / "top.v").write_text(f"{text[:at]}> {text[at + 2 :]}")
    x = frames(network, 60)
    one = verify(network, tmp_path, x, work=work, keep=tmp_path / "one")
    first = one.first
    assert first is not None
    assert first.sample > 0
    x = np.concatenate([x[:1]] * 20 + [x])
    report = verify(network, tmp_path, x, work=work, keep=tmp_path / "keep", executor=Two())
    assert report.mismatches == one.mismatches
    assert report.first is not None
    assert (report.first.sample, report.first.layer) == (first.sample + 20, "act0")
    golden = np.load(tmp_path / "keep" / "golden.npz")
    assert (golden["act0"] == network.trace(x)["act0"][report.first.sample]).all()


def test_verilog_of_another_computer_is_written_here(
    network: Graph, verilog: Path, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that does not see the folder has one of its own."""
    monkeypatch.setattr("bitrill.jobs.place.Place.here", lambda self: work / "elsewhere")
    x = frames(network, 10)
    assert verify(network, verilog, x, work=tmp_path / "sim", engine="amaranth", executor=Two()).ok
    assert list((tmp_path / "sim").iterdir()) == []
    name = f"{digest(verilog.read_bytes())}.v"
    (sent,) = _sent(Dut(sources=(verilog,)), (verilog.read_bytes(),), tmp_path / "here").sources
    assert sent == tmp_path / "here" / "sent" / name
    assert sent.read_bytes() == verilog.read_bytes()


def test_a_span_that_is_slower_is_the_one_that_counts() -> None:
    due, slow = Measured(Fraction(9), 20), Measured(Fraction(10), 20)
    assert _measured([due, slow, due], Timing(Fraction(9), 20)) == slow
    assert _measured([due, due], Timing(Fraction(9), 20)) == due
    assert _measured([], Timing(Fraction(9), 20)) is None
