"""Gates: truth tables of few inputs with one output bit, and how many LUTs they take.

Products of weights and inputs are made of gates, bit by bit (see `products`).
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from operator import or_

LUT_INPUTS = 6
"""Inputs of a LUT with one output; a LUT with two outputs has `SHARED_INPUTS`."""

SHARED_INPUTS = 5

_NEAR = 16
"""Number of following gates that are tried as partners for sharing a LUT."""

Source = tuple[str, int, int]
"""``("w", lane, plane)`` or ``("x", lane, plane)``: stored weight and operand; ``("p", n, 0)``: bit
``n`` that all rows share; ``("i", n, 0)``: inner gate ``n`` (see `bitrill.arith.products`)."""


@dataclass(frozen=True)
class Gate:
    """A bit of weight ``2**column``, defined by a truth table.

    If the inputs have the values ``v``, the output is bit ``sum(v[i] << i)`` of ``table``.
    """

    column: int
    inputs: tuple[Source, ...]
    table: int

    @property
    def is_wire(self) -> bool:
        """Whether the gate passes its only input on, without logic."""
        return len(self.inputs) == 1 and self.table == 2

    @property
    def luts(self) -> int:
        """LUTs of an unpaired gate; with more than six inputs, several LUTs and a multiplexer."""
        if self.is_wire:
            return 0
        return 1 << max(0, len(self.inputs) - LUT_INPUTS)


def gate(column: int, inputs: Sequence[Source], f: Callable[..., object]) -> Gate:
    """The gate whose table is ``f`` of its inputs' values."""
    table = 0
    for index in range(1 << len(inputs)):
        table |= bool(f(*(index >> i & 1 for i in range(len(inputs))))) << index
    return Gate(column, tuple(inputs), table)


def fewest(column: int, inputs: Sequence[Source], f: Callable[..., object]) -> Gate | None:
    """The gate of ``f`` without the inputs that it does not depend on; None if it is always 0.

    ``f`` returns None for values that never occur.
    """
    kept = list(inputs)
    ones = [f(*(n >> i & 1 for i in range(len(kept)))) for n in range(1 << len(kept))]
    for i in reversed(range(len(kept))):
        low = [v for n, v in enumerate(ones) if not n >> i & 1]
        high = [v for n, v in enumerate(ones) if n >> i & 1]
        if all(
            a is None or b is None or bool(a) == bool(b) for a, b in zip(low, high, strict=True)
        ):
            if len(kept) == 1 and any(ones):
                return Gate(column, (kept[0],), 3)
            ones = [b if a is None else a for a, b in zip(low, high, strict=True)]
            kept.pop(i)
    table = sum(bool(v) << n for n, v in enumerate(ones))
    return Gate(column, tuple(kept), table) if table else None


def over(g: Gate, inputs: Sequence[Source]) -> int:
    """The truth table of ``g`` over ``inputs``, a superset of the gate's inputs."""
    return _spread(g.table, tuple(inputs.index(s) for s in g.inputs), len(inputs))


@cache
def _spread(table: int, at: tuple[int, ...], n: int) -> int:
    """Extend a truth table to ``n`` inputs, of which it reads those at positions ``at``."""

    def value(*v: int) -> int:
        return table >> sum(v[k] << i for i, k in enumerate(at)) & 1

    return gate(0, [("", 0, 0)] * n, value).table


def paired(gates: Sequence[Gate]) -> tuple[tuple[int, int], ...]:
    """Pairs of gates that share a LUT of two outputs: together they have at most five inputs.

    A gate is paired with whichever of the next few gates adds the fewest inputs.
    """
    bit: defaultdict[Source, int] = defaultdict(lambda: 1 << len(bit))
    small = [
        (k, reduce(or_, (bit[source] for source in g.inputs), 0))
        for k, g in enumerate(gates)
        if len(g.inputs) <= SHARED_INPUTS and not g.is_wire
    ]
    shared = []
    while small:
        k, inputs = small.pop(0)
        sizes = [(inputs | other).bit_count() for _, other in small[:_NEAR]]
        if sizes and min(sizes) <= SHARED_INPUTS:
            shared.append((k, small.pop(sizes.index(min(sizes)))[0]))
    return tuple(shared)
