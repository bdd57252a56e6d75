"""Data sets: splits that never move, files that are checked, fetching that fails clearly."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import SpecError, StorageError, ToolError
from bitrill.train import datasets, fetching
from support import shared_data

FILE = "t10k-labels-idx1-ubyte"
UNKNOWN = "dataset must be one of digits, mnist, fashion, cifar10, not 'cat'"


def labels_file(count: int = 10_000, magic: int = 0x0801) -> bytes:
    return struct.pack(">2I", magic, count) + (np.arange(count) % 10).astype(np.uint8).tobytes()


def images_file() -> bytes:
    return struct.pack(">4I", 0x0803, 10_000, 28, 28) + bytes(10_000 * 784 - 1) + b"\xff"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder; the public mirror is a folder of this machine, ``tmp_path/mirror``."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    files = {FILE: labels_file(), "t10k-images-idx3-ubyte": images_file()}
    sums = {}
    for name, data in files.items():
        zipped = gzip.compress(data, 1)
        (mirror / f"{name}.gz").write_bytes(zipped)
        sums[name] = hashlib.md5(zipped, usedforsecurity=False).hexdigest()
    monkeypatch.setitem(datasets.MIRRORS, "mnist", datasets.Mirror(f"{mirror.as_uri()}/", sums))
    monkeypatch.setenv("BITRILL_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def test_digits_are_split_for_good():
    x, labels = datasets.load("digits", "train")
    x_test, labels_test = datasets.load("digits", "test")
    assert x.shape == (1437, 1, 8, 8)
    assert x_test.shape == (360, 1, 8, 8)
    assert x.dtype == x_test.dtype == np.float32
    assert labels.dtype == np.int64
    # sums that change if one image moves to the other side
    assert [int((labels_test == k).sum()) for k in range(10)] == [
        36,
        36,
        36,
        36,
        37,
        36,
        36,
        36,
        35,
        36,
    ]
    digest = hashlib.sha256(x_test.tobytes() + labels_test.tobytes()).hexdigest()[:16]
    assert digest == "91d6f9fec853c9d0"
    grid = x * 16
    assert np.array_equal(grid, np.rint(grid))
    assert (x.min(), x.max()) == (0, 1)


@pytest.mark.parametrize(("name", "first"), [("mnist", [7, 2, 1, 0]), ("fashion", [9, 2, 1, 1])])
def test_images_are_x_over_255_in_float32(
    name: str, first: list[int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("BITRILL_DATA", str(shared_data()))
    x, labels = datasets.load(name, "test")
    assert x.shape == (10_000, *datasets.shape(name))
    assert labels[:4].tolist() == first
    grid = (np.arange(256) / 255).astype(np.float32)
    assert np.isin(x, grid).all()
    assert x.max() == 1


def test_unknown_names_are_refused():
    with pytest.raises(SpecError, match=UNKNOWN):
        datasets.load("cat")
    with pytest.raises(SpecError, match=UNKNOWN):
        datasets.shape("cat")
    with pytest.raises(SpecError, match="split must be train or test, not 'valid'"):
        datasets.load("digits", "valid")  # pyright: ignore[reportArgumentType]


def test_digits_need_scikit_learn(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ToolError, match="digits needs scikit-learn: pip install") as caught:
        datasets.load("digits")
    assert caught.value.exit_code == 3


def test_missing_files_are_fetched_once(cache: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[tuple[str, int, int]] = []
    x, labels = datasets.load("mnist", "test", progress=lambda *a: seen.append(a))
    assert x.shape == (10_000, 1, 28, 28)
    assert x[-1, 0, -1, -1] == 1
    assert labels[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert {name for name, _, _ in seen} == {f"{FILE}.gz", "t10k-images-idx3-ubyte.gz"}
    assert all(0 < received <= total for _, received, total in seen)
    assert sorted(p.name for p in (cache / "mnist").iterdir()) == sorted({n for n, _, _ in seen})
    monkeypatch.setattr(datasets, "MIRRORS", {})
    assert np.array_equal(datasets.load("mnist", "test")[1], labels)


def test_a_file_with_a_wrong_sum_is_not_kept(cache: Path):
    datasets.MIRRORS["mnist"].md5[FILE] = "0" * 32
    datasets.MIRRORS["mnist"].md5["t10k-images-idx3-ubyte"] = "0" * 32
    with pytest.raises(StorageError, match=r"must have the MD5 sum 0{32}, and has"):
        datasets.load("mnist", "test")
    assert list((cache / "mnist").iterdir()) == []


def test_no_network_is_told(cache: Path, tmp_path: Path):
    (tmp_path / "mirror" / "t10k-images-idx3-ubyte.gz").unlink()
    want = r"data set mnist is not in .* cannot be fetched from file:.*; put its four \.gz files"
    with pytest.raises(ToolError, match=want):
        datasets.load("mnist", "test")


def test_fetching_needs_pooch(cache: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ToolError, match="the data set mnist needs pooch: pip install") as caught:
        datasets.load("mnist", "test")
    assert caught.value.exit_code == 3


def test_a_broken_connection_is_told(cache: Path, monkeypatch: pytest.MonkeyPatch):
    class Reply(io.BytesIO):
        headers = {"Content-Length": "100"}  # noqa: RUF012

    monkeypatch.setattr(fetching.urllib.request, "urlopen", lambda *a, **k: Reply(b"x" * 60))
    with pytest.raises(ToolError, match="the connection ended after 60 of 100 bytes"):
        datasets.load("mnist", "test")


def test_a_mirror_that_sends_without_end_is_cut_off(cache: Path, monkeypatch: pytest.MonkeyPatch):
    class Reply(io.BytesIO):
        headers: dict[str, str] = {}  # noqa: RUF012

    monkeypatch.setattr(fetching, "LIMIT", 1000)
    monkeypatch.setattr(fetching.urllib.request, "urlopen", lambda *a, **k: Reply(bytes(2000)))
    with pytest.raises(ToolError, match="it is larger than 1000 bytes"):
        datasets.load("mnist", "test")


def test_a_folder_that_cannot_be_written_is_told(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BITRILL_DATA", str(tmp_path / "file"))
    with pytest.raises(StorageError, match=r"cannot write .*t10k-images"):
        datasets.load("mnist", "test")


def test_the_cache_lies_in_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("BITRILL_DATA", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert datasets.data_folder() == tmp_path / ".cache" / "bitrill"


@pytest.mark.parametrize(
    ("data", "want"),
    [
        (b"", "must hold an IDX header of 8 bytes, not 0"),
        (
            labels_file(magic=0x0803),
            r"IDX of bytes with 1 axes \(magic 0x00000801\), not 0x00000803",
        ),
        (labels_file(9_999), "must hold 10000 bytes, not 9999"),
        (labels_file()[:-1], "must be 10008 bytes long unzipped, not 10007"),
        (labels_file() + b"x", "must be 10008 bytes long unzipped, not more"),
    ],
    ids=["empty", "magic", "sizes", "short", "long"],
)
def test_idx_files_are_checked(data: bytes, want: str):
    path = Path(FILE)
    with pytest.raises(StorageError, match=want):
        datasets.parse_idx(datasets.unzip(gzip.compress(data), 10_008, path), (10_000,), path)


@pytest.mark.parametrize(
    "data",
    [b"plain", b"", gzip.compress(labels_file())[:-20], gzip.compress(bytes(99))[:-6] + b"xxxxxx"],
    ids=["plain", "empty", "cut", "sum"],
)
def test_gzip_files_are_checked(data: bytes):
    def read() -> np.ndarray:
        path = Path("x.gz")
        return datasets.parse_idx(datasets.unzip(data, 10_008, path), (10_000,), path)

    with pytest.raises(StorageError, match=r"x\.gz must (be a whole gzip file|hold an IDX header)"):
        read()


def test_a_gzip_bomb_stays_small():
    bomb = gzip.compress(bytes(50_000_000))
    assert len(datasets.unzip(bomb, 1000, Path("x.gz"))) == 1001


def test_whether_a_set_is_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BITRILL_DATA", str(tmp_path))
    assert datasets.is_here("digits")
    assert not datasets.is_here("mnist")
    (tmp_path / "mnist").mkdir()
    files = [f"{name}.gz" for name in datasets.MIRRORS["mnist"].md5]
    for name in files:
        assert not datasets.is_here("mnist")
        (tmp_path / "mnist" / name).touch()
    assert datasets.is_here("mnist")
    assert not datasets.is_here("cifar10")
    with pytest.raises(SpecError, match="dataset must be one of"):
        datasets.is_here("letters")
