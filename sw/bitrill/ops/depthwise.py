"""A kernel of its own for each channel: depthwise convolution behind a sliding window."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from ..arith.accumulate import sum_stages
from ..errors import SpecError
from ..ir.operator import Cost, Impl, Operator, frozen_array, must_divide
from ..ir.schedule import Rule, Schedule
from ..ir.types import IntType, Tensor
from .matvec import MatVec


@dataclass(frozen=True, kw_only=True, eq=False)
class Depthwise(Operator):
    """``y[c] = gain * sum(w[c, t] * x[t * C + c]) + offset``, t over the taps of a window.

    x: ``[.., taps * C]`` as `Window` gives it, C innermost; y: ``[.., C]``. ``weights``: int64
    ``[C, taps]``, values of ``weight_type``. Gain and offset are those of `MatVec`, of which each
    channel is a row (see `rows`): bipolar x counts bits, or with bipolar weights agreements.

    ``simd = pe`` channels a beat on both sides, one a cycle: ``taps * C/pe`` beats a window. Sums
    that are not whole wait in a memory of a word a beat of the result; y's beats leave with the
    beats of the last tap, ``latency`` cycles after them.

    ``free``, and style ``runtime``: as of `MatVec`.
    """

    kind: ClassVar[str] = "depthwise"
    takes_codes: ClassVar[bool] = True

    weights: np.ndarray
    weight_type: IntType
    free: bool = False

    def validate(self) -> None:
        weights = frozen_array(self.weights, name=f"{self.name}: weights", ndim=2)
        object.__setattr__(self, "weights", weights)
        channels, taps = weights.shape
        if channels * taps != self.x.channels:
            raise SpecError(
                f"{self.name}: weights must have {self.x.channels} entries (channels by taps),"
                f" not {channels} by {taps}"
            )
        self._as_rows(None)

    def validate_impl(self, impl: Impl) -> None:
        must_divide(name=self.name, what="PE", value=impl.pe, of="channels", total=self.channels)
        if impl.simd != impl.pe:
            raise SpecError(f"{self.name}: SIMD must equal PE ({impl.pe}), not {impl.simd}")
        if impl.style not in ("folded", "runtime"):
            raise SpecError(
                f"{self.name}: the style of a depthwise must be 'folded' or 'runtime',"
                f" not {impl.style!r}"
            )
        if impl.style == "runtime" and not self.free:
            raise SpecError(
                f"{self.name}: the weights of style {impl.style!r} must be free, not constants"
            )

    @property
    def channels(self) -> int:
        return self.weights.shape[0]

    @property
    def taps(self) -> int:
        return self.weights.shape[1]

    @cached_property
    def rows(self) -> MatVec:
        """The matrix-vector unit of which a channel is a row: the same sums, one tap a step."""
        impl = self.impl
        return self._as_rows(
            impl and Impl(pe=impl.pe, primitives=impl.primitives, levels=impl.levels)
        )

    def _as_rows(self, impl: Impl | None) -> MatVec:
        return MatVec(
            name=self.name,
            inputs=self.inputs,
            operands=(Tensor((self.taps,), self.x.type),),
            weights=self.weights,
            weight_type=self.weight_type,
            free=self.free,
            impl=impl,
        )

    @property
    def dot_gain(self) -> int:
        """As of `MatVec`."""
        return self.rows.dot_gain

    @property
    def dot_offset(self) -> np.ndarray:
        """As of `MatVec`, per channel."""
        return self.rows.dot_offset

    def infer(self) -> Tensor:
        return Tensor((*self.x.shape[:-1], self.channels), self.rows.y.type)

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        t = self.y.type
        bound = self.taps * max(map(abs, (self.x.type.lo, self.x.type.hi))) * max(
            map(abs, (self.weight_type.lo, self.weight_type.hi))
        ) * 2 + max(abs(t.lo), abs(t.hi))
        exact = np.float32 if bound <= 1 << 24 else np.int64
        x = xs[0].reshape(-1, self.taps, self.channels).astype(exact, copy=False)
        dot = np.einsum("ntc,tc->nc", x, self.weights.T.astype(exact))
        y = dot - self.dot_offset.astype(exact)
        y = y if self.dot_gain == 1 else y // self.dot_gain
        return y.reshape(len(xs[0]), *self.y.shape)

    @property
    def groups(self) -> int:
        """Beats of a result."""
        return self.channels // self.folded.pe

    @property
    def read_stages(self) -> int:
        """Registers of a weight word: block memory has one more behind it."""
        return 2 if self.folded.memory == "block" else 1

    @property
    def latency(self) -> int:
        """Pipeline stages from a beat to its sum, which merges into its channels' as it leaves."""
        return self.read_stages + sum_stages(self.rows)

    def cost(self) -> Cost:
        bits = self.weights.size * self.weight_type.bits
        if self.impl is None:
            return Cost(weight_bits=bits, macs=self.x.size)
        state = self.channels * self.y.type.bits if self.taps > 1 else 0
        return Cost(weight_bits=bits, state_bits=state, macs=self.x.size, cycles=self.beats_in)

    def schedule(self) -> Schedule:
        groups, taps = self.groups, self.taps
        i, k = np.arange(self.beats_in), np.arange(self.beats_out)
        ends = (k // groups * taps + taps - 1) * groups + k % groups
        # the last result that left, at the latest, with the beat of latency places before
        frame, place = np.divmod(i - self.latency, self.beats_in)
        given = np.searchsorted(ends, place, side="right") - 1 + frame * self.beats_out
        rules = (
            Rule("out", "in", ends, self.latency),
            Rule("in", "out", given, 0),
            # beats that waited behind a result leave one by one
            Rule("out", "out", k // groups * groups - 1, (taps - 1) * groups + 1),
        )
        return Schedule(self.beats_in, 0, self.beats_out, rules)

    @property
    def lanes_in(self) -> int:
        return self.folded.pe

    @property
    def lanes_out(self) -> int:
        return self.folded.pe
