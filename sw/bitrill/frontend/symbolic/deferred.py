"""Layers that are put behind the next quantizer, or need to know it: decided when it is met."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import reduce
from typing import TYPE_CHECKING

from ...exact import sign
from ...real import Affine, Leaky, Quantizer, Step, append_step

if TYPE_CHECKING:
    from ..reader.model import Node
    from .context import Builder
    from .values import Data


class Deferred(ABC):
    """A layer that is not in the graph yet; `Data.steps` are those behind it."""

    @abstractmethod
    def quantize(self, builder: Builder, data: Data, quantizer: Quantizer, node: Node) -> str:
        """The edge of ``quantizer(data)``."""

    @abstractmethod
    def settle(self, builder: Builder, data: Data) -> Data:
        """``data`` without the quantizer: the layer is put in the graph as it is, or refused."""


def chain(steps: tuple[Step, ...], more: tuple[Step, ...]) -> tuple[Step, ...]:
    """``steps``, then ``more``."""
    return reduce(append_step, more, steps)


def rises(steps: tuple[Step, ...]) -> bool:
    """Whether ``steps`` keep the order of numbers on every channel."""
    slopes = [v for s in steps if isinstance(s, Affine) for v in s.scale]
    leaks = [v for s in steps if isinstance(s, Leaky) for v in s.slope]
    return all(sign(v) > 0 for v in slopes) and all(sign(v) >= 0 for v in leaks)
