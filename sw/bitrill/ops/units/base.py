"""The contract of matrix units: each form of hardware that multiplies a matrix by a vector.

A unit answers for its checks, latency, schedule, memory, structure and component. A folding names
it by style and way to multiply; `find_unit` is the only place that looks these words up.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from ...arith.accumulate import starts, stored_weights
from ...errors import SpecError
from ...ir import (
    Impl,
    Memory,
    Multiply,
    Primitives,
    Rule,
    Schedule,
    Structure,
    Style,
    Work,
    bits_for,
)
from ...parts.families import family_of
from ...parts.memories import deep_enough, spilled, worth_block
from .default_lanes import default_lanes
from .matrix_like import MatrixLike

REPLAY_BLOCK = 512
"""Least number of words for which a replay buffer is built in block memory."""


class Unit(ABC):
    """One form of a matrix's hardware; most take ``pe`` rows by ``simd`` columns a step.

    Methods take the operator. It must be folded, except for `check` and `default_impl`.
    """

    style: ClassVar[Style]
    multiply: ClassVar[Multiply]
    component: ClassVar[str]
    """The hardware, ``"module:Class"``."""

    coefficients: ClassVar[str] = ""
    """Suffix that is appended to the operator's kind in the name of its coefficients."""

    primitives: ClassVar[Primitives | None] = None
    """The cells that it is made of; None if it works with any."""

    free_weights: ClassVar[bool] = False
    """Whether its weights may change."""

    coded: ClassVar[bool] = False
    """Whether the coding of constant weights decides how many LUTs a product takes."""

    leaves_zeros_out: ClassVar[bool] = False
    """Whether it saves products by weights of 0."""

    takes_lanes: ClassVar[bool] = True
    """Whether PE and SIMD can be chosen."""

    def __init_subclass__(
        cls, *, style: Style | None = None, multiply: Multiply | None = None
    ) -> None:
        """Register a unit by its two words; without them it is a variant of its base."""
        if style is not None and multiply is not None:
            cls.style, cls.multiply = style, multiply
            _UNITS[style, multiply] = cls

    def check(self, op: MatrixLike, impl: Impl) -> None:
        """Raise `SpecError` for a matrix that this unit cannot have."""
        if self.free_weights and op.inside is not None:
            raise SpecError(
                f"{op.name}: a matvec behind a border must have constant weights, not style"
                f" {self.style!r}"
            )
        if self.free_weights and not op.free:
            raise SpecError(
                f"{op.name}: the weights of style {self.style!r} must be free, not constants"
            )

    def searched(self, op: MatrixLike, primitives: Primitives) -> bool:
        """Return whether the folding search tries this unit for a matrix without being asked."""
        return False

    @abstractmethod
    def latency(self, op: MatrixLike) -> int:
        """Pipeline stages from a step to the accumulator, which is the output register."""

    @abstractmethod
    def structure(self, op: MatrixLike) -> Structure:
        """Counts for the resource model."""

    def plane_pairs(self, op: MatrixLike) -> int:
        """Turns over a vector for the same rows: 1, or in a bit-serial unit the pairs of planes."""
        return 1

    def word_planes(self, op: MatrixLike) -> int:
        """Number of weight planes that have words of their own; 1 if a word has all planes."""
        return 1

    def worth(self, op: MatrixLike, pe: int, simd: int, *, settled: bool) -> bool:
        """Return whether the search looks at these lanes; ``settled``: the style is asked for."""
        return True

    def steps(self, op: MatrixLike) -> int:
        """Steps for each vector."""
        return op.neuron_fold * op.plane_pairs * op.synapse_fold

    def longest(self, op: MatrixLike) -> int:
        """Most steps that a result takes; with 1, nothing is accumulated."""
        return op.synapse_fold

    def stepped(self, op: MatrixLike, words: np.ndarray) -> np.ndarray:
        """The words of all steps, ``[steps, bits]``, of those ``[neuron_fold, beats, bits]``."""
        return words.reshape(op.steps, -1)

    def lanes(self, op: MatrixLike) -> int:
        """Products of a row in a step."""
        return op.folded.simd

    def code_bits(self, op: MatrixLike) -> int:
        """Bits that are stored for a weight."""
        return op.weight_type.bits

    def stored(self, op: MatrixLike) -> np.ndarray:
        """The bits that are stored for the weights, ``[rows, lanes of all beats, bits]``."""
        return stored_weights(op)

    def starts(self, op: MatrixLike) -> np.ndarray:
        """The value that each row's sum starts from, int64 ``[rows]``."""
        return starts(op)

    def memory_stages(self, op: MatrixLike) -> int:
        """Number of registers at the output of the weight memory: block memory has one more."""
        return 2 if op.folded.in_block else 1

    def read_stages(self, op: MatrixLike) -> int:
        """Registers up to the operands of the sums."""
        return self.memory_stages(op)

    def stored_bits(self, op: MatrixLike) -> int:
        """Bits of the weight memory."""
        return op.weights.size * self.code_bits(op)

    def fills_blocks(self, op: MatrixLike) -> bool:
        """Return whether the bits that would hardly fill another block memory are built in LUTs
        instead."""
        family = family_of(op.folded.primitives)
        constant = op.inside is None and not self.free_weights
        return op.folded.in_block and constant and family.fills_blocks

    def work(self, op: MatrixLike) -> Work:
        """Products and sums of one frame, the weights read, the vector written and replayed."""
        vectors, impl = op.x.size // op.cols, op.folded
        steps, w, x = vectors * op.steps, op.weight_type.bits, op.x.type.bits
        turns = op.neuron_fold * op.plane_pairs
        replayed = vectors * op.cols * x * (1 + turns) if turns > 1 else 0
        block = 2 << bits_for(op.synapse_fold) >= REPLAY_BLOCK
        read = vectors * self.stored_bits(op) * op.plane_pairs // self.word_planes(op)
        read = read if op.steps > 1 else 0  # one word stays in its register
        return (
            self.products(steps * impl.pe * self.lanes(op), w, x)
            + Work(add_bits=steps * impl.pe * op.y.type.bits if self.longest(op) > 1 else 0)
            + Work.moving(read, block=impl.in_block)
            + Work.moving(replayed, block=block)
        )

    def products(self, count: int, w: int, x: int) -> Work:
        """Return the work of ``count`` products of ``w`` by ``x`` bits, and of adding them up."""
        several = min(w, x) > 1
        return Work(add_bits=count * (w + x), product_bits=count * w * x if several else 0)

    def weight_memory(self, s: Structure, op: MatrixLike, depth: int, width: int) -> None:
        """Count a memory of ``depth`` words for the weights, and the register at its output."""
        if self.fills_blocks(op):
            rest = spilled(depth, width)
            s.rom(depth, width - rest, block=True)
            s.rom(depth, rest)
        else:
            s.rom(depth, width, block=op.folded.in_block)
        if op.read_stages > 1:
            s.flops(held=width)

    def default_impl(self, op: MatrixLike, given: int | None) -> Impl | None:
        """The default folding; None where the unit cannot have this matrix."""
        pe, simd = default_lanes(op.rows, op.cols, given)
        memory = self.default_memory(op, pe, simd, "portable")
        return Impl(pe=pe, simd=simd, memory=memory, style=self.style)

    def default_memory(self, op: MatrixLike, pe: int, simd: int, primitives: Primitives) -> Memory:
        """The memory of the weights if the folding does not name one."""
        depth = self.memory_depth(op, pe, simd)
        bits = depth * pe * simd * self.code_bits(op) // self.word_planes(op)
        if depth <= 1:
            return "distributed"
        if family_of(primitives).fills_blocks:
            block = worth_block(depth, bits // depth)
        else:
            block = deep_enough(depth, bits)
        return "block" if block else "distributed"

    def memory_depth(self, op: MatrixLike, pe: int, simd: int) -> int:
        """Words of the weight memory."""
        return (op.rows // pe) * (op.cols // simd) * self.word_planes(op)

    def schedule(self, op: MatrixLike) -> Schedule:
        """The rules of one frame."""
        turns, each = op.neuron_fold * op.plane_pairs, op.plane_pairs * op.synapse_fold
        vectors = op.x.size // op.cols
        n = vectors * op.steps
        s = np.arange(n)
        k = np.arange(vectors * op.neuron_fold)
        fires = "in" if turns == 1 else "step"  # without a replay buffer a beat is a step
        done = Rule("out", fires, (k + 1) * each - 1, self.latency(op))
        room = Rule(fires, "out", (s - self.latency(op) + 1) // each - 1, 0)
        # after a stall, the steps of the next result enter the accumulator one a cycle, so that
        # result is sent at least ``each`` cycles after the one before it
        merged = Rule("out", "out", k - 1, each)
        words = self.word_rules(fires, n)
        rules = (done, room, merged, *words)
        further = {"in1": n} if words else {}
        if turns == 1:
            return Schedule(n, 0, len(k), rules, further)
        beats = op.synapse_fold
        i = np.arange(vectors * beats)
        arrived = Rule("step", "in", s // op.steps * beats + s % beats, 1)
        overwrites = (i // beats - 2) * op.steps + (turns - 1) * beats + i % beats
        freed = Rule("in", "step", overwrites, 1)
        return Schedule(len(i), n, len(k), (arrived, freed, *rules), further)

    def word_rules(self, fires: str, steps: int) -> tuple[Rule, ...]:
        """Rules of the second stream, ``in1``, which transfers weights; none if there is none."""
        return ()

    def replay(self, s: Structure, op: MatrixLike) -> None:
        """Count the replay buffer, or the register of a beat if there is none."""
        width = op.folded.simd * op.x.type.bits
        if op.neuron_fold * op.plane_pairs == 1:
            s.flops(held=width)
            return
        half, beats = 1 << bits_for(op.synapse_fold), op.synapse_fold
        block = 2 * half >= REPLAY_BLOCK
        s.ram(2 * half, width, block=block)
        s.counters(beats, 2, 2, 2 * beats + 1, 2 * beats + 1)
        s.flops(held=0 if block else width)


_UNITS: dict[tuple[Style, Multiply], type[Unit]] = {}


def unit_styles() -> tuple[Style, ...]:
    """Return the styles that units have, in the order in which they were defined."""
    return tuple(dict.fromkeys(style for style, _ in _UNITS))


def free_styles() -> tuple[Style, ...]:
    """Return the styles whose weights may change."""
    return tuple(style for (style, _), unit in _UNITS.items() if unit.free_weights)


def coding_matters(style: str, multiply: str) -> bool:
    """Return whether weights should get the cheapest coding; True for unknown words."""
    unit = next((u for words, u in _UNITS.items() if words == (style, multiply)), None)
    return unit is None or unit.coded


def unit_ways() -> tuple[Multiply, ...]:
    """Return the ways to multiply that units have."""
    return tuple(dict.fromkeys(multiply for _, multiply in _UNITS))


def every_unit() -> list[Unit]:
    """Return a unit of each pair of words."""
    return [unit() for unit in _UNITS.values()]


def find_unit(name: str, kind: str, style: Style, multiply: Multiply = "lut") -> Unit:
    """Return the unit of a folding's words; `SpecError` names the known ones."""
    if (style, multiply) in _UNITS:
        return _UNITS[style, multiply]()
    if style not in unit_styles():
        raise SpecError(
            f"{name}: the style of a {kind} must be {' or '.join(map(repr, unit_styles()))},"
            f" not {style!r}"
        )
    ways = " or ".join(repr(way) for other, way in _UNITS if other == style)
    raise SpecError(f"{name}: multiply of style {style!r} must be {ways}, not {multiply!r}")
