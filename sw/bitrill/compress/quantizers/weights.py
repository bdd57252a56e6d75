"""Weight quantizers by word: classes for Brevitas' ``weight_quant=`` with their arguments.

Each word is a `Word`, added to `WORDS` by `word`; a number at its end is its parameter.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from brevitas.quant import Int8WeightPerTensorFloat
from torch import Tensor

from ...errors import meant
from ...train.grid_weights import (
    CodebookQuant,
    FgqQuant,
    GridQuant,
    GridWeight,
    PotQuant,
    TtqQuant,
    straight,
)

Arguments = dict[str, Any]
"""Keyword arguments of a Brevitas layer."""


@dataclass(frozen=True)
class Word:
    """A weight quantizer: ``make(number, per_channel)`` gives the layer's keyword arguments.

    ``numbers``: what may stand behind the word; none: the word stands alone. ``zeros``: whether
    weights may be zero, so that pruned ones are kept so by the quantizer.
    """

    name: str
    make: Callable[[int, bool], Arguments]
    numbers: range = range(0)
    zeros: bool = True


WORDS: dict[str, Word] = {}


def word(
    name: str,
    make: Callable[[int, bool], Arguments],
    *,
    numbers: range = range(0),
    zeros: bool = True,
) -> None:
    """Add a weight quantizer under its name."""
    WORDS[name] = Word(name, make, numbers, zeros)


def split(text: str) -> tuple[str, int | None]:
    """Split ``int4`` into ``("int", 4)``; a word that ends in its own digit stays whole."""
    if text in WORDS:
        return text, None
    parts = re.fullmatch(r"(.*?)(\d+)", text)
    return (parts[1], int(parts[2])) if parts else (text, None)


def faults(text: str) -> list[str]:
    """Return what is wrong with a word: at most one reason."""
    name, value = split(text)
    known = [w.name if not w.numbers else f"{w.name}{w.numbers[0]}" for w in WORDS.values()]
    if name not in WORDS:
        return [f"weights must be one of {', '.join(known)}, not {text!r}{meant(text, known)}"]
    numbers = WORDS[name].numbers
    if (value is None) is bool(numbers) or (value is not None and value not in numbers):
        if not numbers:
            return [f"weights must be {name} without a number, not {text!r}"]
        return [f"weights must be {name}{numbers[0]} to {name}{numbers[-1]}, not {text!r}"]
    return []


def arguments(text: str, per_channel: bool) -> Arguments:
    """Return a layer's keyword arguments for a word without faults."""
    name, value = split(text)
    return WORDS[name].make(value or 0, per_channel)


class Scaled(GridQuant):
    """Base of grids whose scale follows the weights: their largest magnitude stands for 1.

    Goes in front of a `GridQuant` among the bases. ``per_channel``: a scale for each output.
    """

    per_channel = False

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        size = self.size(x.detach())
        scale = size / self.top
        return self.integers(x / size) * scale, scale, self.zero_point, self.bit_width

    def size(self, x: Tensor) -> Tensor:
        """Return what 1 stands for: a scalar, or one for each output, as x broadcasts."""
        magnitude = x.abs()
        largest = magnitude.flatten(1).amax(1) if self.per_channel else magnitude.max()
        largest = largest.clamp(min=torch.finfo(x.dtype).tiny)
        return largest.view(-1, *(1,) * (x.ndim - 1)) if self.per_channel else largest


def grid(kind: type[GridQuant], per_channel: bool, **given: object) -> Arguments:
    """Return a layer's arguments for a grid; ``given``: of its constructor."""
    bases = (kind,) if issubclass(kind, Scaled) else (Scaled, kind)
    quantizer = type(kind.__name__, bases, {"per_channel": per_channel})
    name = f"{kind.__name__}Weight"
    return {"weight_quant": type(name, (GridWeight,), {"tensor_quant": quantizer, **given})}


def _integer(bits: int, per_channel: bool) -> Arguments:
    """Narrow signed integers; the largest magnitude is the largest integer."""
    return {
        "weight_quant": Int8WeightPerTensorFloat,
        "weight_bit_width": bits,
        "weight_scaling_per_output_channel": per_channel,
    }


class BinaryQuant(Scaled):
    """BWN: sign, times the mean magnitude (Rastegari et al. 2016). Zero gives +1."""

    def __init__(self) -> None:
        super().__init__(1)

    def size(self, x: Tensor) -> Tensor:
        magnitude = x.abs()
        mean = magnitude.flatten(1).mean(1) if self.per_channel else magnitude.mean()
        mean = mean.clamp(min=torch.finfo(x.dtype).tiny)
        return mean.view(-1, *(1,) * (x.ndim - 1)) if self.per_channel else mean

    def integers(self, x: Tensor) -> Tensor:
        return straight(x, torch.where(x.detach() < 0, -1.0, 1.0))


class TernaryQuant(Scaled):
    """TWN: 0 where ``|w| <= 0.7 mean |w|``, else sign, times the kept ones' mean (Li et al. 2016).

    Zeroed weights keep their gradient, else training collapses.
    """

    THRESHOLD = 0.7

    def __init__(self) -> None:
        super().__init__(1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        rows = x.detach().flatten(1) if self.per_channel else x.detach().flatten()[None]
        magnitude = rows.abs()
        kept = magnitude > self.THRESHOLD * magnitude.mean(1, keepdim=True)
        scale = (magnitude * kept).sum(1) / kept.sum(1).clamp(min=1)
        scale = scale.clamp(min=torch.finfo(x.dtype).tiny)
        values = (rows.sign() * kept).view(x.shape)
        scale = scale.view(-1, *(1,) * (x.ndim - 1)) if self.per_channel else scale.squeeze(0)
        return straight(x, values * scale), scale, self.zero_point, self.bit_width


word("binary", lambda _, c: grid(BinaryQuant, c), zeros=False)
word("ternary", lambda _, c: grid(TernaryQuant, c))
word("int", _integer, numbers=range(2, 9))
word("pot", lambda n, c: grid(PotQuant, c, terms=n), numbers=range(1, 4))
word("codebook", lambda n, c: grid(CodebookQuant, c, entries=n), numbers=range(2, 17))
word("ttq", lambda _, c: grid(TtqQuant, c))
word("fgq", lambda _, c: grid(FgqQuant, c, inputs_of_group=16))
