"""The page of a search: its front, every trial as a point and as a line, the weight of each key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from ..search import history
from .drawing_axes import Axis, axis
from .importance import importance
from .page import brief, count, percent, render

PLANES = 3
"""Pairs of objectives that are drawn."""

PLANE_WIDE, PLANE_HIGH = 400, 260
"""Size of such a drawing inside its margins."""

LINES_WIDE, LINES_HIGH = 1100, 300
"""Width that parallel axes fill, and their length."""

LEAST_STEP, MOST_STEP = 128, 280
"""Least and greatest distance of two of them."""

FIGURES = {
    "accuracy": "validation accuracy",
    "test_accuracy": "test accuracy",
    "lcs": "LUTs",
    "ramb18": "RAMB18",
    "dsp": "DSP slices",
    "fps": "frames/s",
    "latency_ns": "latency, ns",
    "energy_nj": "energy, nJ",
}
"""Figures of the table, by their names in a search, in the words of the page."""


@dataclass(frozen=True)
class ShownTrial(history.Trial):
    """A trial as the page shows it."""

    @property
    def node(self) -> str:
        """Its name where elements light up together."""
        return f"trial {self.number}"


@dataclass(frozen=True)
class Dot:
    """A trial as a point of a plane."""

    trial: ShownTrial
    x: float
    y: float
    title: str


@dataclass(frozen=True)
class Plane:
    """Two objectives as axes, with a point for each trial."""

    x: Axis
    y: Axis
    dots: tuple[Dot, ...]


@dataclass(frozen=True)
class Line:
    """A trial as a line over parallel axes."""

    trial: ShownTrial
    path: str
    title: str


@dataclass(frozen=True)
class SearchPage:
    """What the page of a search shows; ``whole``: whether every trial is in ``trials``."""

    name: str
    objectives: tuple[str, ...]
    asked: int
    finished: int
    failed: int
    pruned: int
    reasons: Mapping[str, int]
    trials: tuple[ShownTrial, ...]
    whole: bool
    version: str

    def html(self) -> str:
        """Return the page."""
        return render(
            "search.html.j2",
            page=self,
            figures=self.cards(),
            shown=[name for name in FIGURES if any(name in t.figures for t in self.front)],
            words=FIGURES,
            form=form,
            planes=self.planes,
            axes=self.axes,
            lines=self.lines,
            step=self.step,
            high=LINES_HIGH,
            plane=(PLANE_WIDE, PLANE_HIGH),
            importance=self.importance,
        )

    @cached_property
    def front(self) -> tuple[ShownTrial, ...]:
        """Trials that no other one beats."""
        return tuple(t for t in self.trials if t.front)

    @cached_property
    def measured(self) -> tuple[ShownTrial, ...]:
        """Trials that have every objective."""
        return tuple(t for t in self.trials if all(o in t.figures for o in self.objectives))

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Keys of the space, in the order of the first trials."""
        return tuple(dict.fromkeys(key for t in self.trials for key in t.params))

    def cards(self) -> list[tuple[str, str, str]]:
        """Return the figures at the top: name, value, and what stands below it."""
        ended = f"{self.failed:,} failed, {self.pruned:,} pruned"
        cards = [
            ("trials", f"{self.finished:,} of {self.asked:,}", ended),
            ("front", f"{len(self.front):,}", "trials that no other beats"),
        ]
        for name in self.objectives:
            values = [t.figures[name] for t in self.front if name in t.figures]
            if values:
                span = f"{form(name, min(values))} to {form(name, max(values))}"
                cards.append((FIGURES[name], span, "on the front"))
        return cards

    @property
    def planes(self) -> tuple[Plane, ...]:
        """The first pairs of objectives."""
        pairs = list(combinations(self.objectives, 2)) if self.measured else []
        return tuple(self._plane(a, b) for a, b in pairs[:PLANES])

    def _plane(self, a: str, b: str) -> Plane:
        x, y = (self._axis(name) for name in (b, a))
        dots = [
            Dot(
                t,
                round(PLANE_WIDE * (px or 0), 1),
                round(PLANE_HIGH * (1 - (py or 0)), 1),
                title(t),
            )
            for t, px, py in zip(self.measured, x.places, y.places, strict=True)
        ]
        return Plane(x, y, tuple(sorted(dots, key=lambda d: d.trial.front)))

    def _axis(self, objective: str) -> Axis:
        """The axis of an objective over all measured trials."""
        values = [t.figures[objective] for t in self.measured]
        return axis(FIGURES[objective], values, percent if objective == "accuracy" else brief)

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """Parallel axes: the keys that vary, then the objectives."""
        of = self.measured
        varying = [k for k in self.keys if len({str(t.params.get(k)) for t in of}) > 1]
        keys = [axis(k, [t.params.get(k) for t in of]) for k in varying]
        return (*keys, *map(self._axis, self.objectives)) if of else ()

    @property
    def step(self) -> int:
        """Distance of two parallel axes."""
        return max(LEAST_STEP, min(MOST_STEP, LINES_WIDE // max(1, len(self.axes) - 1)))

    @property
    def lines(self) -> tuple[Line, ...]:
        """Every measured trial as a line; those of the front come last, on top."""
        lines = []
        for k, t in enumerate(self.measured):
            at = [(n * self.step, a.places[k]) for n, a in enumerate(self.axes)]
            points = [f"{x} {LINES_HIGH * (1 - p):.1f}" for x, p in at if p is not None]
            lines.append(Line(t, f"M{'L'.join(points)}", title(t)))
        return tuple(sorted(lines, key=lambda line: line.trial.front))

    @property
    def importance(self) -> tuple[tuple[str, tuple[float | None, ...]], ...]:
        """Keys with the share of each objective's spread that they explain, the greatest first."""
        rows = []
        for key in self.keys:
            of = [t for t in self.measured if key in t.params]
            values = [t.params[key] for t in of]
            shares = tuple(importance(values, [t.figures[o] for t in of]) for o in self.objectives)
            rows.append((key, shares))
        return tuple(sorted(rows, key=lambda row: -max((s or 0 for s in row[1]), default=0)))


def form(name: str, value: float) -> str:
    """Return a figure as the page shows it."""
    if name.endswith("accuracy"):
        return percent(value)
    return brief(value) if value >= 100_000 else count(value)


def title(trial: ShownTrial) -> str:
    """Return a trial in a line."""
    figures = (f"{FIGURES[k]} {form(k, v)}" for k, v in trial.figures.items() if k in FIGURES)
    keys = (f"{k} = {v}" for k, v in trial.params.items())
    return f"trial {trial.number}: {', '.join((*figures, *keys))}"
