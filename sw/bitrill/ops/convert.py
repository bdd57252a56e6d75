"""Stream width converter: the same elements, another number of them a beat, or other axes."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd, prod
from typing import ClassVar

import numpy as np

from ..errors import SpecError
from ..ir.operator import Cost, Impl, Operator, must_divide
from ..ir.schedule import Rule, Schedule
from ..ir.types import Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Convert(Operator):
    """``y = x``; ``simd`` elements an input beat, ``pe`` an output beat; ``shape``: axes of y.

    A shift register of ``capacity = simd + pe - gcd(simd, pe)`` elements: an output beat is
    offered as soon as ``pe`` elements are held; an input beat is accepted at the edge at which
    its elements find room, counting those that leave at that same edge.
    """

    kind: ClassVar[str] = "convert"
    takes_codes: ClassVar[bool] = True

    shape: tuple[int, ...] | None = None

    def validate(self) -> None:
        if self.shape is not None and prod(self.shape) != self.x.size:
            raise SpecError(
                f"{self.name}: shape must hold {self.x.size} elements, not be {list(self.shape)}"
            )

    def validate_impl(self, impl: Impl) -> None:
        for what, lanes in (("input lanes", impl.simd), ("output lanes", impl.pe)):
            must_divide(name=self.name, what=what, value=lanes, of="elements", total=self.x.size)

    def infer(self) -> Tensor:
        return self.x if self.shape is None else Tensor(self.shape, self.x.type)

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        return xs[0].reshape(-1, *self.y.shape)

    @property
    def capacity(self) -> int:
        """Elements that the shift register holds."""
        a, b = self.lanes_in, self.lanes_out
        return a + b - gcd(a, b)

    def cost(self) -> Cost:
        if self.impl is None:
            return Cost()
        return Cost(
            state_bits=self.capacity * self.x.type.bits, cycles=max(self.beats_in, self.beats_out)
        )

    def schedule(self) -> Schedule:
        a, b = self.lanes_in, self.lanes_out
        k, i = np.arange(self.beats_out), np.arange(self.beats_in)
        arrived = Rule("out", "in", -(-(k + 1) * b // a) - 1, 1)
        # beat i fits once (i + 1) * a - capacity elements have left
        left = -(-((i + 1) * a - self.capacity) // b) - 1
        return Schedule(self.beats_in, 0, self.beats_out, (arrived, Rule("in", "out", left, 0)))

    @property
    def lanes_in(self) -> int:
        return self.folded.simd

    @property
    def lanes_out(self) -> int:
        return self.folded.pe
