"""Errors and interrupts: one line, an exit code, nothing half-written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bitrill import cli, flow
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
from bitrill.flow.doctor import Diagnosis
from cli.conftest import Run
from support import HANG_SECONDS


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
def test_every_error_has_its_exit_code(error, code: int, run: Run, monkeypatch) -> None:
    def fail():
        raise error

    monkeypatch.setattr(flow, "doctor", fail)
    assert run("doctor") == (code, "", "bitrill: error: x\n")
    got, out, err = run("doctor", "--json")
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


def test_an_interrupt_is_one_line(run: Run, monkeypatch) -> None:
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(flow, "doctor", interrupted)
    assert run("doctor") == (130, "", "bitrill: interrupted; nothing half-written is left\n")


def test_a_termination_is_an_interrupt(run: Run, monkeypatch) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(flow, "doctor", lambda: signal.raise_signal(signal.SIGTERM))
    assert run("doctor") == (130, "", "bitrill: interrupted; nothing half-written is left\n")
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


def test_whatever_a_library_prints_json_stays_json(run: Run, monkeypatch) -> None:
    def noisy():
        print("from a library")
        os.write(1, b"from a tool\n")
        return Diagnosis(())

    monkeypatch.setattr(flow, "doctor", noisy)
    code, out, err = run("doctor", "--json")
    assert (code, json.loads(out)) == (0, {"ok": True, "tools": []})
    assert err == "from a library\nfrom a tool\n"
