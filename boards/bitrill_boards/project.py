"""What a toolchain is given, and what it answers: a network's build on its way to a board."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Protocol, TypeAlias

from bitrill.ir.graph import Graph
from bitrill.timing.predict import Timing

from .board import Board
from .shell.network_instance import Edges

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with ``(what, done, total)``; total 0 where it is not known."""

STEM = "bitrill"
"""Of the bitstream and of what belongs to it."""


@dataclass(frozen=True)
class Project:
    """A FOLDED ``graph`` for a ``board``: ``verilog`` is its build's ``top.v``; files go to
    ``folder``; the network runs at ``clock_mhz``. ``seed``: of placement."""

    board: Board
    graph: Graph
    predicted: Timing
    verilog: Path
    folder: Path
    toolchain: str
    clock_mhz: Fraction
    seed: int = 1

    @cached_property
    def edges(self) -> Edges:
        return Edges.of(self.graph, self.predicted.ii)

    @property
    def clock_hz(self) -> int:
        return round(self.clock_mhz * 1_000_000)


@dataclass(frozen=True)
class Made:
    """What a toolchain's run gave: ``bitstream`` (its name in the folder) and what belongs to it,
    the clock that it may run at, ``{resource: (used, available)}``."""

    bitstream: str
    fmax_mhz: float
    used: Mapping[str, tuple[int, int]]
    files: tuple[str, ...] = field(default_factory=tuple)


class Toolchain(Protocol):
    """A module of `bitrill_boards.toolchains`."""

    def files(self, project: Project) -> Mapping[str, str]:
        """All that the tools read, and what a person at the board wants, by name: pure, no tool is
        run. Raises `SpecError` where the board cannot do what is asked."""
        ...

    def readme(self, project: Project) -> str:
        """Markdown, from headings of the second level on: what a person does with its files."""
        ...

    def make(self, project: Project, progress: Progress) -> Made:
        """Run the tools on what `files` gave, written to the project's folder.

        Raises `ToolError` (missing: all tools that are; or failed), `FitError` (too large),
        `TimingError` (slower than ``clock_mhz``).
        """
        ...
