"""The grid of raw integers at a design's input: declared by the user, or stated in the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from ..errors import SpecError, UnsupportedError
from ..ir import IntType
from ..real import Affine
from .reader import limits
from .reader.input_grid import InputGrid
from .symbolic import Data, RefusedError, per_channel

Numbers: TypeAlias = Fraction | Sequence[Fraction]
"""One number, or one for each channel of the model's input."""


@dataclass(frozen=True)
class RawInput:
    """Integers of ``type`` that mean ``scale * integer + offset``, on each channel or on all.

    ``stored``: see `InputGrid`.
    """

    type: IntType
    scale: tuple[Fraction, ...]
    offset: tuple[Fraction, ...] = (Fraction(0),)
    stored: str = ""

    @staticmethod
    def asked(
        type_: IntType | None, scale: Numbers | None, offset: Numbers | None
    ) -> RawInput | None:
        """Return the grid that the user declares, or None if the model's floats are quantized."""
        if (type_ is None) is not (scale is None):
            raise SpecError("raw_input and raw_scale must be given together")
        if type_ is None or scale is None:
            if offset is not None:
                raise SpecError("raw_offset must come with raw_input and raw_scale")
            return None
        if not type_.coding.binary or type_.bits > limits.ACTIVATION_BITS:
            raise SpecError(
                f"raw_input must be an integer type of at most {limits.ACTIVATION_BITS} bits,"
                f" not {type_}"
            )
        scales = _numbers(scale)
        for s in scales:
            if s <= 0:
                raise SpecError(f"raw_scale must be above 0, not {s}")
        return RawInput(type_, scales, _numbers(Fraction(0) if offset is None else offset))

    @staticmethod
    def stated(grid: InputGrid) -> RawInput:
        """Return the grid that the file states."""
        return RawInput(grid.type, (grid.scale,), stored=grid.stored)

    def meaning(self, data: Data) -> Affine:
        """Return scale and offset of the integers of the model's input.

        Lists have one number for each channel: the input's last axis if channels come last, else
        the first one.
        """
        axes = (1,) * (len(data.shape) - 1)
        size = data.shape[-1] if data.is_last else data.shape[0]
        parts = []
        for name, values in (("scale", self.scale), ("offset", self.offset)):
            if len(values) not in (1, size):
                raise UnsupportedError(
                    f"the input's {name} must be one number or {size}, one for each channel,"
                    f" not {len(values)}"
                )
            shape = () if len(values) == 1 else (size,) if data.is_last else (size, *axes)
            array = np.empty(len(values), object)
            array[:] = values
            try:
                parts.append(per_channel(array.reshape(shape), data, what=f"the input's {name}"))
            except RefusedError as error:
                raise UnsupportedError(str(error)) from error
        return Affine(*parts)


def _numbers(given: Numbers) -> tuple[Fraction, ...]:
    numbers = (given,) if isinstance(given, int | Fraction) else tuple(given)
    if not numbers:
        raise SpecError("raw_scale and raw_offset must have at least one number")
    return tuple(map(Fraction, numbers))
