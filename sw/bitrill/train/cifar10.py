"""CIFAR-10 (Krizhevsky 2009) from the archive of its binary form.

Six files of 10,000 records: a byte that is the class, then 32x32 bytes each of red, green, blue.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import zlib
from pathlib import Path

import numpy as np

from ..errors import StorageError
from ..storage import read_bytes

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
"""Of the archive."""

FILE = "cifar-10-binary.tar.gz"
SHAPE = (3, 32, 32)
CLASSES = 10
RECORDS = 10_000
MEMBERS = {"train": tuple(f"data_batch_{k}.bin" for k in range(1, 6)), "test": ("test_batch.bin",)}
"""Files of a split, in order, by their last name."""

_RECORD = 1 + 3 * 32 * 32
_READ_LIMIT = 256 << 20
"""Bytes of the unpacked archive that are looked at; the official one has 184 million."""


def check(data: bytes, where: str) -> None:
    """`StorageError` unless the archive is the official one."""
    found = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if found != MD5:
        raise StorageError(f"{where} must have the MD5 sum {MD5}, not {found}")


def read(path: Path, split: str, records: int = RECORDS) -> tuple[np.ndarray, np.ndarray]:
    """``(images, labels)`` of a split, uint8 ``[N, 3, 32, 32]`` and ``[N]``; `StorageError`."""
    wanted = MEMBERS[split]
    found = _members(path, set(wanted), records * _RECORD)
    missing = [name for name in wanted if name not in found]
    if missing:
        raise StorageError(f"{path} must hold {', '.join(missing)}, and does not")
    rows = np.concatenate([np.frombuffer(found[n], np.uint8) for n in wanted]).reshape(-1, _RECORD)
    labels = rows[:, 0]
    if labels.max() >= CLASSES:
        raise StorageError(f"{path} must hold classes 0 to {CLASSES - 1}, not {labels.max()}")
    return rows[:, 1:].reshape(-1, *SHAPE), labels


def _members(path: Path, wanted: set[str], size: int) -> dict[str, bytes]:
    """The bytes of the archive's files of those names; nothing is unpacked onto the disk."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(read_bytes(path)), mode="r|gz") as archive:
            for member in archive:
                if member.offset_data + member.size > _READ_LIMIT:
                    raise StorageError(f"{path} must be of at most {_READ_LIMIT} bytes unpacked")
                name = member.name.rsplit("/", 1)[-1]
                file = archive.extractfile(member) if name in wanted else None
                if file is None:
                    continue
                if member.size != size:
                    raise StorageError(
                        f"{name} of {path} must be {size} bytes long, not {member.size}"
                    )
                found[name] = file.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise StorageError(f"{path} must be a whole tar.gz archive: {error}") from error
    return found
