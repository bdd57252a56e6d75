"""Options of the recipe ``precision``: matrices whose widths are learned. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

from .run_options import BudgetOptions

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
class PrecisionOptions(BudgetOptions):
    """Options of a run of ``precision``: two hidden layers with learned widths (HGQ).

    ``budget``: LUTs of the unrolled matrices and the thresholds. Raises `SpecError`, which lists
    everything that is wrong.
    """

    recipe: str = PRECISION
    budget: int = BUDGET

    @staticmethod
    def budgets() -> tuple[int, int]:
        return LEAST_BUDGET, LARGEST_BUDGET

    @property
    def n_epochs(self) -> int:
        return self.epochs or _EPOCHS.get(self.dataset, _USUAL_EPOCHS)

    @property
    def batch(self) -> int:
        return 32 if self.dataset == "digits" else 128

    @property
    def input_bits(self) -> int:
        """Bits of an input element."""
        return 2 if self.dataset == "digits" else 1
