"""Jets and UNSW-NB15 from mirrors that the tests make, and what is said without them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import StorageError, ToolError
from bitrill.train import features

pytest.importorskip("sklearn")

from sklearn.datasets import _openml

ROWS = 40
NAMES = ("g", "q", "t", "w", "z")


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """OpenML's four answers as files; two features and a class, of forty rows."""
    monkeypatch.setenv("BITRILL_DATA", str(tmp_path / "data"))
    names = ("mass", "width", "class")
    arff = "@RELATION jets\n@ATTRIBUTE mass REAL\n@ATTRIBUTE width REAL\n"
    arff += f"@ATTRIBUTE class {{{','.join(NAMES)}}}\n@DATA\n"
    arff += "".join(f"{n},{n * n / 8},{NAMES[n * 3 % 5]}\n" for n in range(ROWS))
    data = tmp_path / "jets.arff"
    data.write_text(arff)
    digest = hashlib.md5(data.read_bytes(), usedforsecurity=False).hexdigest()
    flags = {"is_ignore": "false", "is_row_identifier": "false", "number_of_missing_values": "0"}
    columns = [
        {
            "index": str(k),
            "name": name,
            "data_type": "nominal" if name == "class" else "numeric",
            "is_target": str(name == "class").lower(),
            **flags,
        }
        for k, name in enumerate(names)
    ]
    about = {"id": "42468", "name": "jets", "version": "1", "status": "active", "format": "ARFF"}
    about["description"] = "jets"
    answers = {
        "_DATA_INFO": {
            "data_set_description": {**about, "url": data.as_uri(), "md5_checksum": digest}
        },
        "_DATA_FEATURES": {"data_features": {"feature": columns}},
        "_DATA_QUALITIES": {
            "data_qualities": {"quality": [{"name": "NumberOfInstances", "value": str(ROWS)}]}
        },
    }
    for constant, answer in answers.items():
        path = tmp_path / constant
        path.write_text(json.dumps(answer))
        monkeypatch.setattr(_openml, constant, path.as_uri())
    return data


def test_jets_are_fetched_once_split_and_standardized(mirror: Path) -> None:
    x, labels = features.load("jets", "train")
    test, test_labels = features.load("jets", "test")
    assert x.dtype == np.float32
    assert (x.shape, test.shape, labels.dtype) == ((32, 2), (8, 2), np.int64)
    assert np.allclose(x.mean(0), 0, atol=1e-6)
    assert np.allclose(x.std(0), 1, atol=1e-6)
    mirror.unlink()
    again, _ = features.load("jets", "train")
    assert np.array_equal(again, x)
    # the mass is the row's number, from which the class follows
    both, classes = np.concatenate([x, test]), np.concatenate([labels, test_labels])
    numbers = both[:, 0].argsort().argsort()
    assert np.array_equal(classes, numbers * 3 % 5)


def test_jets_of_another_sum_are_refused(mirror: Path) -> None:
    mirror.write_text(mirror.read_text().replace("3,", "4,"))
    message = r"jets is not in .* and cannot be fetched from OpenML \(set 42468\): .*md5"
    with pytest.raises(ToolError, match=message):
        features.load("jets", "train")


def bits(rows: int, columns: int = features.UNSW_BITS + 1) -> np.ndarray:
    return np.random.default_rng(rows).integers(0, 2, (rows, columns)).astype(np.int8)


def packed(path: Path, **arrays: np.ndarray) -> Path:
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)
    return path


def test_unsw_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"train": bits(6), "test": bits(3)}
    path = packed(tmp_path / "mirror.npz", **given)
    monkeypatch.setattr(features, "UNSW_URL", path.as_uri())
    monkeypatch.setenv("BITRILL_DATA", str(tmp_path / "data"))
    for split in ("train", "test"):
        x, labels = features.load("unsw", split)
        assert np.array_equal(np.column_stack([x, labels]), given[split])
        path.unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"train": bits(2)[:, 1:]}, "rows of 593 bits and a class, 0 or 1, not 2x593 numbers"),
        ({"train": bits(2) * 3}, "rows of 593 bits and a class, 0 or 1, not 2x594 numbers"),
        ({"test": bits(2)}, "must be a whole .npz file of train and test: .*train"),
    ],
)
def test_another_form_of_unsw(
    arrays: dict[str, np.ndarray], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BITRILL_DATA", str(tmp_path))
    (tmp_path / "unsw").mkdir()
    packed(tmp_path / "unsw/unsw_nb15_binarized.npz", **arrays)
    with pytest.raises(StorageError, match=message):
        features.load("unsw", "train")
