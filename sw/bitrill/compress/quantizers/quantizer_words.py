"""Words: names of quantizers as recipes spell them, such as ``ternary`` or ``lsq4``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ...errors import meant

M = TypeVar("M", bound=Callable[..., object])


@dataclass(frozen=True)
class Word(Generic[M]):
    """A quantizer's name, and ``make``, which makes the quantizer.

    ``numbers``: the numbers that may follow the name; empty if none may. ``zeros``: whether
    quantized weights may be zero, so that the quantizer keeps pruned weights at zero.
    """

    name: str
    make: M
    numbers: range = range(0)
    zeros: bool = True


def split(text: str, words: dict[str, Word[M]]) -> tuple[str, int | None]:
    """Split ``int4`` into ``("int", 4)``; a word that ends in its own digit stays whole."""
    if text in words:
        return text, None
    parts = re.fullmatch(r"(.*?)(\d+)", text)
    return (parts[1], int(parts[2])) if parts else (text, None)


def faults(text: str, words: dict[str, Word[M]], what: str, others: str = "") -> list[str]:
    """Return the faults of a word: at most one.

    ``what``: whose word it is; ``others``: what is accepted besides words.
    """
    name, value = split(text, words)
    known = [w.name if not w.numbers else f"{w.name}{w.numbers[0]}" for w in words.values()]
    if name not in words:
        return [
            f"{what} must be {others}one of {', '.join(known)}, not {text!r}{meant(text, known)}"
        ]
    numbers = words[name].numbers
    if (value is None) is bool(numbers) or (value is not None and value not in numbers):
        if not numbers:
            return [f"{what} must be {name} without a number, not {text!r}"]
        if numbers.step > 1:
            allowed = ", ".join(f"{name}{n}" for n in numbers)
            return [f"{what} must be one of {allowed}, not {text!r}"]
        return [f"{what} must be {name}{numbers[0]} to {name}{numbers[-1]}, not {text!r}"]
    return []
