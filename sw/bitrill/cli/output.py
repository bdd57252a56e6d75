"""Writes to stdout, which may be closed, full, or without a reader."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from ..errors import StorageError


class ReaderGoneError(Exception):
    """The reader of stdout has ended, as ``head`` does, which is not a failure."""


class OutputError(StorageError):
    """Nothing can be written to stdout: for example, it is closed, or its disk is full."""


def open_streams() -> None:
    """Connect closed standard streams to ``/dev/null``; else later files would get their numbers.

    Characters that stdout's encoding lacks are written as escapes.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number: this one
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def say(text: str, end: str = "\n") -> None:
    """Print a text at once. Raises `ReaderGoneError` or `OutputError`."""
    if sys.stdout is None:
        raise OutputError("cannot write to stdout: it is closed")
    try:
        print(text, end=end, flush=True)
    except OSError as error:
        # the rest of the buffer would fail again when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise ReaderGoneError from None
        raise OutputError(f"cannot write to stdout: {error.strerror or error}") from error


@contextmanager
def only_json(as_json: bool) -> Iterator[None]:
    """Redirect output of libraries and tools to stderr, so that stdout has only JSON."""
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
