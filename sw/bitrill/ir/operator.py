"""The contract of operators: one frozen object tells everything about a node of a graph.

Golden model, time, foldings, resources and hardware are asked for here; no table elsewhere lists
operators, so a class that a user defines goes through the whole compiler.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NoReturn, Self

import numpy as np

from ..errors import SpecError, StageError
from . import registry
from .channels import Ranges, Wiring
from .impl import Choice, Cost, Impl, Multiply, Style, Work
from .schedule import Schedule
from .structure import Coefficients, Structure
from .types import WIDEST, Tensor
from .written_memories import Table

Component = str | Callable[..., object]
"""The hardware of an operator: ``"module:Class"``, imported when it is built, or the class."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Operator(ABC):
    """One node of a graph: ``name`` is unique and names the output edge.

    ``inputs`` names the edges read, ``operands`` their types. A subclass is a dataclass with the
    same arguments; it adds its parameters as fields and gives every abstract member below, and the
    class attributes ``kind`` and ``component``. A member that is missing is a `SpecError` when the
    class is made. A base class that leaves members to its subclasses says so:
    ``class Base(Operator, abstract=True)``.
    """

    name: str
    inputs: tuple[str, ...]
    operands: tuple[Tensor, ...]
    impl: Impl | None = None

    kind: ClassVar[str]
    """The operator's name in graphs, messages and file names."""

    component: ClassVar[Component]
    """The hardware, called with the operator: streams ``i``, ``i1`` .. and ``o``, ``o1`` .."""

    styles: ClassVar[tuple[Style, ...]] = ("folded",)
    """Styles that it can be built in."""

    ways: ClassVar[tuple[Multiply, ...]] = ("lut",)
    """Values of `Impl.multiply` that it has."""

    coefficients: ClassVar[Coefficients | None] = None
    """LUTs and flip-flops of one of each count of `structure`; None where Bitrill's table has them.
    Counts without a coefficient weigh 1."""

    can_be_free: ClassVar[bool] = False
    """Whether `freed` makes its weights ones that may change."""

    fixed_range: ClassVar[bool] = False
    """Whether its parameters hold for one range of x only, as the words of a table do."""

    by_rows: ClassVar[bool] = False
    """Whether its schedule on an image repeats from row to row, but for a few first and last rows.
    Timing then makes it for a few rows, and the others like them."""

    additive: ClassVar[bool] = False
    """Whether ``f(x + s) = f(x) + f(s)`` for numbers s, one a channel, the same at all places."""

    takes_codes: ClassVar[bool] = False
    """Whether it takes logarithmic codes as they are; the importer gives others the integers."""

    def __init_subclass__(cls, *, abstract: bool = False, **arguments: object) -> None:
        super().__init_subclass__(**arguments)
        # `dataclass` would give each subclass a repr that prints all its weights
        cls.__repr__ = Operator.__repr__
        if not abstract:
            registry.require_members(cls, ("kind", "component"))
            registry.register(cls, cls.kind)

    def __repr__(self) -> str:
        impl = self.impl
        folding = "" if impl is None else f", PE {impl.pe}, SIMD {impl.simd}, {impl.style}"
        return f"<{type(self).__name__} {self.name}: reads {', '.join(self.inputs)}{folding}>"

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.operands):
            raise SpecError(
                f"{self.name}: inputs and operands must be equally many,"
                f" not {len(self.inputs)} and {len(self.operands)}"
            )
        self.validate()
        for t in (*self.operands, *self.results):
            if t.type.bits > WIDEST:
                raise SpecError(
                    f"{self.name}: accumulators and results must fit {WIDEST} bits, not {t.type}"
                )
        if self.impl is not None:
            self.check_impl(self.impl)

    def check_impl(self, impl: Impl) -> None:
        """Raise `SpecError` for an ``impl`` that this operator cannot have."""
        if impl.multiply not in self.ways:
            raise SpecError(
                f"{self.name}: multiply of a {self.kind} must be"
                f" {' or '.join(map(repr, self.ways))}, not {impl.multiply!r}"
            )
        self.validate_impl(impl)

    @property
    def x(self) -> Tensor:
        """The first (for most, the only) operand."""
        return self.operands[0]

    @property
    def y(self) -> Tensor:
        """The first (for most, the only) result."""
        return self.infer()

    @property
    def one_slot(self) -> bool:
        """Whether a FIFO beside it is a single register where a frame is one beat, so that a wide
        beat passes no multiplexer (`bitrill.folding.fold.set_depths`)."""
        return False

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the edges written: the node's name, and for further results ``name_1``, .."""
        return (self.name, *(f"{self.name}_{k}" for k in range(1, len(self.results))))

    @property
    def results(self) -> tuple[Tensor, ...]:
        """Types of all results; most operators have one."""
        return (self.infer(),)

    @property
    def folded(self) -> Impl:
        """The ``impl``, which must be there: stage FOLDED."""
        if self.impl is None:
            raise SpecError(f"{self.name} must be folded (impl set) for this, and is not")
        return self.impl

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        return replace(self, **changes)

    # parameters

    @abstractmethod
    def validate(self) -> None:
        """Raise `SpecError` for parameters that do not fit together."""

    @abstractmethod
    def infer(self) -> Tensor:
        """Shape and narrowest type of the (first) result, from the operands and constants."""

    def on(self, operands: tuple[Tensor, ...]) -> Operator:
        """The same function of operands of other types that hold the same values."""
        return self.replace(operands=operands)

    # channels

    def wiring(self) -> tuple[Wiring, ...] | None:
        """What each channel of each result is made of; None where all channels must stay."""
        return None

    def ranges(self, *xs: Ranges) -> tuple[Ranges, ...]:
        """Lowest and highest values of each result's channels, from those of the operands.

        If not overridden, each channel has the values of its sources.
        """
        wiring = self.wiring()
        if wiring is None:
            return tuple(map(Ranges.of, self.results))
        lo, hi = (np.concatenate(ends) for ends in ([x.lo for x in xs], [x.hi for x in xs]))
        return tuple(Ranges(lo[w.sources].min(1), hi[w.sources].max(1)) for w in wiring)

    def select(
        self,
        operands: tuple[Tensor, ...],
        ins: tuple[np.ndarray, ...],
        outs: tuple[np.ndarray, ...],
    ) -> Operator:
        """The same function of some channels, as far as `wiring` joins them.

        ``operands``: of the channels ``ins`` that each operand keeps; ``outs``: of each result.
        """
        return self.replace(operands=operands)

    # golden model

    @abstractmethod
    def eval(self, *xs: np.ndarray) -> np.ndarray | tuple[np.ndarray, ...]:
        """The golden model: exact integers ``[N, *shape]`` in, ``[N, *shape]`` out.

        One array an operand; one array, or with several results a tuple of them.

        Arrays hold integer values in any dtype that is exact for them (float32 below 2**24, say);
        `Graph.run` gives int64.
        """

    # foldings

    @abstractmethod
    def validate_impl(self, impl: Impl) -> None:
        """Raise `SpecError` for a folding that this operator cannot have."""

    @abstractmethod
    def default_impl(self, lanes: tuple[int | None, ...], *, style: Style) -> Impl:
        """The folding that is taken where nobody asks for another.

        ``lanes``: elements of a beat that each operand comes with, None where this node chooses;
        ``style``: what the whole network is asked for.
        """

    @abstractmethod
    def foldings(self, fixed: Choice) -> Iterator[Impl]:
        """Every folding that the search may choose from; ``fixed`` is settled already."""

    def carried(self, fixed: Choice) -> Choice:
        """The settled choices that hold for all of `foldings`, with what they need."""
        return {key: fixed[key] for key in ("primitives", "levels", "multiply") if key in fixed}

    def completed(self, chosen: Choice, default: Impl) -> Choice:
        """``chosen`` with what follows from it, before ``default`` fills in the rest."""
        return dict(chosen)

    def forms(self, impl: Impl, chosen: Choice) -> Iterator[tuple[Operator, Impl]]:
        """Foldings of which the cheapest is the default, each with the operator that takes it.

        None at all (the default): ``impl`` stands. Raises `SpecError` where ``chosen`` asks for a
        form that there is not.
        """
        yield from ()

    def at(self, impl: Impl) -> Operator:
        """This operator, or the one that takes its place, at a legal ``impl``."""
        return self.replace(impl=impl)

    # time

    @property
    @abstractmethod
    def lanes_in(self) -> int:
        """Elements per input beat (stage FOLDED), the same for all operands."""

    @property
    @abstractmethod
    def lanes_out(self) -> int:
        """Elements per output beat (stage FOLDED), the same for all results."""

    @abstractmethod
    def schedule(self) -> Schedule:
        """The rules of one frame at this folding; hardware keeps them to the cycle."""

    @property
    def interval(self) -> int:
        """Cycles from one frame to the next at this folding, if its neighbours never wait."""
        return self.cost().cycles

    @property
    def beats_in(self) -> int:
        """Input beats a frame, of the first operand."""
        return self.x.size // self.lanes_in

    @property
    def beats_out(self) -> int:
        """Output beats a frame, of the first result."""
        return self.y.size // self.lanes_out

    # resources

    @abstractmethod
    def cost(self) -> Cost:
        """Exact counts of storage and work."""

    def work(self) -> Work:
        """Operations and memory accesses of one frame (stage FOLDED).

        If not overridden: an addition for each element of the results, and constants of the width
        of an element read for it.
        """
        bits = sum(t.size * t.type.bits for t in self.results)
        reads = bits if self.cost().weight_bits else 0
        return Work(add_bits=bits) + Work.moving(reads, block=self.folded.in_block)

    @abstractmethod
    def structure(self) -> Structure:
        """Counts of what it is made of at its folding, for `bitrill.resources.estimate`."""

    @property
    def coefficients_name(self) -> str:
        """The name under which the resource model keeps the coefficients of `structure`."""
        return self.kind

    @property
    def parallelism(self) -> int:
        """Elements or products that are worked on in one cycle."""
        return self.lanes_in

    # constants that change

    @property
    def writable(self) -> bool:
        """Whether the host writes its `written_memories` between frames."""
        return self.impl is not None and self.impl.writable

    def tables(self) -> dict[str, Table]:
        """Contents of the memories that can be written where it is `writable`, by name."""
        return {}

    def freed(self) -> Operator:
        """The same operator for any weights of its type: results as wide as any of them need."""
        return self


class Imported(Operator, abstract=True):
    """An operator of stage IMPORTED alone: passes replace it before anything is folded."""

    component = ""

    def cost(self) -> Cost:
        return Cost()

    def _refuse(self, *given: object, **named: object) -> NoReturn:
        raise StageError(
            f"{self.name}: {self.kind} must become integer operators before it is folded"
        )

    validate_impl = default_impl = foldings = schedule = structure = _refuse

    @property
    def lanes_in(self) -> int:
        self._refuse()

    @property
    def lanes_out(self) -> int:
        self._refuse()
