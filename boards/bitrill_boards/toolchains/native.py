"""Tools that are installed outside of Python: which are missing, and running one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bitrill.errors import ToolError

PATIENCE_SECONDS = 4 * 3600
"""After which a tool is taken to hang."""

POLL_SECONDS = 0.05
_GRACE_SECONDS = 5


def absent(programs: Iterable[str]) -> list[str]:
    """Those that PATH does not have."""
    return [name for name in programs if shutil.which(name) is None]


def run(
    words: Sequence[str],
    folder: Path,
    results: Sequence[str],
    *,
    watch: Callable[[], None] = lambda: None,
    patience: float = PATIENCE_SECONDS,
) -> Path:
    """Run a command in ``folder``; gives its log, ``NAME.log`` there.

    ``watch`` is called now and then. Raises `ToolError` with the tool's own words where it fails,
    leaves none of ``results`` or runs for more than ``patience`` seconds. An interrupt ends it and
    all that it started, and what it left of ``results`` is removed.
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
    """The line in which a tool says what went wrong: its error, or the end of a Python trace."""
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
            process = subprocess.Popen(
                words,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
    except OSError as error:
        raise _error(name, log, error.strerror or str(error)) from error
    try:
        while process.poll() is None:
            watch()
            if time.monotonic() > end:
                raise _error(name, log, f"it ran for more than {patience:g} seconds and was ended")
            time.sleep(POLL_SECONDS)
    finally:
        _stop(process)
    return process.returncode


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a tool and its children, if it still runs."""
    for end in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        os.killpg(process.pid, end)
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def _error(name: str, log: Path, said: str) -> ToolError:
    where = f"{log.parent.name}/{log.name}"
    return ToolError(f"{name} failed: {said} (log: {where})", command=name, log=str(log))


__all__ = ["absent", "message", "run"]
