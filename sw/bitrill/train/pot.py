"""Power-of-two weights, or sums of a few, so that products are shifts and additions.

One power: DeepShift (Elhoushi et al. 2019) and INQ (Zhou et al. 2017). Several: the codebooks of
shifts in ShiftCNN (Gudovskiy and Rigazio 2017).
"""

import itertools

import torch
from torch import Tensor

from .grid_weights import GridQuant, GridWeight, straight

LARGEST = 4
"""Largest magnitude of a term: terms are 0, +-1, +-2, +-4."""


def pot_values(terms: int) -> list[int]:
    """Return every sum of ``terms`` terms out of 0, +-1, +-2, +-4, ascending."""
    powers = [2**k for k in range(LARGEST.bit_length())]
    term = [0, *powers, *(-p for p in powers)]
    return sorted({sum(chosen) for chosen in itertools.product(term, repeat=terms)})


class PotQuant(GridQuant):
    """Rounds to the nearest sum of ``terms`` terms, divided by the largest sum, ``4 * terms``."""

    values: Tensor
    bounds: Tensor

    def __init__(self, terms: int):
        super().__init__(LARGEST * terms)
        values = torch.tensor(pot_values(terms), dtype=torch.float32)
        self.register_buffer("values", values, persistent=False)
        self.register_buffer("bounds", (values[1:] + values[:-1]) / 2, persistent=False)

    def integers(self, x: Tensor) -> Tensor:
        scaled = x * self.top
        return straight(scaled, self.values[torch.bucketize(scaled.detach(), self.bounds)])


class PotWeight(GridWeight):
    """Weights 0, +-1/4, +-1/2, +-1; ``weight_terms=n``: sums of n such terms, divided by n."""

    tensor_quant = PotQuant  # pyright: ignore[reportAssignmentType]
    terms = 1
