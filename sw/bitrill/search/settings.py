"""Settings of a search: objectives, sampler, number of trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..compress.keys import number
from ..errors import SpecError, meant
from .figures import OBJECTIVES

SAMPLERS = ("random", "tpe", "nsga2", "nsga3")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Table ``[search]``.

    ``objectives``: names of `figures.OBJECTIVES`. ``sampler``: how values are drawn: at ``random``
    (Bergstra 2012), by ``tpe`` (Bergstra 2011), by ``nsga2`` or ``nsga3`` (Deb 2002, 2014). Trials
    are drawn and judged in groups of ``group``, so that a search ends the same however many
    workers it has. ``short``: share of its epochs that each trial of a group trains first; then
    the share ``keep`` of the group trains in full (successive halving, Jamieson 2016, by ranks of
    fronts). ``storage``: optuna's URL; without it, ``search.db`` in the search's folder. ``name``:
    of the search in its storage.
    """

    objectives: tuple[str, ...] = ("accuracy", "lcs")
    sampler: Literal["random", "tpe", "nsga2", "nsga3"] = "tpe"
    trials: int = number(50, low=1, high=1_000_000)
    group: int = number(10, low=2, high=10_000)
    seed: int = number(0, low=0, high=1 << 62)
    short: float | None = number(None, low=0.001, high=0.999)
    keep: float = number(0.5, low=0.01, high=1)
    storage: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        faults = [
            f"objectives must be of {', '.join(OBJECTIVES)}, not {each!r}"
            f"{meant(each, list(OBJECTIVES))}"
            for each in self.objectives
            if each not in OBJECTIVES
        ]
        if not self.objectives:
            faults.append("objectives must be one or more")
        if len(set(self.objectives)) < len(self.objectives):
            faults.append("objectives must be named once each")
        if self.short is not None and "accuracy" not in self.objectives:
            faults.append("short must be given only if accuracy is an objective")
        if faults:
            raise SpecError("; ".join(faults), faults=faults)
