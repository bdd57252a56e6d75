"""Options of the recipe ``lutnet``: how many tables a number of LUTs pays for. Needs no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ..arith.heaps import heap_plan
from ..errors import SpecError
from .recipes import DATASETS

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
class LutOptions:
    """Options of a run of ``lutnet``: one layer of tables of six inputs (DWN), counted by class.

    ``budget``: LUTs of tables and counters, without thermometer code, stream logic and argmax;
    ``dataset``, ``epochs``, ``seed``: as in `recipes.Options`. Raises `SpecError`, which lists
    everything that is wrong.
    """

    recipe: str = LUTNET
    budget: int = BUDGET
    dataset: str = "digits"
    epochs: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        faults = []
        if not (_is_int(self.budget) and luts_of(CLASSES) <= self.budget <= LARGEST_BUDGET):
            faults.append(
                f"budget must be {luts_of(CLASSES)} to {LARGEST_BUDGET} LUTs, not {self.budget!r}"
            )
        if self.dataset not in DATASETS:
            faults.append(f"dataset must be one of {', '.join(DATASETS)}, not {self.dataset!r}")
        if self.epochs is not None and not (_is_int(self.epochs) and self.epochs >= 1):
            faults.append(f"epochs must be an integer of 1 or more, not {self.epochs!r}")
        if not (_is_int(self.seed) and 0 <= self.seed < 1 << 63):
            faults.append(f"seed must be an integer from 0 to 2**63 - 1, not {self.seed!r}")
        if faults:
            raise SpecError("; ".join(faults), faults=faults)
        epochs = self.epochs or _EPOCHS.get(self.dataset, _USUAL_EPOCHS)
        object.__setattr__(self, "epochs", epochs)

    @property
    def tables(self) -> int:
        """The number of tables."""
        return tables_within(self.budget)

    @property
    def n_epochs(self) -> int:
        """The number of epochs."""
        return self.epochs or _USUAL_EPOCHS

    @property
    def batch(self) -> int:
        """Images a step."""
        return 32 if self.dataset == "digits" else 100

    @property
    def name(self) -> str:
        """Name of the run, like ``lutnet_1000_digits``."""
        return f"{LUTNET}_{self.budget}_{self.dataset}"

    def to_json(self) -> dict[str, object]:
        """Return the fields as plain values."""
        return asdict(self)


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
