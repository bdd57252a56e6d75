"""The command line: what it prints where, and its exit codes."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import rich.progress
from bitrill import cli, flow
from bitrill.cli import parser, progress, show
from bitrill.errors import (
    BitrillError,
    FitError,
    MismatchError,
    SimulationTimeout,
    SpecError,
    StageError,
    StorageError,
    ToolError,
    UnsupportedError,
)
from bitrill.flow.extras import silent
from frontend.onnx_models import Net, save, small
from support import HANG_SECONDS, ROOT


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    net, out = small()
    return save(net.proto(out), tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def build(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build") / "b"
    flow.compile(model, out=folder)
    return folder


def run(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = cli.main([str(a) for a in arguments])
    captured = capfd.readouterr()
    return code, captured.out, captured.err


# usage


VERBS = "train, inspect, compile, run, verify, synth, boards, build, flash, drive, doctor"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], f"a verb must be given: one of {VERBS} (see bitrill --help)"),
        (["trian"], f"VERB must be one of {VERBS}, not 'trian'; did you mean 'train'?"),
        (["xyzzy"], f"VERB must be one of {VERBS}, not 'xyzzy'"),
        (
            ["compile", "m", "--out", "b", "--foldin", "f"],
            "unknown option '--foldin'; did you mean '--folding'? (see bitrill compile --help)",
        ),
        (
            ["compile", "m", "--out", "b", "--fold=f"],
            "unknown option '--fold=f'; did you mean '--folding'? (see bitrill compile --help)",
        ),
        (["doctor", "now"], "unknown argument 'now' (see bitrill doctor --help)"),
        (
            ["compile", "m"],
            "the following arguments are required: --out (see bitrill compile --help)",
        ),
        (
            ["compile", "m", "--out", "b", "--style", "x"],
            "--style must be one of folded, unrolled, runtime, streamed, not 'x'",
        ),
        (
            ["compile", "m", "--out", "b", "--top", "many"],
            "argument --top: must be a whole number, not 'many' (see bitrill compile --help)",
        ),
        (
            ["compile", "m", "--out", "b", "--clock-mhz", "fast"],
            "argument --clock-mhz: must be a number, not 'fast' (see bitrill compile --help)",
        ),
        (
            ["compile", "m", "--out", "b", "--clock-mhz", "nan"],
            "argument --clock-mhz: must be finite, not 'nan' (see bitrill compile --help)",
        ),
        (
            ["train", "tfx", "--out", "o"],
            "RECIPE must be one of tfc, sfc, lfc, lenet, cnv, resnet8, mobilenet,"
            " unet-tiny, dilated1d, not 'tfx'; did you mean 'tfc'?",
        ),
        (
            ["train", "tfc", "--out", "o", "--acts", "3"],
            "--acts must be one of 1, 2, 4, 8, log3, not 3",
        ),
        (
            ["verify", "b", "--engine", "verilater"],
            "--engine must be one of verilator, cocotb, icarus, amaranth, not 'verilater';"
            " did you mean 'verilator'?",
        ),
    ],
)
def test_wrong_usage_is_one_line_and_two(arguments: list[str], message: str, capfd) -> None:
    assert run(capfd, *arguments) == (2, "", f"bitrill: error: {message}\n")


def test_help_and_version(capfd) -> None:
    code, out, err = run(capfd, "--help")
    assert (code, err) == (0, "")
    for verb in ("train", "inspect", "compile", "run", "verify", "synth", "doctor"):
        assert f"    {verb} " in out
    assert run(capfd, "--version") == (0, "bitrill 0.1.0\n", "")
    assert run(capfd, "verify", "--help")[0] == 0


def test_every_flag_says_what_it_is_for() -> None:
    _, verbs = parser._parser()
    silent = [
        f"{name} {a.dest}"
        for name, p in verbs.items()
        for a in p._actions
        if not a.help and not a.choices and a.dest not in ("seed", "epochs")
    ]
    assert silent == []


# exit codes


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SpecError("x"), 2),
        (UnsupportedError("x"), 1),
        (StageError("x"), 1),
        (MismatchError("x"), 1),
        (StorageError("x"), 4),
        (ToolError("x", missing=True), 3),
        (ToolError("x"), 4),
        (FitError("x"), 6),
        (SimulationTimeout("x"), 4),
    ],
)
def test_every_error_has_its_exit_code(error, code: int, capfd, monkeypatch) -> None:
    def fail():
        raise error

    monkeypatch.setattr(flow, "doctor", fail)
    assert run(capfd, "doctor") == (code, "", "bitrill: error: x\n")
    got, out, err = run(capfd, "doctor", "--json")
    assert (got, err) == (code, "bitrill: error: x\n")
    value = json.loads(out)
    assert (value["error"], value["kind"]) == ("x", type(error).__name__)
    assert isinstance(value["details"], dict)


def test_a_bug_shows_its_trace(monkeypatch) -> None:
    def bug():
        raise ZeroDivisionError

    monkeypatch.setattr(flow, "doctor", bug)
    with pytest.raises(ZeroDivisionError):
        cli.main(["doctor"])


def test_many_reasons_stay_one_line() -> None:
    error = UnsupportedError([f"reason {k}" for k in range(9)])
    assert cli.one_line(error) == (
        "9 reasons: reason 0; reason 1; reason 2; and 6 more (`bitrill inspect` lists all)"
    )
    assert cli.one_line(UnsupportedError(["a", "b"])) == "2 reasons: a; b"
    assert cli.one_line(BitrillError("a\nb")) == "a b"


def test_an_interrupt_is_one_line(capfd, monkeypatch) -> None:
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(flow, "doctor", interrupted)
    assert run(capfd, "doctor") == (130, "", "bitrill: interrupted; nothing half-written is left\n")


def test_a_termination_is_an_interrupt(capfd, monkeypatch) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(flow, "doctor", lambda: signal.raise_signal(signal.SIGTERM))
    assert run(capfd, "doctor") == (130, "", "bitrill: interrupted; nothing half-written is left\n")
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_interrupted_process_leaves_no_build(model: Path, tmp_path: Path) -> None:
    # the child waits where it writes Verilog, so that the signal arrives in the middle
    code = (
        "import signal, sys, bitrill_hw.design.verilog as v\n"
        # a shell that starts the tests in the background leaves the signal ignored
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def wait(graph):\n    print('now', flush=True)\n    signal.pause()\n"
        "v.verilog = wait\nfrom bitrill.cli import main\n"
        f"sys.exit(main(['compile', {str(model)!r}, '--out', 'b']))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "now\n"
    time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=HANG_SECONDS)
    assert (child.returncode, err) == (130, "bitrill: interrupted; nothing half-written is left\n")
    assert not (tmp_path / "b").exists()


def test_a_reader_that_leaves_early_is_no_error(model: Path) -> None:
    command = f"{sys.executable} -m bitrill inspect {model} | head -n 1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("net (imported)")


# verbs


def test_inspect_prints_every_stage_and_a_table(model: Path, capfd) -> None:
    code, out, err = run(capfd, "inspect", model)
    assert (code, err) == (0, "")
    for text in ("net (imported)", "net (integer)", "net (folded)", "predicted: a frame every"):
        assert text in out
    code, out, err = run(capfd, "inspect", model, "--json")
    assert code == 0
    assert {"stages", "layers", "total", "ii", "latency"} == set(json.loads(out))


def test_inspect_lists_every_reason_of_a_refusal(tmp_path: Path, capfd) -> None:
    net = Net(1, 6)
    x = net.quant("x")
    for op in ("Sin", "Erf", "Cos", "Tan", "Tanh"):
        x = net.node(op, x)
    bad = save(net.proto(x), tmp_path)
    code, out, err = run(capfd, "inspect", bad)
    assert (code, err) == (1, "")
    lines = out.splitlines()
    assert lines[0] == f"{bad} is refused:"
    for op in ("Sin", "Erf", "Cos", "Tan", "Tanh"):
        assert [line for line in lines[1:] if line.startswith(f"  {op} node")]
    code, out, _ = run(capfd, "inspect", bad, "--json")
    assert code == 1
    assert len(json.loads(out)["details"]["reasons"]) == len(lines) - 1
    code, out, err = run(capfd, "compile", bad, "--out", tmp_path / "b")
    assert (code, out) == (1, "")
    assert err.startswith("bitrill: error: 5 reasons: ")
    assert err.count("\n") == 1


def test_compile_prints_what_it_made(model: Path, tmp_path: Path, capfd) -> None:
    code, out, err = run(capfd, "compile", model, "--out", tmp_path / "b", "--clock-mhz", "50")
    assert (code, err) == (0, "")
    assert "frames/s at 50 MHz (assumed)" in out
    assert "FIFOs: " in out
    assert f"Verilog: {tmp_path / 'b' / 'top.v'}" in out
    code, out, _ = run(capfd, "compile", model, "--out", tmp_path / "b", "--json")
    value = json.loads(out)
    assert set(value) == {
        "nodes",
        "ii",
        "latency",
        "fifo_bits",
        "block_memory",
        "fps",
        "clock_mhz",
        "assumed",
        "files",
        "boards",
    }
    assert all(Path(f).is_file() for f in value["files"])


def test_compile_for_a_rate(model: Path, tmp_path: Path, capfd) -> None:
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
    code, out, _ = run(capfd, *arguments, "--fps", "1e7")
    assert code == 0
    assert re.search(r"folding: .* limits?: \d cycles a frame \(.* LUTs, .*\); ", out)
    code, out, _ = run(capfd, *arguments, "--fps", "1e7", "--json")
    keys = {"interval", "resources", "error", "limits", "faster"}
    assert set(json.loads(out)["solution"]) == keys
    code, out, _ = run(capfd, *arguments, "--fps", "1e9", "--json")
    assert (code, json.loads(out)["kind"]) == (6, "FitError")


def test_run_prints_or_writes(build: Path, tmp_path: Path, capfd) -> None:
    x = np.random.default_rng(0).normal(0, 2, (12, 1, 2, 3))
    np.save(tmp_path / "x.npy", x)
    expected = flow.run(build, x)
    code, out, _ = run(capfd, "run", build, "--input", tmp_path / "x.npy", "--json")
    value = json.loads(out)
    assert (code, value["samples"]) == (0, 12)
    assert value["integers"] == expected.integers.tolist()
    assert value["floats"] == expected.floats.tolist()
    code, out, _ = run(capfd, "run", build, "--input", tmp_path / "x.npy")
    assert out.splitlines()[0].startswith(f"0: integers {expected.integers[0].tolist()}, floats ")
    assert out.splitlines()[-1] == "... 2 more (give --out or --json)"
    y = tmp_path / "y.npy"
    code, out, _ = run(capfd, "run", build, "--input", tmp_path / "x.npy", "--out", y, "--json")
    assert json.loads(out) == {"samples": 12, "files": [str(y), str(tmp_path / "y.int.npy")]}
    assert np.array_equal(np.load(y), expected.floats)


def test_run_names_a_wrong_input(build: Path, tmp_path: Path, capfd) -> None:
    np.save(tmp_path / "x.npy", np.zeros((2, 6)))
    code, out, err = run(capfd, "run", build, "--input", tmp_path / "x.npy")
    assert (code, out) == (2, "")
    assert err == "bitrill: error: input must have shape [N, 1, 2, 3], not [2, 6]\n"


def found(**changes: object) -> dict:
    """A value of ``verify.json``."""
    return {
        "ok": True,
        "samples": 5,
        "mismatches": 0,
        "measured": {"ii": 9, "latency": 20},
        "predicted": {"ii": 9, "latency": 20},
        "cycles_exact": True,
        "violations": [],
        "first_mismatch": None,
        "engine": "verilator",
        "stall": 0.5,
        "seed": 0,
        "cycles": 100,
        "seconds": 1.25,
        "accuracy": 0.5,
    } | changes


def test_verify_prints_a_table_and_fails_on_a_mismatch(build: Path, capfd, monkeypatch) -> None:
    monkeypatch.setattr(flow, "verify", lambda *a, **k: found())
    code, out, _ = run(capfd, "verify", build)
    assert code == 0
    assert out.splitlines()[2].split() == ["cycles", "a", "frame", "9", "9"]
    assert "mismatches: 0 of 5 samples (verilator, stall 0.5, 1.2 s)" in out
    assert "accuracy of the golden model: 50.00 %" in out
    assert json.loads(run(capfd, "verify", build, "--json")[1]) == found()

    first = {
        "sample": 3,
        "layer": "act0",
        "channel": 7,
        "expected": 1,
        "seen": -1,
        "files": ["w.vcd"],
    }
    wrong = found(ok=False, mismatches=1, first_mismatch=first, cycles_exact=False, measured=None)
    monkeypatch.setattr(flow, "verify", lambda *a, **k: wrong)
    code, out, _ = run(capfd, "verify", build)
    assert code == 1
    assert "first: sample 3, layer act0, channel 7: expected 1, seen -1\n  see w.vcd" in out
    assert "every beat in its predicted cycle: NO" in out
    assert out.splitlines()[2].split() == ["cycles", "a", "frame", "9", "not", "measured"]


def test_synth_prints_layers_and_the_netlists_check(build: Path, capfd, monkeypatch) -> None:
    row = {"lut": 1, "ff": 2}
    value = {
        "part": "xc7z020",
        "tool": "yosys",
        "total": row,
        "layers": {"fc0": row},
        "difference": row,
        "utilisation": {"ff": {"used": 2, "available": 4, "percent": 50.0}},
        "fits": True,
        "path": {"ns": 2.5},
        "check": {"ok": True, "mismatches": 0, "samples": 3},
    }
    monkeypatch.setattr(flow, "synth", lambda *a, **k: value)
    code, out, _ = run(capfd, "synth", build)
    assert code == 0
    assert out.splitlines()[2].split() == ["fc0", "1", "2"]
    assert "xc7z020: ff 50 % (yosys)" in out
    assert "netlist against the golden model: 0 mismatches of 3 samples" in out
    value["check"] = {"ok": False, "mismatches": 2, "samples": 3}
    assert run(capfd, "synth", build)[0] == 1


def test_doctor_says_how_to_get_what_is_missing(capfd, monkeypatch) -> None:
    tool = {
        "tool": "perl",
        "version": None,
        "status": "missing",
        "why": "starts Verilator",
        "get": "apt-get install perl",
    }
    monkeypatch.setattr(flow, "doctor", lambda: {"ok": False, "tools": [tool]})
    code, out, _ = run(capfd, "doctor")
    assert code == 3
    assert out.splitlines()[2].split(maxsplit=3) == [
        "perl",
        "-",
        "missing",
        "starts Verilator; apt-get install perl",
    ]


def test_whatever_a_library_prints_json_stays_json(capfd, monkeypatch) -> None:
    def noisy():
        print("from a library")
        os.write(1, b"from a tool\n")
        return {"ok": True, "tools": []}

    monkeypatch.setattr(flow, "doctor", noisy)
    code, out, err = run(capfd, "doctor", "--json")
    assert (code, json.loads(out)) == (0, {"ok": True, "tools": []})
    assert err == "from a library\nfrom a tool\n"


def test_a_table_is_aligned() -> None:
    assert show.table(("a", "bb"), [("xyz", 1), ("x", 222)]) == (
        "a     bb\n---  ---\nxyz    1\nx    222"
    )


# the repository's own scripts


@pytest.mark.parametrize("missing", ["g++", "make", "perl"])
def test_setup_names_a_missing_tool(missing: str, tmp_path: Path) -> None:
    for tool in {"g++", "make", "perl", "sh", "dirname", "sed"} - {missing}:
        (tmp_path / tool).symlink_to(subprocess.check_output(["which", tool], text=True).strip())
    done = subprocess.run(
        ["/bin/sh", ROOT / "scripts" / "setup.sh"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert done.returncode == 3
    assert done.stderr.startswith(f"bitrill: missing: {missing}. Verilator needs them")
    assert f"apt-get install {missing}; " in done.stderr


def test_setup_names_a_missing_python(tmp_path: Path) -> None:
    for tool in ("g++", "make", "perl", "dirname"):
        (tmp_path / tool).symlink_to(subprocess.check_output(["which", tool], text=True).strip())
    done = subprocess.run(
        ["/bin/sh", ROOT / "scripts" / "setup.sh"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert done.returncode == 3
    assert done.stderr.startswith("bitrill: missing: Python 3.11 or newer. ")


# progress


class Terminal(io.StringIO):
    """A stderr that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_is_drawn_on_a_terminal_once_patience_ends(monkeypatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    started = threading.Event()
    start = rich.progress.Progress.start
    monkeypatch.setattr(rich.progress.Progress, "start", lambda self: (start(self), started.set()))
    with progress.shown("verify") as step:
        assert started.wait(30)
        step("simulation", 3, 7)
    assert "simulation" in terminal.getvalue()
    assert "3/7" in terminal.getvalue()


def test_progress_of_what_is_quick_is_not_drawn(monkeypatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with progress.shown("verify") as step:
        step("simulation", 3, 7)
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("why", ["no terminal", "no rich"])
def test_progress_is_silent_elsewhere(why: str, monkeypatch) -> None:
    if why == "no rich":
        monkeypatch.setattr(sys, "stderr", Terminal())
        monkeypatch.setitem(sys.modules, "rich.console", None)
    with progress.shown("verify") as step:
        assert step is silent
