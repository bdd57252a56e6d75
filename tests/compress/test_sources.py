"""Arrays and networks of somebody else's: what cannot be used is said before any training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitrill.compress.chain import check_outputs
from bitrill.compress.sources import DataSource, ModelSource
from bitrill.errors import SpecError, StorageError
from torch import nn

FILES = {"x_train": "x.npy", "y_train": "y.npy", "x_test": "xt.npy", "y_test": "yt.npy"}


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    """Ten inputs of shape [1, 4, 4] in three classes, and four for testing."""
    rng = np.random.default_rng(1)
    return {
        "x.npy": rng.random((10, 1, 4, 4), np.float32),
        "y.npy": np.arange(10) % 3,
        "xt.npy": rng.random((4, 1, 4, 4)),
        "yt.npy": np.array([0, 2, 1, 1], np.uint8),
    }


def write(folder: Path, arrays: dict[str, np.ndarray]) -> DataSource:
    for name, array in arrays.items():
        np.save(folder / name, array)
    return DataSource(**FILES, validation=0.2)


def test_splits_hold_each_image_once(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    data = write(tmp_path, arrays).load(tmp_path)
    assert (len(data.x_train), len(data.x_val), len(data.x_test)) == (8, 2, 4)
    together = np.concatenate([data.x_train, data.x_val]).sum((1, 2, 3))
    assert np.allclose(np.sort(together), np.sort(arrays["x.npy"].sum((1, 2, 3))))
    assert (data.shape, data.classes) == ((1, 4, 4), 3)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("x.npy", lambda a: np.where(a > 0.9, np.nan, a), "x.npy must hold finite numbers"),
        ("x.npy", lambda a: a[:, 0, 0, 0], r"x.npy must hold numbers \[N, \*shape\]"),
        ("y.npy", lambda a: a[:-1], r"y.npy must hold 10 classes, integers \[N\], not int64 \[9\]"),
        ("y.npy", lambda a: a / 2, "y.npy must hold 10 classes, integers"),
        ("y.npy", lambda a: a - 1, "y.npy must hold classes of 0 or more, not -1"),
        (
            "xt.npy",
            lambda a: a[:, :, :3],
            r"xt.npy must hold inputs of shape \[1, 4, 4\] like x.npy",
        ),
    ],
)
def test_wrong_arrays_are_named(
    name: str, change, message: str, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    source = write(tmp_path, arrays | {name: change(arrays[name])})
    with pytest.raises(SpecError, match=message):
        source.load(tmp_path)


def test_every_fault_of_the_arrays_is_told(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    wrong = {"x.npy": arrays["x.npy"] * np.inf, "yt.npy": arrays["yt.npy"] * 0.5}
    with pytest.raises(SpecError) as error:
        write(tmp_path, arrays | wrong).load(tmp_path)
    assert len(error.value.details["faults"]) == 2


def test_a_file_that_is_no_array_is_named(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    source = write(tmp_path, arrays)
    (tmp_path / "y.npy").write_text("3, 4")
    with pytest.raises(StorageError, match=r"cannot read the array .*y.npy"):
        source.load(tmp_path)
    np.save(tmp_path / "y.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(StorageError, match=r"cannot read the array .*y.npy"):
        source.load(tmp_path)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "either name or all of x_train"),
        ({"name": "digits", **FILES}, "either name or all"),
        ({"x_train": "x.npy"}, "either name or all of"),
    ],
)
def test_a_set_or_four_files(given: dict[str, str], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        DataSource(**given)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("make = 3", "must have a function make"),
        ("def make(): return 3", "net.py:make must give an nn.Module, not int"),
        ("def make(): return 1 / 0", "net.py:make failed: ZeroDivisionError"),
        ("import nothing_like_it", "net.py:make cannot be imported: ModuleNotFoundError"),
        ("def make(n): return n", "net.py:make failed: TypeError"),
    ],
)
def test_what_is_no_network_is_told(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(text)
    with pytest.raises(SpecError, match=message):
        ModelSource(module="net.py:make").make(tmp_path, None)  # pyright: ignore


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Linear(4, 3), r"must give \[N, 3\] or more outputs, not \[2, 1, 4, 3\]"),
        (nn.Linear(7, 3), r"the network must take inputs \[1, 4, 4\]"),
        (nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), r"must give \[N, 3\] or more outputs"),
    ],
)
def test_a_network_must_fit_its_data(
    module: nn.Module, message: str, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    data = write(tmp_path, arrays).load(tmp_path)
    with pytest.raises(SpecError, match=message):
        check_outputs(module, data, "the network")
