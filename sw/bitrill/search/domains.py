"""Values that a key of a space may have: some named ones, or a range of numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ..compress.keys import number, read
from ..errors import SpecError

Value: TypeAlias = str | int | float | bool
"""A value of a key."""


@dataclass(frozen=True)
class Categories:
    """Some values, one as good as the other."""

    values: tuple[Value, ...]

    def ends(self) -> tuple[Value, ...]:
        """Return values that, if a recipe takes them, let it take all."""
        return self.values


@dataclass(frozen=True, kw_only=True)
class Range:
    """Numbers from ``low`` to ``high``, both among them, in steps of ``step`` if that is given.

    ``log``: small and large ones are tried as often, by their logarithm. The numbers are integers
    where ``low``, ``high`` and ``step`` are.
    """

    low: int | float = number()
    high: int | float = number()
    step: int | float | None = number(None, low=1e-12)
    log: bool = False

    def __post_init__(self) -> None:
        faults: list[str] = []
        if not self.low < self.high:
            faults.append(f"low must be below high, not {self.low:g} and {self.high:g}")
        if self.log and self.low <= 0:
            faults.append(f"low must be above 0 where log = true, not {self.low:g}")
        if self.log and self.step is not None:
            faults.append("either step or log = true may be given")
        if faults:
            raise SpecError("; ".join(faults), faults=faults)

    @property
    def whole(self) -> bool:
        """Whether the numbers are integers."""
        given = (self.low, self.high, self.step)
        return all(isinstance(value, int) for value in given if value is not None)

    def ends(self) -> tuple[Value, ...]:
        """Return values that, if a recipe takes them, let it take all."""
        return (self.low, self.last)

    @property
    def last(self) -> int | float:
        """The largest number of the range."""
        if self.step is None:
            return self.high
        # a hair more: 0.1 + 8 * 0.1 lies below 0.9
        return self.low + self.step * math.floor((self.high - self.low) / self.step + 1e-9)


Domain: TypeAlias = Categories | Range
"""Values of a key."""


def domain(given: object, where: str) -> Domain:
    """Read a list of values, or the table of a range; raises `SpecError`."""
    if isinstance(given, Mapping):
        return read(Range, given, where)
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise SpecError(f"{where} must be a list of values, or a table with low and high")
    if not given:
        raise SpecError(f"{where} must have at least one value")
    wrong = [value for value in given if not isinstance(value, str | int | float | bool)]
    if wrong:
        raise SpecError(f"{where} must be a list of texts, numbers, true or false, not {wrong[0]}")
    if len({(type(value), value) for value in given}) < len(given):
        raise SpecError(f"{where} must name each value once")
    return Categories(tuple(given))
