"""Tensor data beside the model file: only below its own folder, no links, within the file."""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath

from ...errors import StorageError, UnsupportedError
from .names import shown

_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""A link at the last moment is refused, and a pipe does not hold the reader up."""


def read_external(folder: Path, entries: dict[str, str], *, tensor: str, n_bytes: int) -> bytes:
    """The ``n_bytes`` of ``tensor`` that ``entries`` (location, offset, length) point to.

    Raises `UnsupportedError` for a location outside ``folder``, a link on the way, anything but a
    plain file, or a place beyond the file's end; `StorageError` where it cannot be read.
    """
    what = f"tensor {shown(tensor)}: external data"
    location = entries.get("location", "")
    parts = PurePosixPath(location).parts
    if (
        not parts
        or location.startswith(("/", "~"))
        or any(p == ".." or "\\" in p or ":" in p or not p.isprintable() for p in parts)
    ):
        raise UnsupportedError(
            f"{what} must lie below the model's own folder, not at {shown(location)}"
        )
    offset = _whole(entries.get("offset", "0"), what, "offset")
    length = _whole(entries.get("length", str(n_bytes)), what, "length")
    if length != n_bytes:
        raise UnsupportedError(f"{what} must have {n_bytes} bytes, not {length}")
    path = folder
    for part in parts:
        path = path / part
        if path.is_symlink():
            raise UnsupportedError(f"{what} must not lie behind a link, as {shown(location)} does")
    try:
        handle = os.open(path, _FLAGS)
    except OSError as error:
        raise StorageError(f"cannot read {what} {path}: {error.strerror or error}") from error
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise UnsupportedError(f"{what} must be a plain file, not {shown(location)}")
        if offset + length > status.st_size:
            raise UnsupportedError(
                f"{what} must lie within its file of {status.st_size} bytes,"
                f" not at {offset}..{offset + length}"
            )
        file.seek(offset)
        return file.read(length)


def _whole(text: str, what: str, key: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise UnsupportedError(f"{what}: {key} must be a number of bytes, not {shown(text)}")
    return int(text)
