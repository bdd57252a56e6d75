"""Chains of steps whose beginnings trials share: what is equal is trained once."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..compress import module_training
from ..compress.chain import Chain
from ..compress.checkpoints import Checkpoints, PartKeeper
from ..compress.quantizers.quantized_layers import is_quantized
from ..compress.recipe import Recipe
from ..compress.sources import DataSplits
from ..compress.state import State
from ..compress.step_figures import StepFigures
from ..errors import SpecError, StorageError, UnsupportedError


@dataclass(frozen=True)
class SharedCheckpoints:
    """Checkpoints under ``root``, each in a folder named by all that its network depends on.

    That is the recipe up to its step, without the hardware unless a step asks it, and ``source``,
    the text of the network's function.
    """

    root: Path
    recipe: Recipe
    source: str = ""

    def about(self, number: int) -> dict[str, object]:
        """Return what the network after ``number`` steps depends on, as plain values."""
        tables = self.recipe.to_json(number)
        asks = [getattr(each, "luts", None) for each in self.recipe.steps[:number]]
        if not any(value is not None for value in asks):
            del tables["hardware"]
        return {**tables, "source": self.source}

    def of(self, number: int) -> Checkpoints:
        """Return the files of one step's network."""
        text = json.dumps(self.about(number), sort_keys=True, default=str)
        folder = self.root / f"{number}-{sha256(text.encode()).hexdigest()[:24]}"
        return Checkpoints(folder, self.about)

    def load(self, number: int, _: bool = False) -> dict[str, Any] | None:
        """Return the state after a step, None if no trial has reached it."""
        return self.of(number).load(number)

    def save(self, number: int, state: Mapping[str, object]) -> None:
        """Write the state after a step."""
        self.of(number).save(number, state)

    def keeper(self, number: int, name: str) -> PartKeeper:
        """Return the keeper of one training of a step."""
        return self.of(number).keeper(number, name)

    @contextmanager
    def alone(self, number: int) -> Iterator[None]:
        """Wait until no other process trains this step's network; one that dies lets go."""
        path = self.of(number).folder / "lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = path.open("w")
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


@dataclass
class SharedChain(Chain):
    """A trial's run of its recipe, on data that is already there; hardware is asked at the end."""

    given: DataSplits | None = None
    root: Path = field(default_factory=Path)
    source: str = ""

    def __post_init__(self) -> None:
        self.shared = SharedCheckpoints(self.root, self.recipe, self.source)
        self.files = self.shared  # pyright: ignore[reportAttributeAccessIssue]
        loaded = self.given
        self.data = self.recipe.data.load(self.recipe.folder) if loaded is None else loaded

    def run(self) -> list[StepFigures]:
        """Take the steps that no trial has taken yet; write the last network to `model`."""
        with module_training.seeded(self.recipe.training.seed):
            state = self._start()
            for k in range(1, len(self.recipe.steps) + 1):
                with self.shared.alone(k):
                    saved = self.shared.load(k)
                    if saved is None:
                        self._take(state, k)
                        continue
                self._restore(state, k, saved)
                self._add(StepFigures(**saved["row"]))
            self._write(state)
        return self.rows

    def _write(self, state: State) -> None:
        """Write the last network to `model`; raises if hardware cannot be made of it."""
        if not is_quantized(state.module):
            raise SpecError("the recipe's steps must leave quantizers in every layer")
        refused = self.export(state)
        if refused:
            raise UnsupportedError(refused)

    def _hardware(self, state: State, number: int) -> dict[str, Any]:
        return {}
