"""Options of the recipe ``lutnet``: how many tables a number of LUTs pays for. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

from ..arith.heaps import heap_plan
from ..errors import SpecError
from .run_options import BudgetOptions

LUTNET = "lutnet"
"""Name of the recipe."""

CLASSES = 10
"""Classes of every data set."""

BUDGET = 1000
"""LUTs, where no budget is given."""

LARGEST_BUDGET = 100_000
"""The largest budget; the scores of the wires of that many tables take some gigabytes."""

_EPOCHS = {"digits": 30}
_USUAL_EPOCHS = 12


def luts_of(tables: int) -> int:
    """Return the LUTs of ``tables`` tables of six inputs, and of the counters for each class."""
    each = tables // CLASSES
    counts = heap_plan((each,), each.bit_length(), 0, None, True).luts
    return round(tables + CLASSES * counts)


def tables_within(budget: int) -> int:
    """Return the most tables, as many for each class, that ``budget`` LUTs hold with their counts.

    Raises `SpecError` where no tables do.
    """
    least = luts_of(CLASSES)
    if budget < least:
        raise SpecError(f"budget must be at least {least} LUTs, not {budget}")
    low, high = 1, budget // CLASSES + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if luts_of(CLASSES * middle) <= budget else (low, middle)
    return CLASSES * low


@dataclass(frozen=True, kw_only=True)
class LutOptions(BudgetOptions):
    """Options of a run of ``lutnet``: one layer of tables of six inputs (DWN), counted by class.

    ``budget``: LUTs of tables and counters, without thermometer code, stream logic and argmax.
    Raises `SpecError`, which lists everything that is wrong.
    """

    recipe: str = LUTNET
    budget: int = BUDGET

    @staticmethod
    def budgets() -> tuple[int, int]:
        return luts_of(CLASSES), LARGEST_BUDGET

    @property
    def tables(self) -> int:
        """The number of tables."""
        return tables_within(self.budget)

    @property
    def n_epochs(self) -> int:
        return self.epochs or _EPOCHS.get(self.dataset, _USUAL_EPOCHS)

    @property
    def batch(self) -> int:
        return 32 if self.dataset == "digits" else 100
