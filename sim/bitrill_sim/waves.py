"""Records the waves of a design, while frames run through it, in a file that the user names."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
from bitrill.errors import StorageError
from bitrill.ir import graph as ir_graph
from bitrill.ir.graph import Graph, Stage
from bitrill.progress import Progress, silent
from bitrill.timing.predict import predict

from . import stalls
from .tools import Command, run_all, scratch_folder
from .verification import Rtl, rig_of


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
    ``vcd2fst``) if its name ends in .fst; it is written completely or not at all. Raises
    `SimulationTimeout` for a design that hangs; the waves until then are kept.
    """
    ir_graph.verify(graph, Stage.FOLDED)
    flat = graph.source.flatten(x)
    rig = rig_of(graph, rtl, "verilator", work, predict(graph), progress, graph)
    scratch = scratch_folder(".wave.", file.parent)
    try:
        vcd = scratch / "wave.vcd"
        schedules = stalls.ALWAYS, stalls.ALWAYS
        with replace(rig, models=models).run(flat, schedules, wave=vcd) as capture:
            _install(vcd, file, scratch)
            capture.check_finished()
            golden = graph.sink.flatten(graph.run(x)).reshape(len(flat), -1)
            return int((capture.values(0, len(flat)) != golden).any(1).sum())
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _install(vcd: Path, file: Path, scratch: Path) -> None:
    made = vcd
    if file.suffix == ".fst":
        made = scratch / "wave.fst"
        command = Command(["vcd2fst", str(vcd), str(made)], "vcd2fst")
        run_all([command], scratch / "vcd2fst.log", cwd=scratch)
    try:
        os.replace(made, file)
    except OSError as error:
        raise StorageError(f"cannot write {file}: {error.strerror or error}") from error
