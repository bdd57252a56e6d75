"""Options that runs of all recipes have: the data set, the epochs, the seed. Needs no torch."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass

from ..errors import SpecError

DATASETS = ("digits", "mnist", "fashion", "cifar10")
"""Names of the data sets; see `datasets`."""

DRAWN = ("canvas", "tones", "flows")
"""Names of synthetic data sets with classes; see `generated`."""


@dataclass(frozen=True, kw_only=True)
class RunOptions(ABC):
    """Options of a run; a subclass adds those of its recipe.

    ``dataset``: one of `DATASETS`; ``epochs``: by default the recipe's; ``seed``: of everything
    random.
    """

    recipe: str
    dataset: str = "digits"
    epochs: int | None = None
    seed: int = 0

    @property
    @abstractmethod
    def n_epochs(self) -> int:
        """Epochs, by default those of the data set."""

    @property
    @abstractmethod
    def batch(self) -> int:
        """Images a step of the optimizer."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the run; it begins with the recipe and ends with the data set."""

    def to_json(self) -> dict[str, object]:
        """Return the fields as plain values."""
        return asdict(self)

    def _run_faults(self) -> list[str]:
        """List what is wrong with the data set, the epochs and the seed."""
        faults = []
        if self.dataset not in DATASETS:
            faults.append(f"dataset must be one of {', '.join(DATASETS)}, not {self.dataset!r}")
        if self.epochs is not None and not (is_int(self.epochs) and self.epochs >= 1):
            faults.append(f"epochs must be an integer of 1 or more, not {self.epochs!r}")
        if not (is_int(self.seed) and 0 <= self.seed < 1 << 63):
            faults.append(f"seed must be an integer from 0 to 2**63 - 1, not {self.seed!r}")
        return faults


@dataclass(frozen=True, kw_only=True)
class BudgetOptions(RunOptions):
    """Options of a run that keeps to a ``budget`` of LUTs.

    Raises `SpecError`, which lists everything that is wrong.
    """

    budget: int

    def __post_init__(self) -> None:
        least, most = self.budgets()
        faults = []
        if not (is_int(self.budget) and least <= self.budget <= most):
            faults.append(f"budget must be {least} to {most} LUTs, not {self.budget!r}")
        refuse_faults([*faults, *self._run_faults()])
        object.__setattr__(self, "epochs", self.n_epochs)

    @staticmethod
    @abstractmethod
    def budgets() -> tuple[int, int]:
        """Return the smallest and the largest budget."""

    @property
    def name(self) -> str:
        """Name of the run, like ``lutnet_1000_digits``."""
        return f"{self.recipe}_{self.budget}_{self.dataset}"


def refuse_faults(faults: list[str]) -> None:
    """Raise a `SpecError` that lists ``faults``, if there are any."""
    if faults:
        raise SpecError("; ".join(faults), faults=faults)


def is_int(value: object) -> bool:
    """Return whether a value is an integer; True and False are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_finite(value: object) -> bool:
    """Return whether a value is a finite number; True and False are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
