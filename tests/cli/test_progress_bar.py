"""Progress on stderr: a bar, lines of the log, or nothing."""

from __future__ import annotations

import io
import sys
import threading

import rich.progress
from bitrill.cli import log
from bitrill.progress import silent
from support import HANG_SECONDS


class Terminal(io.StringIO):
    """A stderr that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_is_drawn_on_a_terminal_once_patience_ends(monkeypatch) -> None:
    monkeypatch.setattr(log, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    started = threading.Event()
    start = rich.progress.Progress.start
    monkeypatch.setattr(rich.progress.Progress, "start", lambda self: (start(self), started.set()))
    with log.shown("verify") as step:
        assert started.wait(HANG_SECONDS)
        step("simulation", 3, 7)
    assert "simulation" in terminal.getvalue()
    assert "3/7" in terminal.getvalue()


def test_progress_of_what_is_quick_is_not_drawn(monkeypatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with log.shown("verify") as step:
        step("simulation", 3, 7)
    assert terminal.getvalue() == ""


def test_a_terminal_without_rich_shows_nothing(monkeypatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setitem(sys.modules, "rich.console", None)
    with log.shown("verify") as step:
        assert step is silent


def test_progress_is_lines_where_there_is_no_terminal(monkeypatch) -> None:
    monkeypatch.setattr(log, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(sys, "stderr", file := io.StringIO())
    with log.shown("verify") as step:
        assert isinstance(step, log.SlowLines)
        step.timer.join()
        step("layer fc0: building the simulator", 0, 0)
        step("verifying", 0, 40)
        step("verifying", 3, 40)
        monkeypatch.setattr(log, "LINE_SECONDS", 0.0)
        step("verifying", 4, 40)
    lines = ["layer fc0: building the simulator", "verifying 0/40", "verifying 4/40"]
    assert file.getvalue() == "".join(f"bitrill: {line}\n" for line in lines)


def test_a_step_that_lasts_is_told_when_patience_ends(monkeypatch) -> None:
    monkeypatch.setattr(log, "PATIENCE_SECONDS", HANG_SECONDS)
    monkeypatch.setattr(sys, "stderr", file := io.StringIO())
    lines = log.SlowLines()
    lines("importing", 0, 0)
    lines("folding", 0, 0)
    assert file.getvalue() == ""
    lines._begin()
    assert file.getvalue() == "bitrill: folding\n"


def test_what_is_quick_or_quiet_writes_no_lines(monkeypatch) -> None:
    monkeypatch.setattr(sys, "stderr", file := io.StringIO())
    with log.shown("verify") as step:
        step("simulation", 3, 7)
    with log.shown("verify", quiet=True) as step:
        assert step is silent
    assert file.getvalue() == ""
