"""Weight quantizers by word: classes for Brevitas' ``weight_quant=`` with their arguments.

Families of them are in separate modules, which register their words: `binary`, `ternary`, `powers`,
`learned`, `bases`. `Fitted` and `Scaled` are base classes for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ...train.grid_weights import GridQuant, GridWeight, straight
from . import quantizer_words

Arguments: TypeAlias = dict[str, Any]
"""Keyword arguments of a Brevitas layer."""

Make: TypeAlias = Callable[[int, bool], Arguments]
"""Gives the arguments for a word's number, and whether each output has a scale of its own."""

WORDS: dict[str, quantizer_words.Word[Make]] = {}

BLEND = "blend:"
"""Prefix of a word whose quantization is blended in gradually; see `learned.Blend`."""

INTEGER = "int"
"""Name of plain integers; see `integers`."""

FLOAT = "float"
"""Word for weights that are not quantized: a later step may do so, until then there is no hardware.
"""


def word(name: str, make: Make, *, numbers: range = range(0), zeros: bool = True) -> None:
    """Add a weight quantizer under its name."""
    WORDS[name] = quantizer_words.Word(name, make, numbers, zeros)


def faults(text: str) -> list[str]:
    """Return the faults of a word: at most one."""
    if text == FLOAT:
        return []
    return quantizer_words.faults(text.removeprefix(BLEND), WORDS, "weights", f"{FLOAT} or ")


def arguments(text: str, per_channel: bool) -> Arguments:
    """Return a layer's keyword arguments for a word without faults."""
    name, value = quantizer_words.split(text.removeprefix(BLEND), WORDS)
    return WORDS[name].make(value or 0, per_channel)


def is_integer(text: str) -> bool:
    """Whether a word means plain integers, whose ranges are found by calibration."""
    return quantizer_words.split(text.removeprefix(BLEND), WORDS)[0] == INTEGER


def has_zeros(text: str) -> bool:
    """Whether weights of a word may be zero."""
    return WORDS[quantizer_words.split(text.removeprefix(BLEND), WORDS)[0]].zeros


class Fitted(GridQuant):
    """Base of grids that follow the weights: `fit` returns integers and their scale.

    ``per_channel``: a scale for each output. Gradients pass unchanged unless ``forward`` says
    otherwise.
    """

    per_channel = False

    def begin(self, x: Tensor) -> None:
        """Initialize the trained parameters from the weights of the layer to be quantized."""

    def latent(self, x: Tensor) -> Tensor:
        """Return the weights to go on with where this quantizer is taken off a layer."""
        return x

    def fit(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return integers of weights as floats, and the scale, which broadcasts to them."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        integers, scale = self.fit(x.detach())
        return straight(x, integers * scale), scale, self.zero_point, self.bit_width

    def rows(self, x: Tensor) -> Tensor:
        """Return weights with a row for each scale, ``[outputs or 1, weights]``."""
        return x.flatten(1) if self.per_channel else x.reshape(1, -1)

    def spread(self, v: Tensor, x: Tensor) -> Tensor:
        """Return a number for each row of `rows` in a shape that broadcasts to weights."""
        return v.view(-1, *(1,) * (x.ndim - 1)) if self.per_channel else v.reshape(())


class Scaled(Fitted):
    """Base of grids whose scale follows the weights: their largest magnitude is 1 on the grid.

    Must precede a `GridQuant` among the bases; its ``integers`` are called with scaled weights.
    """

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        size = self.size(x.detach())
        scale = size / self.top
        return self.integers(x / size) * scale, scale, self.zero_point, self.bit_width

    def size(self, x: Tensor) -> Tensor:
        """Return the weight that is 1 on the grid: a scalar, or one for each output, broadcast to
        x."""
        return self.spread(at_least_tiny(self.rows(x).abs().amax(1)), x)


def at_least_tiny(x: Tensor) -> Tensor:
    """Return x, or the least normal number: a scale, which must not be zero."""
    return x.clamp(min=torch.finfo(x.dtype).tiny)


def grid(kind: type[GridQuant], per_channel: bool, **given: object) -> Arguments:
    """Return a layer's arguments for a grid; ``given``: of its constructor."""
    bases = (kind,) if issubclass(kind, Fitted) else (Scaled, kind)
    quantizer = type(kind.__name__, bases, {"per_channel": per_channel})
    name = f"{kind.__name__}Weight"
    return {"weight_quant": type(name, (GridWeight,), {"tensor_quant": quantizer, **given})}
