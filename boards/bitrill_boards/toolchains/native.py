"""Runs tools that are installed outside of Python, within a time limit and with a log."""

import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bitrill.errors import ToolError
from bitrill.processes import start, stop

PATIENCE_SECONDS = 4 * 3600
"""Time after which a tool counts as hanging."""

POLL_SECONDS = 0.05


def absent(programs: Iterable[str]) -> list[str]:
    """Return the programs that are not on PATH."""
    return [name for name in programs if shutil.which(name) is None]


def run(
    words: Sequence[str],
    folder: Path,
    results: Sequence[str],
    *,
    watch: Callable[[], None] = lambda: None,
    patience: float = PATIENCE_SECONDS,
) -> Path:
    """Run a command in ``folder``; return its log, ``NAME.log`` there.

    ``watch`` is called every `POLL_SECONDS`. Raises `ToolError` with the tool's own message if it
    fails, does not write one of the ``results`` or runs longer than ``patience`` seconds. Ctrl-C
    ends it and all processes that it started; incomplete ``results`` are removed.
    """
    name = Path(words[0]).name
    log = folder / f"{name}.log"
    for result in results:
        (folder / result).unlink(missing_ok=True)
    whole = False
    try:
        status = _follow(words, folder, log, watch, patience)
        lost = [r for r in results if not (folder / r).is_file()]
        if status or lost:
            said = message(log) or (f"it left no {', '.join(lost)}" if not status else "")
            raise _error(name, log, said or f"status {status}")
        whole = True
    finally:
        for result in () if whole else results:
            (folder / result).unlink(missing_ok=True)
    return log


def message(log: Path) -> str | None:
    """Return the reason of a failure from a log: an error line, or the end of a traceback."""
    lines = log.read_text(errors="replace").splitlines()
    for line in lines:
        if line.startswith(("ERROR:", "Error:", "error:")):
            return line.partition(":")[2].strip()
    if any(line.startswith("Traceback") for line in lines):
        return lines[-1].strip()
    return None


def _follow(
    words: Sequence[str], folder: Path, log: Path, watch: Callable[[], None], patience: float
) -> int:
    name, end = Path(words[0]).name, time.monotonic() + patience
    try:
        with log.open("wb") as output:
            process = start(words, cwd=folder, stdout=output, stderr=output)
    except OSError as error:
        raise _error(name, log, error.strerror or str(error)) from error
    try:
        while process.poll() is None:
            watch()
            if time.monotonic() > end:
                raise _error(name, log, f"it ran for more than {patience:g} seconds and was ended")
            time.sleep(POLL_SECONDS)
    finally:
        stop(process)
    return process.returncode


def _error(name: str, log: Path, said: str) -> ToolError:
    where = f"{log.parent.name}/{log.name}"
    return ToolError(f"{name} failed: {said} (log: {where})", command=name, log=str(log))
