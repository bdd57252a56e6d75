"""What the command line says on stderr beside its result: the log ``bitrill``, and progress.

Progress is a bar on a terminal for what takes over two seconds, or lines with ``--verbose``.
"""

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..progress import Progress, silent

LOG = logging.getLogger("bitrill")

PATIENCE_SECONDS = 2.0
"""A verb that ends sooner shows no bar."""

_PREFIXES = {logging.ERROR: "error: ", logging.WARNING: "warning: "}


class _Lines(logging.Formatter):
    """Lines such as ``bitrill: error: ...``."""

    def format(self, record: logging.LogRecord) -> str:
        return f"bitrill: {_PREFIXES.get(record.levelno, '')}{super().format(record)}"


@contextmanager
def logging_to_stderr(*, verbose: bool = False, quiet: bool = False) -> Iterator[None]:
    """Write the log to stderr: warnings and errors; everything if verbose; if quiet, errors."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    former_level, former_propagate = LOG.level, LOG.propagate
    LOG.setLevel(logging.DEBUG if verbose else logging.ERROR if quiet else logging.WARNING)
    LOG.propagate = False
    LOG.addHandler(handler)
    try:
        yield
    finally:
        LOG.removeHandler(handler)
        LOG.setLevel(former_level)
        LOG.propagate = former_propagate


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
