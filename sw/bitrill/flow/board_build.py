"""The verb `build`: makes the files and the bitstream of a compiled network for a board."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import SpecError, StorageError
from ..exact import rational
from ..parts.families import require_cells
from .builds import Build, BuildLike, open_build
from .data import chosen_samples
from .extras import Progress, extra, logged
from .result import Json, Result, TextTable

if TYPE_CHECKING:
    from bitrill_boards.manifest import Manifest


@dataclass(frozen=True, repr=False)
class BoardBuild(Result):
    """Result of `build`.

    ``samples``: number of frames recorded for the self-test; ``asked_mhz``: the clock that was
    asked for; ``manifest``: the board folder's manifest, with the actual clock.
    """

    folder: Path
    manifest: Manifest
    samples: int
    asked_mhz: Fraction

    @property
    def bitstream(self) -> Path | None:
        """Path of the bitstream; None if only files were asked for."""
        name = self.manifest.bitstream
        return None if name is None else self.folder / name

    def summary(self) -> dict[str, object]:
        m = self.manifest
        return {
            "board": m.board,
            "toolchain": m.toolchain,
            "clock": f"{float(m.clock):g} MHz",
            "fmax": "not routed" if m.fmax_mhz is None else f"{m.fmax_mhz:g} MHz",
            "bitstream": self.bitstream or "none yet",
            "folder": self.folder,
        }

    def tables(self) -> tuple[TextTable, ...]:
        used = self.manifest.used or {}
        rows = [
            (name, f"{n:,}", f"{have:,}", f"{100 * n / have:.0f} %")
            for name, (n, have) in used.items()
        ]
        return (TextTable.of(("resource", "used", "of", "share"), rows),) if rows else ()

    def to_json(self) -> Json:
        m = self.manifest
        return {
            "board": m.board,
            "part": m.part,
            "toolchain": m.toolchain,
            "clock_mhz": float(m.clock),
            "bitstream": None if self.bitstream is None else str(self.bitstream),
            "fmax_mhz": m.fmax_mhz,
            "used": m.used,
            "samples": self.samples,
            "folder": str(self.folder),
            "files": [str(self.folder / name) for name in ("board.json", *sorted(m.files))],
        }


def build(
    board: str,
    build: BuildLike,
    *,
    out: str | Path | None = None,
    toolchain: str | None = None,
    clock_mhz: float | str | Fraction | None = None,
    seed: int = 1,
    data: str | np.ndarray = "random",
    samples: int | None = None,
    boards: str | Path | None = None,
    counters: bool = False,
    files_only: bool = False,
    progress: Progress = logged,
) -> BoardBuild:
    """Make all files of a board in ``out`` (default: ``boards/BOARD`` in the build).

    ``toolchain``: default is the board's first. ``clock_mhz``: a number or a fraction such as
    ``"200/3"``; default is the board's. ``seed``: seed of placement. ``data``: frames to record for
    the self-test, as for `verify`, ``samples`` in all (1,000); if there are fewer, corner cases and
    noise are added. ``boards``: a folder of additional boards, one TOML file each. ``counters``: of
    each layer of a Zynq's network, which `drive` reads. ``files_only``: run no tool. Raises
    `ToolError` (exit 3) if tools are missing, `TimingError`, `FitError`; even then the files
    are written, unless the network is predicted not to fit.
    """
    with extra("boards", "build"):
        from bitrill_boards import board_folder, toolchains, vectors
        from bitrill_boards.board import find, load, paths
        from bitrill_boards.project import Project
        from bitrill_boards.roofline import made_clock, part_for, require_fit
    chosen = find(board, boards)
    if counters and not chosen.zynq:
        raise SpecError(
            f"--counters needs a board with a Zynq, whose registers show them, not {board}"
        )
    chain = toolchains.choose(chosen, toolchain)
    clock = parse_clock(str(chosen.clock_mhz) if clock_mhz is None else clock_mhz)
    built = open_build(build)
    require_cells(built.primitives, part_for(chosen).family, chosen.name)
    if not files_only:
        known = map(load, paths(boards).values())  # read only if the network does not fit
        require_fit(chosen, known, built.graph, built.predicted.ii, built.resources)
    built.checked_verilog()
    target = _target(built, chosen.name, out)
    count = vectors.FRAMES if samples is None else samples
    x = vectors.frames(built.graph, count, seed, _given(built, data, count, progress))
    project = Project(
        chosen,
        built.graph,
        built.predicted,
        built.verilog,
        target,
        chain,
        made_clock(chosen, clock),
        seed,
        counters,
    )
    with extra("hw", "build"):
        made = board_folder.build_board(project, x, progress, files_only=files_only)
    return BoardBuild(target, made, len(x), clock)


def parse_clock(clock: float | str | Fraction) -> Fraction:
    """Return an exact clock in MHz from a number or a fraction."""
    try:
        value = rational(str(clock))
    except (ValueError, ZeroDivisionError):
        raise SpecError(f"the clock must be MHz such as 100 or 200/3, not {clock!r}") from None
    if not 0 < value <= 2000:
        raise SpecError(f"the clock must be above 0 and at most 2000 MHz, not {clock}")
    return value


def _target(build: Build, board: str, out: str | Path | None) -> Path:
    """Return the folder to write, which must not be the build's: its files would be replaced."""
    target = build.board_folder(board) if out is None else Path(out)
    if target.resolve() == build.folder.resolve():
        raise StorageError(f"{target} is the build itself: the board's files must go elsewhere")
    return target


def _given(
    build: Build, data: str | np.ndarray, count: int, progress: Progress
) -> np.ndarray | None:
    """Return frames of a data set, a file or an array; None for random ones."""
    if isinstance(data, str) and data == "random":
        return None
    return chosen_samples(build.graph, data, count, 0, progress).x
