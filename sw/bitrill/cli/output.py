"""Writes what a command prints to stdout, which may be closed, full, or read by nobody."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from ..errors import StorageError


class ReaderGoneError(Exception):
    """The reader of stdout has ended, as ``head`` does: no failure, and nothing more to say."""


class OutputError(StorageError):
    """Nothing can be written to stdout: it is closed, say, or its disk is full."""


def open_streams() -> None:
    """Give standard streams that are closed to ``/dev/null``, or a file opened later gets theirs.

    Characters that stdout's encoding lacks are written as escapes.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def say(text: str, end: str = "\n") -> None:
    """Print a text at once. Raises `ReaderGoneError` or `OutputError`."""
    if sys.stdout is None:
        raise OutputError("cannot write to stdout: it is closed")
    try:
        print(text, end=end, flush=True)
    except OSError as error:
        # what is still in the buffer would fail again when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise ReaderGoneError from None
        raise OutputError(f"cannot write to stdout: {error.strerror or error}") from error


@contextmanager
def only_json(as_json: bool) -> Iterator[None]:
    """Send what libraries and tools print to stderr, so that stdout stays JSON."""
    if not as_json or sys.stdout is None:
        yield
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
