"""The operator `Convert`: the same elements with another number of them a beat, or other axes."""

from dataclasses import dataclass
from math import gcd, prod

import numpy as np

from ..errors import SpecError
from ..ir import Buffered, Impl, Rule, Schedule, Structure, Tensor, must_divide

DEEP_LOAD = 8
"""Elements of the shift register from which on the counter no longer fits the LUT of each bit."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Convert(Buffered):
    """``y = x``; ``simd`` elements an input beat, ``pe`` an output beat; ``shape``: axes of y.

    It is a shift register of ``capacity = simd + pe - gcd(simd, pe)`` elements. An output beat is
    offered as soon as ``pe`` elements are held. An input beat is accepted at the first edge at
    which its elements find room; elements that leave at that edge make room, too.
    """

    kind = "convert"
    component = "bitrill_hw.ops.convert:ConvertCore"
    by_rows = True
    takes_codes = True

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

    @property
    def state_bits(self) -> int:
        return self.capacity * self.x.type.bits

    def schedule(self) -> Schedule:
        a, b = self.lanes_in, self.lanes_out
        k, i = np.arange(self.beats_out), np.arange(self.beats_in)
        arrived = Rule("out", "in", -(-(k + 1) * b // a) - 1, 1)
        # input beat i fits once (i + 1) * a - capacity elements have left
        fits = -(-((i + 1) * a - self.capacity) // b) - 1
        return Schedule(self.beats_in, 0, self.beats_out, (arrived, Rule("in", "out", fits, 0)))

    @property
    def lanes_in(self) -> int:
        return self.folded.simd

    def structure(self) -> Structure:
        s, a, b = Structure(), self.lanes_in, self.lanes_out
        common = gcd(a, b)
        u, v, capacity = a // common, b // common, self.capacity // common
        unit = common * self.x.type.bits
        places = capacity - u + 1
        # one LUT holds, shifts or loads a bit; another one is needed to choose among several places
        # to load from, and to shift bits down from where they may be loaded
        loads = [sum(p <= j < p + u for p in range(places)) for j in range(capacity)]
        s.luts(held=unit * capacity, choose=unit * sum(n - 1 for n in loads))
        s.luts(several=unit * sum(n > 1 for n in loads), down=unit * (u - 1) * (v > 1))
        # the number of held elements arrives last: if a leaving beat changes all of its bits, each
        # place to load is computed for both cases
        late = v % 2 and u > 1 and capacity >= DEEP_LOAD
        kind = "late" if v > 1 else "deep" if u < 32 else "deeper"
        plain = (u, v) == (32, 1) or (kind == "deeper" and unit == 1)
        s.luts(**{kind: unit * capacity if late and not plain else 0})
        s.counters(capacity + 1)
        s.luts(places=unit * max(0, v - 14) if u == 1 and unit > 1 else 0)
        s.luts(aside=unit * capacity if u == 1 and v in (4, 6) else 0)
        s.flops(held=capacity * unit)
        return s
