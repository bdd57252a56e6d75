"""Errors and interrupts: one line, an exit code, nothing half-written."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from bitrill import flow, processes
from bitrill.cli.unexpected import one_line
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
    def fail(**_):
        raise error

    monkeypatch.setattr(flow, "doctor", fail)
    assert run("doctor") == (code, "", "bitrill: error: x\n")
    got, out, err = run("doctor", "--json")
    assert (got, err) == (code, "bitrill: error: x\n")
    value = json.loads(out)
    assert (value["error"], value["kind"]) == ("x", type(error).__name__)
    assert isinstance(value["details"], dict)


FAULTS = [
    (ZeroDivisionError("a\nb"), "a bug in Bitrill (ZeroDivisionError: a b)"),
    (RecursionError(), "a bug in Bitrill (RecursionError)"),
    (MemoryError("Unable to allocate"), "there is too little memory (MemoryError: Unable to"),
    (BrokenPipeError(32, "Broken pipe"), "a bug in Bitrill (BrokenPipeError: "),
    (SystemExit("a library gives up"), "a bug in Bitrill (SystemExit: a library gives up)"),
]


@pytest.mark.parametrize(("fault", "said"), FAULTS)
def test_a_fault_is_one_line_that_names_the_file_of_its_trace(
    fault: BaseException, said: str, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def bug(**_):
        raise fault

    monkeypatch.setattr(flow, "doctor", bug)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code, out, err = run("doctor")
    (trace,) = tmp_path.iterdir()
    assert (code, out) == (70, "")
    assert err.startswith(f"bitrill: error: {said}")
    assert err.endswith(f"; its trace is in {trace}\n")
    assert err.count("\n") == 1
    assert "Traceback (most recent call last)" in trace.read_text()
    assert f"{type(fault).__name__}" in trace.read_text()
    code, out, err = run("doctor", "--json")
    value = json.loads(out)
    assert (code, value["kind"]) == (70, "InternalError")
    assert value["details"]["exception"] == type(fault).__name__
    assert Path(value["details"]["trace"]).is_file()
    assert "Traceback (most recent call last)" in run("doctor", "--verbose")[2]


def test_a_trace_that_cannot_be_written(run: Run, monkeypatch) -> None:
    def bug(**_):
        raise ZeroDivisionError

    monkeypatch.setattr(flow, "doctor", bug)

    def full(**_: object):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "mkstemp", full)
    code, _, err = run("doctor")
    assert code == 70
    assert err.endswith("; its trace cannot be written; --verbose shows it\n")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EMFILE])
def test_an_error_of_the_surroundings_is_no_fault(number: int, run: Run, monkeypatch) -> None:
    def full(**_):
        raise OSError(number, os.strerror(number), "/some/file")

    monkeypatch.setattr(flow, "doctor", full)
    line = f"cannot read or write /some/file: {os.strerror(number)}"
    assert run("doctor") == (4, "", f"bitrill: error: {line}\n")
    code, out, _ = run("doctor", "--json")
    assert (code, json.loads(out)["kind"]) == (4, "StorageError")


def test_many_reasons_stay_one_line() -> None:
    error = UnsupportedError([f"reason {k}" for k in range(9)])
    assert one_line(error) == (
        "9 reasons: reason 0; reason 1; reason 2; and 6 more (`bitrill inspect` lists all)"
    )
    assert one_line(UnsupportedError(["a", "b"])) == "2 reasons: a; b"
    assert one_line(BitrillError("a\nb")) == "a b"


def test_an_interrupt_is_one_line(run: Run, monkeypatch) -> None:
    def interrupted(**_):
        raise KeyboardInterrupt

    monkeypatch.setattr(flow, "doctor", interrupted)
    assert run("doctor") == (130, "", "bitrill: interrupted; nothing half-written is left\n")
    code, out, _ = run("doctor", "--json")
    text = "interrupted; nothing half-written is left"
    assert (code, json.loads(out)) == (130, {"error": text, "kind": "Interrupted", "details": {}})


def test_an_interrupted_training_says_how_to_go_on(run: Run, monkeypatch, tmp_path) -> None:
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("bitrill.train.train", interrupted)
    assert run("train", "tfc", "--out", "net") == (
        130,
        "",
        "bitrill: interrupted; nothing half-written is left; go on with --resume --out net\n",
    )


def test_a_termination_is_an_interrupt(run: Run, monkeypatch) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(flow, "doctor", lambda **_: signal.raise_signal(signal.SIGTERM))
    assert run("doctor") == (130, "", "bitrill: interrupted; nothing half-written is left\n")
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_interrupted_process_leaves_no_build(model: Path, tmp_path: Path) -> None:
    # the child waits where it writes Verilog, so that the signal arrives in the middle
    code = (
        "import signal, sys, bitrill_hw.design.verilog as v\n"
        # a shell that starts the tests in the background leaves the signal ignored
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def wait(graph, **_):\n    print('now', flush=True)\n    signal.pause()\n"
        "v.verilog = wait\nfrom bitrill.cli import main\n"
        f"sys.exit(main(['compile', {str(model)!r}, '--out', 'b', '--quiet']))"
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
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=HANG_SECONDS)
    assert (child.returncode, err) == (130, "bitrill: interrupted; nothing half-written is left\n")
    assert not (tmp_path / "b").exists()


def test_a_reader_that_leaves_early_is_no_error(model: Path) -> None:
    command = f"{sys.executable} -m bitrill inspect {model} --quiet | head -n 1"
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
    def noisy(**_):
        print("from a library")
        os.write(1, b"from a tool\n")
        return Diagnosis(())

    monkeypatch.setattr(flow, "doctor", noisy)
    code, out, err = run("doctor", "--json")
    assert code == 3  # there is not even a Python
    assert json.loads(out).keys() == {"ok", "tools", "verbs"}
    assert err == "from a library\nfrom a tool\n"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("--version >/dev/full", "No space left on device"),
        ("boards --json >/dev/full", "No space left on device"),
        ("boards --json >&-", "it is closed"),
    ],
)
def test_stdout_that_takes_nothing(command: str, why: str) -> None:
    done = subprocess.run(
        ["bash", "-c", f"exec {sys.executable} -m bitrill {command}"],
        capture_output=True,
        text=True,
        check=False,
    )
    line = f"bitrill: error: cannot write to stdout: {why}\n"
    assert (done.returncode, done.stderr) == (4, line)


@pytest.mark.parametrize(
    ("module", "number"),
    [("bitrill.cli.command", signal.SIGINT), ("numpy", signal.SIGTERM), ("numpy", signal.SIGHUP)],
)
def test_a_stop_while_modules_are_imported_is_one_line(
    module: str, number: signal.Signals, tmp_path: Path
) -> None:
    code = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # ignored under nohup
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "class Stop:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {module!r}:\n"
        f"            os.kill(os.getpid(), {int(number)})\n"
        "sys.meta_path.insert(0, Stop())\n"
        "sys.argv = ['bitrill', 'inspect', 'none', '--json']\n"
        "from bitrill.cli import main\n"
        "sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    text = "interrupted; nothing half-written is left"
    assert (done.returncode, done.stderr) == (130, f"bitrill: {text}\n")
    assert json.loads(done.stdout) == {"error": text, "kind": "Interrupted", "details": {}}


def test_no_program_is_left_after_a_stop(run: Run, monkeypatch, tmp_path: Path) -> None:
    """A compiler's driver ends with the compiler, whoever catches the stop on its way."""
    script = "sleep 600 & echo $! > child; wait"

    def verb(**_):
        processes.start(["bash", "-c", script], cwd=tmp_path, stdout=2, stderr=2)
        while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(flow, "doctor", verb)
    assert run("doctor")[0] == 130
    assert until_gone(int((tmp_path / "child").read_text()))


def until_gone(pid: int) -> bool:
    """Wait until a process is gone: it is dead before somebody has waited for it."""
    for _ in range(30_000):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False
