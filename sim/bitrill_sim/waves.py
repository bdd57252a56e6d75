"""Records the waves of a design, while frames run through it, in a file that the user names."""

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
from bitrill.errors import StorageError
from bitrill.ir import graph as ir_graph
from bitrill.ir.graph import Graph, Stage
from bitrill.progress import Progress, silent
from bitrill.timing.predict import Timing, predict

from . import stalls
from .compiled_model import waves_of
from .tools import Command, run_all, scratch_folder
from .verification import Rtl, rig_of

CLOCK_MHZ = 100
"""Clock of the times in SAIF files."""

_TIMES = re.compile(r"\((T[01ZXB]|DURATION) (\d+)\)")
"""Times in a SAIF file; TC, a number of changes, is none."""


def record_waves(
    graph: Graph,
    rtl: Rtl,
    x: np.ndarray,
    file: Path,
    *,
    work: Path,
    models: Path | None = None,
    progress: Progress = silent,
) -> int:
    """Run the frames ``x`` through the RTL without stalls, and write the waves to ``file``.

    Returns the number of frames that differ from the golden model. ``file``: VCD, or FST (through
    ``vcd2fst``) or SAIF (of `steady` cycles) by its ending; it is written completely or not at
    all. Raises `SimulationTimeout` for a design that hangs; the waves until then are kept.
    """
    ir_graph.verify(graph, Stage.FOLDED)
    flat = graph.source.flatten(x)
    timing = predict(graph)
    rig = rig_of(graph, rtl, "verilator", work, timing, progress, graph)
    scratch = scratch_folder(".wave.", file.parent)
    try:
        made = scratch / f"wave.{waves_of(file)}"
        schedules = stalls.ALWAYS, stalls.ALWAYS
        span = steady(timing, len(flat)) if waves_of(file) == "saif" else {}
        with replace(rig, models=models).run(flat, schedules, wave=made, **span) as capture:
            _install(made, file, scratch)
            capture.check_finished()
            golden = graph.sink.flatten(graph.run(x)).reshape(len(flat), -1)
            return int((capture.values(0, len(flat)) != golden).any(1).sum())
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def steady(timing: Timing, frames: int) -> dict[str, int]:
    """Return the cycles in which a run of ``frames`` frames is in its periodic regime.

    It begins with the first result and ends with the last frame's input. Of too few frames: all
    cycles up to the last result.
    """
    end = int(timing.ii * frames)
    if end >= timing.latency + timing.ii:
        return {"wave_from": timing.latency, "wave_to": end}
    return {"wave_from": 0, "wave_to": timing.latency + int(timing.ii * (frames - 1))}


def _scaled(saif: Path) -> None:
    """Give a SAIF file of half clock cycles the time of a clock of `CLOCK_MHZ`."""
    half = round(500 / CLOCK_MHZ)
    text = saif.read_text()
    text = text.replace("(TIMESCALE 1s)", "(TIMESCALE 1 ns)", 1)
    text = _TIMES.sub(lambda m: f"({m[1]} {half * int(m[2])})", text)
    saif.write_text(text)


def _install(made: Path, file: Path, scratch: Path) -> None:
    if file.suffix == ".saif":
        _scaled(made)
    if file.suffix == ".fst":
        vcd, made = made, scratch / "wave.fst"
        command = Command(["vcd2fst", str(vcd), str(made)], "vcd2fst")
        run_all([command], scratch / "vcd2fst.log", cwd=scratch)
    try:
        os.replace(made, file)
    except OSError as error:
        raise StorageError(f"cannot write {file}: {error.strerror or error}") from error
