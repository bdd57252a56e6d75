"""Writes the log ``bitrill`` and progress to stderr.

Progress is shown after two seconds, as a bar on a terminal and as lines elsewhere; ``--verbose``
writes a line for each step.
"""

import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..progress import Progress, silent

LOG = logging.getLogger("bitrill")

PATIENCE_SECONDS = 2.0
"""A verb that ends within this time shows no progress."""

LINE_SECONDS = 10.0
"""Shortest time between two lines about the same step."""

_PREFIXES = {logging.ERROR: "error: ", logging.WARNING: "warning: "}


class _Lines(logging.Formatter):
    """Formats records as lines such as ``bitrill: error: ...``."""

    def format(self, record: logging.LogRecord) -> str:
        return f"bitrill: {_PREFIXES.get(record.levelno, '')}{super().format(record)}"


@contextmanager
def logging_to_stderr(*, verbose: bool = False, quiet: bool = False) -> Iterator[None]:
    """Write the log to stderr: warnings and errors; everything if verbose; errors if quiet."""
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

    It is a bar on a terminal, else lines in the log: about long steps, or with ``verbose`` about
    each step. Nothing is shown if ``quiet``, or on a terminal without rich.
    """
    if verbose:
        yield _lines()
    elif quiet:
        yield silent
    elif sys.stderr.isatty():
        with _bar(verb) as update:
            yield update
    else:
        lines = SlowLines()
        lines.timer.start()
        try:
            yield lines
        finally:
            lines.end()


@contextmanager
def _bar(verb: str) -> Iterator[Progress]:
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


class SlowLines:
    """A `Progress` that writes lines to stderr, once `PATIENCE_SECONDS` have passed.

    A new step gets a line at once, and then one every `LINE_SECONDS`.
    """

    def __init__(self) -> None:
        self.timer = threading.Timer(PATIENCE_SECONDS, self._begin)
        self.timer.daemon = True
        self._lock = threading.Lock()
        self._begun = False
        self._now: tuple[str, int, int] | None = None
        self._told: dict[str, float] = {}

    def __call__(self, step: str, done: int, total: int) -> None:
        with self._lock:
            self._now = step, done, total
            if self._begun:
                self._tell()

    def end(self) -> None:
        """Stop writing lines."""
        self.timer.cancel()
        self.timer.join()  # it may be writing right now

    def _begin(self) -> None:
        with self._lock:
            self._begun = True
            self._tell()

    def _tell(self) -> None:
        if self._now is None:
            return
        step, done, total = self._now
        now = time.monotonic()
        if now - self._told.get(step, -LINE_SECONDS) < LINE_SECONDS:
            return
        self._told[step] = now
        count = f" {done}/{total}" if total else ""
        with suppress(OSError, ValueError):  # nobody reads stderr, or it is closed
            print(f"bitrill: {step}{count}", file=sys.stderr, flush=True)


def _lines() -> Progress:
    """Return a `Progress` that logs a line when a step begins."""
    last = ""

    def update(step: str, done: int, total: int) -> None:
        nonlocal last
        if step != last:
            last = step
            LOG.info("%s", step)

    return update
