"""Progress on stderr: a bar for what takes over two seconds, on a terminal only."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..flow.extras import Progress, silent

PATIENCE_SECONDS = 2.0
"""What is quicker than this shows no bar."""


@contextmanager
def shown(verb: str) -> Iterator[Progress]:
    """A `Progress` that draws on stderr; silent where that is no terminal or rich is missing."""
    if not sys.stderr.isatty():
        yield silent
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    except ImportError:
        yield silent
        return
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task(verb, total=None, count="")

    def step(what: str, done: int, total: int) -> None:
        count = f"{done}/{total}" if total else ""
        bar.update(task, description=what, completed=done, total=total or None, count=count)

    timer = threading.Timer(PATIENCE_SECONDS, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield step
    finally:
        timer.cancel()
        timer.join()  # it may be starting the bar right now
        bar.stop()
