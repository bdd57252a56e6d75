"""Reading and writing of files, with errors that name the file.

A file is written under another name and then renamed, so nobody ever reads half of one.
"""

import errno
import io
import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .errors import StorageError


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, whole or not at all, and make its folder."""
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` in UTF-8, as `write_bytes` does."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: object) -> None:
    """Write ``value`` as `json_bytes`."""
    write_bytes(path, json_bytes(value))


def json_bytes(value: object) -> bytes:
    """Return JSON with sorted keys: the same value gives the same bytes."""
    return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def open_file(path: Path) -> BinaryIO:
    """Open a file to read; `OSError` unless it is one, and no folder, pipe or device.

    A pipe into which nobody writes would be waited for without end.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(handle).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(handle, "rb")
    os.close(handle)
    if stat.S_ISDIR(mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    raise OSError(errno.EINVAL, f"it is a {'pipe' if stat.S_ISFIFO(mode) else 'device'}, no file")


def read_bytes(path: Path) -> bytes:
    """Read the bytes of a file; `StorageError` if it cannot be read."""
    try:
        with open_file(path) as file:
            return file.read()
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        why = error.strerror if isinstance(error, OSError) else None
        raise StorageError(f"cannot read {path}: {why or error}") from error


def read_json(path: Path) -> Any:
    """Read a file's JSON; `StorageError` if it cannot be read or is not JSON."""
    try:
        return json.loads(read_bytes(path))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StorageError(f"{path} must be JSON: {error}") from error


def remove(path: Path) -> None:
    """Remove a file; one that does not exist is no error."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"cannot remove {path}: {error.strerror or error}") from error


def write_array(path: Path, array: np.ndarray) -> None:
    """Write ``array`` as a ``.npy`` file, as `write_bytes` does."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    write_bytes(path, buffer.getvalue())
