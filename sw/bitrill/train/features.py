"""Loads sets of features, not images, by name; missing ones are downloaded.

- ``jets``: hls4ml's jets (Duarte et al. 2018), 16 features, five classes, 830,000 rows, from OpenML
  (set 42468), which states the MD5 sum that is checked. A fifth is for testing, split as hls4ml's
  examples do; features are standardized by the training rows.
- ``unsw``: UNSW-NB15 (Moustafa and Slay 2015) in the 593 bits of FINN's example, two classes, from
  Zenodo's record 4519767. No MD5 sum is stated; its form is checked.

Both lie in ``$BITRILL_DATA``, else in ``~/.cache/bitrill``.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import StorageError, ToolError
from . import datasets
from .fetching import fetch

Arrays = tuple[np.ndarray, np.ndarray]

JETS = 42468
"""Number of the jets on OpenML."""

UNSW_URL = "https://zenodo.org/records/4519767/files/unsw_nb15_binarized.npz?download=1"
UNSW_BITS = 593
_UNSW_FILE = "unsw_nb15_binarized.npz"

_SEED = 42
_TEST = 0.2


def jets(split: datasets.Split) -> Arrays:
    """Return ``(x, labels)`` of the jets, float32 ``[N, 16]`` and int64 ``[N]``; names ascend."""
    try:
        from sklearn.datasets import fetch_openml
        from sklearn.model_selection import train_test_split
    except ImportError as error:
        raise ToolError(
            "the data set jets needs scikit-learn: pip install 'bitrill[train]'", missing=True
        ) from error
    folder = datasets.data_folder() / "openml"
    try:
        given: Any = fetch_openml(
            data_id=JETS, data_home=str(folder), as_frame=False, parser="liac-arff"
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ToolError(
            f"the data set jets is not in {folder} and cannot be fetched from OpenML (set {JETS}):"
            f" {str(reason).splitlines()[0]}"
        ) from error
    labels = np.unique(given["target"], return_inverse=True)[1]
    x = np.asarray(given["data"], np.float64)
    x_train, x_test, y_train, y_test = map(
        np.asarray, train_test_split(x, labels, test_size=_TEST, random_state=_SEED)
    )
    mean, spread = x_train.mean(0), x_train.std(0)
    chosen, of_it = (x_test, y_test) if split == "test" else (x_train, y_train)
    return (chosen - mean) / np.where(spread > 0, spread, 1), of_it


def unsw(split: datasets.Split) -> Arrays:
    """Return ``(x, labels)`` of the flows, bits ``[N, 593]`` and classes (1: an attack) ``[N]``."""
    path = datasets.data_folder() / "unsw" / _UNSW_FILE
    if not path.is_file():
        fetch(UNSW_URL, path, None, name="unsw", how=f"put {_UNSW_FILE}", progress=None)
    try:
        with np.load(path, allow_pickle=False) as file:
            rows = file[split]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise StorageError(
            f"{path} must be a whole .npz file of train and test: {error}"
        ) from error
    _check_bits(path, rows)
    return rows[:, :UNSW_BITS], rows[:, UNSW_BITS]


def _check_bits(path: Path, rows: np.ndarray) -> None:
    if rows.ndim != 2 or rows.shape[1] != UNSW_BITS + 1 or not np.isin(rows, (0, 1)).all():
        shape = "x".join(map(str, rows.shape))
        raise StorageError(
            f"{path} must hold rows of {UNSW_BITS} bits and a class, 0 or 1, not {shape} numbers"
        )


FEATURES: dict[str, Callable[[datasets.Split], Arrays]] = {"jets": jets, "unsw": unsw}
"""Loaders by name."""


def load(name: str, split: datasets.Split) -> Arrays:
    """Return features, float32 ``[N, F]``, and classes, int64 ``[N]``."""
    x, labels = FEATURES[name](split)
    return x.astype(np.float32), labels.astype(np.int64)
