"""Progress on stderr: a bar, lines of the log, or nothing."""

from __future__ import annotations

import io
import sys
import threading

import pytest
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


@pytest.mark.parametrize("why", ["no terminal", "no rich"])
def test_progress_is_silent_elsewhere(why: str, monkeypatch) -> None:
    if why == "no rich":
        monkeypatch.setattr(sys, "stderr", Terminal())
        monkeypatch.setitem(sys.modules, "rich.console", None)
    with log.shown("verify") as step:
        assert step is silent
