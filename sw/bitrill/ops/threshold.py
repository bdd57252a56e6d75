"""The operator `Threshold` (MultiThreshold): any quantized monotone function of an integer."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ..arith.level_count import LevelCount
from ..arith.multiply_shift import multiply_shift
from ..errors import SpecError
from ..ir import (
    INTERVAL,
    USED_ONLY,
    Choice,
    Cost,
    EvenLanes,
    Impl,
    IntType,
    Operator,
    Ranges,
    Schedule,
    Structure,
    Style,
    Table,
    Tensor,
    Wiring,
    Work,
    alike,
    channelwise,
    divisors,
    freeze,
    must_be_numbers,
    must_be_style,
    pipeline,
    unchecked,
)
from .requantize import STYLE as REQUANTIZE
from .requantize import Requantize
from .units.thresholds import STYLES, ThresholdStyle, threshold_style


@dataclass(frozen=True, kw_only=True, eq=False)
class Threshold(EvenLanes):
    """``n = #{k : x >= thresholds[c, k]}``; ``y = decode(N - n if inverted[c] else n)``.

    ``decode(n)`` is the n-th value of ``out``: ``out.lo + n``; ``2n - 1`` if it is bipolar (then
    N = 1); 0 or ``2**(n - 1)`` if it is logarithmic.
    ``thresholds``: int64 ``[C, N]``, ascending along N, each in ``x.lo .. x.hi + 1`` (the ends
    mean always and never); ``inverted``: bool ``[C]``, for falling functions. C is the number of
    channels. (FINN's MultiThreshold, Umuroglu et al. 2017.) ``may_fall``: the hardware can invert
    even if no function falls, as that of an earlier network could (`bitrill.folding.likeness`).

    ``pe`` channels a beat, one beat a cycle, ``latency`` cycles. Style ``parallel``: all N
    comparisons at once, then a count. Style ``search``: a binary search, one comparison a stage (in
    memory ``block``, steps of few bits stay in logic). Style ``runtime``: ``parallel`` with
    thresholds in a memory that can be written (`bitrill.runtime.register_map`).
    """

    kind = "threshold"
    by_rows = True
    styles = tuple(STYLES)

    thresholds: np.ndarray
    inverted: np.ndarray
    out: IntType
    may_fall: bool = field(default=False, metadata=USED_ONLY)

    def validate(self) -> None:
        c, n = freeze(self, "thresholds", ndim=2).shape
        freeze(self, "inverted", ndim=1, dtype=bool)
        must_be_numbers(self)
        if c != self.x.channels or self.inverted.shape != (c,):
            raise SpecError(
                f"{self.name}: thresholds and inverted must have {self.x.channels} channels,"
                f" not {c} and {self.inverted.shape[0]}"
            )
        if n != self.out.n_values - 1:
            raise SpecError(
                f"{self.name}: {self.out} must have {self.out.n_values - 1} thresholds, not {n}"
            )
        if np.any(np.diff(self.thresholds, axis=1) < 0):
            raise SpecError(f"{self.name}: thresholds must ascend")
        if self.thresholds.min() < self.x.type.lo or self.thresholds.max() > self.x.type.hi + 1:
            raise SpecError(
                f"{self.name}: thresholds must lie in {self.x.type.lo}..{self.x.type.hi + 1}"
            )

    def on(self, operands: tuple[Tensor, ...]) -> "Threshold":
        """The same function; thresholds outside of the new range are moved to its ends."""
        x = operands[0].type
        return self.replace(operands=operands, thresholds=np.clip(self.thresholds, x.lo, x.hi + 1))

    def validate_impl(self, impl: Impl) -> None:
        super().validate_impl(impl)
        must_be_style(self, impl)

    def default_impl(self, lanes: tuple[int | None, ...], *, style: Style) -> Impl:
        """The operand's lanes if they divide the channels, else the fewest that keep the rate."""
        pe, channels = lanes[0], self.x.channels
        if not pe or channels % pe:
            places = self.x.size // channels
            in_time = (d for d in divisors(channels) if channels // d * places <= INTERVAL)
            pe = next(in_time, channels)
        impl = Impl(pe=pe, simd=pe, style=style)
        return impl if impl.writable else replace(impl, style="parallel")

    def variants(self, lanes: int) -> Iterator[Impl]:
        yield Impl(pe=lanes, simd=lanes, style="parallel")
        yield Impl(pe=lanes, simd=lanes, style="search")
        yield Impl(pe=lanes, simd=lanes, style="search", memory="block")

    def foldings(self, fixed: Choice) -> Iterator[Impl]:
        if fixed.get("multiply", Impl.multiply) in self.ways:
            yield from super().foldings(fixed)
        if self.requantized is not None:
            for impl in self.requantized.foldings(fixed):
                yield replace(impl, style=REQUANTIZE)

    def forms(self, impl: Impl, chosen: Choice) -> Iterator[tuple[Operator, Impl]]:
        """Comparators, a search or a multiplier, if ``chosen`` does not exclude them.

        Style ``requantize`` is refused if the thresholds are not evenly spaced.
        """
        if impl.writable:
            return
        if chosen.get("style") == REQUANTIZE and self.requantized is None:
            raise SpecError(
                f"{self.name}: style 'requantize' needs even steps (a gain and an offset that give"
                f" every threshold), which its {self.levels} thresholds a channel do not have"
            )
        settled = {key: chosen[key] for key in ("pe", "primitives", "multiply") if key in chosen}
        impl = replace(impl, **settled)
        made = self.requantized
        ways: list[tuple[Operator | None, Style]] = [(self, "parallel"), (self, "search")]
        for op, style in (*ways, (made, REQUANTIZE)):
            for memory in ("distributed", "block"):
                form = replace(impl, simd=impl.pe, style=style, memory=memory)
                asked = (getattr(form, k) == chosen[k] for k in ("style", "memory") if k in chosen)
                legal = self.x.channels % impl.pe == 0 and op and impl.multiply in op.ways
                if op and legal and all(asked):
                    yield op, form

    @cached_property
    def requantized(self) -> Requantize | None:
        """The same function as a multiplication, addition and shift of the fewest bits.

        None if the thresholds are not evenly spaced, and for a single threshold a channel.
        """
        if self.levels == 1:
            return None
        fit = multiply_shift(self.thresholds, self.inverted, self.x.type, self.out)
        if fit is None:
            return None
        return Requantize(
            name=self.name,
            inputs=self.inputs,
            operands=self.operands,
            gain=fit.gain,
            offset=fit.offset,
            shift=fit.shift,
            out=self.out,
        )

    @property
    def form(self) -> ThresholdStyle:
        """The form of its hardware, by its style."""
        return threshold_style(self.folded.style)

    @property
    def component(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The hardware of its style."""
        return self.form.component

    def at(self, impl: Impl) -> Operator:
        """A copy whose constants are neither copied nor checked again."""
        made = self.requantized if impl.style == REQUANTIZE else None
        return unchecked(made or self, impl)

    @property
    def limit_type(self) -> IntType:
        """Possible thresholds: the integers of x, and one above that is never reached."""
        return IntType.for_range(lo=self.x.type.lo, hi=self.x.type.hi + 1)

    @property
    def levels(self) -> int:
        """The number of thresholds per channel, N."""
        return self.thresholds.shape[1]

    @property
    def flips(self) -> bool:
        """Whether the hardware can invert: a bit of each channel's word says if it does."""
        return self.may_fall or bool(self.inverted.any())

    def within(self, words: int) -> bool:
        """Whether a table of ``words`` thresholds lies in the comparator that reads it."""
        return self.form.within(self, words)

    def wiring(self) -> tuple[Wiring, ...]:
        return channelwise(self.x.channels, alike(self.thresholds, self.inverted))

    def ranges(self, *xs: Ranges) -> tuple[Ranges, ...]:
        ends = np.stack([self.eval(xs[0].lo[None])[0], self.eval(xs[0].hi[None])[0]])
        return (Ranges(ends.min(0), ends.max(0)),)

    def select(
        self,
        operands: tuple[Tensor, ...],
        ins: tuple[np.ndarray, ...],
        outs: tuple[np.ndarray, ...],
    ) -> "Threshold":
        kept = outs[0]
        limits = np.clip(self.thresholds[kept], operands[0].type.lo, operands[0].type.hi + 1)
        return self.replace(operands=operands, thresholds=limits, inverted=self.inverted[kept])

    def infer(self) -> Tensor:
        return Tensor(self.x.shape, self.out)

    @cached_property
    def _count(self) -> LevelCount:
        return LevelCount(self.thresholds, self.inverted, self.x.type)

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        return self.out.coding.nth(self._count(xs[0]))

    def cost(self) -> Cost:
        return Cost(
            weight_bits=self.thresholds.size * self.limit_type.bits,
            cycles=0 if self.impl is None else self.x.size // self.impl.pe,
        )

    @property
    def latency(self) -> int:
        """Cycles from a beat to its result."""
        return self.form.latency(self)

    def schedule(self) -> Schedule:
        return pipeline(n=self.x.size // self.folded.pe, latency=self.latency)

    def work(self) -> Work:
        return self.form.work(self)

    def structure(self) -> Structure:
        return self.form.structure(self)

    def threshold_words(self, *, flips: bool) -> np.ndarray:
        """Bits of the thresholds of each beat, ``[turns, bits]``, bits ``[channel][field]``.

        A channel's fields are its thresholds, ascending, and with ``flips`` whether it is inverted.
        """
        t = self.limit_type
        planes = (t.encode(self.thresholds)[..., None] >> np.arange(t.bits)) & 1
        fields = planes.reshape(self.x.channels, -1)
        if flips:
            fields = np.concatenate([fields, self.inverted[:, None]], 1)
        return fields.reshape(self.x.channels // self.folded.pe, -1)

    def tables(self) -> dict[str, Table]:
        """Thresholds, each as `limit_type`, then whether the channel is inverted."""
        words, pe, limit = self.threshold_words(flips=True), self.folded.pe, self.limit_type
        axes = {"channel": pe, "field": words.shape[1] // pe}
        notes = {"limit": {"bits": limit.bits, "lo": limit.lo, "hi": limit.hi}}
        return {"thresholds": Table(words.astype(np.uint8), axes, notes)}
