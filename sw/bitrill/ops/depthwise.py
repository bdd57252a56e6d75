"""The operator `Depthwise`: each channel has its own kernel; it stands behind a sliding window."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ..arith.accumulate import starts, stored_weights, sum_plan, sum_stages
from ..errors import SpecError
from ..ir import (
    USED_ONLY,
    Cost,
    EvenLanes,
    Impl,
    IntType,
    Ranges,
    Rule,
    Schedule,
    Structure,
    Style,
    Table,
    Tensor,
    Wiring,
    Work,
    alike,
    bits_for,
    different_bits,
    freeze,
    must_be_style,
    product_ranges,
)
from .matvec import MatVec
from .units.folded import add_sums
from .units.writable_tables import free_type, start_words, starts_table, type_note

FEW_CHANNELS = 8
"""Most channels for which the golden model multiplies by a whole matrix."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Depthwise(EvenLanes):
    """``y[c] = gain * sum(w[c, t] * x[t * C + c]) + offset``, t over the taps of a window.

    x: ``[.., taps * C]`` as `Window` gives it, C innermost; y: ``[.., C]``. ``weights``: int64
    ``[C, taps]``, values of ``weight_type``. Gain and offset are those of `MatVec`, of which each
    channel is a row (see `rows`): bipolar x counts bits, or with bipolar weights agreements.

    ``simd = pe`` channels a beat on both sides, one beat a cycle: ``taps * C/pe`` beats a window.
    Partial sums wait in a memory with a word for each beat of the result. y's beats leave with the
    beats of the last tap, ``latency`` cycles after them.

    ``free``: the weights may be any of ``weight_type``, as in `MatVec`; style ``runtime`` holds
    them in a memory that the host writes. ``reach``: that of `MatVec`.
    """

    kind = "depthwise"
    additive = True
    by_rows = True
    styles = ("folded", "runtime")
    block_choice = True
    can_be_free = True
    takes_codes = True

    weights: np.ndarray
    weight_type: IntType
    free: bool = False
    reach: IntType | None = field(default=None, metadata=USED_ONLY)

    def validate(self) -> None:
        channels, taps = freeze(self, "weights", ndim=2).shape
        if channels * taps != self.x.channels:
            raise SpecError(
                f"{self.name}: weights must have {self.x.channels} entries (channels by taps),"
                f" not {channels} by {taps}"
            )
        self._as_rows(None)

    def divided(self) -> tuple[str, int]:
        return "channels", self.channels

    def validate_impl(self, impl: Impl) -> None:
        super().validate_impl(impl)
        must_be_style(self, impl)
        if impl.writable and not self.free:
            raise SpecError(
                f"{self.name}: the weights of style {impl.style!r} must be free, not constants"
            )

    def stored_bits(self, impl: Impl) -> int:
        return self.cost().weight_bits

    def default_impl(self, lanes: tuple[int | None, ...], *, style: Style) -> Impl:
        impl = super().default_impl(lanes, style=style)
        runtime = replace(impl, style=style)
        return runtime if runtime.writable else impl

    @property
    def component(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The hardware of its style."""
        if self.writable:
            return "bitrill_hw.matvec.writable:RuntimeDepthwiseCore"
        return "bitrill_hw.ops.depthwise:DepthwiseCore"

    @property
    def channels(self) -> int:
        """Channels of the result."""
        return self.weights.shape[0]

    @property
    def taps(self) -> int:
        """Taps of a window."""
        return self.weights.shape[1]

    @cached_property
    def rows(self) -> MatVec:
        """A matrix whose rows are the channels: the same sums, one tap a step."""
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
            reach=self.reach,
            impl=impl,
        )

    @property
    def dot_gain(self) -> int:
        """Factor in ``dot = dot_gain * y + dot_offset``, as `MatVec.dot_gain`."""
        return self.rows.dot_gain

    @property
    def dot_offset(self) -> np.ndarray:
        """Offset per channel, int64: see `dot_gain`."""
        return self.rows.dot_offset

    def infer(self) -> Tensor:
        # without the folding, which is checked after the result
        return Tensor((*self.x.shape[:-1], self.channels), self._as_rows(None).y.type)

    def wiring(self) -> tuple[Wiring, ...]:
        taps = np.arange(self.channels)[:, None] + self.channels * np.arange(self.taps)
        return (Wiring(taps, alike(self.weights)),)

    def ranges(self, *xs: Ranges) -> tuple[Ranges, ...]:
        if self.free:
            return (Ranges.of(self.y),)
        taps = self.wiring()[0].sources
        dots = product_ranges(self.weights, xs[0].lo[taps], xs[0].hi[taps])
        return (dots.less(self.dot_offset, self.dot_gain),)

    def select(
        self,
        operands: tuple[Tensor, ...],
        ins: tuple[np.ndarray, ...],
        outs: tuple[np.ndarray, ...],
    ) -> "Depthwise":
        return self.replace(operands=operands, weights=self.weights[outs[0]])

    @cached_property
    def _dense(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights ``[taps, C]`` and offsets, float32 where that is exact, else int64.

        Of few channels, weights are a matrix ``[taps * C, C]``, mostly of zeros: BLAS is quicker.
        """
        t = self.y.type
        bound = self.taps * max(map(abs, (self.x.type.lo, self.x.type.hi))) * max(
            map(abs, (self.weight_type.lo, self.weight_type.hi))
        ) * 2 + max(abs(t.lo), abs(t.hi))
        exact = np.float32 if bound <= 1 << 24 else np.int64
        w = np.ascontiguousarray(self.weights.T, exact)
        if exact is np.float32 and self.channels <= FEW_CHANNELS:
            w = (w[:, None] * np.eye(self.channels, dtype=exact)).reshape(-1, self.channels)
        return w, self.dot_offset.astype(exact)

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        w, offset = self._dense
        x = xs[0].reshape(-1, self.taps * self.channels).astype(w.dtype, copy=False)
        if len(w) == x.shape[1]:
            y = x @ w
        else:
            y = np.einsum("ntc,tc->nc", x.reshape(-1, self.taps, self.channels), w)
        if offset.any():
            y -= offset
        y = y if self.dot_gain == 1 else y // self.dot_gain
        return y.reshape(len(xs[0]), *self.y.shape)

    @property
    def groups(self) -> int:
        """Beats per result."""
        return self.channels // self.folded.pe

    @property
    def read_stages(self) -> int:
        """Registers of a weight word: block memory has one more behind it."""
        return 2 if self.folded.in_block else 1

    @property
    def latency(self) -> int:
        """Pipeline stages from a beat to its sum, which joins the partial sum as it leaves."""
        return self.read_stages + sum_stages(self.rows)

    def cost(self) -> Cost:
        bits = self.weights.size * self.weight_type.bits
        if self.impl is None:
            return Cost(weight_bits=bits, macs=self.x.size)
        state = self.channels * self.y.type.bits if self.taps > 1 else 0
        return Cost(weight_bits=bits, state_bits=state, macs=self.x.size, cycles=self.beats_in)

    def work(self) -> Work:
        w, x, words = self.weight_type.bits, self.x.type.bits, self.groups * self.taps
        read = self.x.size * w if words > 1 else 0
        added = self.x.size * (w + x + self.y.type.bits)
        products = self.x.size * w * x if min(w, x) > 1 else 0
        sums = Work(add_bits=added, product_bits=products)
        return sums + Work.moving(read, block=self.folded.in_block)

    def schedule(self) -> Schedule:
        groups, taps = self.groups, self.taps
        i, k = np.arange(self.beats_in), np.arange(self.beats_out)
        ends = (k // groups * taps + taps - 1) * groups + k % groups
        # the beat ``latency`` places before must have left, and its result with it
        frame, place = np.divmod(i - self.latency, self.beats_in)
        given = np.searchsorted(ends, place, side="right") - 1 + frame * self.beats_out
        rules = (
            Rule("out", "in", ends, self.latency),
            Rule("in", "out", given, 0),
            # beats that waited behind a result leave one a cycle
            Rule("out", "out", k // groups * groups - 1, (taps - 1) * groups + 1),
        )
        return Schedule(self.beats_in, 0, self.beats_out, rules)

    def freed(self) -> "Depthwise":
        if self.free:
            return self
        return self.replace(free=True, weight_type=free_type(self.weight_type))

    def weight_words(self) -> np.ndarray:
        """Bits of the weight memory, ``[taps * groups, bits]``, a word's bits ``[plane][row]``."""
        planes = stored_weights(self.rows).reshape(self.groups, self.folded.pe, self.taps, -1)
        return planes.transpose(2, 0, 3, 1).reshape(self.taps * self.groups, -1)

    def start_words(self) -> np.ndarray:
        """Bits of the values that sums start from, ``[groups, bits]``, bits ``[plane][row]``."""
        return start_words(starts(self.rows), sum_plan(self.rows).width, self.folded.pe)

    def tables(self) -> dict[str, Table]:
        """Weights, and the values that the channels' sums start from, if there are any."""
        pe, words = self.folded.pe, self.weight_words().astype(np.uint8)
        axes = {"lane": 1, "plane": words.shape[1] // pe, "row": pe}
        notes = {"type": type_note(self.weight_type), "taps": self.taps, "groups": self.groups}
        weights = Table(words, axes, notes, memory=self.folded.memory)
        starting = bool(sum_plan(self.rows).start)
        return {"weights": weights} | (starts_table(self.start_words(), pe) if starting else {})

    def structure(self) -> Structure:
        s, pe, bits = Structure(), self.folded.pe, self.y.type.bits
        words, width = self.groups * self.taps, pe * self.weight_type.bits
        s.counters(self.groups, self.taps, words)
        s.pipe(self.latency, 3)
        s.flops(held=pe * self.x.type.bits * self.read_stages)
        s.rom(words, width, block=self.folded.in_block)
        s.flops(held=width * (self.read_stages - 1))
        add_sums(s, self.rows, pe)
        if self.groups > 1 and len(set(starts(self.rows).tolist())) > 1:
            codes = starts(self.rows).reshape(self.groups, pe)
            s.rom(self.groups, pe * bits, different=different_bits(codes, bits))
            s.flops(held=bits_for(self.groups) * (self.latency - 1))
        s.luts(total=pe * bits)
        s.running(self.groups, pe * bits)
        if self.writable:
            s.registers(words, width)
            s.registers(self.groups, pe * bits)
        return s
