"""Errors that no verb raises on purpose: stops, a full disk, too little memory, bugs."""

import errno
import os
import platform
import tempfile
import traceback
from collections.abc import Sequence
from typing import ClassVar

from .. import __version__
from ..errors import BitrillError, StorageError, UnsupportedError
from .early import INTERRUPTED

REASONS_SHOWN = 3
"""Number of a refusal's reasons in an error's line; JSON and ``inspect`` list all of them."""

MOST_LETTERS = 200
"""Characters of an exception's text in the error's line; the trace has the rest."""

_SURROUNDINGS = (
    errno.EACCES,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.EMFILE,
    errno.ENAMETOOLONG,
    errno.ENFILE,
    errno.ENOMEM,
    errno.ENOSPC,
    errno.EPERM,
    errno.EROFS,
)
"""Errors of the operating system that are not bugs of the program."""


class Interrupted(BitrillError):  # noqa: N818
    """A stop by Ctrl-C, SIGTERM or SIGHUP."""

    exit_code: ClassVar[int] = 130


class InternalError(BitrillError):
    """A bug in Bitrill, or too little memory; ``trace``: the file with the stack trace."""

    exit_code: ClassVar[int] = 70


def as_error(fault: BaseException, arguments: Sequence[str]) -> BitrillError:
    """Return the error to report for the exception that ended a command."""
    if isinstance(fault, BitrillError):
        return fault
    if isinstance(fault, KeyboardInterrupt):
        said = str(fault)  # how to go on
        return Interrupted(f"{INTERRUPTED}; {said}" if said else INTERRUPTED)
    if isinstance(fault, OSError) and fault.errno in _SURROUNDINGS:
        where = "" if fault.filename is None else f" {fault.filename}"
        return StorageError(f"cannot read or write{where}: {fault.strerror}")
    name, text = type(fault).__name__, " ".join(str(fault).split())[:MOST_LETTERS]
    said = f"{name}: {text}" if text else name
    what = "a bug in Bitrill"
    if isinstance(fault, MemoryError):
        what = "there is too little memory"
    trace, where = _written(fault, arguments)
    return InternalError(f"{what} ({said}); {where}", exception=name, trace=trace)


def _written(fault: BaseException, arguments: Sequence[str]) -> tuple[str | None, str]:
    """Write the trace to a file; return its name, and where it is, in words."""
    try:
        trace = "".join(traceback.format_exception(fault))
        handle, path = tempfile.mkstemp(prefix="bitrill-", suffix=".trace.txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            python = f"Python {platform.python_version()} on {platform.platform()}"
            file.write(f"Bitrill {__version__}, {python}\nbitrill {list(arguments)}\n\n{trace}")
    except (OSError, MemoryError):
        return None, "its trace cannot be written; --verbose shows it"
    return path, f"its trace is in {path}"


def one_line(error: BitrillError) -> str:
    """Return an error as one line, with only the first reasons of a refusal."""
    if isinstance(error, UnsupportedError) and len(error.reasons) > REASONS_SHOWN:
        first = "; ".join(error.reasons[:REASONS_SHOWN])
        hidden = len(error.reasons) - REASONS_SHOWN
        count = len(error.reasons)
        text = f"{count} reasons: {first}; and {hidden} more (`bitrill inspect` lists all)"
        return " ".join(text.split())
    return str(error)
