"""The verb `compile`: a model file to a build folder."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from ..errors import FitError
from ..folding.solve import Solution
from ..ir import Graph, is_searched
from ..parts.devices import DEFAULT_PART, PORTABLE, Part, part_of
from ..parts.families import usual_part
from ..resources.estimate import BlockUse, Resources, block_use
from ..timing.fifo_depths import fifo_bits
from ..timing.predict import Timing, predict
from .boards import boards, on_board
from .build_files import check_target
from .builds import Build, load_build, write_build
from .compile_options import CompileKeywords, CompileOptions
from .extras import Progress, logged
from .import_and_fold import ASSUMED_MHZ, Goal, dropped, fold, fold_for, integers, load, usual_goals
from .inspection import node_table
from .result import Json, Result, TextTable, exact_number
from .verilog_file import write_verilog

if TYPE_CHECKING:
    from bitrill_boards.board import Board
    from bitrill_boards.roofline import Roofline

MOST_CYCLES = 4096
"""Cycles a frame that a small board gets at most if no rate is asked for. More means memories of
more words, made of so many blocks that the multiplexers behind them miss the clock."""


@dataclass(frozen=True, repr=False)
class Compiled(Result):
    """Result of `compile`.

    ``clock_mhz``: clock of the predicted rates; ``part``: what it is made for, None for plain
    logic; ``solution``: the folding that was searched for, None for matrices that are not folded;
    ``dropped``: channels before and after of each layer that has fewer than the model's.
    """

    build: Build
    options: CompileOptions
    clock_mhz: float
    part: Part | None
    solution: Solution | None = None
    dropped: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def fps(self) -> float:
        """Frames a second at ``clock_mhz``."""
        return float(Fraction(self.clock_mhz) * 1_000_000 / self.build.predicted.ii)

    @property
    def latency_ns(self) -> float:
        """Nanoseconds from the first input beat to the last output beat, at ``clock_mhz``."""
        return self.build.predicted.latency * 1000 / self.clock_mhz

    @property
    def assumed(self) -> bool:
        """Whether nobody named a part."""
        return self.options.part is None and self.options.board is None

    @cached_property
    def resources(self) -> Resources:
        """Predicted resources of the network: its layers and FIFOs."""
        return self.build.resources

    @property
    def fits(self) -> bool:
        """Whether the part has, by prediction, enough of everything."""
        return self.part is None or not self.part.excess(self.resources)

    @property
    def made_for(self) -> str:
        """The part in words."""
        if self.part is None:
            return "any (plain logic)"
        words = [self.part.name]
        words += ["(assumed)"] if self.assumed else []
        words += [] if self.fits else ["DOES NOT FIT"]
        return " ".join(words)

    @property
    def board(self) -> str | None:
        """Name of the board that was compiled for."""
        return self.options.board and self.options.board.lower()

    @cached_property
    def rooflines(self) -> tuple[Roofline, ...]:
        """What the network reaches on the board that was compiled for, or on every board."""
        if self.board is not None:
            return (on_board(self.board, self.build, self.options.boards),)
        return boards(self.build, boards=self.options.boards).rooflines or ()

    @property
    def fifo_bits(self) -> int:
        """Bits that all FIFOs hold."""
        return fifo_bits(self.build.graph)

    @cached_property
    def block_memory(self) -> BlockUse:
        """Block memory of the 7 series that the design is predicted to take."""
        return block_use(self.build.graph)

    def summary(self) -> dict[str, object]:
        predicted = self.build.predicted
        return {
            "network": self.build.graph.name,
            "nodes": len(self.build.graph.nodes),
            "cycles a frame": predicted.ii,
            "latency": f"{predicted.latency} cycles, {self.latency_ns:,.0f} ns",
            "frames/s": f"{self.fps:,.0f} at {self.clock_mhz:g} MHz (assumed)",
            "part": self.made_for,
            "LUTs": f"{self.resources.lcs:,} (predicted)",
            "folder": self.build.folder,
        }

    def tables(self) -> tuple[TextTable, ...]:
        return (node_table(self.build.graph),)

    def to_json(self) -> Json:
        memory, solution = self.block_memory, self.solution
        value: Json = {
            "nodes": len(self.build.graph.nodes),
            "ii": exact_number(self.build.predicted.ii),
            "latency": self.build.predicted.latency,
            "latency_ns": self.latency_ns,
            "fifo_bits": self.fifo_bits,
            "block_memory": {"ramb18": memory.halves, "bits": memory.bits},
            "fps": self.fps,
            "clock_mhz": self.clock_mhz,
            "assumed": True,
            "part": None if self.part is None else self.part.name,
            "part_assumed": self.assumed,
            "fits": self.fits,
            "resources": asdict(self.resources),
            "dropped_channels": {name: was - now for name, (was, now) in self.dropped.items()},
            "files": [str(self.build.folder / name) for name in self.build.files],
            "boards": {r.board: r.to_json() for r in self.rooflines},
        }
        return value if solution is None else value | {"solution": solution.to_json()}


def compile(
    model: str | Path,
    *,
    out: str | Path,
    progress: Progress = logged,
    **options: Unpack[CompileKeywords],
) -> Compiled:
    """Compile a model file to hardware, in the build folder ``out``.

    ``options``: the fields of `CompileOptions`. Raises `SpecError` for wrong options,
    `UnsupportedError` for a model that cannot be compiled, `FitError` for a rate, a part or an
    earlier build's structure that cannot be met, `StorageError` for an ``out`` that is neither new,
    empty nor a build. A build that is there stays as it is until the new one is whole.
    """
    asked = CompileOptions(**options)
    check_target(Path(out))
    target = _target(asked)
    aim = f"for {target.name}" if asked.like is None else f"like {asked.like}"
    progress(f"compiling {aim}", 0, 0)
    checkpoints = Path(out) / "checkpoints" if asked.checkpoints else None
    imported = load(model, asked.raw_input, asked.input_scale, asked.input_offset)
    like = None if asked.like is None else load_build(asked.like).graph
    start = integers(
        imported,
        asked.folding,
        style=asked.style,
        top=asked.top,
        like=like,
        checkpoints=checkpoints,
    )
    graph, solution = _folded(start, asked, target, like, checkpoints, progress)
    progress("writing Verilog", 0, 0)
    verilog = write_verilog(graph)
    progress("predicting cycles", 0, 0)
    predicted = predict(graph)
    _require_rate(graph, asked, predicted, target.clock_mhz)
    build = write_build(Path(out), graph, verilog, predicted)
    part = target.part if asked.like is None or asked.board else _part_like(build)
    gone = dropped(imported, start)
    return Compiled(build, asked, target.clock_mhz, part, solution, gone)


def _part_like(build: Build) -> Part | None:
    """Return a part whose cells a build like an earlier one is made of; None for plain logic."""
    return None if build.plain else part_of(usual_part(build.primitives))


@dataclass(frozen=True)
class _Target:
    """What to compile for; ``wanted_mhz`` is None if nobody asked for a clock."""

    board: Board | None
    part: Part | None
    wanted_mhz: float | None

    @property
    def name(self) -> str:
        """The part in words."""
        return "any part, in plain logic" if self.part is None else self.part.name

    @property
    def clock_mhz(self) -> float:
        return ASSUMED_MHZ if self.wanted_mhz is None else float(self.wanted_mhz)


def _target(asked: CompileOptions) -> _Target:
    if asked.board is None:
        if asked.boards is not None:  # a mistake in one of its files is reported before any work
            boards(boards=asked.boards)
        name = asked.part or DEFAULT_PART
        return _Target(None, None if name == PORTABLE else part_of(name), asked.clock_mhz)
    from bitrill_boards.board import find
    from bitrill_boards.roofline import made_clock, part_for

    board = find(asked.board, asked.boards)
    clock_mhz = asked.clock_mhz
    if clock_mhz is None:
        clock_mhz = float(made_clock(board, board.clock_mhz))
    return _Target(board, part_for(board), clock_mhz)


def _folded(
    graph: Graph,
    asked: CompileOptions,
    target: _Target,
    like: Graph | None,
    checkpoints: Path | None,
    progress: Progress,
) -> tuple[Graph, Solution | None]:
    """The folded graph, and the folding that was searched for."""
    if like is not None:
        return fold(
            graph, asked.folding, like=like, checkpoints=checkpoints, progress=progress
        ), None
    if not is_searched(asked.style):
        folded = fold(
            graph,
            asked.folding,
            style=asked.style,
            part=target.part,
            clock_mhz=target.wanted_mhz,
            checkpoints=checkpoints,
            progress=progress,
        )
        return folded, None
    return fold_for(
        graph,
        target.clock_mhz,
        _goals(graph, asked, target),
        asked.folding,
        deep=target.wanted_mhz is not None,
        checkpoints=checkpoints,
        progress=progress,
    )


def _goals(graph: Graph, asked: CompileOptions, target: _Target) -> list[Goal]:
    """What to search for, the first that fits counts."""
    part = target.part
    if target.board is not None:
        rates = _rates(graph, target.board, target.clock_mhz) if asked.fps is None else [asked.fps]
        return [Goal(part, fps) for fps in rates]
    if asked.part is not None and part is not None:
        return [Goal(part, asked.fps)]
    return usual_goals(graph, part, asked.fps)


def _rates(graph: Graph, board: Board, clock_mhz: float) -> list[float | None]:
    """Frames a second to try on a board if no rate is asked for; None: as fast as fits.

    What its link can deliver, and on a small board at least a frame every `MOST_CYCLES` cycles.
    """
    from bitrill_boards.roofline import links

    link = min(links(board, graph, clock_mhz).values())
    if board.zynq:
        return [link, None]
    return [max(link, clock_mhz * 1e6 / MOST_CYCLES), link, None]


def _require_rate(graph: Graph, asked: CompileOptions, predicted: Timing, clock_mhz: float) -> None:
    """Raise `FitError` if a style that is not searched for misses the rate."""
    if is_searched(asked.style) or asked.fps is None:
        return
    if predicted.ii * Fraction(asked.fps) > clock_mhz * 1_000_000:
        raise FitError(
            f"{graph.name} in style {asked.style} takes {predicted.ii} cycles a frame:"
            f" {clock_mhz * 1e6 / predicted.ii:,.0f} frames/s at {clock_mhz:g} MHz, not"
            f" {asked.fps:,.0f}"
        )
