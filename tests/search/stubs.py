"""Answers of hardware that cost nothing, for searches whose bookkeeping is tested."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from bitrill.compress.recipe import Hardware
from bitrill.errors import FitError, ToolError
from bitrill.jobs import SERIAL, Executor
from bitrill.progress import silent
from bitrill.search import space as spaces
from bitrill.search.figures import Answer, Answers
from bitrill.search.loop import SearchRun

LOG = "BITRILL_TEST_LOG"
"""Variable that names a file with a line for each answer, or a folder for what happens once."""


def answer(model: Path, target: Hardware, board: str | None) -> Answer:
    """A network that takes the more LUTs the faster it is; every answer leaves a line."""
    fps, clock = float(target.fps or 0), target.clock_mhz
    with Path(os.environ[LOG]).open("a") as file:
        file.write(f"{fps!r} {clock!r}\n")
    lcs = round(fps / clock)
    return Answer(lcs, 2 * lcs, 1, 0, 10, 20, fps, 20_000 / clock, lcs / 10, {})


def wrong_at_times(model: Path, target: Hardware, board: str | None) -> Answer:
    """The same, but some networks miss their rate and some cannot be made."""
    if target.clock_mhz == 100:
        raise FitError("too fast")
    if target.clock_mhz == 200:
        raise ToolError("training diverged: the loss is no finite number")
    return answer(model, target, board)


def dies_once(model: Path, target: Hardware, board: str | None) -> Answer:
    """The same, but the worker that is the first to do a fast network is killed."""
    given = answer(model, target, board)
    mark = Path(os.environ[LOG]).with_suffix(".died")
    if float(target.fps or 0) > 1e7 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return given


def search(
    tables: dict[str, Any],
    out: Path,
    answers: Answers = answer,
    executor: Executor = SERIAL,
    count: int | None = None,
) -> SearchRun:
    """A search over tables, in this process."""
    space = spaces.parse(tables, Path())
    trials = space.settings.trials if count is None else count
    return SearchRun(space, out, answers, executor, silent, trials)
