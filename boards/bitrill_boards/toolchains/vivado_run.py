"""Runs Vivado on a generated script, reports its steps, and turns its exit code into an error.

The script prints lines that begin with ``BITRILL`` (``scripts/common.tcl``) and writes
``result.json`` (``scripts/implement.tcl``).
"""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bitrill.errors import BitrillError, FitError, StorageError, TimingError, ToolError
from bitrill.processes import Process, start, stop
from bitrill.storage import read_json, remove

from ..project import STEM, Progress, Project, ToolchainResult

PROGRAM = "vivado"
LOG = "vivado.log"
BITSTREAM, HANDOFF, RESULT = f"{STEM}.bit", f"{STEM}.hwh", "result.json"
MISSING, SLOW = 3, 5
POLL_SECONDS = 0.05

_STEP = re.compile(r"BITRILL STEP (\d+)/(\d+) (.+)")
_TOO_LARGE = re.compile(r"UTLZ-1|Place 30-640|over-?utilized|requires more .* than are available")


def command(script: str) -> list[str]:
    """Return the command that runs Vivado in a project's folder."""
    return [PROGRAM, "-mode", "batch", "-nojournal", "-notrace", "-log", LOG, "-source", script]


def run(
    project: Project, progress: Progress, *, script: str = "build.tcl", also: Iterable[str] = ()
) -> ToolchainResult:
    """Run ``script`` in the project's folder; ``also``: files that belong to the bitstream.

    Raises `ToolError` (missing, or failed), `FitError` (too large to be placed) or `TimingError`.
    Ctrl-C ends Vivado and all processes that it started; an incomplete bitstream is removed.
    """
    if shutil.which(PROGRAM) is None:
        raise ToolError(
            f"{PROGRAM} is not on PATH: install AMD Vivado 2020.1 or later with the devices of"
            f" {project.board.part} and run its settings64.sh, or copy the folder to a computer"
            f" that has it and run there: {' '.join(command(script))}",
            missing=True,
            command=PROGRAM,
        )
    for name in (BITSTREAM, *also, RESULT):
        remove(project.folder / name)
    code, lines = _follow(command(script), project.folder, progress)
    if code != 0:
        raise _error(code, lines, project)
    lost = [n for n in (BITSTREAM, *also, RESULT) if not (project.folder / n).is_file()]
    if lost:
        raise ToolError(f"vivado wrote no {', '.join(lost)} (log: {LOG})", command=PROGRAM, log=LOG)
    result = _result(project.folder)
    reports = [n for n in ("timing.rpt", "utilization.rpt") if (project.folder / n).is_file()]
    return ToolchainResult(
        BITSTREAM, result["fmax_mhz"], result["used"], (BITSTREAM, *also, *reports)
    )


def _follow(words: list[str], folder: Path, progress: Progress) -> tuple[int, list[str]]:
    """Run Vivado; return its exit code and its lines about errors.

    Its output goes to a file, not a pipe: helper processes that outlive Vivado would keep a pipe
    open.
    """
    errors: list[str] = []
    with tempfile.TemporaryFile() as output:
        try:
            process = start(words, cwd=folder, stdout=output, stderr=output)
        except OSError as error:
            raise StorageError(f"cannot run {words[0]}: {error.strerror or error}") from error
        try:
            progress("Vivado starts", 0, 0)
            for line in _lines(output.fileno(), process):
                if step := _STEP.match(line):
                    done, total, name = step.groups()
                    progress(f"Vivado: {name}", int(done) - 1, int(total))
                elif line.startswith(("ERROR:", "BITRILL ERROR ")):
                    errors.append(line.strip())
            return process.wait(), errors
        finally:
            stop(process)


def _lines(file: int, process: Process) -> Iterator[str]:
    """Yield the complete lines written to ``file`` until the process has ended."""
    at, rest = 0, b""
    while True:
        ended = process.poll() is not None  # before reading: its last lines are still read below
        while data := os.pread(file, 1 << 16, at):
            at += len(data)
            *whole, rest = (rest + data).split(b"\n")
            yield from (line.decode(errors="replace") for line in whole)
        if ended:
            yield rest.decode(errors="replace")
            return
        time.sleep(POLL_SECONDS)


def _error(code: int, lines: list[str], project: Project) -> BitrillError:
    """Return the error for an exit code, with the script's own message first, then Vivado's."""
    own = [line.removeprefix("BITRILL ERROR ") for line in lines if line.startswith("BITRILL")]
    theirs = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    said = own[-1] if own else f"vivado ended with status {code}"
    known = _result(project.folder) if (project.folder / RESULT).is_file() else {}
    details: dict[str, Any] = {"log": LOG, **known}
    if code == MISSING and own:
        return ToolError(said, missing=True, **details)
    if code == SLOW and own:
        return TimingError(_slow(said, known, project), **details)
    large = next((line for line in theirs if _TOO_LARGE.search(line)), None)
    if large is not None:
        return FitError(
            f"{project.graph.name} does not fit {project.board.name} ({project.board.part}):"
            f" {large} (log: {LOG}); fold it further, or take a larger board",
            **details,
        )
    cause = f": {theirs[0]}" if theirs else ""
    return ToolError(f"Vivado: {said}{cause} (log: {LOG})", command=PROGRAM, **details)


def _slow(said: str, known: dict[str, Any], project: Project) -> str:
    asked = float(project.clock_mhz)
    if "fmax_mhz" in known and known["fmax_mhz"] < asked:
        return f"{said}: {known['fmax_mhz']:.1f} MHz of {asked:.1f} MHz; lower --clock-mhz"
    return said


def _result(folder: Path) -> dict[str, Any]:
    """Read ``result.json``: ``fmax_mhz``, ``used``, and the slacks."""
    result = read_json(folder / RESULT)
    try:
        return {
            "fmax_mhz": 1000 / (float(result["period_ns"]) - float(result["wns_ns"])),
            "wns_ns": float(result["wns_ns"]),
            "whs_ns": float(result["whs_ns"]),
            "used": {k: (int(a), int(b)) for k, (a, b) in result["used"].items()},
        }
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise ToolError(
            f"{RESULT} was not written by build.tcl: {error!r} (log: {LOG})", log=LOG
        ) from None
