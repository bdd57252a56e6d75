"""Points in a plane as a drawing for notebooks: networks by what they take and what they reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import SpecError
from .drawing_axes import Axis, axis
from .images import svg_image
from .page import brief, percent, render

WIDTH, HEIGHT = 480, 260
"""Size of the field."""

COLOURS = ("--work", "--output", "--energy")
"""Variables of the style, for one series of points after the other."""


@dataclass(frozen=True)
class Series:
    """Points of one colour; ``places``: from 0 to 1 on both axes."""

    name: str
    colour: str
    places: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Scatter:
    """Series of points ``(x, y)`` by their names; an axis named accuracy has values of 0 to 1."""

    x: str
    y: str
    series: Mapping[str, Sequence[tuple[float, float]]]

    def __post_init__(self) -> None:
        if not any(self.series.values()):
            raise SpecError("a scatter plot must have at least one point, not 0")
        if len(self.series) > len(COLOURS):
            raise SpecError(
                f"a scatter plot must have at most {len(COLOURS)} series, not {len(self.series)}"
            )

    def svg(self) -> str:
        """Return the drawing; its colours follow the reader's light or dark setting."""
        points = [point for series in self.series.values() for point in series]
        across, up = (
            _axis(name, [p[k] for p in points]) for k, name in enumerate((self.x, self.y))
        )
        places = iter(zip(map(_known, across.places), map(_known, up.places), strict=True))
        series = [
            Series(name, colour, tuple(next(places) for _ in values))
            for (name, values), colour in zip(self.series.items(), COLOURS, strict=False)
        ]
        return render("scatter.svg.j2", x=across, y=up, series=series, width=WIDTH, height=HEIGHT)

    def _repr_html_(self) -> str:
        return svg_image(self.svg(), f"{self.y} over {self.x}")


def _axis(name: str, values: Sequence[float]) -> Axis:
    return axis(name, values, percent if name == "accuracy" else brief)


def _known(place: float | None) -> float:
    """Return a place of a number, which always has one."""
    return 0.0 if place is None else place
