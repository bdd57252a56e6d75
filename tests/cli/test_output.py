"""The output of each verb, for people and as JSON."""

from __future__ import annotations

import dataclasses
import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from bitrill import flow
from bitrill.parts.devices import part_of
from bitrill.requirements import Check
from bitrill.timing.predict import Timing
from bitrill_hw.synth.cell_counts import CellCounts
from bitrill_hw.synth.critical_path import CellPath
from bitrill_hw.synth.utilization import SynthReport
from bitrill_sim import LayerReport
from bitrill_sim.job import Violation
from bitrill_sim.measured import Measured
from bitrill_sim.outcome import Difference, Report
from cli.conftest import Run
from frontend.onnx_models import Net, save


def test_inspect_prints_every_stage_and_a_table(model: Path, run: Run) -> None:
    code, out, err = run("inspect", model)
    assert (code, err) == (0, "")
    for text in ("net (imported)", "net (integer)", "net (folded)", "predicted: a frame every"):
        assert text in out
    code, out, err = run("inspect", model, "--json")
    assert code == 0
    keys = {"stages", "layers", "total", "ii", "latency", "advice", "dropped_channels"}
    keys |= {"graph", "netron"}
    assert keys == set(json.loads(out))


def test_inspect_lists_every_reason_of_a_refusal(tmp_path: Path, run: Run) -> None:
    net = Net(1, 6)
    x = net.quant("x")
    for op in ("Sin", "Asin", "Cos", "Tan", "Atan"):
        x = net.node(op, x)
    bad = save(net.proto(x), tmp_path)
    code, out, err = run("inspect", bad)
    assert (code, err) == (1, "")
    lines = out.splitlines()
    assert lines[0] == f"{bad} is refused:"
    for op in ("Sin", "Asin", "Cos", "Tan", "Atan"):
        assert [line for line in lines[1:] if line.startswith(f"  {op} node")]
    code, out, _ = run("inspect", bad, "--json")
    assert code == 1
    assert len(json.loads(out)["details"]["reasons"]) == len(lines) - 1
    code, out, err = run("compile", bad, "--out", tmp_path / "b")
    assert (code, out) == (1, "")
    assert err.startswith("bitrill: error: 5 reasons: ")
    assert err.count("\n") == 1


def test_compile_prints_what_it_made(model: Path, tmp_path: Path, run: Run) -> None:
    code, out, err = run("compile", model, "--out", tmp_path / "b", "--clock-mhz", "50")
    assert (code, err) == (0, "")
    assert "frames/s at 50 MHz (assumed)" in out
    assert "FIFOs: " in out
    assert f"Verilog: {tmp_path / 'b' / 'top.v'}" in out
    code, out, _ = run("compile", model, "--out", tmp_path / "b", "--json")
    value = json.loads(out)
    assert set(value) == {
        "nodes",
        "ii",
        "latency",
        "latency_ns",
        "fifo_bits",
        "block_memory",
        "part",
        "part_assumed",
        "fits",
        "resources",
        "dropped_channels",
        "solution",
        "fps",
        "clock_mhz",
        "assumed",
        "files",
        "boards",
    }
    assert all(Path(f).is_file() for f in value["files"])


def test_compile_for_a_rate(model: Path, tmp_path: Path, run: Run) -> None:
    arguments = (
        "compile",
        model,
        "--out",
        tmp_path / "b",
        "--clock-mhz",
        "50",
        "--part",
        "xc7z020",
    )
    code, out, _ = run(*arguments, "--fps", "1e7")
    assert code == 0
    assert re.search(r"^slowest layers?: .*, \d cycles a frame$", out, re.M)
    assert re.search(
        r"^predicted resources: .* LUTs, .* \(predicted LUTs are wrong by \d+ % on average,"
        r" by \d+ % at most\)$",
        out,
        re.M,
    )
    assert re.search(
        r"^faster folding: (none that fits|\d+ cycles a frame would take [+-]\d+ LUTs)$", out, re.M
    )
    code, out, _ = run(*arguments, "--fps", "1e7", "--json")
    keys = {"interval", "resources", "error", "limits", "faster"}
    assert set(json.loads(out)["solution"]) == keys
    code, out, _ = run(*arguments, "--fps", "1e9", "--json")
    assert (code, json.loads(out)["kind"]) == (6, "FitError")


def test_run_prints_or_writes(build: Path, tmp_path: Path, run: Run) -> None:
    x = np.random.default_rng(0).normal(0, 2, (12, 1, 2, 3))
    np.save(tmp_path / "x.npy", x)
    expected = flow.run(build, x)
    code, out, _ = run("run", build, "--input", tmp_path / "x.npy", "--json")
    value = json.loads(out)
    assert (code, value["samples"]) == (0, 12)
    assert value["integers"] == expected.integers.tolist()
    assert value["floats"] == expected.floats.tolist()
    code, out, _ = run("run", build, "--input", tmp_path / "x.npy")
    assert out.splitlines()[0].startswith(f"0: integers {expected.integers[0].tolist()}, floats ")
    assert out.splitlines()[-1] == "... 2 more (give --out or --json)"
    y = tmp_path / "y.npy"
    code, out, _ = run("run", build, "--input", tmp_path / "x.npy", "--out", y, "--json")
    assert json.loads(out) == {"samples": 12, "files": [str(y), str(tmp_path / "y.int.npy")]}
    assert np.array_equal(np.load(y), expected.floats)


def test_run_names_a_wrong_input(build: Path, tmp_path: Path, run: Run) -> None:
    np.save(tmp_path / "x.npy", np.zeros((2, 6)))
    code, out, err = run("run", build, "--input", tmp_path / "x.npy")
    assert (code, out) == (2, "")
    assert err == "bitrill: error: input must have shape [N, 1, 2, 3], not [2, 6]\n"


def verified(**changes: Any) -> flow.Verified:
    """A simulation of five samples, half of them decided rightly."""
    timing = Timing(Fraction(9), 20)
    figures: dict[str, Any] = {
        "samples": 5,
        "mismatches": 0,
        "measured": Measured(timing.ii, timing.latency),
        "predicted": timing,
        "late": None,
        "violations": (),
        "first": None,
        "engine": "verilator",
        "stall": 0.5,
        "seed": 0,
        "cycles": 100,
        "seconds": 1.25,
    }
    return flow.Verified(Report(**figures | changes), accuracy=0.5)


def test_verify_prints_a_table_and_fails_on_a_mismatch(build: Path, run: Run, monkeypatch) -> None:
    monkeypatch.setattr(flow, "verify", lambda **_: verified())
    code, out, _ = run("verify", build)
    assert code == 0
    assert out.splitlines()[2].split() == ["cycles", "a", "frame", "9", "9"]
    assert "mismatches: 0 of 5 samples (verilator, stall 0.5, 1.2 s)" in out
    assert "accuracy of the golden model: 50.00 %" in out
    assert json.loads(run("verify", build, "--json")[1]) == {
        "ok": True,
        "samples": 5,
        "mismatches": 0,
        "measured": {"ii": 9, "latency": 20},
        "predicted": {"ii": 9, "latency": 20},
        "cycles_exact": True,
        "late": None,
        "violations": [],
        "first_mismatch": None,
        "engine": "verilator",
        "stall": 0.5,
        "seed": 0,
        "cycles": 100,
        "seconds": 1.25,
        "accuracy": 0.5,
    }

    first = Difference(3, "act0", (7,), 1, -1, True, (Path("w.vcd"),))
    wrong = verified(mismatches=1, first=first, late="beat 3")
    monkeypatch.setattr(flow, "verify", lambda **_: wrong)
    code, out, _ = run("verify", build)
    assert code == 1
    assert (
        "first mismatch: sample 3, layer act0, channel 7: expected 1, seen -1\n  see w.vcd" in out
    )
    assert "every beat in its predicted cycle: NO" in out
    monkeypatch.setattr(flow, "verify", lambda **_: verified(measured=None))
    lines = run("verify", build)[1].splitlines()
    assert lines[2].split() == ["cycles", "a", "frame", "9", "not", "measured"]
    assert not [line for line in lines if "predicted cycle" in line]


def test_verify_says_which_layers_are_wrong_alone(build: Path, run: Run, monkeypatch) -> None:
    right = LayerReport(
        layer="fc0",
        kind="matvec",
        samples=40,
        mismatches=0,
        first=None,
        violations=(),
        hung=None,
        cycles=800,
        seconds=0.5,
    )
    wrong = dataclasses.replace(
        right,
        layer="act0",
        kind="threshold",
        mismatches=2,
        first=Difference(3, "act0", (7,), 1, -1, True),
        violations=(Violation("dropped", 9, 4),),
        hung="act0: stream o gave beat 3 of frame 9 never",
    )
    done = dataclasses.replace(verified(), layers=(right, wrong))
    monkeypatch.setattr(flow, "verify", lambda **_: done)
    code, out, _ = run("verify", build, "--by-layer")
    assert code == 1
    lines = out.splitlines()
    assert lines[0].split() == ["layer", "alone", "kind", "samples", "mismatches", "cycles"]
    assert lines[3].split() == ["act0", "threshold", "40", "2", "800"]
    assert lines[-4:] == [
        "layers by themselves: 1 of 2 correct",
        "  first mismatch: sample 3, layer act0, channel 7: expected 1, seen -1",
        "  act0: stream o gave beat 3 of frame 9 never",
        "  layer act0: valid is withdrawn before ready (output beat 4, cycle 9)",
    ]
    value = json.loads(run("verify", build, "--by-layer", "--json")[1])
    assert value["ok"] is False
    assert value["mismatches"] == 0
    assert value["layers"][0] == {
        "name": "fc0",
        "kind": "matvec",
        "ok": True,
        "samples": 40,
        "mismatches": 0,
        "first_mismatch": None,
        "violations": [],
        "hung": None,
        "cycles": 800,
        "seconds": 0.5,
    }
    assert value["layers"][1]["first_mismatch"]["layer"] == "act0"


def test_synth_prints_layers_and_the_netlists_check(build: Path, run: Run, monkeypatch) -> None:
    part = part_of("xc7z020")
    row = CellCounts(lut=1, ff=532)
    path = CellPath(2.5, 3, "a", "b", ())
    report = SynthReport(part, "yosys", row, {"fc0": row}, path, Path("n.v"), Path("log"))
    done = flow.Synthesised(report, verified(samples=3, measured=None).report)
    monkeypatch.setattr(flow, "synth", lambda **_: done)
    code, out, _ = run("synth", build)
    assert code == 0
    assert out.splitlines()[2].split() == ["fc0", "1", "0", "532", "0", "0", "0", "0"]
    assert "ff 0.5 %" in out
    assert "worst path: 2.500 ns of cell delay, without wires" in out
    assert "netlist against the golden model: 0 mismatches of 3 samples" in out
    wrong = verified(samples=3, mismatches=2, measured=None).report
    monkeypatch.setattr(flow, "synth", lambda **_: flow.Synthesised(report, wrong))
    code, out, _ = run("synth", build, "--json")
    assert (code, json.loads(out)["check"]["mismatches"]) == (1, 2)


def test_doctor_says_how_to_get_what_is_missing(run: Run, monkeypatch) -> None:
    check = Check("perl", "", "missing", "starts Verilator", "apt-get install perl")
    monkeypatch.setattr(flow, "doctor", lambda verbs, **_: flow.Diagnosis((check,)))
    code, out, _ = run("doctor")
    assert code == 3
    words = ["perl", "-", "missing", "starts Verilator", "apt-get install perl"]
    assert re.split(r"  +", out.splitlines()[2]) == words


def test_train_says_what_was_trained(run: Run, monkeypatch) -> None:
    done = flow.Trained("tfc", Path("o/model.onnx"), 0.5, 360, 1234, {"accuracy": 0.5})
    monkeypatch.setattr(flow, "train", lambda **_: done)
    assert run("train", "tfc", "--out", "o") == (
        0,
        "tfc: 1,234 parameters\naccuracy: 50.00 % of 360 test images\n"
        "model: o/model.onnx, checked against torch\n",
        "",
    )
    assert json.loads(run("train", "tfc", "--out", "o", "--json")[1]) == {"accuracy": 0.5}
