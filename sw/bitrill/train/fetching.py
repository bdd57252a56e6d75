"""Downloads files of data sets with pooch: whole, of the right MD5 sum, or not at all."""

import logging
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from ..errors import StorageError, ToolError

FetchProgress: TypeAlias = Callable[[str, int, int], None]
"""Function called with a file's name, the bytes received and the bytes in all (0: unknown)."""

BLOCK = 1 << 16
LIMIT = 256 << 20
"""Bytes of the largest file that is accepted."""

TIMEOUT_SECONDS = 30


def fetch(
    url: str, path: Path, md5: str | None, *, name: str, how: str, progress: FetchProgress | None
) -> None:
    """Download ``url`` to ``path``; nothing is left there unless the file's MD5 sum is ``md5``.

    None for ``md5``: no sum is stated, and the caller checks the file's form.
    ``name``: the data set's; ``how``: what a user can do by hand. Raises `ToolError` if the file
    cannot be had, `StorageError` for a wrong sum and a folder that cannot be written.
    """
    try:
        import pooch
    except ImportError as error:
        raise ToolError(
            f"fetching the data set {name} needs pooch: pip install 'bitrill[train]'", missing=True
        ) from error

    def receive(url: str, file: str, _: object) -> None:
        try:
            _receive(url, Path(file), path.name, progress)
        except (urllib.error.URLError, ConnectionError, TimeoutError, _TransferError) as error:
            raise ToolError(
                f"the data set {name} is not in {path.parent} and cannot be fetched from {url}:"
                f" {getattr(error, 'reason', None) or error}; {how} there, or set BITRILL_DATA to"
                " the folder above it"
            ) from error

    known = None if md5 is None else f"md5:{md5}"
    pooch.get_logger().setLevel(logging.ERROR)  # progress says it
    try:
        pooch.retrieve(
            url,
            known,
            path.name,
            path.parent,
            downloader=receive,  # pyright: ignore[reportArgumentType] - as pooch's own are called
        )
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
    except ValueError as error:  # pooch names both sums, and removes the file
        raise StorageError(f"{url} must have the MD5 sum {md5}, and has another one") from error


class _TransferError(Exception):
    """A file that did not come whole, or has no end."""


def _receive(url: str, file: Path, name: str, progress: FetchProgress | None) -> None:
    """Write what ``url`` sends to a file."""
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as reply, file.open("wb") as into:
        total = int(reply.headers.get("Content-Length") or 0)
        received = 0
        while block := reply.read(BLOCK):
            into.write(block)
            received += len(block)
            if received > LIMIT:
                raise _TransferError(f"it is larger than {LIMIT} bytes")
            if progress is not None:
                progress(name, received, total)
    if total and received != total:
        raise _TransferError(f"the connection ended after {received} of {total} bytes")
