"""The operator `Split`: several results, each with some consecutive channels of its operand."""

from dataclasses import dataclass
from math import gcd

import numpy as np

from ..errors import SpecError
from ..ir import Buffered, Rule, Schedule, Structure, Tensor, Wiring, port
from .concat import turns
from .crop import Crop


@dataclass(frozen=True, kw_only=True, eq=False)
class Split(Buffered):
    """``y_j = x[.., start_j : start_j + sizes[j]]``: ``sizes[j]`` consecutive channels each.

    ``pe`` elements a beat, a divisor of every size. One register: ``out_j[its beat] >= in + 1``,
    and a beat is accepted at the edge at which the one before it leaves, whichever result that
    belongs to: a result that is not read holds up the others.
    """

    kind = "split"
    additive = True
    by_rows = True
    component = "bitrill_hw.ops.split:SplitCore"
    takes_codes = True

    sizes: tuple[int, ...]

    def validate(self) -> None:
        if len(self.sizes) < 2 or min(self.sizes) < 1 or sum(self.sizes) != self.x.channels:
            raise SpecError(
                f"{self.name}: sizes must be at least 2 that add up to {self.x.channels}"
                f" channels, not {list(self.sizes)}"
            )

    def divided(self) -> tuple[str, int]:
        return "common channels", gcd(*self.sizes)

    def infer(self) -> Tensor:
        return self.results[0]

    @property
    def results(self) -> tuple[Tensor, ...]:
        return tuple(Tensor((*self.x.shape[:-1], c), self.x.type) for c in self.sizes)

    def wiring(self) -> tuple[Wiring, ...]:
        parts = np.split(np.arange(self.x.channels), np.cumsum(self.sizes)[:-1])
        return tuple(Wiring(part[:, None]) for part in parts)

    def select(
        self,
        operands: tuple[Tensor, ...],
        ins: tuple[np.ndarray, ...],
        outs: tuple[np.ndarray, ...],
    ) -> "Split":
        return self.replace(operands=operands, sizes=tuple(map(len, outs)))

    def eval(self, *xs: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(np.split(xs[0], np.cumsum(self.sizes)[:-1], axis=-1))

    def crops(self) -> tuple[Crop, ...]:
        """Return a `Crop` for each result, under the result's name."""
        none, one = (0,) * len(self.x.shape[:-1]), (1,) * len(self.x.shape)
        starts = np.cumsum((0, *self.sizes[:-1])).tolist()
        return tuple(
            Crop(
                name=name,
                inputs=self.inputs,
                operands=self.operands,
                starts=(*none, start),
                steps=one,
                sizes=y.shape,
            )
            for name, start, y in zip(self.outputs, starts, self.results, strict=True)
        )

    @property
    def state_bits(self) -> int:
        return self.folded.pe * self.x.type.bits

    @property
    def turns(self) -> tuple[int, ...]:
        """Beats a pixel of each result."""
        return tuple(c // self.folded.pe for c in self.sizes)

    def schedule(self) -> Schedule:
        rules, outs = [], {}
        for j, (i, last) in enumerate(zip(*turns(self.turns, self.beats_in), strict=True)):
            name = port("out", j)
            outs[name] = len(i)
            before = np.concatenate([[-1], last[:-1]])  # this result's last beat before each beat
            rules += [Rule(name, "in", i, 1), Rule("in", name, before, 0)]
        return Schedule(self.beats_in, 0, outs.pop("out"), tuple(rules), outs)

    def structure(self) -> Structure:
        s = Structure()
        s.luts(turns=len(self.sizes))
        s.counters(sum(self.turns))
        s.flops(held=self.lanes_out * self.x.type.bits + len(self.sizes))
        return s
