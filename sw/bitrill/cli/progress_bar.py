"""Progress on stderr: a bar on a terminal for what takes over two seconds, lines with --verbose."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..progress import Progress, silent
from .log import LOG

PATIENCE_SECONDS = 2.0
"""A verb that ends sooner shows no bar."""


@contextmanager
def shown(verb: str, *, verbose: bool = False, quiet: bool = False) -> Iterator[Progress]:
    """Yield the `Progress` of a verb.

    A bar on a terminal; with ``verbose`` a line of the log for each step; nothing if ``quiet``, if
    stderr is no terminal, or if rich is not installed.
    """
    if verbose:
        yield _lines()
        return
    if quiet or not sys.stderr.isatty():
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

    def update(step: str, done: int, total: int) -> None:
        count = f"{done}/{total}" if total else ""
        bar.update(task, description=step, completed=done, total=total or None, count=count)

    timer = threading.Timer(PATIENCE_SECONDS, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield update
    finally:
        timer.cancel()
        timer.join()  # it may be starting the bar right now
        bar.stop()


def _lines() -> Progress:
    """Make a `Progress` that logs a line when a step begins."""
    last = ""

    def update(step: str, done: int, total: int) -> None:
        nonlocal last
        if step != last:
            last = step
            LOG.info("%s", step)

    return update
