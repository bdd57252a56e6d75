"""Styles of a `Threshold`: parallel comparators, a binary search, or writable comparators.

Each style is one object, which a folding names. The size of a comparator depends on its constants:
if a lane serves one channel they are wires, so synthesis simplifies the comparison; if it serves
two channels, each bit of the constant is 0, 1, or the turn, or its complement.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Protocol

import numpy as np

from ...ir import (
    Impl,
    IntType,
    Structure,
    Style,
    Tensor,
    Work,
    bits_for,
    different_bits,
    different_bits_each,
)
from ...parts.families import family_of
from ...parts.memories import halves, place

WIDE = 13
"""Bits of x from which on Yosys compares with a constant by a carry chain over all of them."""

MOST_WITHIN = 16
"""Thresholds that a comparator may choose among by itself."""


class ThresholdLike(Protocol):
    """Members of a `bitrill.ops.Threshold` that styles read."""

    @property
    def x(self) -> Tensor: ...
    @property
    def y(self) -> Tensor: ...
    @property
    def thresholds(self) -> np.ndarray: ...
    @property
    def inverted(self) -> np.ndarray: ...
    @property
    def flips(self) -> bool: ...
    @property
    def levels(self) -> int: ...
    @property
    def folded(self) -> Impl: ...
    @property
    def limit_type(self) -> IntType: ...


class ThresholdStyle(ABC):
    """One form of the hardware of thresholds; methods take the folded operator."""

    component: ClassVar[str] = "bitrill_hw.ops.threshold:ThresholdCore"
    searches: ClassVar[bool] = False
    """Whether one comparison a stage finds the count."""

    @abstractmethod
    def latency(self, op: ThresholdLike) -> int:
        """Cycles from a beat to its result."""

    @abstractmethod
    def structure(self, op: ThresholdLike) -> Structure:
        """Counts for the resource model."""

    def comparisons(self, op: ThresholdLike) -> int:
        """Comparisons for each element."""
        return op.levels

    def work(self, op: ThresholdLike) -> Work:
        """Comparisons of one frame, and the thresholds read for them."""
        bits = op.x.size * self.comparisons(op) * op.limit_type.bits
        read = bits if op.x.channels > op.folded.pe else 0
        return Work(add_bits=bits) + Work.moving(read, block=op.folded.in_block)

    def constant_tables(self, impl: Impl) -> bool:
        """Whether its tables are constants in logic, so that comparators may contain them."""
        return not impl.in_block

    def within(self, op: ThresholdLike, words: int) -> bool:
        """Return whether a table of ``words`` thresholds is part of its comparator."""
        return (
            family_of(op.folded.primitives).cells
            and op.x.type.coding.binary
            and self.constant_tables(op.folded)
            and 1 < words <= MOST_WITHIN
        )


class Parallel(ThresholdStyle):
    """Compares with all thresholds at once, then counts."""

    def latency(self, op: ThresholdLike) -> int:
        """Stages: read, compare, and with several thresholds also count."""
        return 2 if op.levels == 1 else 3

    def structure(self, op: ThresholdLike) -> Structure:
        s, turns = _begun(op, self.latency(op))
        n, pe, y_bits = op.levels, op.folded.pe, op.y.type.bits
        compared = compared_bits(op).reshape(turns, pe, n).max(0)
        if self.within(op, turns):
            _within(s, compared, turns)
            s.flops(held=bits_for(turns) + int(compared.max(1).sum()))
            _count(s, compared, n, y_bits)
            return s
        flips = int(op.flips)
        self._table(s, op, turns, flips)
        wide = turns == 1 and op.x.type.bits >= WIDE
        s.flops(held=pe * op.x.type.bits if wide else int(compared.max(1).sum()))
        if wide:
            s.luts(wide=int((compared > 0).sum()) * op.x.type.bits)
        elif turns == 1:
            s.luts(settled=float(_settled(compared).sum()))
        else:
            s.luts(**{"chosen" if turns == 2 else "compare": int(compared.sum())})
        turned = flips * (turns > 1)
        _count(s, compared, n, y_bits, flips=turned)
        s.flops(held=pe * turned * (n > 1))
        return s

    def _table(self, s: Structure, op: ThresholdLike, turns: int, flips: int) -> None:
        bits = op.limit_type.bits
        codes = op.thresholds & ((1 << bits) - 1)
        if flips:
            codes = np.concatenate([codes, op.inverted[:, None]], 1)
        different = different_bits(codes.reshape(turns, -1), bits)
        width = op.folded.pe * (op.levels * bits + flips)
        s.rom(turns, width, block=op.folded.in_block, different=different)


class Search(ThresholdStyle):
    """Binary search: for each bit of the count, one comparison with a threshold out of a table."""

    searches = True

    def comparisons(self, op: ThresholdLike) -> int:
        return op.levels.bit_length()

    def constant_tables(self, impl: Impl) -> bool:
        """Return True: the tables of steps with few words are built in LUTs, even if others are in
        block memory."""
        return True

    def latency(self, op: ThresholdLike) -> int:
        """Two stages a bit of the count: read, compare."""
        return 2 * op.levels.bit_length()

    def structure(self, op: ThresholdLike) -> Structure:
        s, turns = _begun(op, self.latency(op))
        depth, pe, flips = op.levels.bit_length(), op.folded.pe, int(op.flips)
        padded = np.full((op.x.channels, (1 << depth) - 1), op.x.type.hi + 1)
        padded[:, : op.levels] = op.thresholds
        for step in range(depth):
            limits = padded[:, (1 << (depth - 1 - step)) - 1 :: 1 << (depth - step)]
            flip = flips if step == depth - 1 else 0
            self._step(s, op, limits, turns << step, flip)
        x_bits, y_bits = op.x.type.bits, op.y.type.bits
        s.luts(flip=pe * flips * y_bits)
        s.flops(held=pe * (x_bits + y_bits))
        s.flops(held=pe * (x_bits * 2 * (depth - 1) + depth * depth))
        s.flops(held=2 * (depth - 1) * bits_for(turns))
        return s

    def _step(
        self, s: Structure, op: ThresholdLike, limits: np.ndarray, words: int, flip: int
    ) -> None:
        """Count one step, whose thresholds are ``limits [channels, candidates]``."""
        pe, bits = op.folded.pe, op.limit_type.bits
        if self.within(op, words) and not flip:
            compared = compared_bits(op, limits).reshape(len(limits) // pe, pe, -1)
            _within(s, compared.max((0, 2)), words)
            return
        s.luts(compare=pe * bits)
        if op.folded.in_block and place(words, bits + flip, pe) != "distributed":
            s.blocks(halves(words, bits + flip, pe), pe * words * (bits + flip))
            return
        codes = (limits & ((1 << bits) - 1)).reshape(len(limits) // pe, pe, -1)
        own = different_bits_each(codes.swapaxes(0, 1).reshape(pe, -1, 1), bits)
        if flip:
            own += different_bits_each(op.inverted.reshape(-1, pe, 1).swapaxes(0, 1), 1)
        for different in own.tolist():
            s.rom(words, bits + flip, different=different)


class Written(Parallel):
    """Compares with all thresholds at once; the host writes them."""

    component = "bitrill_hw.matvec.writable:RuntimeThresholdCore"

    def constant_tables(self, impl: Impl) -> bool:
        return False

    def structure(self, op: ThresholdLike) -> Structure:
        s, pe, n = Structure(), op.folded.pe, op.levels
        turns, x_bits, y_bits = op.x.channels // pe, op.x.type.bits, op.y.type.bits
        latency, bits = self.latency(op), pe * (n * (x_bits + 1) + 1)
        s.counters(turns)
        s.luts(stages=latency, compare=pe * n * x_bits, flips=pe * y_bits)
        s.flops(held=latency + bits + pe * (x_bits + y_bits + (n > 1) * n))
        if turns > 1:
            s.ram(turns, bits, block=op.folded.in_block)
        else:
            s.flops(written=bits)
        s.registers(turns, bits)
        return s


STYLES: dict[Style, ThresholdStyle] = {
    "parallel": Parallel(),
    "search": Search(),
    "runtime": Written(),
}
"""Styles by their names in a folding."""


def threshold_style(style: Style) -> ThresholdStyle:
    """Return the style of a name."""
    return STYLES[style]


def compared_bits(op: ThresholdLike, limits: np.ndarray | None = None) -> np.ndarray:
    """Return the bits of x that each ``x >= t`` depends on, ``[channels, levels]``.

    Bits below the lowest 1 of ``t`` do not matter; no bit does if the comparison is always or never
    true.
    """
    t = op.x.type
    limits = op.thresholds if limits is None else limits
    zeros = np.full(limits.shape, t.bits - 1)
    for k in reversed(range(t.bits - 1)):
        zeros[(limits >> k & 1).astype(bool)] = k
    return np.where((limits > t.lo) & (limits <= t.hi), t.bits - zeros, 0)


def _begun(op: ThresholdLike, latency: int) -> tuple[Structure, int]:
    """Return a structure with the pipeline and the counter of turns, and the number of turns."""
    s, turns = Structure(), op.x.channels // op.folded.pe
    s.counters(turns)
    s.pipe(latency)
    return s, turns


def _within(s: Structure, compared: np.ndarray, words: int) -> None:
    """Count comparators that contain their ``words`` constants, in LUTs of five inputs."""
    s.luts(within=int((-(-compared // (5 - bits_for(words)))).sum()))


def _count(s: Structure, compared: np.ndarray, n: int, y_bits: int, flips: int = 0) -> None:
    """Count the logic that adds up the results of the comparisons, ``[lanes, n]``."""
    live = int((compared > 0).sum())
    if n == 1:
        s.flops(held=live)
        return
    lanes = int((compared > 0).any(1).sum())
    s.luts(out=lanes * y_bits, flip=lanes * flips * y_bits)
    s.flops(held=live + lanes * y_bits)


def _settled(compared: np.ndarray) -> np.ndarray:
    """Return the LUTs of comparisons ``[lanes, levels]`` with single constants.

    The first LUT takes six bits, each further one five. Two comparisons of a lane that need at most
    five bits share a LUT.
    """
    shared = 0.5 if compared.shape[1] > 1 else 1.0
    small = np.where(compared <= 1, 0.0, np.where(compared == 2, 0.5, shared))
    return np.where(compared <= 5, small, -(-(compared - 1) // 5))
