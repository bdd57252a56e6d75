"""The base class of the matrix operators `MatVec` and `L1MatVec`; it asks their unit for most.

It also describes the tables of weights and starts that a host writes, those of `Depthwise` too.
"""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import ClassVar, Self, cast

import numpy as np

from ...arith.accumulate import sum_plan
from ...arith.column_steps import ColumnPlans
from ...arith.lane_choice import LaneChoices
from ...arith.shared_values import SharedValues
from ...ir import (
    Choice,
    Cost,
    Impl,
    IntType,
    Operator,
    Schedule,
    Structure,
    Style,
    Tensor,
    Work,
    divisors,
    must_divide,
    unchecked,
)
from ...parts.families import family_of
from .base import Unit, every_unit, find_unit
from .matrix_like import MatrixLike
from .writable_tables import start_words


@dataclass(frozen=True, kw_only=True, eq=False)
class Matrix(Operator, abstract=True):
    """A matrix by a vector: ``weights`` int64 ``[rows, cols]``, x ``[.., cols]``, y ``[.., rows]``.

    If ``cols`` is the number of all elements of an x of several axes, x is taken as one vector, in
    the order of the stream.
    """

    weights: np.ndarray

    by_rows = True

    free = False
    """Whether the weights may change."""

    distances: ClassVar[bool] = False
    """Whether y sums distances instead of products."""

    @property
    @abstractmethod
    def accumulator(self) -> IntType:
        """The integers that hold every result."""

    @property
    def like(self) -> MatrixLike:
        """This operator as units see it; subclasses have the members that are missing here."""
        return cast(MatrixLike, self)

    def unit_of(self, style: Style, multiply: str = "lut") -> Unit:
        """The unit for a folding's words; `SpecError` if there is none."""
        return find_unit(self.name, self.kind, style, multiply)  # pyright: ignore[reportArgumentType]

    @property
    def unit(self) -> Unit:
        """The unit that it is folded to."""
        return self.unit_of(self.folded.style, self.folded.multiply)

    @property
    def component(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The hardware of its unit."""
        return self.unit.component

    @property
    def one_slot(self) -> bool:
        return self.impl is not None and not self.unit.takes_lanes

    @property
    def rows(self) -> int:
        """Results per vector."""
        return self.weights.shape[0]

    @property
    def cols(self) -> int:
        """Elements of a vector."""
        return self.weights.shape[1]

    @property
    def neuron_fold(self) -> int:
        """Number of passes over a vector, each of which computes ``pe`` rows."""
        return self.rows // self.folded.pe

    @property
    def synapse_fold(self) -> int:
        """Beats of a vector, ``simd`` elements each."""
        return self.cols // self.folded.simd

    @property
    def plane_pairs(self) -> int:
        """Turns over a vector for the same rows: 1, or in a bit-serial unit the pairs of planes."""
        return self.unit.plane_pairs(self.like)

    @property
    def steps(self) -> int:
        """Steps per vector; with one plane pair these are the words of the weight memory."""
        return self.unit.steps(self.like)

    @property
    def longest(self) -> int:
        """Most steps that a result takes."""
        return self.unit.longest(self.like)

    @property
    def memory_stages(self) -> int:
        """Number of registers at the output of the weight memory."""
        return self.unit.memory_stages(self.like)

    @property
    def read_stages(self) -> int:
        """Registers up to the operands of the sums."""
        return self.unit.read_stages(self.like)

    @property
    def latency(self) -> int:
        """Pipeline stages from a step to the accumulator, which is the output register."""
        return self.unit.latency(self.like)

    def infer(self) -> Tensor:
        places = self.x.shape[:-1] if self.cols == self.x.channels else ()
        return Tensor((*places, self.rows), self.accumulator)

    def validate_impl(self, impl: Impl) -> None:
        must_divide(name=self.name, what="PE", value=impl.pe, of="rows", total=self.rows)
        must_divide(name=self.name, what="SIMD", value=impl.simd, of="columns", total=self.cols)
        self.unit_of(impl.style, impl.multiply).check(self.like, impl)

    def default_impl(self, lanes: tuple[int | None, ...], *, style: Style) -> Impl:
        unit = self.unit_of(style if style in self.styles else "folded")
        impl = unit.default_impl(self.like, lanes[0])
        return impl or self.default_impl(lanes, style="folded")

    def foldings(self, fixed: Choice) -> Iterator[Impl]:
        style = fixed.get("style")
        if style in self.styles and not self.unit_of(style).takes_lanes:
            # only if the folding asks for it, since planning takes seconds
            yield Impl(pe=self.rows, simd=self.cols, style=style)
        units = self._searched(fixed)
        for pe, simd, unit in product(divisors(self.rows), divisors(self.cols), units):
            if unit.worth(self.like, pe, simd, settled=style == unit.style):
                impl = Impl(pe=pe, simd=simd, style=unit.style, multiply=unit.multiply)
                yield impl
                if (pe, simd) != (self.rows, self.cols):
                    yield replace(impl, memory="block")

    def units(self) -> list[Unit]:
        """Return the units that it may have."""
        return every_unit()

    def _searched(self, fixed: Choice) -> list[Unit]:
        """Return the units that are searched, and the folded one whose ``multiply`` is settled."""
        primitives, settled = fixed.get("primitives", "portable"), fixed.get("multiply")
        units = [u for u in self.units() if u.searched(self.like, primitives)]
        if settled is None:
            return units
        folded = self.unit_of("folded", settled)
        return [folded, *(u for u in units if u.multiply == settled and u.style != folded.style)]

    def carried(self, fixed: Choice) -> Choice:
        carried = super().carried(fixed)
        cells = self.unit_of("folded", carried.get("multiply", "lut")).primitives
        return carried if cells is None else {"primitives": cells, **carried}

    def completed(self, chosen: Choice, default: Impl) -> Choice:
        """Memory follows from the lanes, and primitives from the unit."""
        if not self.unit_of(default.style).takes_lanes:
            return dict(chosen)
        unit = self.unit_of("folded", chosen.get("multiply", "lut"))
        if unit.primitives is not None and family_of(default.primitives).portable:
            chosen = {"primitives": unit.primitives, **chosen}
        pe, simd = chosen.get("pe", default.pe), chosen.get("simd", default.simd)
        if self.rows % pe or self.cols % simd:
            return dict(chosen)  # `validate_impl` refuses it
        if unit.multiply == default.multiply:
            unit = self.unit_of(default.style)
        primitives = chosen.get("primitives", default.primitives)
        return {"memory": unit.default_memory(self.like, pe, simd, primitives), **chosen}

    def at(self, impl: Impl) -> Self:
        """A copy whose constants are neither copied nor checked again."""
        return unchecked(self, impl)

    def schedule(self) -> Schedule:
        return self.unit.schedule(self.like)

    def structure(self) -> Structure:
        return self.unit.structure(self.like)

    def work(self) -> Work:
        return self.unit.work(self.like)

    @property
    def coefficients_name(self) -> str:
        return f"{self.kind}{self.unit.coefficients}"

    @property
    def parallelism(self) -> int:
        return self.folded.pe * self.lanes_in

    @property
    def interval(self) -> int:
        return self.x.size // self.cols * max(self.steps, self.synapse_fold)

    def cost(self) -> Cost:
        vectors, bits = self.x.size // self.cols, self.like.weight_type.bits
        macs = vectors * self.rows * self.cols
        if self.impl is None:
            return Cost(weight_bits=self.weights.size * bits, macs=macs)
        replays = self.neuron_fold * self.plane_pairs > 1
        return Cost(
            weight_bits=self.unit.stored_bits(self.like),
            state_bits=2 * self.cols * self.x.type.bits if replays else 0,
            macs=macs,
            cycles=self.interval,
        )

    def weight_words(self) -> np.ndarray:
        """Bits of the weight memory of a unit with one plane pair, ``[steps, bits]``.

        A word's bits are ``[lane][plane][row]``.
        """
        pe, lanes, bits = self.folded.pe, self.lanes, self.unit.code_bits(self.like)
        folds = (self.neuron_fold, pe, self.synapse_fold, lanes, bits)
        planes = self.unit.stored(self.like).reshape(folds)
        words = planes.transpose(0, 2, 3, 4, 1).reshape(self.neuron_fold, self.synapse_fold, -1)
        return self.unit.stepped(self.like, words)

    def start_words(self) -> np.ndarray:
        """Bits of the values that sums start from, ``[neuron_fold, bits]``: ``[plane][row]``."""
        return start_words(self.unit.starts(self.like), sum_plan(self.like).width, self.folded.pe)

    @property
    def lanes(self) -> int:
        """Products of a row in a step."""
        return self.unit.lanes(self.like)

    @property
    def lane_choices(self) -> LaneChoices:
        """The lanes of units that choose their columns, at every folding."""
        return self._lane_choices

    @cached_property
    def _lane_choices(self) -> LaneChoices:
        return LaneChoices(self.weights != 0)

    @property
    def shared_values(self) -> SharedValues:
        """The values that weights share, for units that store codes of them."""
        return self._shared_values

    @cached_property
    def _shared_values(self) -> SharedValues:
        return SharedValues(self.weights)

    @property
    def column_plans(self) -> ColumnPlans:
        """The steps of units that leave out weights of 0, at every folding."""
        return self._column_plans

    @cached_property
    def _column_plans(self) -> ColumnPlans:
        return ColumnPlans(self.weights != 0)

    @property
    def lanes_in(self) -> int:
        return self.folded.simd

    @property
    def lanes_out(self) -> int:
        return self.folded.pe
