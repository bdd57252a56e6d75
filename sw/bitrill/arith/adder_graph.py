"""Adder graphs: a constant matrix times a vector as sums that several rows share.

All numbers are unsigned; shifts and complements are wires. A negative operand of ``n`` bits is
added as its complement, ``-u = ~u - (2**n - 1)``. The constants are collected and added once, to
the row. So no number has a sign, and none is extended.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from ..ir import IntType
from .heaps import HeapPlan, heap_plan


@dataclass(frozen=True, order=True)
class Operand:
    """The graph's number ``number`` times ``2**shift``; subtracted if ``negative``."""

    number: int
    shift: int = 0
    negative: bool = False


@dataclass(frozen=True)
class Number:
    """An input of the graph, or one of its sums; the bits sum to a value in ``0..greatest``.

    ``offset``: the constant to add to the sum of the bits. ``least``: columns of fewer bits are not
    added up (see `heap_plan`); None if all are, to one bit a column. ``columns``: the number of
    bits of each weight; one each if None.
    """

    greatest: int
    offset: int
    operands: tuple[Operand, ...] = ()
    least: int | None = None
    columns: tuple[int, ...] | None = None

    @property
    def bits(self) -> int:
        return self.greatest.bit_length()

    @property
    def heights(self) -> tuple[int, ...]:
        """Bits of each weight."""
        return (1,) * self.bits if self.columns is None else self.columns

    @property
    def total(self) -> int:
        """The sum of its bits if all are 1, which may be more than ``greatest``."""
        return sum(n << k for k, n in enumerate(self.heights))


@dataclass(frozen=True)
class Row:
    """A result: the sum of ``operands`` and ``constant`` in ``width`` bits.

    Above them, up to the graph's width, its top bit is repeated if it is ``signed``, else are 0s.
    """

    operands: tuple[Operand, ...]
    constant: int
    width: int
    signed: bool


@dataclass(frozen=True)
class AdderGraph:
    """The sums of a constant matrix.

    ``numbers``: the ``n_inputs`` inputs, then the shared sums, each of earlier numbers; ``rows``:
    the results, each extended to ``width`` bits.
    """

    n_inputs: int
    numbers: tuple[Number, ...]
    rows: tuple[Row, ...]
    width: int

    @property
    def luts(self) -> float:
        """Physical LUTs of all sums, as planned."""
        sums = sum(self.plan(n).luts for n in self.numbers[self.n_inputs :])
        return sums + sum(self.row_plan(r).luts for r in self.rows)

    def plan(self, number: Number) -> HeapPlan:
        """The plan of a shared sum."""
        late = self._late(number.operands)
        return heap_plan(self.heights(number.operands), number.bits, 0, number.least, late)

    def row_plan(self, row: Row) -> HeapPlan:
        """The plan of a result."""
        heights = self.heights(row.operands)[: row.width]
        late = self._late(row.operands)
        return heap_plan(heights, row.width, row.constant % (1 << row.width), None, late)

    def _late(self, operands: Iterable[Operand]) -> bool:
        """Whether an operand is an input: it comes from a LUT of a FIFO instead of a register."""
        return any(o.number < self.n_inputs for o in operands)

    def heights(self, operands: Iterable[Operand]) -> tuple[int, ...]:
        """Number of bits of each weight in all operands."""
        return heights((self.numbers[o.number].heights, o.shift) for o in operands)

    def eval(self, x: np.ndarray) -> np.ndarray:
        """The results ``[N, rows]`` of inputs' bits ``[N, inputs]``, as the hardware adds them."""
        values = [x[:, k] for k in range(self.n_inputs)]
        for number in self.numbers[self.n_inputs :]:
            values.append(self._sum(values, number.operands, len(x)))
        totals = np.stack(
            [self._sum(values, r.operands, len(x)) + r.constant for r in self.rows], 1
        )
        size = 1 << np.array([r.width for r in self.rows])
        turn = np.where([r.signed for r in self.rows], size >> 1, 0)
        return ((totals + turn) % size - turn) % (1 << self.width)

    def _sum(self, values: list[np.ndarray], operands: Iterable[Operand], n: int) -> np.ndarray:
        total = np.zeros(n, np.int64)
        for o in operands:
            most = self.numbers[o.number].total
            total += (most - values[o.number] if o.negative else values[o.number]) << o.shift
        return total


def heights(shapes: Iterable[tuple[tuple[int, ...], int]]) -> tuple[int, ...]:
    """Number of bits of each weight in several numbers, each given as ``(heights, shift)``."""
    out: list[int] = []
    for columns, shift in shapes:
        out += [0] * (len(columns) + shift - len(out))
        for k, n in enumerate(columns, shift):
            out[k] += n
    return tuple(out)


@dataclass
class Builder:
    """Builds an adder graph, sum by sum; ``luts``: LUTs of the sums built so far."""

    numbers: list[Number]
    luts: float = 0.0
    rows: list[tuple[Operand, ...]] = field(default_factory=list)
    _known: dict[tuple[Operand, ...], Operand] = field(default_factory=dict)

    def shared(self, operands: list[Operand], least: int | None = None) -> Operand:
        """The sum of the operands, as an operand; it is built unless the graph already has it.

        ``least``: see `Number`; a sum that exists keeps the value with which it was built.
        """
        if len(operands) == 1:
            return operands[0]
        operands = sorted(operands)
        low = min(o.shift for o in operands)
        flip = operands[0].negative
        key = tuple(Operand(o.number, o.shift - low, o.negative != flip) for o in operands)
        if key not in self._known:
            greatest, offset = self._bounds(key)
            plan = self._plan(key, greatest.bit_length(), least)
            number = Number(greatest, offset, key, least, plan.result)
            self.luts += plan.luts
            self._known[key] = Operand(len(self.numbers))
            self.numbers.append(number)
        return Operand(self._known[key].number, low, flip)

    def _plan(self, operands: Iterable[Operand], width: int, least: int | None) -> HeapPlan:
        shapes = ((self.numbers[o.number].heights, o.shift) for o in operands)
        return heap_plan(heights(shapes)[:width], width, 0, least)

    def _bounds(self, operands: tuple[Operand, ...]) -> tuple[int, int]:
        """The greatest sum of the operands' bits, and the offset of the resulting number."""
        greatest = offset = 0
        for o in operands:
            number = self.numbers[o.number]
            most = number.total
            greatest += (most if o.negative else number.greatest) << o.shift
            offset += (-number.offset - most if o.negative else number.offset) << o.shift
        return greatest, offset

    def row(self, operands: list[Operand], width: int) -> None:
        """Add the next result."""
        self.luts += self._plan(operands, width, None).luts
        self.rows.append(tuple(sorted(operands)))

    def graph(
        self, n_inputs: int, order: Iterable[int], base: np.ndarray, results: tuple[IntType, ...]
    ) -> AdderGraph:
        """The graph. Result ``i`` is row ``order[i]``; ``base``: the constant of each row.

        ``results``: the type of each row's result.
        """
        made = tuple(
            Row(row, int(base[r]) + self._bounds(row)[1], results[r].bits, results[r].signed)
            for r, row in sorted(zip(order, self.rows, strict=True))
        )
        width = IntType(min(t.lo for t in results), max(t.hi for t in results)).bits
        return AdderGraph(n_inputs, tuple(self.numbers), made, width)


@cache
def signed_digits(value: int) -> tuple[tuple[int, bool], ...]:
    """The canonical signed digits of ``value`` (Reitwiesner 1960).

    Pairs ``(shift, negative)``, the fewest terms ``+-2**shift`` with this sum; no two are adjacent.
    """
    out, shift = [], 0
    while value:
        if value & 1:
            digit = 2 - (value & 3)
            out.append((shift, digit < 0))
            value -= digit
        value >>= 1
        shift += 1
    return tuple(out)
