"""Ranks of points by which others beat them, and what is kept of a group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .figures import MOST, OBJECTIVES


def costs(figures: Mapping[str, Any], objectives: Sequence[str]) -> tuple[float, ...]:
    """Return the objectives of a trial as numbers of which less is better."""
    return tuple(
        -float(figures[name]) if OBJECTIVES[name] == MOST else float(figures[name])
        for name in objectives
    )


def beats(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether ``a`` is nowhere worse than ``b``, and somewhere better."""
    return all(x <= y for x, y in zip(a, b, strict=True)) and tuple(a) != tuple(b)


def ranks(points: Sequence[Sequence[float]]) -> list[int]:
    """Return the front of each point: 0 if none beats it, 1 if only those of 0 do, and so on."""
    fronts = [-1] * len(points)
    rank = 0
    while -1 in fronts:
        unranked = [k for k, r in enumerate(fronts) if r < 0]
        front = [k for k in unranked if not any(beats(points[j], points[k]) for j in unranked)]
        for k in front:
            fronts[k] = rank
        rank += 1
    return fronts


def kept(points: Mapping[int, Sequence[float]], share: float) -> set[int]:
    """Return the numbers of the best ``share`` of the trials, by front and then by first objective.

    At least one is kept; of equal ones the lowest number.
    """
    numbers = sorted(points)
    rank = dict(zip(numbers, ranks([points[n] for n in numbers]), strict=True))
    order = sorted(numbers, key=lambda n: (rank[n], tuple(points[n]), n))
    return set(order[: max(1, math.ceil(len(order) * share))])
