"""`build`: a compiled network for a board, down to the bitstream where the tools are there."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SpecError, StorageError
from .boards import default_folder, used_by
from .compiling import Build, load_build
from .data import samples as named_samples
from .data import to_integers
from .extras import Progress, extra, silent


@dataclass(frozen=True)
class BoardBuild:
    """What `build` left in ``folder``; ``manifest``: a `bitrill_boards.manifest.Manifest`;
    ``samples``: frames recorded for the self-test; ``asked_mhz``: the clock that was asked for,
    which the board may only come near to."""

    folder: Path
    manifest: Any
    samples: int
    asked_mhz: Fraction

    def json(self) -> dict[str, Any]:
        """The object that ``build --json`` prints."""
        m = self.manifest
        return {
            "board": m.board,
            "part": m.part,
            "toolchain": m.toolchain,
            "clock_mhz": float(m.clock),
            "bitstream": None if m.bitstream is None else str(self.folder / m.bitstream),
            "fmax_mhz": m.fmax_mhz,
            "used": m.used,
            "samples": self.samples,
            "folder": str(self.folder),
            "files": [str(self.folder / name) for name in ("board.json", *sorted(m.files))],
        }


def build(
    board: str,
    build: str | Path | Build,
    *,
    out: str | Path | None = None,
    toolchain: str | None = None,
    clock_mhz: float | str | Fraction | None = None,
    seed: int = 1,
    data: str | np.ndarray = "random",
    samples: int | None = None,
    folder: str | Path | None = None,
    files_only: bool = False,
    progress: Progress = silent,
) -> BoardBuild:
    """Everything that a board needs, in ``out`` (``boards/BOARD`` in the build, when None).

    ``toolchain``: the board's first, when None. ``clock_mhz``: the board's, when None; a number or
    a fraction such as ``"200/3"``. ``seed``: of placement. ``data``: frames recorded for the
    self-test, as `verify` takes them, ``samples`` in all (1,000): frames that are too few are
    followed by corners and noise. ``folder``: of more boards, one TOML each. ``files_only``: no
    tool is run. Raises `ToolError` (exit 3) where tools are missing, `TimingError`, `FitError`; the
    files are there all the same, but not of a network that is predicted to be too large.
    """
    with extra("boards", "build"):
        from bitrill_boards import making, toolchains, vectors
        from bitrill_boards.board import every, find
        from bitrill_boards.project import Project
        from bitrill_boards.roofline import made_clock, require_fit
    more = None if folder is None else Path(folder)
    chosen = find(board, more)
    chain = toolchains.choose(chosen, toolchain)
    clock = parse_clock(str(chosen.clock_mhz) if clock_mhz is None else clock_mhz)
    count = vectors.FRAMES if samples is None else samples
    built = build if isinstance(build, Build) else load_build(build)
    if not files_only:
        require_fit(chosen, every(more), built.graph, built.predicted.ii, used_by(built))
    target = default_folder(built, chosen.name) if out is None else Path(out)
    if target.resolve() == built.folder.resolve():
        raise StorageError(f"{target} is the build itself: the board's files go elsewhere")
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
    )
    with extra("hw", "build"):
        made = making.build_board(project, x, progress, files_only=files_only)
    return BoardBuild(target, made, len(x), clock)


def parse_clock(clock: float | str | Fraction) -> Fraction:
    """MHz as written, exactly: a number or a fraction."""
    try:
        value = Fraction(str(clock))
    except (ValueError, ZeroDivisionError):
        raise SpecError(f"the clock must be MHz such as 100 or 200/3, not {clock!r}") from None
    if not 0 < value <= 2000:
        raise SpecError(f"the clock must be above 0 and at most 2000 MHz, not {clock}")
    return value


def _given(
    build: Build, data: str | np.ndarray, count: int, progress: Progress
) -> np.ndarray | None:
    """Frames of a data set or a file; None where none are asked for."""
    if isinstance(data, np.ndarray):
        return to_integers(build.graph, data[:count])
    if data == "random":
        return None
    return named_samples(build.graph, data, count, 0, progress).x
