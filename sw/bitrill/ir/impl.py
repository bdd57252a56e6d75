"""How an operator is built: the folding of one node, and what it then stores and computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any, Literal

Style = Literal[
    "folded",
    "parallel",
    "search",
    "unrolled",
    "runtime",
    "streamed",
    "requantize",
    "sparse",
    "indexed",
    "prefix",
    "hashed",
]
Memory = Literal["distributed", "block"]
Primitives = Literal["portable", "xc7", "ecp5", "ice40", "gowin"]
Multiply = Literal["lut", "serial", "dsp", "select"]

Choice = Mapping[str, Any]
"""What a folding file says about one node, by the names of `Impl`'s fields."""

Folding = Mapping[str, Choice]
"""What a folding file says, by the names of the nodes."""


def is_searched(style: str) -> bool:
    """Return whether a network's style leaves the choice for each node to the folding search.

    With any other style, all matrices are built in that style.
    """
    return style == "folded"


@dataclass(frozen=True, kw_only=True)
class Impl:
    """How an operator is built: the folding of one node, set from stage FOLDED on.

    ``pe``: elements of an output beat; ``simd``: elements of an input beat; ``style``: the
    structure; ``memory``: where its constants lie; ``primitives``: portable logic, or the cells of
    one family (`bitrill.parts.families`); ``levels``: LUTs that may stand between two registers,
    where an operator has a choice; ``multiply``: how it multiplies: in LUTs, a matrix bit by bit
    (`bitrill.arith.bitserial`), or in DSP slices (`bitrill.arith.dsp_packing`).
    """

    pe: int = 1
    simd: int = 1
    style: Style = "folded"
    memory: Memory = "distributed"
    primitives: Primitives = "portable"
    levels: int = 2
    multiply: Multiply = "lut"

    @property
    def in_block(self) -> bool:
        """Whether constants lie in block memory."""
        return self.memory == "block"

    @property
    def in_slices(self) -> bool:
        """Whether DSP slices multiply."""
        return self.multiply == "dsp"

    @property
    def writable(self) -> bool:
        """Whether the host writes the constants between frames."""
        return self.style == "runtime"

    @property
    def streamed(self) -> bool:
        """Whether the weights come over a stream of their own."""
        return self.style == "streamed"


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


@dataclass(frozen=True)
class Work:
    """Operations and memory accesses of one frame, for `bitrill.resources.energy`.

    ``add_bits``: bits of the results of all additions and comparisons; ``product_bits``: for each
    multiplication in logic the bits of one factor times those of the other, ``slice_bits`` the same
    in DSP slices; ``lut_bits`` and ``block_bits``: bits read from or written to memories of LUTs
    and to block memories.
    """

    add_bits: int = 0
    product_bits: int = 0
    slice_bits: int = 0
    lut_bits: int = 0
    block_bits: int = 0

    @classmethod
    def moving(cls, bits: int, *, block: bool) -> Work:
        """Return the work of so many bits read or written."""
        return cls(block_bits=bits) if block else cls(lut_bits=bits)

    def __add__(self, other: Work) -> Work:
        return Work(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))
