"""Base of all operators: one frozen object for golden model, costs and hardware alike."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from ..errors import SpecError
from .schedule import Schedule
from .types import Tensor

Style = Literal["folded", "parallel", "search", "unrolled", "runtime", "streamed", "requantize"]
Memory = Literal["distributed", "block"]
Primitives = Literal["portable", "xc7", "ecp5", "ice40", "gowin"]
Multiply = Literal["lut", "serial", "dsp"]

FOUR_INPUTS: tuple[Primitives, ...] = ("ecp5", "ice40", "gowin")
"""Families whose LUTs have four inputs."""


@dataclass(frozen=True, kw_only=True)
class Impl:
    """How an operator is built, set from stage FOLDED on.

    ``pe``: output lanes (elements per output beat); ``simd``: input lanes (elements per input
    beat); ``style``: the structure; ``memory``: where its constants live; ``primitives``: plain
    logic for any part, or the cells and trees that suit one family (the 7 series' LUTs and carry
    chains; parts with LUTs of four inputs); ``levels``: LUTs that may stand between two registers,
    where an operator has a choice; ``multiply``: of matrices, products in LUTs, a pair of planes a
    cycle (see `bitrill.arith.bitserial`), or in DSP slices (see `bitrill.arith.dsp_packing`).
    """

    pe: int = 1
    simd: int = 1
    style: Style = "folded"
    memory: Memory = "distributed"
    primitives: Primitives = "portable"
    levels: int = 2
    multiply: Multiply = "lut"


@dataclass(frozen=True)
class Cost:
    """What an operator stores and computes for one frame; exact counts, not estimates.

    ``weight_bits``: bits of constants; ``state_bits``: bits of buffers it needs at its folding
    (0 before); ``macs``: multiply-accumulates a frame (dense counting); ``cycles``: firings a
    frame at its folding (0 before).
    """

    weight_bits: int = 0
    state_bits: int = 0
    macs: int = 0
    cycles: int = 0


def frozen_array(value: Any, *, name: str, ndim: int, dtype: Any = np.int64) -> np.ndarray:
    """``value`` as a read-only C-ordered array; integers only, unless ``dtype`` is bool."""
    given = np.asarray(value)
    if given.dtype.kind not in "iub":
        raise SpecError(f"{name} must hold integers, not {given.dtype}")
    if given.ndim != ndim or 0 in given.shape:
        raise SpecError(f"{name} must be a non-empty array of {ndim} axes, not {given.shape}")
    out = np.array(given, dtype=dtype, order="C")
    out.setflags(write=False)
    return out


@dataclass(frozen=True, kw_only=True, eq=False)
class Operator(ABC):
    """One node of a graph.

    ``name`` is unique in its graph and names the output edge; ``inputs`` names the edges read,
    ``operands`` their types. Subclasses add parameters, check them in ``__post_init__`` and are
    the only argument of ``bitrill_hw``'s component of the same file name.
    """

    name: str
    inputs: tuple[str, ...]
    operands: tuple[Tensor, ...]
    impl: Impl | None = None

    kind: ClassVar[str]
    """The op's name in graphs, messages and file names."""

    ways: ClassVar[tuple[Multiply, ...]] = ("lut",)
    """Ways to multiply that it has."""

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        # `dataclass` would give each subclass a repr that prints all its weights
        cls.__repr__ = Operator.__repr__

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
        """The result."""
        return self.infer()

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the edges written: the node's name, and for further results ``name_1``, .."""
        return (self.name, *(f"{self.name}_{k}" for k in range(1, len(self.results))))

    @property
    def results(self) -> tuple[Tensor, ...]:
        """All results; most operators have one."""
        return (self.infer(),)

    @property
    def folded(self) -> Impl:
        """``impl``, which must be there: stage FOLDED."""
        if self.impl is None:
            raise SpecError(f"{self.name} must be folded (impl set) for this, and is not")
        return self.impl

    def replace(self, **changes: Any) -> Any:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    @abstractmethod
    def validate(self) -> None:
        """Raise `SpecError` for parameters that do not fit together."""

    @abstractmethod
    def validate_impl(self, impl: Impl) -> None:
        """As `check_impl`, of what is special to the operator."""

    @abstractmethod
    def infer(self) -> Tensor:
        """Shape and narrowest type of the (first) result, from the operands and constants."""

    @abstractmethod
    def eval(self, *xs: np.ndarray) -> np.ndarray | tuple[np.ndarray, ...]:
        """The golden model: exact integers ``[N, *shape]`` in, ``[N, *shape]`` out.

        One array an operand; one array, or with several results a tuple of them.

        Arrays hold integer values in any dtype that is exact for them (float32 below 2**24, say);
        `Graph.run` gives int64.
        """

    @abstractmethod
    def cost(self) -> Cost:
        """Exact counts of storage and work."""

    @property
    def interval(self) -> int:
        """Cycles a frame takes it at its folding, if its neighbours never wait."""
        return self.cost().cycles

    @abstractmethod
    def schedule(self) -> Schedule:
        """The rules of one frame at this folding; hardware keeps them to the cycle."""

    @property
    @abstractmethod
    def lanes_in(self) -> int:
        """Elements per input beat (stage FOLDED), the same for all operands."""

    @property
    @abstractmethod
    def lanes_out(self) -> int:
        """Elements per output beat (stage FOLDED), the same for all results."""

    @property
    def beats_in(self) -> int:
        """Input beats a frame, of the first operand."""
        return self.x.size // self.lanes_in

    @property
    def beats_out(self) -> int:
        """Output beats a frame, of the first result."""
        return self.y.size // self.lanes_out


def must_divide(*, name: str, what: str, value: int, of: str, total: int) -> None:
    """Raise unless ``value`` is a divisor of ``total``; the message offers the nearest ones."""
    if value >= 1 and total % value == 0:
        return
    legal = [d for d in range(1, total + 1) if total % d == 0]
    below = max((d for d in legal if d < value), default=legal[0])
    above = min((d for d in legal if d > value), default=legal[-1])
    near = f"{below} or {above}" if below != above else f"{below}"
    raise SpecError(f"{name}: {what} must divide {total} {of}, not {value} (nearest: {near})")


def must_be_numbers(op: Operator) -> None:
    """Raise if an operand is logarithmic: its bits are exponents, which this operator cannot take.

    Those that can multiply by shifts, or move elements as they are.
    """
    found = [str(t.type) for t in op.operands if t.type.coding == "log2"]
    if found:
        raise SpecError(f"{op.name}: operands of {op.kind} must be integers, not {found[0]}")


__all__ = [
    "Cost",
    "Impl",
    "Memory",
    "Multiply",
    "Operator",
    "Primitives",
    "Style",
    "frozen_array",
    "must_be_numbers",
    "must_divide",
]
