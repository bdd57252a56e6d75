"""The operator `ArgMax`: a classifier's decision, the channels with the highest scores."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import SpecError
from ..ir import (
    WIDEST,
    Choice,
    Cost,
    Impl,
    IntType,
    Operator,
    Rule,
    Schedule,
    Structure,
    Style,
    Tensor,
    freeze_channels,
    must_be_numbers,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class ArgMax(Operator):
    """Indices of the ``k`` highest scores, best first; among equals the lowest index first.

    The score of channel c is ``gain[c] * x[c] + offset[c]``, int64 ``[C]`` each: integers with the
    order and the ties of the real scores (see `bitrill.passes.head`).
    x: ``[C]``, or with axes of size 1 before; y: ``[k]``. Of ``[.., C]`` with several places each
    has its own indices, ``[.., k]``. One element a beat in, one index a beat out. Scores are sorted
    into k registers; the next vector is accepted while the indices of this one leave.
    """

    kind = "argmax"
    component = "bitrill_hw.ops.argmax:ArgMaxCore"

    gain: np.ndarray
    offset: np.ndarray
    k: int = 1

    def validate(self) -> None:
        freeze_channels(self, "gain", "offset")
        if not self.plain:
            must_be_numbers(self)
        if self.score_type.bits > WIDEST:
            raise SpecError(
                f"{self.name}: scores must fit {WIDEST} bits, not {self.score_type.bits}"
            )
        if not 1 <= self.k <= self.x.channels:
            raise SpecError(f"{self.name}: top must be in 1..{self.x.channels}, not {self.k}")

    def validate_impl(self, impl: Impl) -> None:
        if (impl.pe, impl.simd) != (1, 1):
            raise SpecError(
                f"{self.name}: PE and SIMD of argmax must be 1, not {impl.pe} and {impl.simd}"
            )

    def default_impl(self, lanes: tuple[int | None, ...], *, style: Style) -> Impl:
        return Impl()

    def foldings(self, fixed: Choice) -> Iterator[Impl]:
        yield Impl()

    def infer(self) -> Tensor:
        places = () if self.x.size == self.x.channels else self.x.shape[:-1]
        return Tensor((*places, self.k), IntType.for_range(lo=0, hi=self.x.channels - 1))

    @cached_property
    def score_type(self) -> IntType:
        """The integers that hold every score."""
        t, gain, offset = self.x.type, self.gain.astype(object), self.offset.astype(object)
        values = np.stack([gain * e + offset for e in (t.lo, t.hi)])
        return IntType.for_range(lo=int(values.min()), hi=int(values.max()))

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        x = xs[0].reshape(len(xs[0]), *self.y.shape[:-1], self.x.channels)
        scores = x.astype(np.int64) * self.gain + self.offset
        if self.k == 1:
            return scores.argmax(-1)[..., None]
        return np.argsort(-scores, axis=-1, kind="stable")[..., : self.k]

    def cost(self) -> Cost:
        word = self.score_type.bits + self.y.type.bits
        return Cost(
            weight_bits=0,
            state_bits=2 * self.k * word,
            cycles=0 if self.impl is None else self.x.size,
        )

    @property
    def plain(self) -> bool:
        """Whether each score is the element itself."""
        return bool((self.gain == 1).all() and not self.offset.any())

    @property
    def latency(self) -> int:
        """Stages of an element: with its gain and offset; its score (not if plain); insertion."""
        return 2 if self.plain else 3

    def schedule(self) -> Schedule:
        c, k = self.x.channels, self.k
        n_in, n_out = self.x.size, self.y.size
        before = self.latency - 1
        # an element that ends a vector waits, in the last stage before the insertion, until the
        # indices of the vector before have left
        ended = (np.arange(n_in) - before + 1) // c
        decided = Rule("out", "in", (np.arange(n_out) // k + 1) * c - 1, self.latency)
        return Schedule(n_in, 0, n_out, (decided, Rule("in", "out", (ended - 1) * k - 1, 0)))

    def structure(self) -> Structure:
        s, score = Structure(), self.score_type.bits
        word = score + self.y.type.bits
        s.counters(self.x.channels)
        s.luts(first=word, place=(self.k - 1) * word, compares=self.k * score)
        s.luts(out=(self.k > 1) * self.k * self.y.type.bits)
        s.flops(held=(self.k * word) + self.k * self.y.type.bits)
        if not self.plain:
            gain = int(abs(self.gain).max()).bit_length()
            s.rom(self.x.channels, gain + int(abs(self.offset).max()).bit_length() + 1)
            s.luts(times=gain * self.x.type.bits)
        s.flops(held=word + (0 if self.plain else word))
        return s

    @property
    def lanes_in(self) -> int:
        return 1

    @property
    def lanes_out(self) -> int:
        return 1
