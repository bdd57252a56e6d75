"""Reads tensor data stored beside a model file: plain files below its folder, no links followed."""

import os
import stat
from pathlib import Path, PurePosixPath

from ...errors import StorageError, UnsupportedError
from .names import shown

_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Flags that refuse a link made at the last moment, and do not wait for a pipe."""


def read_external(folder: Path, entries: dict[str, str], *, tensor: str, n_bytes: int) -> bytes:
    """Read the ``n_bytes`` of ``tensor`` that ``entries`` (location, offset, length) point to.

    Raises `UnsupportedError` for a location outside ``folder``, a link on the way, anything but a
    plain file, or data beyond the file's end; `StorageError` if it cannot be read.
    """
    what = f"tensor {shown(tensor)}: external data"
    offset, length = (
        _whole(entries.get(key, default), what, key)
        for key, default in (("offset", "0"), ("length", str(n_bytes)))
    )
    location = entries.get("location", "")
    path = _path(folder, location, what)
    if length != n_bytes:
        raise UnsupportedError(f"{what} must have {n_bytes} bytes, not {length}")
    try:
        handle = os.open(path, _FLAGS)
    except OSError as error:
        raise StorageError(f"cannot read {what} {path}: {error.strerror or error}") from error
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise UnsupportedError(f"{what} must be a plain file, not {shown(location)}")
    with os.fdopen(handle, "rb") as file:
        if offset + length > status.st_size:
            raise UnsupportedError(
                f"{what} must lie within its file of {status.st_size} bytes,"
                f" not at {offset}..{offset + length}"
            )
        file.seek(offset)
        return file.read(length)


def _path(folder: Path, location: str, what: str) -> Path:
    """Return the file at ``location`` below ``folder``, with no link on the way."""
    parts = PurePosixPath(location).parts
    if (
        not parts
        or location.startswith(("/", "~"))
        or any(p == ".." or "\\" in p or ":" in p or not p.isprintable() for p in parts)
    ):
        raise UnsupportedError(
            f"{what} must lie below the model's own folder, not at {shown(location)}"
        )
    path = folder
    for part in parts:
        path = path / part
        if path.is_symlink():
            raise UnsupportedError(f"{what} must not lie behind a link, as {shown(location)} does")
    return path


def _whole(text: str, what: str, key: str) -> int:
    """Return a non-negative integer of at most 18 digits."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise UnsupportedError(f"{what}: {key} must be a number of bytes, not {shown(text)}")
    return int(text)
