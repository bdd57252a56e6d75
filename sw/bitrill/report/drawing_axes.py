"""Axes of drawings of trials: places of numbers, on a line or a logarithm, and of words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log10

from .page import brief

WIDE_RANGE = 50
"""Ratio of the greatest to the least number from which on an axis is logarithmic."""

TICKS = 12
"""Words up to which each has a mark."""


@dataclass(frozen=True)
class Axis:
    """An axis: places from 0 to 1 of all its values, and its marks as places with words."""

    name: str
    places: tuple[float | None, ...]
    marks: tuple[tuple[float, str], ...]
    logarithmic: bool = False


def axis(name: str, values: Sequence[object], form: Callable[[float], str] = brief) -> Axis:
    """Return the axis of values that are numbers, words, or None where one is unknown.

    ``form``: writes a number beside its mark.
    """
    known = [v for v in values if v is not None]
    if known and all(isinstance(v, int | float) and not isinstance(v, bool) for v in known):
        numbers = [None if v is None else float(str(v)) for v in values]
        return _numbers(name, numbers, form)
    words = sorted({str(v) for v in known})
    at = {w: k / max(1, len(words) - 1) if len(words) > 1 else 0.5 for k, w in enumerate(words)}
    marks = tuple((at[w], w) for w in (words if len(words) <= TICKS else (words[0], words[-1])))
    return Axis(name, tuple(None if v is None else at[str(v)] for v in values), marks)


def _numbers(name: str, values: Sequence[float | None], form: Callable[[float], str]) -> Axis:
    known = [v for v in values if v is not None]
    low, high = min(known), max(known)
    log = low > 0 and high / low > WIDE_RANGE
    a, b = (log10(low), log10(high)) if log else (low, high)

    def place(value: float) -> float:
        return ((log10(value) if log else value) - a) / (b - a) if b > a else 0.5

    middle = 10 ** ((a + b) / 2) if log else (a + b) / 2
    shown = [low] if low == high else [low, middle, high]
    marks = tuple((place(v), form(v)) for v in shown)
    return Axis(name, tuple(None if v is None else place(v) for v in values), marks, log)
