"""Builds the products and sums of a folded matrix unit, as `bitrill.arith.accumulate` plans them.

All rows of a step are summed in the same way, so each bit of the plan becomes a word of ``pe``
bits. That is short, quick to simulate, and safe from synthesis passes that turn ``+`` into adders.
With ``cells``, counters and the last chain are the cells of `compressors`, for parts of the 7
series; otherwise they are plain logic and a plain sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from amaranth import *
from bitrill.arith.accumulate import SumPlan
from bitrill.arith.gates import Gate, Source, over
from bitrill.arith.products import Products
from bitrill.ir import Impl

from ..memories.constant_tables import split, table
from ..pipeline.elastic import Elastic
from .cells import Lut2
from .compressors import Adders, Bit
from .gates import logic


class Starting(Protocol):
    """An operator whose sums may start from other values than 0.

    ``start_words``: a word for each group of rows; ``read_stages``: the stage of the weights.
    """

    @property
    def read_stages(self) -> int: ...

    @property
    def folded(self) -> Impl: ...

    def start_words(self) -> np.ndarray: ...


def parities(m: Module, plan: Products, x: Value, *, bits: int, pe: int = 1) -> Value:
    """The bits that depend only on x and that all rows share: parities, and decoded planes.

    x is ``[lane][plane]`` with ``bits`` planes. ``pe``: bits of a word, if each row has its own x.
    """
    planes = split(m, x, pe, "plane") if plan.shared else []
    shared: list[Value] = []
    for k, g in enumerate(plan.shared):
        read = [shared[n] if kind == "p" else planes[n * bits + p] for kind, n, p in g.inputs]
        shared.append(Signal(pe, name=f"shared{k}"))
        m.d.comb += shared[k].eq(logic(m, g.table, read, name=f"shared{k}"))
    return Cat(shared)


@dataclass
class Operands:
    """The bits that the gates of a step read, all in one stage.

    ``weights [lane][plane][pe]``, the `parities` ``shared``, and ``x [lane][plane]``; with ``own``,
    each row has its own x and parities, as words of ``pe`` bits.
    """

    m: Module
    plan: Products
    weights: Value
    x: Value
    shared: Value
    lanes: int
    pe: int
    own: bool = False

    def __post_init__(self) -> None:
        m, pe = self.m, self.pe
        self._w = split(m, self.weights, pe, "weight")
        self._x = self._rows(self.x, "x")
        self._p = self._rows(self.shared, "shared")
        self._inner: list[Value] = []

    def word(self, source: Source) -> Value:
        """The word of a source, with a bit for each row."""
        kind, n, plane = source
        if kind == "w":
            return self._w[n * (len(self._w) // self.lanes) + plane]
        if kind == "i":
            return self._inner[n]
        return self._p[n] if kind == "p" else self._x[n * (len(self._x) // self.lanes) + plane]

    def _rows(self, value: Value, name: str) -> list[Value]:
        """The words of a value; with ``own`` false, each row reads the same bits."""
        if self.own:
            return split(self.m, value, self.pe, name)
        return [bit.replicate(self.pe) for bit in split(self.m, value, 1, name)]

    def gates(self, cells: bool) -> dict[int, Value]:
        """The bits of the products, by their numbers in the plan."""
        inner = self._tables(self.plan.inner, self.plan.inner_pairs if cells else (), "inner")
        self._inner = [inner[k] for k in range(len(inner))]
        return self._tables(self.plan.gates, self.plan.pairs if cells else (), "product")

    def _tables(
        self, gates: Sequence[Gate], pairs: Sequence[tuple[int, int]], name: str
    ) -> dict[int, Value]:
        """The values of ``gates`` by number; each of ``pairs`` is one cell.

        Without cells Yosys would split such a LUT into two, to merge a register's enable into it.
        """
        bits: dict[int, Value] = {}
        for a, b in pairs:
            bits |= dict(
                zip((a, b), self._pair(gates[a], gates[b], f"{name}s{a}_{b}"), strict=True)
            )
        for b, g in enumerate(gates):
            if b in bits:
                continue
            bits[b] = Signal(self.pe, name=f"{name}{b}")
            inputs = [self.word(s) for s in g.inputs]
            self.m.d.comb += bits[b].eq(logic(self.m, g.table, inputs, name=f"{name}{b}"))
        return bits

    def _pair(self, a: Gate, b: Gate, label: str) -> list[Signal]:
        """Two gates in one LUT."""
        sources = list(dict.fromkeys(s for g in (a, b) for s in g.inputs))
        tables = [over(g, sources) for g in (a, b)]
        cell = Lut2(tables, [self.word(s) for s in sources], label=label)
        self.m.submodules[label] = cell
        return cell.o


def lane_sums(
    pipe: Elastic, plan: SumPlan, operands: Operands, start: list[Value], *, stage: int, cells: bool
) -> list[list[Value]]:
    """The bits of each column for the accumulator, as words with a bit for each row.

    They are in the plan's last stage, counted from ``stage``. ``start``: words of the bits that a
    result starts from, registered in ``stage``; empty if the plan has none.
    """
    adders = Adders(operands.m, cells, xc7=True, adder_cells=False)
    bits = {b: Bit(word) for b, word in operands.gates(cells).items()}
    for s, levels in enumerate(plan.stages):
        for counter in (c for level in levels for c in level):
            adders.count(counter, bits)
        bits = {
            b: Bit(pipe.register(stage + s, bit.value, f"stage{stage + s}_bit{b}"))
            for b, bit in bits.items()
        }
        if s == 0:
            bits |= {b: Bit(word) for b, word in zip(plan.start, start, strict=True)}
    columns = [[bits[b].value for b in column] for column in plan.columns]
    return (
        _added(pipe, plan, columns, operands, stage + len(plan.stages)) if plan.added else columns
    )


def _added(
    pipe: Elastic, plan: SumPlan, columns: list[list[Value]], operands: Operands, stage: int
) -> list[list[Value]]:
    """The sum of the two bits of each column, in stage ``stage``.

    A third bit of the lowest column enters as the carry out of an extra position below it.
    """
    none = C(0, operands.pe)
    a, b, low = ([column[k] if k < len(column) else none for column in columns] for k in range(3))
    sums: list[Signal] = []
    for row in range(operands.pe):
        sums.append(Signal(plan.width, name=f"both{row}"))
        one, other = (Cat(word[row] for word in (low[0], *words)) for words in (a, b))
        operands.m.d.comb += sums[row].eq((one + other) >> 1)
    held = [pipe.register(stage, s, f"{s.name}_held", whole=True) for s in sums]
    return [[Cat(s[c] for s in held)] for c in range(plan.width)]


def start_words(
    m: Module, pipe: Elastic, op: Starting, plan: SumPlan, turn: Value, first: Value, name: str
) -> list[Value]:
    """The bits that each row starts from, as words with a bit for each row.

    They are 0 except in a result's first step; the synchronous reset of their register, in the
    stage after the weights, forces them to 0. ``turn``: the number of the word, called ``name``.
    """
    if not plan.start:
        return []
    at, codes = op.read_stages, op.start_words()
    if (codes != codes[0]).any():
        turn = pipe.delay(turn, name, first=1, last=at - 1)
    word = Mux(first, table(m, pipe, at, "starts", codes, turn, "distributed"), 0)
    return split(m, pipe.register(at + 1, word, "start"), op.folded.pe, "start")


def accumulated(
    m: Module,
    columns: list[list[Value]],
    row: int,
    total: Value | None,
    clear: Value | None,
    *,
    cells: bool,
) -> Value:
    """The sum of one row and ``total`` (0 if ``clear``), modulo 2 to the number of columns.

    ``total`` is None for a result of one step.
    """
    before = [] if total is None else [Bit(total[k]) for k in range(len(columns))]
    addends = [
        [*before[k : k + 1], *(Bit(word[row]) for word in column)]
        for k, column in enumerate(columns)
    ]
    clear = None if total is None else clear
    adders = Adders(m, cells, xc7=True)
    return adders.chain(addends, label=f"sum{row}", clear=clear)[: len(columns)]
