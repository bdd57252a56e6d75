"""Reads CIFAR-10 (Krizhevsky 2009) in its binary form, without unpacking the archive.

The archive has six files of 10,000 records. A record is one byte for the class, then 32x32 bytes
each of red, green and blue.
"""

import io
import tarfile
import zlib
from pathlib import Path

import numpy as np

from ..errors import StorageError
from ..storage import read_bytes

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
"""MD5 sum of the archive."""

FILE = "cifar-10-binary.tar.gz"
SHAPE = (3, 32, 32)
CLASSES = 10
RECORDS = 10_000
MEMBERS = {"train": tuple(f"data_batch_{k}.bin" for k in range(1, 6)), "test": ("test_batch.bin",)}
"""Names of each split's files, in order, without their folder."""

_RECORD = 1 + 3 * 32 * 32
_READ_LIMIT = 256 << 20
"""Largest number of bytes read from the unpacked archive; the official one has 184 million."""


def read(path: Path, split: str, records: int = RECORDS) -> tuple[np.ndarray, np.ndarray]:
    """Read ``(images, labels)`` of a split, uint8 ``[N, 3, 32, 32]`` and ``[N]``.

    Raises `StorageError` for an incomplete archive.
    """
    wanted = MEMBERS[split]
    files = _members(path, set(wanted), records * _RECORD)
    missing = [name for name in wanted if name not in files]
    if missing:
        raise StorageError(f"{path} must hold {', '.join(missing)}, and does not")
    rows = np.concatenate([np.frombuffer(files[n], np.uint8) for n in wanted]).reshape(-1, _RECORD)
    labels = rows[:, 0]
    if labels.max() >= CLASSES:
        raise StorageError(f"{path} must hold classes 0 to {CLASSES - 1}, not {labels.max()}")
    return rows[:, 1:].reshape(-1, *SHAPE), labels


def _members(path: Path, wanted: set[str], size: int) -> dict[str, bytes]:
    """Read the archive's files of these names; nothing is unpacked onto the disk."""
    files: dict[str, bytes] = {}
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
                files[name] = file.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise StorageError(f"{path} must be a whole tar.gz archive: {error}") from error
    return files
