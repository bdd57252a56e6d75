"""Loads data sets by name; missing files are downloaded.

A set is ``x``, float32 ``[N, C, H, W]`` in 0..1, and ``labels``, int64 ``[N]``:

- ``digits``: the 1,797 handwritten 8x8 digits bundled with scikit-learn, ``x / 16``. Sorted by
  class (stable), every fifth image is for testing: 360 for testing, 1,437 for training.
- ``mnist``, ``fashion``: 28x28, ``x / 255``, 60,000 + 10,000, from gzipped IDX files (LeCun et al.)
  in the folder ``mnist/`` or ``fashion/`` of ``$BITRILL_DATA``, else of ``~/.cache/bitrill``.
  Missing files are downloaded from the set's public mirror; uncompressed, they must have the MD5
  sums of the official files.
- ``cifar10``: 3x32x32, ``x / 255``, 50,000 + 10,000, from the archive of the set's binary form in
  the folder ``cifar10/``, downloaded if missing; the archive must have the official MD5 sum.
"""

import gzip
import hashlib
import io
import os
import struct
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from ..errors import SpecError, StorageError, ToolError
from ..storage import read_bytes, write_bytes
from . import cifar10
from .recipes import DATASETS

Split: TypeAlias = Literal["train", "test"]
FetchProgress: TypeAlias = Callable[[str, int, int], None]
"""Function called with a file's name, the bytes received and the bytes in all (0: unknown)."""

CLASSES = 10

_SIDE = 28
_COUNT = {"train": 60_000, "test": 10_000}
_PREFIX = {"train": "train", "test": "t10k"}
_FETCH_BLOCK = 1 << 16
_FETCH_LIMIT = 256 << 20
_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Mirror:
    """Public address of a set's four files, and the MD5 sums of their uncompressed bytes."""

    url: str
    md5: dict[str, str]


MIRRORS = {
    "mnist": Mirror(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        {
            "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
            "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
            "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
            "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
        },
    ),
    "fashion": Mirror(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        {
            "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
            "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
            "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
            "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
        },
    ),
}


def shape(name: str) -> tuple[int, int, int]:
    """Return the shape of one image, ``(C, H, W)``."""
    _check(name)
    return {"digits": (1, 8, 8), "cifar10": cifar10.SHAPE}.get(name, (1, _SIDE, _SIDE))


def load(
    name: str, split: Split = "test", *, progress: FetchProgress | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Load ``(x, labels)`` of one split; x: float32 ``[N, C, H, W]``, ``uint8 / 255`` in float32.

    Raises `SpecError` for an unknown name or split, `ToolError` if scikit-learn is missing or a
    file cannot be downloaded, `StorageError` for a file that is damaged or cannot be read.
    """
    _check(name)
    if split not in _PREFIX:
        raise SpecError(f"split must be train or test, not {split!r}")
    if name == "digits":
        return _digits(split)
    folder = data_folder() / name
    if name == "cifar10":
        images, labels = _cifar10(folder, split, progress)
    else:
        images = _idx(folder, name, f"{_PREFIX[split]}-images-idx3-ubyte", progress)[:, None]
        labels = _idx(folder, name, f"{_PREFIX[split]}-labels-idx1-ubyte", progress)
    return images.astype(np.float32) / np.float32(255), labels.astype(np.int64)


def data_folder() -> Path:
    """Return ``$BITRILL_DATA``, else ``~/.cache/bitrill``."""
    given = os.environ.get("BITRILL_DATA")
    return Path(given) if given else Path.home() / ".cache" / "bitrill"


def _check(name: str) -> None:
    if name not in DATASETS:
        raise SpecError(f"dataset must be one of {', '.join(DATASETS)}, not {name!r}")


def _digits(split: Split) -> tuple[np.ndarray, np.ndarray]:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ToolError(
            "the data set digits needs scikit-learn: pip install 'bitrill[train]'", missing=True
        ) from error
    bundle: Any = load_digits()
    images, labels = bundle["images"], bundle["target"].astype(np.int64)
    order = np.argsort(labels, kind="stable")
    is_test = np.arange(len(order)) % 5 == 0
    chosen = np.sort(order[is_test if split == "test" else ~is_test])
    return (images[chosen] / 16).astype(np.float32)[:, None], labels[chosen]


def _idx(folder: Path, name: str, file: str, progress: FetchProgress | None) -> np.ndarray:
    """Load one IDX file of the set, uint8: ``[N, 28, 28]`` images or ``[N]`` labels."""
    path = folder / f"{file}.gz"
    if not path.is_file():
        _fetch(path, name, file, progress)
    count = _COUNT["train" if file.startswith("train") else "test"]
    sizes = (count, _SIDE, _SIDE) if "images" in file else (count,)
    return parse_idx(unzip(read_bytes(path), _bytes(sizes), path), sizes, path)


def _cifar10(
    folder: Path, split: Split, progress: FetchProgress | None
) -> tuple[np.ndarray, np.ndarray]:
    path = folder / cifar10.FILE
    if not path.is_file():
        data = _received(cifar10.URL, path, "cifar10", f"put {cifar10.FILE}", progress)
        cifar10.check(data, cifar10.URL)
        write_bytes(path, data)
    return cifar10.read(path, split)


def _bytes(sizes: tuple[int, ...]) -> int:
    return 4 + 4 * len(sizes) + int(np.prod(sizes))


def unzip(data: bytes, limit: int, path: Path) -> bytes:
    """Uncompress a gzip file; at most ``limit + 1`` bytes, so that no file can fill the memory."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            return file.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise StorageError(f"{path} must be a whole gzip file: {error}") from error


def parse_idx(data: bytes, sizes: tuple[int, ...], path: Path) -> np.ndarray:
    """Read the uint8 array of an IDX file; its magic number, axes and length must be correct."""
    header = 4 + 4 * len(sizes)
    if len(data) < header:
        raise StorageError(f"{path} must hold an IDX header of {header} bytes, not {len(data)}")
    magic, *axes = struct.unpack(f">{1 + len(sizes)}I", data[:header])
    if magic != 0x0800 + len(sizes):
        raise StorageError(
            f"{path} must be IDX of bytes with {len(sizes)} axes"
            f" (magic {0x0800 + len(sizes):#010x}), not {magic:#010x}"
        )
    if tuple(axes) != sizes:
        due, given = ("x".join(map(str, s)) for s in (sizes, axes))
        raise StorageError(f"{path} must hold {due} bytes, not {given}")
    if len(data) != _bytes(sizes):
        length = f"{len(data)}" if len(data) < _bytes(sizes) else "more"
        raise StorageError(f"{path} must be {_bytes(sizes)} bytes long unzipped, not {length}")
    return np.frombuffer(data, np.uint8, offset=header).reshape(sizes)


def _fetch(path: Path, name: str, file: str, progress: FetchProgress | None) -> None:
    """Download one file of the set to ``path``; it is written only if its MD5 sum is correct."""
    mirror = MIRRORS[name]
    url = f"{mirror.url}{file}.gz"
    data = _received(url, path, name, "put its four .gz files", progress)
    count = _COUNT["train" if file.startswith("train") else "test"]
    size = _bytes((count, _SIDE, _SIDE) if "images" in file else (count,))
    md5 = hashlib.md5(unzip(data, size, Path(path.name)), usedforsecurity=False).hexdigest()
    if md5 != mirror.md5[file]:
        raise StorageError(
            f"{url} must have the MD5 sum {mirror.md5[file]} uncompressed, not {md5}"
        )
    write_bytes(path, data)


def _received(url: str, path: Path, name: str, how: str, progress: FetchProgress | None) -> bytes:
    """Download ``url``; a `ToolError` explains ``how`` to put the data there by hand."""
    try:
        return _download(url, path.name, progress)
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ToolError(
            f"the data set {name} is not in {path.parent} and cannot be fetched from {url}:"
            f" {reason}; {how} there, or set BITRILL_DATA to the folder above it"
        ) from error


def _download(url: str, file: str, progress: FetchProgress | None) -> bytes:
    with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as reply:
        total = int(reply.headers.get("Content-Length") or 0)
        parts: list[bytes] = []
        received = 0
        while block := reply.read(_FETCH_BLOCK):
            parts.append(block)
            received += len(block)
            if received > _FETCH_LIMIT:
                raise ValueError(f"it is larger than {_FETCH_LIMIT} bytes")
            if progress is not None:
                progress(file, received, total)
    if total and received != total:
        raise ValueError(f"the connection ended after {received} of {total} bytes")
    return b"".join(parts)
