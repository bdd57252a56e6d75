"""The operator `Pad`: a border of a constant around each feature map."""

from dataclasses import dataclass

import numpy as np

from ..errors import SpecError
from ..geometry.windows import plane
from ..ir import Buffered, IntType, Ranges, Rule, Schedule, Structure, Tensor, Wiring, channelwise


@dataclass(frozen=True, kw_only=True, eq=False)
class Pad(Buffered):
    """``y`` is ``x`` with ``pads`` rows and columns of ``value`` around it.

    ``pads``: ``(top, left, bottom, right)`` for x of shape ``(H, W, C)``, ``(left, right)`` for
    ``(L, C)``: the order of ONNX. The result has x's type if that holds ``value``, else the
    integers that hold both.

    In front of XNOR-popcount, zero padding is a border of -1 in one bit, which `MatVec.inside`
    counts as 0. Elsewhere a border of 0 makes bipolar x the integers -1..1 in two bits. The second
    bit says whether the element is inside, so this is exact and needs nothing beside the stream.

    ``pe`` elements a beat on both sides, one beat a cycle. A register holds one beat of x. The
    border in front of a frame's first element is given once that element has come, so an idle
    network stays empty; all other border is given as soon as it is due.
    """

    kind = "pad"
    by_rows = True
    component = "bitrill_hw.ops.pad:PadCore"
    takes_codes = True

    pads: tuple[int, ...]
    value: int

    def validate(self) -> None:
        plane(self.name, self.x)
        sides = 2 * (len(self.x.shape) - 1)
        if len(self.pads) != sides or not all(isinstance(p, int) and p >= 0 for p in self.pads):
            raise SpecError(
                f"{self.name}: pads must have {sides} sizes of at least 0, not {self.pads}"
            )
        if not isinstance(self.value, int):
            raise SpecError(f"{self.name}: the value must be an integer, not {self.value!r}")
        t = self.x.type
        if not t.coding.addable and not t.holds(np.array([self.value])):
            raise SpecError(f"{self.name}: the value must be one of {t}, not {self.value}")

    @property
    def sides(self) -> tuple[int, int, int, int]:
        """``(top, left, bottom, right)``."""
        if len(self.pads) == 4:
            return self.pads[0], self.pads[1], self.pads[2], self.pads[3]
        return 0, self.pads[0], 0, self.pads[1]

    @property
    def plane(self) -> tuple[int, int]:
        """Rows and columns of x."""
        return plane(self.name, self.x)

    def infer(self) -> Tensor:
        axes, t = len(self.x.shape) - 1, self.x.type
        sizes = [n + self.pads[a] + self.pads[a + axes] for a, n in enumerate(self.x.shape[:-1])]
        if not t.holds(np.array([self.value])):
            t = IntType.for_range(lo=min(t.lo, self.value), hi=max(t.hi, self.value))
        return Tensor((*sizes, self.x.channels), t)

    def wiring(self) -> tuple[Wiring, ...]:
        return channelwise(self.x.channels)

    def ranges(self, *xs: Ranges) -> tuple[Ranges, ...]:
        return (xs[0].with_value(self.value) if any(self.pads) else xs[0],)

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        axes, value = len(self.x.shape) - 1, self.value
        dtype = np.result_type(xs[0].dtype, np.min_scalar_type(value))
        y = np.full((len(xs[0]), *self.y.shape), value, dtype)
        inside = (slice(self.pads[a], self.pads[a] + self.x.shape[a]) for a in range(axes))
        y[:, *inside] = xs[0]
        return y

    @property
    def state_bits(self) -> int:
        return self.lanes_in * self.x.type.bits

    def schedule(self) -> Schedule:
        (height, width), (top, before, bottom, behind) = self.plane, self.sides
        inside = np.zeros((height + top + bottom, before + width + behind), bool)
        inside[top : top + height, before : before + width] = True
        inside = inside.reshape(-1).repeat(self.x.channels // self.lanes_in)
        places = np.flatnonzero(inside)
        arrived = Rule("out", "in", np.maximum(inside.cumsum() - 1, 0), 1)
        left_register = np.roll(places, 1)
        left_register[0] -= len(inside)
        moved = Rule("in", "out", left_register, 0)
        return Schedule(len(places), 0, len(inside), (arrived, moved))

    def structure(self) -> Structure:
        s, (height, width) = Structure(), plane(self.name, self.y)
        s.counters(self.x.channels // self.lanes_in, width, height)
        held = self.lanes_in * self.x.type.bits
        s.luts(width=held)
        s.flops(held=held + 2)
        return s
