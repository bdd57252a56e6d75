"""Figures of a trial: what may be an objective, what may be held by a constraint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ..compress.keys import number
from ..compress.recipe import Hardware

Direction: TypeAlias = Literal["maximize", "minimize"]

MOST: Direction = "maximize"
LEAST: Direction = "minimize"

OBJECTIVES: dict[str, Direction] = {
    "accuracy": MOST,
    "lcs": LEAST,
    "ramb18": LEAST,
    "dsp": LEAST,
    "fps": MOST,
    "latency_ns": LEAST,
    "energy_nj": LEAST,
}
"""What a search can aim at, each with optuna's word for its direction.

``accuracy`` is that on the validation split; test images choose nothing.
"""

SLACK = 0.1
"""Share by which a prediction for untrained weights may miss a bound and the trial still trains."""


@dataclass(frozen=True)
class Answer:
    """What hardware takes for a network, by the models, on the ``[hardware]`` of a trial.

    ``latency_ns`` is in nanoseconds at the clock, ``energy_nj`` in nanojoules a frame, an estimate
    (docs/energy.md). ``folding``: choices by node, as `bitrill.flow.compile` takes them.
    ``over``: by what share the most wanting resource exceeds a board's, 0 if the board fits.
    """

    lcs: int
    ff: int
    ramb18: int
    dsp: int
    ii: int | str
    latency: int
    fps: float
    latency_ns: float
    energy_nj: float
    folding: Mapping[str, Any]
    over: float = 0.0

    def figures(self) -> dict[str, Any]:
        """Return the figures by name, without the folding."""
        values = asdict(self)
        del values["folding"]
        return values


Answers: TypeAlias = Callable[[Path, Hardware, str | None], Answer]
"""Function of a module that answers what a model file takes on hardware, and on a board by name.

Raises `FitError` if the rate or the part cannot be met.
"""


@dataclass(frozen=True, kw_only=True)
class Constraints:
    """Table ``[constraints]``: ``accuracy`` (validation) and ``fps`` at least, the rest at most.

    ``board``: a board whose part, less its shell, holds the network.
    """

    accuracy: float | None = number(None, low=0, high=0.999999)
    fps: float | None = number(None, low=1e-6, high=1e12)
    lcs: int | None = number(None, low=0, high=1e9)
    ramb18: int | None = number(None, low=0, high=1e9)
    dsp: int | None = number(None, low=0, high=1e9)
    latency_ns: float | None = number(None, low=0, high=1e15)
    energy_nj: float | None = number(None, low=0, high=1e15)
    board: str | None = None

    @property
    def of_hardware(self) -> bool:
        """Whether a constraint is on hardware, which is known before any training."""
        return any(value is not None for key, value in asdict(self).items() if key != "accuracy")

    def misses(self, figures: Mapping[str, Any]) -> dict[str, float]:
        """Return for each constraint by what share of its bound it is missed; 0 or less: it holds.

        A constraint on a figure that is not there, such as the accuracy before a training, is left
        out.
        """
        shares: dict[str, float] = {}
        for name, bound in asdict(self).items():
            value = figures.get("over" if name == "board" else name)
            if bound is None or value is None:
                continue
            if name == "board":
                shares[name] = value
            else:
                miss = bound - value if OBJECTIVES[name] == MOST else value - bound
                shares[name] = miss / bound if bound else miss
        return shares

    def broken(self, figures: Mapping[str, Any], slack: float = 0.0) -> list[str]:
        """Return in words the constraints that figures miss by more than ``slack``."""
        constraints: list[str] = []
        for name, share in self.misses(figures).items():
            if share > slack and name == "board":
                constraints.append(f"{self.board} does not fit ({100 * (1 + share):.0f} % of it)")
            elif share > slack:
                word = "least" if OBJECTIVES[name] == MOST else "most"
                constraints.append(
                    f"{name} {figures[name]:,.6g}, at {word} {getattr(self, name):,.6g}"
                )
        return constraints
