"""The operator `Rearrange`: depth-to-space (sub-pixel convolution) and its inverse."""

from dataclasses import dataclass
from math import prod
from typing import Literal, get_args

import numpy as np

from ..errors import SpecError
from ..ir import Buffered, Impl, Rule, Schedule, Structure, Tensor, Wiring, bits_for

Direction = Literal["to_space", "to_depth"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Rearrange(Buffered):
    """Moves a block of ``b * b`` pixels, n channels each, into the channels of one pixel, or back.

    In the deep form, pixel ``[d, e]`` of a block is the channels ``(d * b + e) * n + c``:

    - ``to_space``: ``y[i*b + d, j*b + e, c] = x[i, j, (d*b + e)*n + c]``
    - ``to_depth``: ``y[i, j, (d*b + e)*n + c] = x[i*b + d, j*b + e, c]``

    x: ``[H, W, C]``. (ONNX DepthToSpace in mode DCR, and SpaceToDepth; mode CRD is this behind a
    `bitrill.ops.Shuffle`. Shi et al. 2016.)

    ``pe`` elements a beat, a divisor of ``b * n``, the number of elements that are consecutive in
    both forms. A band is a row of the deep form; beats wait in a buffer of two bands.
    ``step[k] >= in[its beat] + 1``; ``out[k] >= step[k] + 1``; a band may be written from the cycle
    after the last reading of the band two before it.
    """

    kind = "rearrange"
    component = "bitrill_hw.ops.rearrange:RearrangeCore"
    takes_codes = True

    block: int
    direction: Direction

    def validate(self) -> None:
        if self.direction not in get_args(Direction):
            raise SpecError(
                f"{self.name}: direction must be 'to_space' or 'to_depth', not {self.direction!r}"
            )
        if len(self.x.shape) != 3:
            raise SpecError(f"{self.name}: x must be [H, W, C], not {list(self.x.shape)}")
        if self.block < 2:
            raise SpecError(f"{self.name}: block must be at least 2, not {self.block!r}")
        h, w, c = self.x.shape
        if self.direction == "to_space" and c % self.block**2:
            raise SpecError(f"{self.name}: channels must be a multiple of {self.block**2}, not {c}")
        if self.direction == "to_depth" and (h % self.block or w % self.block):
            raise SpecError(
                f"{self.name}: height and width must be multiples of {self.block}, not {h}x{w}"
            )

    def divided(self) -> tuple[str, int]:
        return "elements of a run", self.block * self.small

    def stored_bits(self, impl: Impl) -> int:
        return self.replace(impl=impl).state_bits

    @property
    def small(self) -> int:
        """Channels per pixel in the spatial form."""
        return self.x.channels // (self.block**2 if self.direction == "to_space" else 1)

    def infer(self) -> Tensor:
        (h, w, c), b = self.x.shape, self.block
        if self.direction == "to_space":
            return Tensor((h * b, w * b, c // b**2), self.x.type)
        return Tensor((h // b, w // b, c * b**2), self.x.type)

    def wiring(self) -> tuple[Wiring, ...]:
        n, blocks = self.small, np.arange(self.block**2)
        if self.direction == "to_space":
            return (Wiring(np.arange(n)[:, None] + n * blocks),)
        return (Wiring(np.tile(np.arange(n), len(blocks))[:, None], blocks.repeat(n)),)

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        outer, inner, run = self.runs
        x = xs[0].reshape(len(xs[0]), -1, outer, inner, run)
        return x.swapaxes(2, 3).reshape(-1, *self.y.shape)

    @property
    def runs(self) -> tuple[int, int, int]:
        """Sizes ``(outer, inner, run)``: a band is ``[outer, inner, run]`` in x and
        ``[inner, outer, run]`` in y.
        """
        b = self.block
        if self.direction == "to_space":
            return self.x.shape[1], b, b * self.small
        return b, self.x.shape[1] // b, b * self.small

    @property
    def beats(self) -> tuple[int, int, int]:
        """The sizes of `runs`, the last one in beats."""
        outer, inner, run = self.runs
        return outer, inner, run // self.folded.pe

    @property
    def state_bits(self) -> int:
        return 2 * prod(self.runs) * self.x.type.bits

    def schedule(self) -> Schedule:
        n, (outer, inner, run) = self.beats_in, self.beats
        k = np.arange(n)
        read = k.reshape(-1, outer, inner, run).swapaxes(1, 2).ravel()
        band = outer * inner * run
        rules = (
            Rule("step", "in", read, 1),
            Rule("in", "step", (k // band - 1) * band - 1, 1),
            Rule("out", "step", k, 1),
            Rule("step", "out", k - 1, 0),
        )
        return Schedule(n, n, n, rules)

    def structure(self) -> Structure:
        s, (outer, inner, run) = Structure(), self.beats
        width, depth = self.lanes_in * self.x.type.bits, 2 << bits_for(outer * inner * run)
        block = self.folded.in_block
        s.ram(depth, width, block=block)
        s.counters(outer, inner, run, depth // 2)
        s.luts(address=2 * bits_for(depth))
        s.flops(held=2 * bits_for(depth) + (0 if block else width))
        return s
