"""Matrix times vector: dense layers, and convolutions behind a sliding window."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import ClassVar

import numpy as np

from ..arith.accumulate import sum_stages
from ..arith.bitserial import READ_STAGES, check_serial, pairs, serial_plan, total_range
from ..arith.dsp_packing import check_dsp, dsp_plan
from ..arith.unrolled import unrolled_plan
from ..errors import SpecError
from ..ir.operator import Cost, Impl, Multiply, Operator, frozen_array, must_divide
from ..ir.schedule import Rule, Schedule, pipeline
from ..ir.types import IntType, Tensor

_PACKED_WEIGHTS = 1 << 19
_PACKED_VECTORS = 8
"""A binary matrix that caches do not hold is read faster as bits, while few vectors share it."""


FREE_STYLES = ("runtime", "streamed")
"""Of weights that are not constants."""

STYLES = ("folded", "unrolled", *FREE_STYLES)

WORDS = 2
"""Words of streamed weights that wait for their steps."""


def _pack(values: np.ndarray) -> np.ndarray:
    """+-1 along the innermost axis to uint64 words; the last one is filled with zero bits."""
    bits = np.packbits(values > 0, axis=-1)
    words = np.zeros((*bits.shape[:-1], -(-bits.shape[-1] // 8) * 8), np.uint8)
    words[..., : bits.shape[-1]] = bits
    return words.view(np.uint64)


def check_weights(name: str, weights: np.ndarray, type: IntType) -> None:
    """Raise `SpecError` that names the first of ``weights`` that is no value of ``type``."""
    if type.coding == "log2":
        raise SpecError(
            f"{name}: the type of weights must not be {type}, which activations alone have"
        )
    if type.holds(weights):
        return
    row, column = np.argwhere(~np.isin(weights, type.values()))[0].tolist()
    raise SpecError(
        f"{name}: weights must be values of {type}, not {weights[row, column]}"
        f" (row {row}, column {column})"
    )


def alternating(n: int) -> np.ndarray:
    """-1, +1, -1, ..: the weights of ``n`` columns outside."""
    return np.arange(n) % 2 * 2 - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Matrix(Operator):
    """A folded matrix behind a vector: what `MatVec` and its like share. See `MatVec`."""

    weights: np.ndarray

    @property
    def rows(self) -> int:
        return self.weights.shape[0]

    @property
    def cols(self) -> int:
        return self.weights.shape[1]

    @property
    def passes(self) -> int:
        """Passes over a vector, ``pe`` rows each."""
        return self.rows // self.folded.pe

    @property
    def beats(self) -> int:
        """Beats of a vector: steps of a pass."""
        return self.cols // self.folded.simd

    @property
    def sweeps(self) -> int:
        """How often a pass goes over its vector."""
        return 1

    @property
    def steps(self) -> int:
        """Steps of a vector; where a pass goes over it once, words of the weight memory."""
        return self.passes * self.sweeps * self.beats

    @property
    def read_stages(self) -> int:
        """Registers up to what the sums read."""
        return self.memory_stages

    @property
    def memory_stages(self) -> int:
        """Registers of a weight word: block memory has one more behind it."""
        return 2 if self.folded.memory == "block" and self.folded.style != "streamed" else 1

    @property
    @abstractmethod
    def latency(self) -> int:
        """Pipeline stages from a step to the accumulator, which is the output register."""

    def schedule(self) -> Schedule:
        passes, beats, steps = self.passes, self.beats, self.steps
        turns, each = passes * self.sweeps, self.sweeps * beats
        vectors = self.x.size // self.cols
        if self.folded.style == "unrolled":
            return pipeline(n=vectors, latency=self.latency)
        n = vectors * steps
        s = np.arange(n)
        k = np.arange(vectors * passes)
        fires = "in" if turns == 1 else "step"  # one pass: a beat is a step
        done = Rule("out", fires, (k + 1) * each - 1, self.latency)
        room = Rule(fires, "out", (s - self.latency + 1) // each - 1, 0)
        # steps that waited behind a whole result enter the accumulator one by one
        merged = Rule("out", "out", k - 1, each)
        more: dict[str, int] = {}
        rules = (done, room, merged)
        if self.folded.style == "streamed":  # a step takes a word out of a FIFO of two
            more["in1"] = n
            rules += (Rule(fires, "in1", s, 1), Rule("in1", fires, s - WORDS, 1))
        if turns == 1:
            return Schedule(n, 0, len(k), rules, more)
        i = np.arange(vectors * beats)
        arrived = Rule("step", "in", s // steps * beats + s % beats, 1)
        overwrites = (i // beats - 2) * steps + (turns - 1) * beats + i % beats
        freed = Rule("in", "step", overwrites, 1)
        return Schedule(len(i), n, len(k), (arrived, freed, *rules), more)

    @property
    def lanes_in(self) -> int:
        return self.folded.simd

    @property
    def lanes_out(self) -> int:
        return self.folded.pe


@dataclass(frozen=True, kw_only=True, eq=False)
class MatVec(Matrix):
    """``y = gain * (w @ x) + offset`` over the innermost axis: what the adders really count.

    - integer x:                 ``y = w @ x``
    - bipolar x, integer w:      ``y = w @ b`` with bits ``b = (x + 1) / 2``
    - bipolar x, bipolar w:      ``y = (w @ x + cols) / 2``, the places where w and x agree
      (XNOR-popcount; Courbariaux et al. 2016, Umuroglu et al. 2017)

    ``weights``: int64 ``[rows, cols]``, values of ``weight_type`` (+-1 when bipolar).
    x: ``[.., cols]``; y: ``[.., rows]``, of the range that these weights can reach. A matrix with
    a column for each element of an x of several axes takes all of it, in the order of the stream,
    as one vector, and gives ``[rows]``.

    ``inside`` (of XNOR-popcount behind a border): which taps of each window lie inside, bool
    ``[places, taps]`` for each axis of space; a tap is inside where it is on all axes. Outside,
    the weights are -1 and +1 in turn, column by column, so a tap's channels, an even number, agree
    with half of them where they hold one value: they count 0 in ``w @ x``, for every row alike.
    So zero padding is a border of -1 in one bit, and gain, offset and thresholds are constants.

    Folded: ``simd`` columns a step, ``pe`` rows at once; a vector takes
    ``(rows/pe)*(cols/simd)`` steps, one a cycle. Beat ``k`` of the output holds rows
    ``k*pe .. k*pe+pe-1``; it is taken ``latency`` cycles after its last step at the earliest.
    With more than one pass over the input, beats wait in a replay buffer of two vectors, so the
    next vector is taken in while the present one is replayed.

    Style ``unrolled``: the matrix is in the logic, a vector a beat and a beat a cycle, ``latency``
    stages (see `bitrill.arith.unrolled`); ``pe`` and ``simd`` are all rows and all columns.

    ``free``: the weights may be any of ``weight_type``, these are the ones it begins with; y has
    the range that all of them can reach. Style ``runtime``, of free weights alone, is folded with a
    memory that can be written (see `bitrill.runtime.register_map`). Style ``streamed`` takes the
    word of each step from a second stream, ``in1``, through a FIFO of two words.

    Multiply ``serial`` (`bitrill.arith.bitserial`): a pair of planes of w and x a step, so
    ``w.bits * x.bits`` times the steps, always through the replay buffer. Multiply ``dsp``
    (`bitrill.arith.dsp_packing`): several rows' products in a DSP slice, the steps as they are.
    """

    kind: ClassVar[str] = "matvec"
    takes_codes: ClassVar[bool] = True

    ways: ClassVar[tuple[Multiply, ...]] = ("lut", "serial", "dsp")

    weight_type: IntType
    inside: tuple[np.ndarray, ...] | None = None
    free: bool = False

    def validate(self) -> None:
        object.__setattr__(
            self, "weights", frozen_array(self.weights, name=f"{self.name}: weights", ndim=2)
        )
        if self.cols not in (self.x.channels, self.x.size):
            raise SpecError(
                f"{self.name}: weights must have {self.x.channels} columns, not {self.cols}"
            )
        check_weights(self.name, self.weights, self.weight_type)
        if max(abs(self._range.lo), abs(self._range.hi)) >= 1 << 31:
            raise SpecError(f"{self.name}: the accumulator must fit 32 bits, not {self._range}")
        if self.inside is not None:
            self._validate_inside(self.inside)

    def _validate_inside(self, inside: tuple[np.ndarray, ...]) -> None:
        kept = tuple(
            frozen_array(a, name=f"{self.name}: inside", ndim=2, dtype=bool) for a in inside
        )
        object.__setattr__(self, "inside", kept)
        places, taps = tuple(len(a) for a in kept), prod(a.shape[1] for a in kept)
        if self.free:
            raise SpecError(f"{self.name}: weights behind a border must be constants, not free")
        if not self.popcount:
            raise SpecError(f"{self.name}: inside must stand beside bipolar x and weights alone")
        if places != self.x.shape[:-1] or self.cols != self.x.channels or not kept:
            raise SpecError(
                f"{self.name}: inside must have the places {self.x.shape[:-1]}, not {places}"
            )
        if self.cols % (2 * taps):
            raise SpecError(
                f"{self.name}: a tap must have an even number of columns,"
                f" not {self.cols} / {taps} of them"
            )
        if all(a.all() for a in kept):
            raise SpecError(f"{self.name}: some tap must lie outside, or inside be None")

    def validate_impl(self, impl: Impl) -> None:
        must_divide(name=self.name, what="PE", value=impl.pe, of="rows", total=self.rows)
        must_divide(name=self.name, what="SIMD", value=impl.simd, of="columns", total=self.cols)
        if impl.style not in STYLES:
            raise SpecError(
                f"{self.name}: the style of a matvec must be {' or '.join(map(repr, STYLES))},"
                f" not {impl.style!r}"
            )
        if impl.style in FREE_STYLES and self.inside is not None:
            raise SpecError(
                f"{self.name}: a matvec behind a border must have constant weights, not style"
                f" {impl.style!r}"
            )
        if impl.style in FREE_STYLES and not self.free:
            raise SpecError(
                f"{self.name}: the weights of style {impl.style!r} must be free, not constants"
            )
        if impl.style == "unrolled" and (impl.pe, impl.simd) != (self.rows, self.cols):
            raise SpecError(
                f"{self.name}: PE and SIMD of an unrolled matvec must be all {self.rows} rows and"
                f" {self.cols} columns, not {impl.pe} and {impl.simd}"
            )
        if impl.style == "unrolled" and self.inside is not None:
            raise SpecError(f"{self.name}: a matvec behind a border must be folded, not unrolled")
        if impl.style == "unrolled" and self.free:
            raise SpecError(f"{self.name}: the weights of style 'unrolled' must be constants")
        if impl.multiply != "lut" and impl.style != "folded":
            raise SpecError(
                f"{self.name}: multiply of style {impl.style!r} must be 'lut', not"
                f" {impl.multiply!r}"
            )
        if impl.multiply == "serial":
            check_serial(self.name, self.weight_type, self.x.type)
        if impl.multiply == "dsp":
            check_dsp(self.name, self.weight_type, self.x.type)

    @property
    def popcount(self) -> bool:
        """Whether this is XNOR-popcount: bipolar on both sides."""
        return self.x.type.coding == "bipolar" and self.weight_type.coding == "bipolar"

    @cached_property
    def dot_gain(self) -> int:
        """``w @ x = dot_gain * y + dot_offset``."""
        return 2 if self.x.type.coding == "bipolar" else 1

    @cached_property
    def dot_offset(self) -> np.ndarray:
        """Per row, int64: see `dot_gain`."""
        if self.popcount:
            return np.full(self.rows, -self.cols)
        return -self.weights.sum(1) if self.x.type.coding == "bipolar" else np.zeros(self.rows, int)

    @cached_property
    def _range(self) -> IntType:
        if self.popcount:
            return IntType.for_range(lo=0, hi=self.cols)
        t = self.x.type
        lo, hi = (0, 1) if t.coding == "bipolar" else (t.lo, t.hi)
        if self.free:
            ends = [w * x for w in (self.weight_type.lo, self.weight_type.hi) for x in (lo, hi)]
            return IntType.for_range(lo=self.cols * min(ends), hi=self.cols * max(ends))
        pos = np.where(self.weights > 0, self.weights, 0).sum(1)
        neg = np.where(self.weights < 0, self.weights, 0).sum(1)
        return IntType.for_range(
            lo=int((pos * lo + neg * hi).min()), hi=int((pos * hi + neg * lo).max())
        )

    def infer(self) -> Tensor:
        places = self.x.shape[:-1] if self.cols == self.x.channels else ()
        return Tensor((*places, self.rows), self._range)

    @cached_property
    def _dense(self) -> tuple[np.ndarray, np.ndarray | None]:
        """``(w.T * 1/gain, offset)`` in the narrowest dtype that makes BLAS exact, else int64."""
        x_max = max(abs(self.x.type.lo), abs(self.x.type.hi))
        bound = int(np.abs(self.weights).sum(1).max()) * x_max * 4
        bias = -self.dot_offset
        for dtype, limit in ((np.float32, 1 << 24), (np.float64, 1 << 53)):
            if bound < limit:
                w = np.ascontiguousarray(self.weights.T.astype(dtype) / dtype(self.dot_gain))
                return w, (bias / self.dot_gain).astype(dtype) if bias.any() else None
        return np.ascontiguousarray(self.weights.T), bias if bias.any() else None

    @cached_property
    def _outside(self) -> tuple[np.ndarray, np.ndarray]:
        """``[*places, cols]``, int8: 1 inside; and the weights outside, 0 inside."""
        first, *rest = self.inside or (np.ones((1, 1), bool),)
        for axis in rest:
            both = first[..., None, :, None] & axis[:, None, :]
            first = both.reshape(*both.shape[:-2], -1)
        mask = first.repeat(self.cols // first.shape[-1], axis=-1)
        return mask.astype(np.int8), np.where(mask, 0, alternating(self.cols)).astype(np.int8)

    @cached_property
    def _packed(self) -> np.ndarray:
        return _pack(self.weights)

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        x = xs[0].reshape(len(xs[0]), *self.y.shape[:-1], self.cols)
        vectors = x.size // self.cols
        few = self.weights.size >= _PACKED_WEIGHTS and vectors <= _PACKED_VECTORS
        if self.popcount and few and self.inside is None:
            differ = np.bitwise_count(_pack(x)[..., None, :] ^ self._packed)
            return self.cols - differ.sum(-1, dtype=np.int64)
        w, bias = self._dense
        x = x.astype(w.dtype, copy=False)
        if self.inside is None:
            y = x @ w
        else:
            mask, outside = self._outside
            y = (x * mask) @ w
            y += (x * outside).sum(-1, keepdims=True) / self.dot_gain
        if bias is not None:
            y += bias
        return y if w.dtype.kind == "f" or self.dot_gain == 1 else y // self.dot_gain

    def cost(self) -> Cost:
        vectors = self.x.size // self.cols
        replays = self.impl is not None and self.passes * self.sweeps > 1
        return Cost(
            weight_bits=self._stored_bits,
            state_bits=2 * self.cols * self.x.type.bits if replays else 0,
            macs=vectors * self.rows * self.cols,
            cycles=0 if self.impl is None else vectors * self.steps,
        )

    @property
    def latency(self) -> int:
        """Pipeline stages from a step to the accumulator, which is the output register."""
        if self.folded.style == "unrolled":
            return unrolled_plan(self).latency
        if self.folded.multiply == "serial":
            return serial_plan(self).latency
        if self.folded.multiply == "dsp":
            return self.memory_stages + dsp_plan(self).latency
        return self.read_stages + sum_stages(self) + 1

    @property
    def read_stages(self) -> int:
        """As of `Matrix`."""
        return READ_STAGES if self.folded.multiply == "serial" else self.memory_stages

    @property
    def sweeps(self) -> int:
        """As of `Matrix`: one for each pair of planes."""
        serial = self.folded.multiply == "serial"
        return len(pairs(self.weight_type, self.x.type)) if serial else 1

    @cached_property
    def serial_range(self) -> IntType:
        """Of the accumulator of multiply ``serial``."""
        return total_range(self)

    @property
    def _stored_bits(self) -> int:
        """Bits of the weight memory: before a folding, of the weights."""
        if self.impl is not None and self.impl.multiply == "dsp":
            return self.steps * self.folded.simd * dsp_plan(self).packing.bits(self.folded.pe)
        return self.rows * self.cols * self.weight_type.bits
