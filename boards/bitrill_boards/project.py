"""What a toolchain gets (`Project`) and returns (`ToolchainResult`) for a network on a board."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Protocol

from bitrill.ir.graph import Graph
from bitrill.progress import Progress
from bitrill.storage import read_bytes
from bitrill.timing.predict import Timing
from bitrill_hw.design.verilog import verilog

from .board import Board
from .shell.network_instance import Edges

STEM = "bitrill"
"""Stem of the names of the bitstream and the files that belong to it."""


@dataclass(frozen=True)
class Project:
    """A FOLDED ``graph`` for a ``board``.

    ``verilog``: the build's ``top.v``; ``folder``: the board's folder; ``clock_mhz``: the network's
    clock; ``seed``: seed of placement; ``counters``: with counters of each layer.
    """

    board: Board
    graph: Graph
    predicted: Timing
    verilog: Path
    folder: Path
    toolchain: str
    clock_mhz: Fraction
    seed: int = 1
    counters: bool = False

    @cached_property
    def edges(self) -> Edges:
        return Edges.of(self.graph, self.predicted.ii, counters=self.counters)

    def top(self) -> bytes:
        """Return the network's Verilog; with ``counters``, it has a port to watch its layers."""
        if self.counters:
            return verilog(self.graph, watched=True).encode()
        return read_bytes(self.verilog)

    @property
    def clock_hz(self) -> int:
        return round(self.clock_mhz * 1_000_000)


@dataclass(frozen=True)
class ToolchainResult:
    """Result of a toolchain's run.

    ``bitstream``: name of its file; ``files``: names of files that belong to it; ``fmax_mhz``: the
    fastest clock; ``used``: ``{resource: (used, available)}``.
    """

    bitstream: str
    fmax_mhz: float
    used: Mapping[str, tuple[int, int]]
    files: tuple[str, ...] = ()


class Toolchain(Protocol):
    """A module of `bitrill_boards.toolchains`."""

    def files(self, project: Project) -> Mapping[str, str]:
        """Return the files that tools and users need, by name, without running a tool.

        Raises `SpecError` if the board cannot do what is asked.
        """
        ...

    def readme(self, project: Project) -> str:
        """Return what to do with the files, in Markdown with headings of the second level on."""
        ...

    def make(self, project: Project, progress: Progress) -> ToolchainResult:
        """Run the tools on the files, which are in the project's folder.

        Raises `ToolError` (a tool failed, or tools are missing: all are named), `FitError` (too
        large) or `TimingError` (slower than ``clock_mhz``).
        """
        ...
