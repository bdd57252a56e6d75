"""CIFAR-10's binary archive: read without unpacking, checked, fetched once."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import StorageError, ToolError
from bitrill.train import cifar10, datasets

RECORDS = 4
NAMES = [*cifar10.MEMBERS["train"], *cifar10.MEMBERS["test"]]


def batch(k: int, records: int = RECORDS) -> bytes:
    """Records of CIFAR-10: record k has class k, red 10 * k, and green and blue 1 and 2 more."""
    planes = b"".join(bytes([10 * k + c]) * 1024 for c in range(3))
    return b"".join(bytes([i]) + planes for i in range(records))


def archive(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def whole() -> dict[str, bytes]:
    return {"readme.html": b"x", **{name: batch(k) for k, name in enumerate(reversed(NAMES))}}


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The mirror's archive, of a few records; the data folder is empty."""
    path = tmp_path / cifar10.FILE
    path.write_bytes(archive(whole()))
    monkeypatch.setattr(cifar10.read, "__defaults__", (RECORDS,))
    monkeypatch.setattr(cifar10, "URL", path.as_uri())
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    monkeypatch.setattr(cifar10, "MD5", digest)
    monkeypatch.setenv("BITRILL_DATA", str(tmp_path / "data"))
    return path


def test_files_are_taken_in_their_order_and_planes_are_channels(small: Path):
    x, labels = datasets.load("cifar10", "train")
    assert x.shape == (5 * RECORDS, 3, 32, 32)
    assert labels.tolist() == 5 * [0, 1, 2, 3]
    # written backwards: the first is number 5, the last, of the test, number 0
    reds = (x[::RECORDS, 0, 0, 0] * 255).round().tolist()
    assert reds == [50, 40, 30, 20, 10]
    test, _ = datasets.load("cifar10", "test")
    assert (test[0, :, 31, 31] * 255).round().tolist() == [0, 1, 2]
    assert (test.dtype, labels.dtype) == (np.float32, np.int64)


def test_it_is_fetched_once(small: Path, tmp_path: Path):
    datasets.load("cifar10")
    small.unlink()
    datasets.load("cifar10")
    assert [p.name for p in (tmp_path / "data" / "cifar10").iterdir()] == [cifar10.FILE]


def test_a_wrong_sum_is_not_kept(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cifar10, "MD5", "0" * 32)
    with pytest.raises(StorageError, match=r"cifar-10.* must have the MD5 sum 0{32}, and has"):
        datasets.load("cifar10")
    assert not any(p.is_file() for p in (tmp_path / "data").rglob("*"))


def test_no_network_is_told(small: Path):
    small.unlink()
    want = r"data set cifar10 is not in .*; put cifar-10-binary\.tar\.gz there, or set BITRILL_DATA"
    with pytest.raises(ToolError, match=want):
        datasets.load("cifar10")


def without(name: str) -> dict[str, bytes]:
    return {k: v for k, v in whole().items() if k != name}


@pytest.mark.parametrize(
    ("data", "want"),
    [
        (b"plain", "must be a whole tar.gz archive"),
        (archive(whole())[:-30], "must be a whole tar.gz archive"),
        (archive(without("test_batch.bin")), r"must hold test_batch\.bin, and does not"),
        (
            archive(whole() | {"test_batch.bin": batch(0, 3)}),
            r"test_batch\.bin of .* must be 12292 bytes long, not 9219",
        ),
        (
            archive(whole() | {"test_batch.bin": batch(0).replace(b"\x03", b"\x0a", 1)}),
            "must hold classes 0 to 9, not 10",
        ),
    ],
    ids=["plain", "cut", "missing", "short", "class"],
)
def test_a_damaged_archive_is_told(data: bytes, want: str, tmp_path: Path):
    path = tmp_path / cifar10.FILE
    path.write_bytes(data)
    with pytest.raises(StorageError, match=want):
        cifar10.read(path, "test", RECORDS)


def test_an_archive_that_is_too_large_is_not_read_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cifar10, "_READ_LIMIT", 20_000)
    path = tmp_path / cifar10.FILE
    path.write_bytes(archive(whole()))
    with pytest.raises(StorageError, match="must be of at most 20000 bytes unpacked"):
        cifar10.read(path, "train", RECORDS)
