"""Options of the recipe ``precision``: matrices whose widths are learned. Needs no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ..errors import SpecError
from .recipes import DATASETS

PRECISION = "precision"
"""Name of the recipe."""

BUDGET = 3000
"""LUTs, where no budget is given."""

LEAST_BUDGET, LARGEST_BUDGET = 100, 100_000

HIDDEN = (64, 32)
"""Neurons of the hidden layers."""

_EPOCHS = {"digits": 60}
_USUAL_EPOCHS = 40


@dataclass(frozen=True, kw_only=True)
class PrecisionOptions:
    """Options of a run of ``precision``: two hidden layers with learned widths (HGQ).

    ``budget``: LUTs of the unrolled matrices and the thresholds; ``dataset``, ``epochs``, ``seed``:
    as in `recipes.Options`. Raises `SpecError`, which lists everything that is wrong.
    """

    recipe: str = PRECISION
    budget: int = BUDGET
    dataset: str = "digits"
    epochs: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        faults = []
        if not (_is_int(self.budget) and LEAST_BUDGET <= self.budget <= LARGEST_BUDGET):
            faults.append(
                f"budget must be {LEAST_BUDGET} to {LARGEST_BUDGET} LUTs, not {self.budget!r}"
            )
        if self.dataset not in DATASETS:
            faults.append(f"dataset must be one of {', '.join(DATASETS)}, not {self.dataset!r}")
        if self.epochs is not None and not (_is_int(self.epochs) and self.epochs >= 1):
            faults.append(f"epochs must be an integer of 1 or more, not {self.epochs!r}")
        if not (_is_int(self.seed) and 0 <= self.seed < 1 << 63):
            faults.append(f"seed must be an integer from 0 to 2**63 - 1, not {self.seed!r}")
        if faults:
            raise SpecError("; ".join(faults), faults=faults)
        object.__setattr__(self, "epochs", self.n_epochs)

    @property
    def n_epochs(self) -> int:
        """The number of epochs."""
        return self.epochs or _EPOCHS.get(self.dataset, _USUAL_EPOCHS)

    @property
    def batch(self) -> int:
        """Images a step."""
        return 32 if self.dataset == "digits" else 128

    @property
    def input_bits(self) -> int:
        """Bits of an input element."""
        return 2 if self.dataset == "digits" else 1

    @property
    def name(self) -> str:
        """Name of the run, like ``precision_3000_digits``."""
        return f"{PRECISION}_{self.budget}_{self.dataset}"

    def to_json(self) -> dict[str, object]:
        """Return the fields as plain values."""
        return asdict(self)


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
