"""Checkpoints of a chain: one file a step, and one while a step trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import SpecError
from ..storage import remove
from ..train.state_files import read_state, write_state

FORMAT = 1


@dataclass(frozen=True)
class Checkpoints:
    """Files of a chain in ``folder``; ``about(n)``: everything that n steps' network depends on.

    A file holds only tensors and plain values; reading it runs no code.
    """

    folder: Path
    about: Callable[[int], Mapping[str, object]]

    def path(self, number: int) -> Path:
        """Return the file of a step, counted from 1."""
        return self.folder / f"step-{number}.pt"

    def load(self, number: int, redo: bool = False) -> dict[str, Any] | None:
        """Return the state after a step, or None if it has not been reached.

        Raises `SpecError` if another recipe was at work; with ``redo`` its step counts as not
        reached. Raises `StorageError` for a damaged file.
        """
        path = self.path(number)
        if not path.exists():
            return None
        state = read_state(path, FORMAT, ["about"])
        fault = _difference(state["about"], self.about(number))
        if fault is None:
            return state
        if redo:
            return None
        raise SpecError(
            f"{path} is of another recipe: {fault}; take another folder, or --redo to train that"
            " step and those behind it again"
        )

    def save(self, number: int, state: Mapping[str, object]) -> None:
        """Write the state after a step, whole or not at all; remove the states kept during its
        training."""
        write_state(self.path(number), {**state, "about": self.about(number)}, FORMAT)
        for path in self.folder.glob(f"step-{number}.*.part"):
            remove(path)

    def keeper(self, number: int, name: str) -> PartKeeper:
        """Return the keeper of one training of a step."""
        return PartKeeper(self.folder / f"step-{number}.{name}.part", self.about(number))


@dataclass(frozen=True)
class PartKeeper:
    """Keeps a training between epochs in a file."""

    path: Path
    about: Mapping[str, object]

    def load(self) -> dict[str, object] | None:
        """Return the state of this training; None if there is none, or only another recipe's."""
        if not self.path.exists():
            return None
        state = read_state(self.path, FORMAT, ["about"])
        return state if _difference(state["about"], self.about) is None else None

    def save(self, state: dict[str, object]) -> None:
        """Write a state in place of the one before."""
        write_state(self.path, {**state, "about": self.about}, FORMAT)


def _difference(theirs: object, ours: object, where: str = "") -> str | None:
    """Return the first place in which two trees of plain values differ, in words."""
    if isinstance(theirs, Mapping) and isinstance(ours, Mapping):
        for key in dict.fromkeys([*ours, *theirs]):
            place = f"{where}.{key}" if where else str(key)
            fault = _difference(theirs.get(key), ours.get(key), place)
            if fault:
                return fault
        return None
    if (
        isinstance(theirs, list | tuple)
        and isinstance(ours, list | tuple)
        and len(theirs) == len(ours)
    ):
        pairs = enumerate(zip(theirs, ours, strict=True), 1)
        faults = (_difference(a, b, f"{where.removesuffix('s')} {k}") for k, (a, b) in pairs)
        return next((f for f in faults if f), None)
    return None if theirs == ours else f"{where} was {theirs!r}, not {ours!r}"
