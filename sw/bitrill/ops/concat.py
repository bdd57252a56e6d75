"""The operator `Concat`: channels of several tensors side by side, as in DenseNet and U-Net."""

from dataclasses import dataclass
from math import gcd

import numpy as np

from ..errors import SpecError
from ..ir import (
    Buffered,
    IntType,
    Ranges,
    Rule,
    Schedule,
    Structure,
    Tensor,
    Wiring,
    channelwise,
    must_be_numbers,
    port,
)
from .add import check_gains, scaled


@dataclass(frozen=True, kw_only=True, eq=False)
class Concat(Buffered):
    """``y = [gains[0] * x_0, gains[1] * x_1, ..]`` along the channels, pixel by pixel.

    Operands agree in all axes but the innermost, and may differ in type. y is bipolar or
    logarithmic if all operands have that type and all gains are 1, else the integers from the
    lowest value to the highest. ``gains`` as in `bitrill.ops.Add`. (Huang et al. 2017, Szegedy et
    al. 2015.)

    ``pe`` elements a beat, a divisor of every operand's channels. Each pixel gives first the beats
    of ``x_0``, then those of ``x_1``, .. One register: ``out[k] >= in_j[its beat] + 1``, and a
    beat is accepted when its turn has come, at the edge at which the one before it leaves.
    """

    kind = "concat"
    additive = True
    component = "bitrill_hw.ops.concat:ConcatCore"
    by_rows = True

    gains: tuple[int, ...] = (1, 1)

    def validate(self) -> None:
        check_gains(self.name, self.gains, self.operands)
        if not self._alike:
            must_be_numbers(self)
        fronts = [t.shape[:-1] for t in self.operands]
        if any(f != fronts[0] for f in fronts):
            shapes = " and ".join("x".join(map(str, t.shape)) for t in self.operands)
            raise SpecError(f"{self.name}: operands must agree in all but channels, not {shapes}")

    def divided(self) -> tuple[str, int]:
        return "common channels", gcd(*(t.channels for t in self.operands))

    @property
    def _alike(self) -> bool:
        """Whether elements are passed on unchanged, whatever their bits mean."""
        types = {t.type for t in self.operands}
        return len(types) == 1 and not self.x.type.coding.binary and set(self.gains) == {1}

    def infer(self) -> Tensor:
        types = [t.type for t in self.operands]
        shape = (*self.x.shape[:-1], sum(t.channels for t in self.operands))
        if self._alike:
            return Tensor(shape, types[0])
        lows, highs = zip(*map(scaled, types, self.gains), strict=True)
        return Tensor(shape, IntType.for_range(lo=min(lows), hi=max(highs)))

    def wiring(self) -> tuple[Wiring, ...]:
        return channelwise(self.y.channels, np.repeat(self.gains, self._sizes))

    def ranges(self, *xs: Ranges) -> tuple[Ranges, ...]:
        whole = Ranges(np.concatenate([x.lo for x in xs]), np.concatenate([x.hi for x in xs]))
        return (whole.times(np.repeat(self.gains, self._sizes)),)

    @property
    def _sizes(self) -> list[int]:
        return [t.channels for t in self.operands]

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        return np.concatenate([g * x for g, x in zip(self.gains, xs, strict=True)], axis=-1)

    @property
    def state_bits(self) -> int:
        return self.folded.pe * self.y.type.bits

    @property
    def turns(self) -> tuple[int, ...]:
        """Beats a pixel of each operand."""
        return tuple(t.channels // self.folded.pe for t in self.operands)

    def schedule(self) -> Schedule:
        rules, ins = [], {}
        for j, (i, given) in enumerate(zip(*turns(self.turns, self.beats_out), strict=True)):
            name = port("in", j)
            ins[name] = len(i)
            # a beat that follows one of another operand needs no further rule: that operand's own
            # last beat came before
            rules += [Rule("out", name, given, 1), Rule(name, "out", i - 1, 0)]
        return Schedule(ins.pop("in"), 0, self.beats_out, tuple(rules), ins)

    def structure(self) -> Structure:
        s, n = Structure(), len(self.operands)
        width = self.lanes_out * self.y.type.bits
        s.luts(choose=width * max(1, (n + 1) // 3), turns=n)
        s.counters(sum(self.turns))
        s.flops(held=width)
        return s


def turns(beats: tuple[int, ...], n: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return which beats of a stream belong to which part.

    In a stream of ``n`` beats part ``j`` has ``beats[j]`` beats of each pixel. The first list has
    the numbers of each part's beats; the second, for each beat of the whole, the part's last one
    at or before it, -1 in front of its first.
    """
    owner = np.resize(np.repeat(np.arange(len(beats)), beats), n)
    places = [np.flatnonzero(owner == j) for j in range(len(beats))]
    last = [np.cumsum(owner == j) - 1 for j in range(len(beats))]
    return places, last
