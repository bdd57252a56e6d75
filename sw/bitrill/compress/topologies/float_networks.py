"""Registry of the float networks, by name, and the data that they are made for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from ...errors import SpecError
from ..keys import one_of


@dataclass(frozen=True)
class Frame:
    """Shape of an input, ``[channels, height, width]`` or ``[features]``, and number of classes."""

    shape: tuple[int, ...]
    classes: int

    @property
    def size(self) -> int:
        """Number of values of an input."""
        product = 1
        for n in self.shape:
            product *= n
        return product

    @property
    def channels(self) -> int:
        """Channels of an image."""
        return self.shape[0]

    @property
    def side(self) -> int:
        """Height of a square image."""
        if len(self.shape) != 3 or self.shape[1] != self.shape[2]:
            raise SpecError(f"inputs must be square images [C, H, H], not {list(self.shape)}")
        return self.shape[1]


@dataclass(frozen=True)
class Topology:
    """A float network: ``make(frame, width)``, and its default ``width``."""

    make: Callable[[Frame, int], nn.Module]
    width: int


TOPOLOGIES: dict[str, Topology] = {}


def topology(
    name: str, width: int
) -> Callable[[Callable[[Frame, int], nn.Module]], Callable[[Frame, int], nn.Module]]:
    """Register a function under a name, with its default width."""

    def register(function: Callable[[Frame, int], nn.Module]) -> Callable[[Frame, int], nn.Module]:
        TOPOLOGIES[name] = Topology(function, width)
        return function

    return register


def make(name: str, shape: Sequence[int], classes: int, width: int | None = None) -> nn.Module:
    """Make a network by name; torch's random generator initialises its weights."""
    chosen = TOPOLOGIES[one_of(name, list(TOPOLOGIES), "recipe")]
    return chosen.make(Frame(tuple(shape), classes), width or chosen.width)
