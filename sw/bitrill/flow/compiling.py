"""`compile`, and reading what it leaves.

A build folder is whole exactly if it has ``graph.json``: compiling removes that file first and
writes it last, so nothing that was interrupted is taken for a build. The first line of ``top.v``
names the digest of the graph that it was written from; a reader refuses a pair that does not
belong together.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import FitError, SpecError, StorageError
from ..folding.solve import Solution
from ..ir import Graph, Stage, serialisation, verify
from ..parts.devices import Part, part_of
from ..resources.block_memory import BlockUse, block_use
from ..runtime import register_map
from ..storage import read_bytes, read_json, remove, write_json, write_text
from ..timing import predict
from ..timing.fifo_depths import fifo_bits
from .extras import Progress, extra, silent
from .steps import STYLES, Style, exact_number, first_that_fits, fold, integer, load

FILES = ("graph.json", "weights.npz", "top.v", "timing.json", "folding.json")
"""What `compile` leaves; ``graph.json`` is the mark of a whole build."""

REGISTERS = "registers.json"
"""What it leaves beside these where weights can be written: their addresses."""

RESULTS = ("verify.json", "synth.json")
"""What other verbs leave about a build; void once it is compiled anew."""

SLOWEST = 4096
"""Cycles a frame on a small board that is not asked for a rate: memories of more words than that
consist of so many blocks that their multiplexers miss the clock."""

ASSUMED_MHZ = 100.0
"""Clock of the rates shown before anything is routed."""


@dataclass(frozen=True)
class Build:
    """A build folder that has been read and checked."""

    folder: Path
    graph: Graph
    predicted: predict.Timing

    @property
    def verilog(self) -> Path:
        return self.folder / "top.v"


@dataclass(frozen=True)
class Compiled:
    """What `compile` did. ``ii`` and ``latency`` in cycles; ``fps`` at ``clock_mhz``.

    ``solution``: the folding that was found for a rate or a part, None where none was asked for.
    ``board``: that was asked for, of those in ``folder``, too.
    """

    build: Build
    clock_mhz: float
    assumed: bool
    solution: Solution | None = None
    board: str | None = None
    folder: str | Path | None = None

    @cached_property
    def boards(self) -> tuple[Any, ...]:
        """Of each board, or of the one that was compiled for, what it can do with the network:
        `bitrill_boards.roofline.Roofline`."""
        from .boards import boards

        found = boards(self.build, folder=self.folder)
        mine = [r for r in found.rooflines or () if self.board in (None, r.board)]
        return tuple(mine)

    @property
    def fps(self) -> float:
        return float(Fraction(self.clock_mhz) * 1_000_000 / self.build.predicted.ii)

    @property
    def fifo_bits(self) -> int:
        """Bits that all FIFOs hold."""
        return fifo_bits(self.build.graph)

    @cached_property
    def block_memory(self) -> BlockUse:
        """Block memory of the 7 series that it is planned to take."""
        return block_use(self.build.graph)

    @property
    def files(self) -> tuple[str, ...]:
        """What is in the folder: `FILES`, and `REGISTERS` where there are some."""
        return (*FILES, REGISTERS) if register_map.register_map(self.build.graph) else FILES

    def json(self) -> dict[str, Any]:
        """The object that ``compile --json`` prints."""
        return {
            "nodes": len(self.build.graph.nodes),
            "ii": exact_number(self.build.predicted.ii),
            "latency": self.build.predicted.latency,
            "fifo_bits": self.fifo_bits,
            "block_memory": {"ramb18": self.block_memory.halves, "bits": self.block_memory.bits},
            "fps": self.fps,
            "clock_mhz": self.clock_mhz,
            "assumed": self.assumed,
            "files": [str(self.build.folder / name) for name in self.files],
            "boards": {r.board: r.to_json() for r in self.boards},
        } | ({} if self.solution is None else {"solution": self.solution.to_json()})


def compile(
    model: str | Path,
    *,
    out: str | Path,
    folding: str | Path | Mapping[str, Any] | None = None,
    raw_input: str | None = None,
    input_scale: str | Fraction | None = None,
    top: int | None = None,
    fps: float | None = None,
    clock_mhz: float | None = None,
    part: str | None = None,
    board: str | None = None,
    folder: str | Path | None = None,
    style: Style = "folded",
    checkpoints: bool = False,
    progress: Progress = silent,
) -> Compiled:
    """A model file to a build folder: import, integer passes, folding, Verilog, timing.

    ``folding``: a mapping in the form of ``folding.json``, or a file of it. ``raw_input`` (such as
    ``"uint8"``) with ``input_scale`` (such as ``"1/255"``): the hardware takes raw integers that
    stand for scale * integer. ``top``: decisions instead of logits. ``fps``: frames a second to
    reach at ``clock_mhz`` (100, if not given) with the fewest LUTs, within ``part`` if given;
    ``part`` alone: the fastest that it holds; what ``folding`` says stands. A ``clock_mhz`` that
    is given sets how many registers pipelines have (see `bitrill.resources.clock`). ``board`` (of
    those in ``folder``, too): its part and clock, and what it leaves to a network; alone, as fast
    as its link can bring frames, or as it holds, where that is slower. ``style`` ``unrolled``: the
    matrices in the logic, a vector a cycle, checked to fit ``part``; ``runtime``: weights and
    thresholds writable over AXI-Lite; ``streamed``: weights over streams; with these nothing is
    searched for. ``checkpoints``: the graph after each pass, below ``out/checkpoints``.
    """
    if style not in STYLES:
        raise SpecError(f"style must be {' or '.join(map(repr, STYLES))}, not {style!r}")
    if clock_mhz is not None and not 0 < clock_mhz <= 2000:
        raise SpecError(f"the clock must be above 0 and at most 2000 MHz, not {clock_mhz}")
    target = Path(out)
    if fps is not None and not 0 < fps <= 1e12:
        raise SpecError(f"the rate must be above 0 and at most 1e12 frames a second, not {fps:g}")
    chosen = None if board is None else _board(board, folder, part)
    if chosen is not None and clock_mhz is None:
        clock_mhz = _clock(chosen)
    mhz = ASSUMED_MHZ if clock_mhz is None else float(clock_mhz)
    known = _part(part, chosen)
    kept = target if checkpoints else None
    start = integer(load(model, raw_input, input_scale), top=top, folder=kept)
    solution = None
    if style != "folded" or (fps is None and known is None):
        graph = fold(
            start,
            folding,
            style=style,
            part=known,
            clock_mhz=clock_mhz,
            folder=kept,
            progress=progress,
        )
    else:
        rates = [fps] if fps is not None or chosen is None else _rates(chosen, start, mhz)
        graph, solution = first_that_fits(
            start,
            mhz,
            rates,
            known,
            folding,
            deep=clock_mhz is not None,
            folder=kept,
            progress=progress,
        )
    progress("writing Verilog", 0, 0)
    with extra("hw", "compile"):
        from bitrill_hw.design.verilog import verilog
    with _rare_collection():
        text = verilog(graph)
    progress("predicting cycles", 0, 0)
    predicted = predict.predict(graph)
    if style != "folded" and fps is not None and predicted.ii * Fraction(fps) > mhz * 1_000_000:
        raise FitError(
            f"{graph.name} {style} takes a frame every {predicted.ii} cycles, at {mhz:g} MHz"
            f" {mhz * 1e6 / predicted.ii:,.0f} a second, not {fps:g}"
        )
    _write(target, graph, text, predicted)
    build = Build(target, graph, predicted)
    return Compiled(build, mhz, True, solution, None if chosen is None else chosen.name, folder)


def _board(name: str, folder: str | Path | None, part: str | None) -> Any:
    from bitrill_boards.board import find

    if part is not None:
        raise SpecError("a board has a part of its own: give a board or a part, not both")
    return find(name, None if folder is None else Path(folder))


def _clock(board: Any) -> float:
    """MHz that a board makes of its own wish."""
    from bitrill_boards.roofline import made_clock

    return float(made_clock(board, board.clock_mhz))


def _part(name: str | None, board: Any) -> Part | None:
    from bitrill_boards.roofline import part_for

    if board is not None:
        return part_for(board)
    return None if name is None else part_of(name)


def _rates(board: Any, graph: Graph, clock_mhz: float) -> list[float | None]:
    """Frames a second to ask for where nobody does, the first that fits: what a board can bring to
    a network, on a small one more; at last the most that it holds."""
    from bitrill_boards.roofline import links

    link = min(links(board, graph, clock_mhz).values())
    if board.zynq:
        return [link, None]
    return [max(link, clock_mhz * 1e6 / SLOWEST), link, None]


def load_build(folder: str | Path) -> Build:
    """Read and check a build folder."""
    folder = Path(folder)
    marker = folder / "graph.json"
    if not folder.is_dir():
        raise StorageError(f"{folder} must be a folder that `bitrill compile` left, and is none")
    if not marker.is_file():
        raise StorageError(
            f"{folder} holds no finished build: {marker.name} is missing; compile again"
        )
    graph = serialisation.load(folder)
    verify(graph, Stage.FOLDED)
    _check_verilog(folder / "top.v", serialisation.digest(graph))
    value = read_json(folder / "timing.json")
    try:
        predicted = predict.Timing(Fraction(value["ii"]), int(value["latency"]))
    except (ArithmeticError, KeyError, TypeError, ValueError) as error:
        raise StorageError(
            f"{folder / 'timing.json'} must hold ii and latency; compile again"
        ) from error
    return Build(folder, graph, predicted)


def _write(folder: Path, graph: Graph, text: str, predicted: predict.Timing) -> None:
    from ..folding.fold import folding_of

    for name in ("graph.json", REGISTERS, *RESULTS):
        remove(folder / name)
    if register_map.register_map(graph):
        write_json(folder / REGISTERS, register_map.to_json(graph))
    write_text(folder / "top.v", text)
    write_json(folder / "folding.json", folding_of(graph))
    write_json(
        folder / "timing.json",
        {"ii": str(predicted.ii), "latency": predicted.latency, "depths": dict(graph.depths)},
    )
    serialisation.save(graph, folder)  # graph.json last


@contextmanager
def _rare_collection() -> Iterator[None]:
    """Amaranth makes millions of objects that all live: looking for garbage took a third."""
    usual = gc.get_threshold()
    gc.set_threshold(500_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _check_verilog(path: Path, digest: str) -> None:
    text = read_bytes(path)
    if not text.partition(b"\n")[0].endswith(f"graph {digest}".encode()):
        raise StorageError(f"{path} was not written from the graph beside it; compile again")
    if not text.rstrip().endswith(b"endmodule"):
        raise StorageError(f"{path} is cut short; compile again")
