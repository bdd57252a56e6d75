"""Loads data sets by name; missing files are downloaded.

A set is ``x``, float32 ``[N, C, H, W]`` in 0..1, and ``labels``, int64 ``[N]``:

- ``digits``: the 1,797 handwritten 8x8 digits bundled with scikit-learn, ``x / 16``. Sorted by
  class (stable), every fifth image is for testing: 360 for testing, 1,437 for training.
- ``mnist``, ``fashion``: 28x28, ``x / 255``, 60,000 + 10,000, from gzipped IDX files (LeCun et al.)
  in the folder ``mnist/`` or ``fashion/`` of ``$BITRILL_DATA``, else of the user's cache folder.
  Missing files are downloaded from the set's public mirror; they must have the MD5 sums of the
  official files.
- ``cifar10``: 3x32x32, ``x / 255``, 50,000 + 10,000, from the archive of the set's binary form in
  the folder ``cifar10/``, downloaded if missing; the archive must have the official MD5 sum.
"""

import gzip
import io
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from ..errors import SpecError, StorageError, ToolError
from ..storage import read_bytes
from . import cifar10
from .fetching import FetchProgress as FetchProgress
from .fetching import fetch
from .run_options import DATASETS

Split: TypeAlias = Literal["train", "test"]
CLASSES = 10

_SIDE = 28
_COUNT = {"train": 60_000, "test": 10_000}
_PREFIX = {"train": "train", "test": "t10k"}


@dataclass(frozen=True)
class Mirror:
    """Public address of a set's four files, and the MD5 sums of the files, which are gzipped."""

    url: str
    md5: dict[str, str]


MIRRORS = {
    "mnist": Mirror(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        {
            "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
            "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
            "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
        },
    ),
    "fashion": Mirror(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        {
            "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
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


def is_here(name: str) -> bool:
    """Return whether a set can be loaded without a download."""
    _check(name)
    if name == "digits":
        return True
    files = [cifar10.FILE] if name == "cifar10" else [f"{f}.gz" for f in MIRRORS[name].md5]
    return all((data_folder() / name / file).is_file() for file in files)


def data_folder() -> Path:
    """Return ``$BITRILL_DATA``, else ``bitrill`` in the user's cache folder of this system."""
    import platformdirs

    given = os.environ.get("BITRILL_DATA")
    return Path(given) if given else platformdirs.user_cache_path("bitrill", appauthor=False)


def _check(name: str) -> None:
    if name not in DATASETS:
        raise SpecError(f"dataset must be one of {', '.join(DATASETS)}, not {name!r}")


def _digits(split: Split) -> tuple[np.ndarray, np.ndarray]:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ToolError(
            "the data set digits needs scikit-learn: pip install scikit-learn", missing=True
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
        mirror = MIRRORS[name]
        how = "put its four .gz files"
        url = f"{mirror.url}{path.name}"
        fetch(url, path, mirror.md5[file], name=name, how=how, progress=progress)
    count = _COUNT["train" if file.startswith("train") else "test"]
    sizes = (count, _SIDE, _SIDE) if "images" in file else (count,)
    return parse_idx(unzip(read_bytes(path), _bytes(sizes), path), sizes, path)


def _cifar10(
    folder: Path, split: Split, progress: FetchProgress | None
) -> tuple[np.ndarray, np.ndarray]:
    path = folder / cifar10.FILE
    if not path.is_file():
        how = f"put {cifar10.FILE}"
        fetch(cifar10.URL, path, cifar10.MD5, name="cifar10", how=how, progress=progress)
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
