"""Runs other programs so that none is left behind.

Each program gets a process group of its own, and is ended with all that it started: a compiler's
driver, say, with the compiler. A stop that comes while a program is being started is put off until
the program is known (`interrupt`), and `stop_all` ends whatever still runs.
"""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TypeAlias

Process: TypeAlias = "subprocess.Popen[bytes]"

PATIENCE_SECONDS = 2.0
"""Seconds that a program has to end by itself, so that it removes its temporary files."""

_running: set[Process] = set()
_starting = False
_stopped = False


def start(
    arguments: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes],
    stderr: int | IO[bytes],
) -> Process:
    """Start a program in a process group of its own; `stop` must follow. Raises `OSError`."""
    global _starting, _stopped
    _starting = True
    try:
        process = subprocess.Popen(
            arguments,
            cwd=cwd,
            env=env,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        _running.add(process)
    finally:
        _starting = False
    if _stopped:
        _stopped = False
        raise KeyboardInterrupt
    return process


def detach(arguments: Sequence[str | Path]) -> int:
    """Start a program that goes on after this one, without its streams; return its number."""
    nothing = subprocess.DEVNULL
    process = subprocess.Popen(
        arguments, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
    )
    process.returncode = 0  # nobody waits for it
    return process.pid


def interrupt() -> None:
    """Raise `KeyboardInterrupt`, in `start` only once its program is known: for signal handlers."""
    global _stopped
    if _starting:
        _stopped = True
        return
    raise KeyboardInterrupt


def stop(process: Process, first: signal.Signals = signal.SIGTERM) -> None:
    """End a program and all that it started, by the signal ``first``, then for certain.

    What a program left running that ended by itself is its own affair.
    """
    ended = process.poll()
    if ended is None:
        _signal(process, first)
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE_SECONDS)
    if ended is None or ended < 0:
        _signal(process, signal.SIGKILL)
        process.wait()
    _running.discard(process)


def stop_all() -> None:
    """End every program that was started and not stopped yet."""
    for process in list(_running):
        stop(process)


def _signal(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS: the group has only a dead leader
        os.killpg(process.pid, number)
