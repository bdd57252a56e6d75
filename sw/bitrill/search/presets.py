"""Spaces with a name: keys that a recipe's own layers give."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ..compress.keys import number
from ..errors import SpecError
from .domains import Categories, Domain, Value


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Table ``[preset]``: bits of each layer's weights and activations, as in HAQ (Wang 2019).

    ``step``: the recipe's step `quantize`, counted from 1; ``weights``, ``acts``: words and bits
    that each layer may have. The first trials have the same ones everywhere: weights of one word
    and activations of the bits that stand at the same place, as far as there are both.
    """

    name: Literal["haq"]
    step: int = number(low=1, high=1000)
    weights: tuple[str, ...] = ("int2", "int3", "int4", "int5", "int6", "int8")
    acts: tuple[int, ...] = (2, 3, 4, 5, 6, 8)

    def __post_init__(self) -> None:
        if not self.weights or not self.acts:
            raise SpecError("weights and acts must name at least one value each")

    def keys(self, layer: str) -> tuple[str, str]:
        """Return the keys of a layer's weights and activations."""
        head = f"step.{self.step}.layers.{layer}"
        return f"{head}.weights", f"{head}.acts"

    def domains(self, layers: Iterable[str]) -> dict[str, Domain]:
        """Return the keys of all layers with their values."""
        domains: dict[str, Domain] = {}
        for layer in layers:
            weights, acts = self.keys(layer)
            domains |= {weights: Categories(self.weights), acts: Categories(self.acts)}
        return domains

    def start(self, layers: Iterable[str]) -> tuple[dict[str, Value], ...]:
        """Return the values of networks whose layers are all alike."""
        names = list(layers)
        return tuple(
            {
                key: value
                for layer in names
                for key, value in zip(self.keys(layer), pair, strict=True)
            }
            for pair in zip(self.weights, self.acts, strict=False)
        )
