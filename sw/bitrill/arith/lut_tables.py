"""Plans layers of truth tables as LUTs: each different function once, wide ones decomposed.

A function of up to `LUT_INPUTS` bits is one LUT. A wider one is cut by Shannon's expansion: its
cofactors over six of its inputs are LUTs, and multiplexers of the other inputs choose one of them.
Which inputs choose is tried out, so that the fewest different cofactors remain.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations
from typing import TypeAlias

import numpy as np

from .gates import LUT_INPUTS, SHARED_INPUTS

Node: TypeAlias = int
"""Number of a function: 0 and 1 are the constants, then come input bits, LUTs and multiplexers."""


@dataclass(frozen=True)
class Lut:
    """The function ``table >> sum(v[i] << i) & 1`` of up to six input bits with values ``v``."""

    inputs: tuple[int, ...]
    table: int


@dataclass(frozen=True)
class Mux:
    """``high`` where the input bit ``select`` is 1, ``low`` elsewhere.

    ``wide``: 7 or 8 for a multiplexer that stands behind LUTs in the slice (MUXF7, MUXF8) and takes
    none, 0 for a function in a LUT.
    """

    select: int
    low: Node
    high: Node
    wide: int = 0


@dataclass(frozen=True)
class TablePlan:
    """A layer as LUTs and multiplexers.

    ``parts[k]`` is node ``first + k``, with ``first = 2 + inputs``; node ``2 + i`` is input bit
    ``i``. ``outputs``: the node of each output bit.
    """

    inputs: int
    parts: tuple[Lut | Mux, ...]
    outputs: tuple[Node, ...]

    @property
    def first(self) -> Node:
        """Number of the first node that is no constant and no input."""
        return 2 + self.inputs

    @property
    def luts(self) -> float:
        """Physical LUTs of six inputs; two functions of few inputs share one (`shared_pairs`)."""
        tables = [p for p in self.parts if isinstance(p, Lut)]
        in_luts = sum(isinstance(p, Mux) and not p.wide for p in self.parts)
        inverters = len({t.inputs for t in tables if len(t.inputs) == 1})
        pairs = shared_pairs([t.inputs for t in tables if 1 < len(t.inputs) <= SHARED_INPUTS])
        # four-to-one multiplexers are one LUT, so of three two-to-one ones two are free
        return len(tables) - inverters / 2 - pairs + in_luts / 2

    @property
    def registers(self) -> int:
        """Different output bits that are no constants: each has one register."""
        return len({n for n in self.outputs if n > 1})


def shared_pairs(inputs: list[tuple[int, ...]]) -> int:
    """Return how many pairs of functions share a LUT of two outputs: five inputs together.

    Functions are taken in the order of their inputs, each with the first one that fits.
    """
    sets, pairs = [frozenset(i) for i in sorted(inputs)], 0
    by_input: dict[int, list[int]] = {}
    for k, own in enumerate(sets):
        for i in own:
            by_input.setdefault(i, []).append(k)
    taken = [False] * len(sets)
    for k, own in enumerate(sets):
        if taken[k]:
            continue
        near = [j for i in own for j in by_input[i] if j > k and not taken[j]]
        near += [j for j in range(k + 1, min(k + 9, len(sets))) if not taken[j]]
        other = next((j for j in near if len(own | sets[j]) <= SHARED_INPUTS), None)
        if other is not None:
            taken[k] = taken[other] = True
            pairs += 1
    return pairs


def table_plan(n: int, wires: np.ndarray, tables: np.ndarray) -> TablePlan:
    """Return the plan of functions of ``n`` input bits.

    ``wires``: ``[functions, k]``, the input bits that each reads, the lowest address bit first;
    ``tables``: ``[functions, 2**k]`` of 0 and 1.
    """
    builder = _Builder(n)
    for own, table in zip(wires.tolist(), tables, strict=True):
        builder.outputs.append(builder.function(*reduced(tuple(own), table)))
    return builder.plan()


def reduced(wires: tuple[int, ...], table: np.ndarray) -> tuple[tuple[int, ...], np.ndarray]:
    """Return the same function of the inputs that it depends on, each once, in ascending order."""
    cube = table.reshape((2,) * len(wires)).transpose(*reversed(range(len(wires))))
    order = sorted(range(len(wires)), key=wires.__getitem__)
    cube, wires = cube.transpose(order), tuple(wires[k] for k in order)
    for axis in reversed(range(len(wires) - 1)):
        if wires[axis] == wires[axis + 1]:
            cube = np.moveaxis(np.diagonal(cube, 0, axis, axis + 1), -1, axis)
            wires = wires[:axis] + wires[axis + 1 :]
    # only now: values of an input that differs from itself say nothing
    for axis in reversed(range(len(wires))):
        if np.array_equal(cube.take(0, axis), cube.take(1, axis)):
            cube, wires = cube.take(0, axis), wires[:axis] + wires[axis + 1 :]
    return wires, cube.transpose(*reversed(range(len(wires)))).reshape(-1)


@dataclass
class _Builder:
    """Collects the nodes of a plan; equal ones are made once."""

    inputs: int
    parts: list[Lut | Mux] = field(default_factory=list)
    outputs: list[Node] = field(default_factory=list)
    _known: dict[Lut | Mux, Node] = field(default_factory=dict)

    def function(self, wires: tuple[int, ...], table: np.ndarray) -> Node:
        """Return the node of a function that depends on all of its inputs."""
        if not wires:
            return int(table[0])
        if len(wires) == 1 and table[1]:
            return 2 + wires[0]
        if len(wires) <= LUT_INPUTS:
            return self._add(Lut(wires, sum(1 << k for k in np.flatnonzero(table).tolist())))
        selects = choosing(table.tobytes(), len(wires))
        return self._chosen(wires, table, [wires[s] for s in selects])

    def _chosen(self, wires: tuple[int, ...], table: np.ndarray, selects: list[int]) -> Node:
        """Return the node of a function whose inputs ``selects``, the last one first, choose."""
        if not selects or len(wires) <= LUT_INPUTS or selects[-1] not in wires:
            return self.function(wires, table)
        cube = table.reshape((2,) * len(wires))
        axis = len(wires) - 1 - wires.index(selects[-1])
        rest = tuple(w for w in wires if w != selects[-1])
        halves = [reduced(rest, cube.take(v, axis).reshape(-1)) for v in (0, 1)]
        low, high = (self._chosen(*half, selects[:-1]) for half in halves)
        return low if low == high else self._add(Mux(selects[-1], low, high))

    def _add(self, part: Lut | Mux) -> Node:
        if part not in self._known:
            self._known[part] = 2 + self.inputs + len(self.parts)
            self.parts.append(part)
        return self._known[part]

    def plan(self) -> TablePlan:
        """Return the plan, its multiplexers in the slices' own ones where they may be."""
        first, uses = 2 + self.inputs, [0] * len(self.parts)
        for node in self._read():
            uses[node - first] += 1
        parts: list[Lut | Mux] = []
        for part in self.parts:
            made = part
            if isinstance(part, Mux):
                levels = {_level(parts, uses, n - first) for n in (part.low, part.high)}
                if levels in ({6}, {7}):
                    made = Mux(part.select, part.low, part.high, levels.pop() + 1)
            parts.append(made)
        return TablePlan(self.inputs, tuple(parts), tuple(self.outputs))

    def _read(self) -> list[Node]:
        """Return every node that an output or a multiplexer reads, as often as it is read."""
        muxes = (p for p in self.parts if isinstance(p, Mux))
        read = [*self.outputs, *(n for p in muxes for n in (p.low, p.high))]
        return [n for n in read if n >= 2 + self.inputs]


def _level(parts: list[Lut | Mux], uses: list[int], k: int) -> int:
    """Return 6 for a LUT and 7 for a MUXF7 that one multiplexer alone reads, 0 for the rest."""
    if k < 0 or uses[k] > 1:
        return 0
    part = parts[k]
    return LUT_INPUTS if isinstance(part, Lut) else part.wide if part.wide == 7 else 0


@lru_cache(maxsize=1 << 14)
def choosing(table: bytes, k: int) -> tuple[int, ...]:
    """Return the ``k - 6`` inputs of a function whose choice leaves the fewest cofactors.

    ``table``: its ``2**k`` values as int64.
    """
    cube = np.frombuffer(table, np.int64).reshape((2,) * k)

    def cofactors(selects: tuple[int, ...]) -> int:
        rest = [k - 1 - i for i in range(k) if i not in selects]
        rows = cube.transpose(*(k - 1 - s for s in selects), *rest).reshape(1 << len(selects), -1)
        return len({row.tobytes() for row in np.packbits(rows.astype(bool), axis=1)})

    return min(combinations(range(k), k - LUT_INPUTS), key=cofactors)
