"""Builds the counters and carry chains of all sums, as cells of a family or as plain logic.

One class, `Adders`, renders the plans of folded and of unrolled matrices. Inputs may be complements
of bits; that costs nothing, since LUTs absorb the inversion. The chain at the end of a heap adds up
to three bits a column: a full adder before each position turns them into a sum, which enters the
chain there, and a carry, which goes to the next position (`bitrill.arith.columns.hands_on`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from amaranth import *
from bitrill.arith.columns import hands_on
from bitrill.arith.compress import ONE, Compressor

from .adder_cells import ADD3, CHAIN, COUNT7, COUNT15, Verilog
from .cells import Cell


class Bit(NamedTuple):
    """A bit, or a word with a bit for each row; if ``inverted``, the complement of ``value``."""

    value: Value
    inverted: bool = False

    def plain(self) -> Value:
        """The bit itself, with an inverter if it is inverted."""
        return ~self.value if self.inverted else self.value


ZERO, ONE_BIT = Bit(C(0, 1)), Bit(C(0, 1), True)
"""The constants 0 and 1; 1 is a complement, so that it enters a LUT and no carry input."""


class Counter(Cell):
    """A counter of ``bits`` in each row; ``o``: words of weight 1, 2, 4.

    ``bits``: as many words as ``verilog`` has inputs, all with the same number of rows. ``xc7``:
    whether the module is made of primitives of the 7 series.
    """

    def __init__(self, verilog: Verilog, bits: Sequence[Bit], *, xc7: bool, label: str):
        self.name, self.text = verilog.named(xc7=xc7), verilog.text(xc7=xc7)
        self.bits, self.rows = bits, len(bits[0].value)
        self.above = verilog is COUNT15
        self.o = [Signal(self.rows, name=f"{label}_{k}") for k in range(verilog.outputs)]

    def model(self, m: Module) -> None:
        words = [b.plain() for b in self.bits]
        m.d.comb += [o.eq(v) for o, v in zip(self.o, summed(words, above=self.above), strict=False)]

    def instance(self) -> Instance:
        return Instance(
            self.name,
            p_N=self.rows,
            p_INVERT=C(mask(b.inverted for b in self.bits), len(self.bits)),
            **{f"i_x{k}": b.value for k, b in enumerate(self.bits)},
            **{f"o_y{k}": v for k, v in enumerate(self.o)},
        )


@dataclass(frozen=True)
class Adders:
    """Builds the counters and chains of plans in module ``m``, as ``cells`` or as plain logic.

    ``xc7``: whether cells are made of primitives of the 7 series. ``adder_cells``: whether full
    adders are cells, too; if not, synthesis may merge them with the logic around them.
    """

    m: Module
    cells: bool
    xc7: bool
    adder_cells: bool = True

    def count(self, counter: Compressor, alive: dict[int, Bit], label: str = "") -> None:
        """Replace the inputs of a planned counter, among the bits ``alive``, by its outputs."""
        label = f"{label}bit{counter.outputs[0]}"
        bits, above = (
            [ONE_BIT if b == ONE else alive.pop(b) for b in some]
            for some in (counter.inputs, counter.above)
        )
        if self.cells and (len(counter.taken) > 3 or self.adder_cells):
            outputs = self._cell(bits, above, label)
        else:
            words = [b.plain() for b in (*bits, *above)]
            outputs = []
            for k, v in enumerate(summed(words, above=bool(above))[: len(counter.outputs)]):
                word = Signal(len(v), name=f"{label}_{k}")
                self.m.d.comb += word.eq(v)
                outputs.append(Bit(word))
        alive |= zip(counter.outputs, outputs, strict=False)

    def _cell(self, bits: list[Bit], above: list[Bit], label: str) -> list[Bit]:
        """The outputs of a cell; they are complements if most of its inputs are."""
        zero = Bit(C(0, len(bits[0].value)))
        if not above and len(bits) <= 3:
            verilog, flip, bits = ADD3, False, [*bits, zero, zero][:3]
        elif above:
            verilog, flip = COUNT15, all(b.inverted for b in bits)
        else:
            bits = [*bits, *[zero] * (7 - len(bits))]
            verilog, flip = COUNT7, sum(b.inverted for b in bits) > 3
        if flip:  # count the complements: the sum is the greatest one minus that count
            bits, above = ([Bit(b.value, not b.inverted) for b in some] for some in (bits, above))
        if verilog is not ADD3:  # the last inputs enter a carry chain, which cannot invert them
            bits = sorted(bits, key=lambda b: not b.inverted)
        cell = Counter(verilog, [*bits, *above], xc7=self.xc7, label=label)
        self.m.submodules[f"count_{label}"] = cell
        return [Bit(word, flip) for word in cell.o]

    def chain(
        self, columns: Sequence[Sequence[Bit]], *, label: str, clear: Value | None = None
    ) -> Signal:
        """The sum of ``columns`` by a `CarryChain`, with its carry."""
        s = Signal(len(columns) + 1, name=label)
        if self.cells:
            chain = CarryChain(columns, xc7=self.xc7, s=s, clear=clear)
            self.m.submodules[f"chain_{label}"] = chain
        else:
            self.m.d.comb += s.eq(chain_sum(columns, clear))
        return s


class CarryChain(Cell):
    """The sum ``s`` of up to three bits a column, and up to two more in the lowest column.

    ``columns``: the bits of each, lowest column first. In an accumulator, the first bit belongs to
    the old sum and counts as 0 if ``clear``. ``s`` has one bit more than there are columns.
    """

    def __init__(
        self, columns: Sequence[Sequence[Bit]], *, xc7: bool, s: Signal, clear: Value | None = None
    ):
        self.name, self.text = CHAIN.named(xc7=xc7), CHAIN.text(xc7=xc7)
        self.s, self.clear = s, clear
        self.columns, self.m, self.n = columns, ZERO, ZERO
        self.hands: list[bool] = []
        rows: list[list[Bit]] = []
        handed = False
        for k, column in enumerate(columns):
            bits = list(column)
            handed = hands_on(len(bits), handed, lowest=k == 0)
            if len(bits) > 3 + handed:
                self.n = bits.pop()
            if len(bits) > 2 + handed:
                self.m = bits.pop()
            self.hands.append(handed)
            rows.append([*bits, *[ZERO] * 3][:3])
        self.words = [[row[j] for row in rows] for j in range(3)]

    def model(self, m: Module) -> None:
        m.d.comb += self.s.eq(chain_sum(self.columns, self.clear))

    def instance(self) -> Instance:
        size = len(self.hands)
        flags = {
            f"p_{x}": C(mask(b.inverted for b in word), size)
            for x, word in zip("ABC", self.words, strict=True)
        }
        words = {
            f"i_{x}": Cat(b.value for b in word) for x, word in zip("abc", self.words, strict=True)
        }
        return Instance(
            self.name,
            p_N=size,
            p_M=int(self.m is not ZERO),
            p_E=int(self.n is not ZERO),
            p_HANDS=C(mask(self.hands), size),
            i_clear=C(0, 1) if self.clear is None else self.clear,
            i_m=self.m.plain(),
            i_n=self.n.plain(),
            o_y=self.s,
            **flags,
            **words,
        )


def chain_sum(columns: Sequence[Sequence[Bit]], clear: Value | None) -> Value:
    """The sum of the bits of all columns, as plain logic; see `CarryChain`."""
    words: list[Value] = []
    for j in range(max(map(len, columns))):
        rows = columns if j < 3 else columns[:1]
        words.append(Cat(c[j].plain() if j < len(c) else C(0, 1) for c in rows))
    return sum(words[1:], words[0] if clear is None else Mux(clear, 0, words[0]))


def summed(bits: Sequence[Value], *, above: bool = False) -> list[Value]:
    """The sum of ``bits`` in each row: words of weight 1, 2, 4, as plain logic.

    ``above``: whether the last of six bits counts twice.
    """
    if not above:
        return counted(bits)
    low, one, two = counted(bits[:-1])
    one, carry = added(one, bits[-1])
    return [low, one, two ^ carry]


def counted(bits: Sequence[Value]) -> list[Value]:
    """The number of ones in each row: words of weight 1, 2, 4, as plain logic."""
    out: list[Value] = []
    level = list(bits)
    while level:
        carries: list[Value] = []
        while len(level) > 1:
            s, c = added(*level[:3])
            level = [*level[3:], s]
            carries.append(c)
        out += level
        level = carries
    return out


def added(a: Value, b: Value, c: Value | None = None) -> tuple[Value, Value]:
    """Sum and carry of a full or half adder."""
    if c is None:
        return a ^ b, a & b
    return a ^ b ^ c, (a & b) | (c & (a ^ b))


def mask(flags: Iterable[bool]) -> int:
    """A number whose bits are ``flags``, the first one lowest."""
    return sum(1 << k for k, f in enumerate(flags) if f)
