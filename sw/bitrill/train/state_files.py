"""Files of torch's state: checkpoints of `train` and of `compress`, whole or refused."""

from __future__ import annotations

import io
import logging
import pickle
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ..errors import SpecError, StorageError
from ..storage import read_bytes, write_bytes

LOG = logging.getLogger("bitrill.train")

_DAMAGE = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    IndexError,
)
"""What torch raises for states that are damaged, or of another module."""


def write_state(path: Path, state: Mapping[str, object], version: int) -> None:
    """Write tensors and plain values with the file's ``version``, whole or not at all."""
    buffer = io.BytesIO()
    torch.save({**state, "format": version}, buffer)
    write_bytes(path, buffer.getvalue())


def read_state(path: Path, version: int, keys: Iterable[str]) -> dict[str, Any]:
    """Return the state of a file of a ``version`` that has these keys; else `StorageError`."""
    data = read_bytes(path)
    with whole(path):
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        for key in ("format", *keys):
            _ = state[key]
    if state["format"] != version:
        raise StorageError(f"{path} must have format {version}, not {state['format']!r}")
    return state


@contextmanager
def whole(path: Path) -> Iterator[None]:
    """Turn torch's errors about a damaged state into a `StorageError` that names the file."""
    try:
        yield
    except _DAMAGE as error:
        # the first sentence: torch's messages have many more
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].split(". ")[0][:200]
        raise StorageError(f"{path} must be a whole checkpoint: {reason}") from error


def check_options(path: Path, saved: object, ours: Mapping[str, object]) -> None:
    """Raise `SpecError` if a checkpoint's run had other options."""
    theirs = saved if isinstance(saved, Mapping) else {}
    faults = [
        f"{key} is {theirs.get(key)!r}, not {value!r}"
        for key, value in ours.items()
        if theirs.get(key) != value
    ]
    if faults:
        raise SpecError(f"{path} is another run's and cannot be resumed: {'; '.join(faults)}")


def warn_of_restart(path: Path) -> None:
    """Warn if training anew is about to replace an earlier run's checkpoint."""
    if path.exists():
        LOG.warning("%s of an earlier run is replaced: --resume would have gone on from it", path)
