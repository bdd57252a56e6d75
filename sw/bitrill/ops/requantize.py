"""The operator `Requantize`: multiply, add, shift, for activations with evenly spaced steps."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from ..arith.dsp_lines import LOW, line_slices
from ..arith.dsp_packing import WEIGHT_BITS, X_BITS, port
from ..errors import SpecError
from ..ir import (
    WIDEST,
    Cost,
    Impl,
    IntType,
    Ranges,
    Schedule,
    Structure,
    Style,
    Tensor,
    Wiring,
    Work,
    alike,
    channelwise,
    different_bits,
    freeze_channels,
    must_be_numbers,
    pipeline,
)
from ..parts.families import family_of
from .units.slice_choice import SliceChoice

STYLE: Style = "requantize"
"""The style in a folding of a `Threshold` that becomes this operator."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Requantize(SliceChoice):
    """``y = min(max((gain[c] * x + offset[c]) >> shift, out.lo), out.hi)``; ``>>`` rounds down.

    ``gain``, ``offset``: int64 ``[C]``; ``shift``: one for all channels. It equals a layer's
    thresholds exactly, which `bitrill.arith.multiply_shift` checks when it finds the parameters.
    (Jacob et al. 2018, without the rounding of its parameters.)

    ``pe`` channels a beat, one beat a cycle, ``latency`` stages: operands; sum; shift and clamp.
    Multiply ``dsp``: a DSP slice has the product and the sum of a lane, a stage each; two slices
    where gains are wide (`bitrill.arith.dsp_lines`).
    """

    kind = "requantize"
    by_rows = True
    block_choice = True
    component = "bitrill_hw.ops.requantize:RequantizeCore"

    gain: np.ndarray
    offset: np.ndarray
    shift: int
    out: IntType

    def validate(self) -> None:
        must_be_numbers(self)
        freeze_channels(self, "gain", "offset")
        if not self.out.coding.binary:
            raise SpecError(f"{self.name}: the result must be integers, not {self.out}")
        if not 0 <= self.shift < WIDEST:
            raise SpecError(f"{self.name}: shift must be in 0..{WIDEST - 1}, not {self.shift}")
        x = max(abs(self.x.type.lo), abs(self.x.type.hi))
        gain, offset = (max(map(abs, a.tolist())) for a in (self.gain, self.offset))
        bits = (gain * x + offset).bit_length() + 1
        if bits > WIDEST:
            raise SpecError(f"{self.name}: the sum must fit {WIDEST} bits, not {bits}")

    def validate_impl(self, impl: Impl) -> None:
        super().validate_impl(impl)
        if impl.in_slices and not self.slices:
            x, gains = port(self.x.type), port(self.gain_type)
            raise SpecError(
                f"{self.name}: multiply 'dsp' takes integers of at most {WEIGHT_BITS} bits and"
                f" gains of at most {X_BITS}, or of {LOW + X_BITS} where sums are shifted by {LOW}"
                f" and more, signs included, not {self.x.type} of {x} bits, gains of {gains} and"
                f" a shift of {self.shift}"
            )

    @cached_property
    def gain_type(self) -> IntType:
        """The integers that hold every gain."""
        return IntType.for_range(lo=int(self.gain.min()), hi=int(self.gain.max()))

    @cached_property
    def offset_type(self) -> IntType:
        """The integers that hold every offset."""
        return IntType.for_range(lo=int(self.offset.min()), hi=int(self.offset.max()))

    @property
    def slices(self) -> int:
        return line_slices(self.x.type, self.gain_type, self.offset_type, self.shift)

    @property
    def latency(self) -> int:
        """Cycles from a beat to its result."""
        return 3 + (self.slices if self.folded.in_slices else 0)

    def stored_bits(self, impl: Impl) -> int:
        return self.cost().weight_bits

    def infer(self) -> Tensor:
        return Tensor(self.x.shape, self.out)

    @cached_property
    def sum_type(self) -> IntType:
        """The integers that hold every ``gain * x + offset``."""
        ends = np.stack([self.gain * e + self.offset for e in (self.x.type.lo, self.x.type.hi)])
        return IntType.for_range(lo=int(ends.min()), hi=int(ends.max()))

    def wiring(self) -> tuple[Wiring, ...]:
        return channelwise(self.x.channels, alike(self.gain, self.offset))

    def select(
        self,
        operands: tuple[Tensor, ...],
        ins: tuple[np.ndarray, ...],
        outs: tuple[np.ndarray, ...],
    ) -> "Requantize":
        kept = outs[0]
        return self.replace(operands=operands, gain=self.gain[kept], offset=self.offset[kept])

    def ranges(self, *xs: Ranges) -> tuple[Ranges, ...]:
        ends = np.stack([self.eval(xs[0].lo[None])[0], self.eval(xs[0].hi[None])[0]])
        return (Ranges(ends.min(0), ends.max(0)),)

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        y = (xs[0].astype(np.int64) * self.gain + self.offset) >> self.shift
        return y.clip(self.out.lo, self.out.hi)

    def cost(self) -> Cost:
        return Cost(
            weight_bits=self.x.channels * (self.gain_type.bits + self.offset_type.bits),
            macs=self.x.size,
            cycles=0 if self.impl is None else self.x.size // self.impl.pe,
        )

    def work(self) -> Work:
        n, impl = self.x.size, self.folded
        products = n * self.x.type.bits * self.gain_type.bits
        constants = self.gain_type.bits + self.offset_type.bits
        read = n * constants if self.x.channels > impl.pe else 0
        product = Work(slice_bits=products) if impl.in_slices else Work(product_bits=products)
        sums = Work(add_bits=n * self.sum_type.bits)
        return product + sums + Work.moving(read, block=impl.in_block)

    def schedule(self) -> Schedule:
        return pipeline(n=self.x.size // self.folded.pe, latency=self.latency)

    def structure(self) -> Structure:
        s, pe, bits = Structure(), self.folded.pe, self.x.type.bits
        turns = self.x.channels // pe
        s.counters(turns)
        for values in (self.gain, self.offset):
            width = max(int(values.max()).bit_length(), int(~values.min()).bit_length()) + 1
            different = different_bits(values.reshape(turns, pe), width)
            s.rom(turns, pe * width, block=self.folded.in_block, different=different)
        s.flops(held=pe * (bits + self.out.bits) + self.latency)
        if self.folded.in_slices and family_of(self.folded.primitives).cells:
            s.dsp = pe * self.slices
            s.flops(held=pe * self.offset_type.bits * (turns > 1))
        else:
            s.flops(held=pe * self.sum_type.bits)
            self._adders(s, turns)
        # the bits above the result's show whether a sum is out of range
        above = max(0, self.sum_type.bits - self.shift - self.out.bits)
        s.luts(clamp=pe * self.out.bits * (above > 0), above=pe * above)
        return s

    def _adders(self, s: Structure, turns: int) -> None:
        """Count the logic of products and sums."""
        pe, bits = self.folded.pe, self.x.type.bits
        gains, offsets = self.gain.reshape(turns, pe), self.offset.reshape(turns, pe).any(0)
        if turns == 1:
            s.luts(settled=float(sum(_constant_adders(int(g), bits) for g in gains[0])))
            s.luts(sum=int(offsets.sum()) * bits)
        else:
            rows = _set_bits(gains) + offsets
            s.luts(times=float(np.maximum(rows - 2, 0).sum() * bits))
            s.luts(sum=int((rows > 1).sum()) * self.sum_type.bits)


def _constant_adders(gain: int, bits: int) -> int:
    """Return the bits of all adders in a product with the constant ``gain``.

    A row of x is added for each 1 of ``gain``; the bits below the next row need no adder.
    """
    places = [k for k in range(gain.bit_length()) if gain >> k & 1]
    return sum(max(1, bits + 2 - (b - a)) for a, b in pairwise(places))


def _set_bits(words: np.ndarray) -> np.ndarray:
    """Return for each lane the number of bits that are 1 in any of its words.

    Words are in two's complement, of as many bits as all of them need.
    """
    width = IntType.for_range(lo=int(words.min()), hi=int(words.max())).bits
    union = np.bitwise_or.reduce(words & ((1 << width) - 1), axis=0)
    return np.array([int(v).bit_count() for v in union])
