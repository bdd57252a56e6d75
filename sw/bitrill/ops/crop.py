"""The operator `Crop`: a part of each feature map, places some steps apart, channels in a row."""

from dataclasses import dataclass
from functools import cached_property, reduce
from math import gcd

import numpy as np

from ..errors import SpecError
from ..ir import Buffered, Rule, Schedule, Structure, Tensor, Wiring


@dataclass(frozen=True, kw_only=True, eq=False)
class Crop(Buffered):
    """``y[i, j, c] = x[starts[0] + i * steps[0], starts[1] + j * steps[1], starts[2] + c]``.

    ``starts``, ``steps`` and ``sizes`` hold one number for each axis of x, the channels last, whose
    step is 1; ``sizes`` is the shape of y. x has up to two axes of space. (ONNX Slice.)

    ``pe`` elements a beat, a divisor of the channels of x and y and of the first channel. One
    register holds a beat of y: ``out[k] >= in[its beat] + 1``, and a beat that is kept is accepted
    at the edge at which the one kept before it leaves. All other beats are accepted at once.
    """

    kind = "crop"
    additive = True
    component = "bitrill_hw.ops.crop:CropCore"
    takes_codes = True

    starts: tuple[int, ...]
    steps: tuple[int, ...]
    sizes: tuple[int, ...]

    def validate(self) -> None:
        axes, given = len(self.x.shape), (self.starts, self.steps, self.sizes)
        if axes > 3 or any(len(g) != axes or not all(isinstance(v, int) for v in g) for g in given):
            raise SpecError(
                f"{self.name}: starts, steps and sizes must hold an integer for each axis of x,"
                f" at most 3, not {self.starts}, {self.steps} and {self.sizes} for {self.x.shape}"
            )
        ends = (s + (n - 1) * t for s, t, n in zip(*given, strict=True))
        if (
            min(self.starts) < 0
            or min(self.steps) < 1
            or min(self.sizes) < 1
            or self.steps[-1] != 1
            or any(e >= n for e, n in zip(ends, self.x.shape, strict=True))
        ):
            raise SpecError(
                f"{self.name}: starts {self.starts}, steps {self.steps} and sizes {self.sizes} must"
                f" lie within x, {self.x.shape}, with step 1 along the channels"
            )

    def divided(self) -> tuple[str, int]:
        return "channels, kept ones and the first", gcd(
            self.x.channels, self.sizes[-1], self.starts[-1]
        )

    def infer(self) -> Tensor:
        return Tensor(self.sizes, self.x.type)

    def wiring(self) -> tuple[Wiring, ...]:
        first = self.starts[-1]
        return (Wiring(np.arange(first, first + self.sizes[-1])[:, None]),)

    def select(
        self,
        operands: tuple[Tensor, ...],
        ins: tuple[np.ndarray, ...],
        outs: tuple[np.ndarray, ...],
    ) -> "Crop":
        first = int(np.searchsorted(ins[0], self.starts[-1]))
        starts, sizes = (*self.starts[:-1], first), (*self.sizes[:-1], len(outs[0]))
        return self.replace(operands=operands, starts=starts, sizes=sizes)

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        parts = zip(self.starts, self.steps, self.sizes, strict=True)
        return xs[0][(slice(None), *(slice(s, s + (n - 1) * t + 1, t) for s, t, n in parts))]

    @property
    def state_bits(self) -> int:
        return self.folded.pe * self.x.type.bits

    @property
    def axes(self) -> tuple[tuple[int, int, int, int], ...]:
        """``(size of x, start, step, size of y)`` for rows, columns and beats of a pixel."""
        pe = self.folded.pe
        given = zip(self.x.shape, self.starts, self.steps, self.sizes, strict=True)
        *places, (n, start, _, size) = given
        outer = [(1, 0, 1, 1)] * (2 - len(places))
        return (*outer, *places, (n // pe, start // pe, 1, size // pe))

    @cached_property
    def kept(self) -> np.ndarray:
        """Whether each input beat of a frame is one of y's."""
        along = []
        for n, start, step, size in self.axes:
            one = np.zeros(n, bool)
            one[start : start + (size - 1) * step + 1 : step] = True
            along.append(one)
        return reduce(np.multiply.outer, along).reshape(-1)

    def schedule(self) -> Schedule:
        kept = self.kept
        arrived = Rule("out", "in", np.flatnonzero(kept), 1)
        # a beat that is dropped waits for what the kept one before it has waited for
        return Schedule(
            self.beats_in, 0, self.beats_out, (arrived, Rule("in", "out", kept.cumsum() - 2, 0))
        )

    def structure(self) -> Structure:
        s = Structure()
        s.counters(*(n for n, *_ in self.axes), *(step for _, _, step, _ in self.axes))
        s.flops(held=self.state_bits + 1)
        return s
