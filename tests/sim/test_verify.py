"""RTL of a small network against its golden model, in every engine."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import bitrill_hw.design.top
import numpy as np
import pytest
from bitrill.errors import MismatchError, SpecError, StageError, StorageError
from bitrill.ir import Graph, Stage
from bitrill.timing import predict
from bitrill_sim import ENGINES, Dut, Engine, verify
from bitrill_sim.job import patience, streams
from bitrill_sim.ports import AXIS
from bitrill_sim.rig import Rig
from bitrill_sim.stalls import pair
from sim.data import frames
from support import nightly, optional_tool


def rig(network: Graph, verilog: Path, work: Path, engine: Engine) -> Rig:
    if engine == "icarus":
        optional_tool("iverilog")
    i, o = streams(network, AXIS)
    return Rig(
        engine=engine,
        i=i,
        o=o,
        work=work,
        cycles=100,
        ports=AXIS,
        dut=Dut(sources=(verilog,)),
        component=bitrill_hw.design.top.Top(network) if engine == "amaranth" else None,
    )


@pytest.mark.parametrize(
    ("engine", "stall"),
    [("verilator", 0), *((e, 0.5) for e in ENGINES), *nightly(*((e, 0) for e in ENGINES[1:]))],
)
def test_every_engine_agrees_in_bits_and_cycles(
    network: Graph, verilog: Path, work: Path, engine: Engine, stall: float
) -> None:
    if engine == "icarus":
        optional_tool("iverilog")
    report = verify(network, verilog, frames(network, 30), engine=engine, stall=stall, work=work)
    report.check()
    assert report.ok
    assert report.cycles_exact
    predicted = predict.predict(network)
    assert report.measured is not None
    assert (report.measured.ii, report.measured.latency) == (predicted.ii, predicted.latency)


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_benches_are_the_same_to_the_cycle(
    network: Graph, verilog: Path, work: Path, engine: Engine
) -> None:
    """Schedules, offers, acceptances and outputs do not depend on who simulates."""
    x, seen = frames(network, 8), []
    for e in ("verilator", engine):
        with rig(network, verilog, work, e).run(x, pair(0.6, 3, long=40)) as c:
            recorded = (c.offered, c.accepted, c.taken, c.beats)
            seen.append((c.cycles, *(np.array(a).tolist() for a in recorded)))
    assert seen[0] == seen[1]


def test_report_holds_what_scripts_rely_on(network: Graph, verilog: Path, work: Path) -> None:
    value = verify(network, verilog, frames(network, 3), work=work, seed=7).to_json()
    predicted = predict.predict(network)
    cycles = {"ii": int(predicted.ii), "latency": predicted.latency}
    seconds = value.pop("seconds")
    assert isinstance(seconds, float)
    assert value == {
        "ok": True,
        "samples": 3,
        "mismatches": 0,
        "measured": cycles,
        "predicted": cycles,
        "cycles_exact": True,
        "late": None,
        "violations": [],
        "first_mismatch": None,
        "engine": "verilator",
        "stall": 0.0,
        "seed": 7,
        "cycles": value["cycles"],
    }
    assert json.loads(json.dumps(value)) == value


def test_second_run_builds_nothing(network: Graph, verilog: Path, work: Path) -> None:
    told: list[str] = []
    verify(network, verilog, frames(network, 2), work=work)
    verify(
        network, verilog, frames(network, 2), work=work, progress=lambda what, *_: told.append(what)
    )
    assert "building the simulator" not in told
    assert {"simulating", "comparing", "comparing cycles"} <= set(told)


def test_build_folder_and_graph_alone(network: Graph, verilog: Path, tmp_path: Path) -> None:
    """A folder with ``top.v`` keeps its simulators in ``sim``; without Verilog nothing is left."""
    (tmp_path / "top.v").write_text(verilog.read_text())
    assert verify(network, tmp_path, frames(network, 2), engine="amaranth").ok
    assert {p.name for p in tmp_path.iterdir()} == {"top.v", "sim"}
    assert verify(network, None, frames(network, 2), engine="amaranth").ok


def test_comparison_flipped_in_the_verilog_is_located(
    network: Graph, verilog: Path, work: Path, tmp_path: Path
) -> None:
    text = verilog.read_text()
    at = text.index(">=", text.index("module \\top.act0 "))
    (tmp_path / "top.v").write_text(f"{text[:at]}> {text[at + 2 :]}")
    x = frames(network, 60)
    report = verify(network, tmp_path, x, work=work, keep=tmp_path / "keep", stall=0.3)
    first = report.first
    assert first is not None
    assert first.layer == "act0"
    assert first.located
    assert not report.ok
    golden, seen = (np.load(tmp_path / "keep" / f"{k}.npz") for k in ("golden", "seen"))
    trace = network.trace(x[first.sample : first.sample + 1])
    assert set(golden.files) == set(trace)
    assert all(np.array_equal(golden[k], v[0]) for k, v in trace.items())
    assert seen["fc0"].tolist() == trace["fc0"][0].tolist()
    assert seen["act0"][first.channel] == first.seen
    assert (tmp_path / "keep" / "wave.vcd").stat().st_size > 1000
    text = (
        f"of 60 samples differ; first: sample {first.sample}, layer act0, channel {first.channel}:"
        f" expected {first.expected}, seen {first.seen} \\(see "
    )
    with pytest.raises(MismatchError, match=text):
        report.check()


@pytest.mark.parametrize("engine", ["amaranth", "icarus"])
def test_wrong_weight_is_located_by_other_engines(
    network: Graph, tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine == "icarus":
        optional_tool("iverilog")
    node = network["fc0"]
    weights = np.array(node.weights)
    weights[5, 2] *= -1
    bad = network.replace(
        nodes=tuple(node.replace(weights=weights) if n is node else n for n in network.nodes)
    )
    top = bitrill_hw.design.top.Top
    (tmp_path / "top.v").write_text(bitrill_hw.design.verilog.verilog(bad))
    monkeypatch.setattr(bitrill_hw.design.top, "Top", lambda graph: top(bad))
    x = frames(network, 12)
    report = verify(network, tmp_path, x, engine=engine)
    assert report.first is not None
    assert (report.first.layer, report.first.channel) == ("fc0", 5)
    assert (tmp_path / "sim" / "mismatch" / "wave.vcd").is_file()


def test_slower_design_is_told_by_its_cycles(network: Graph, verilog: Path, work: Path) -> None:
    """The bits are right, the time is another: the prediction is of a design with deeper FIFOs."""
    graph = network.replace(depths={k: d + 1 for k, d in network.depths.items()})
    report = verify(graph, verilog, frames(network, 20), work=work, stall=0.5)
    assert report.mismatches == 0
    assert report.cycles_exact is False
    text = (
        r"^time must be interval \d+ and latency \d+, not interval \d+ and latency \d+;"
        r" (in|out)put beat \d+ of frame \d+ must move in cycle \d+, not \d+$"
    )
    with pytest.raises(MismatchError, match=text):
        report.check()
    assert not report.ok


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"engine": "spice"}, "engine must be one of verilator, .*, amaranth, not 'spice'"),
        ({"stall": 1.0}, "stall must be at least 0 and below 1, not 1.0"),
        ({"stall": -0.1}, "stall must be at least 0 and below 1, not -0.1"),
    ],
)
def test_bad_options(network: Graph, verilog: Path, work: Path, options: dict, text: str) -> None:
    with pytest.raises(SpecError, match=text):
        verify(network, verilog, frames(network, 2), work=work, **options)


def test_no_sample(network: Graph, verilog: Path, work: Path) -> None:
    with pytest.raises(SpecError, match="input must have at least one sample, and has none"):
        verify(network, verilog, frames(network, 2)[:0], work=work)


def test_graph_that_is_not_folded(network: Graph, verilog: Path, work: Path) -> None:
    with pytest.raises(StageError, match="the graph is integer, not folded"):
        verify(network.replace(stage=Stage.INTEGER), verilog, frames(network, 2), work=work)


def test_missing_verilog(network: Graph, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot read .*top\.v: No such file"):
        verify(network, tmp_path, frames(network, 2))


def test_engine_without_its_design(network: Graph, verilog: Path, work: Path) -> None:
    with (
        pytest.raises(SpecError, match="engine amaranth must have an Amaranth component, not Veri"),
        dataclasses.replace(rig(network, verilog, work, "verilator"), engine="amaranth").run(
            frames(network, 1), pair(0, 0, long=1)
        ),
    ):
        pass
    with (
        pytest.raises(
            SpecError, match="engine cocotb must have Verilog, not only an Amaranth component"
        ),
        dataclasses.replace(rig(network, verilog, work, "cocotb"), dut=None).run(
            frames(network, 1), pair(0, 0, long=1)
        ),
    ):
        pass


def test_patience_grows_with_pauses() -> None:
    always, half = np.array([True]), np.array([True, False, False, False])
    assert patience(100, always, always) == 4 * 164
    assert patience(100, always, half) == 4 * 4 * 164 + 2 * 3
