"""Runs of Yosys, each in a folder that keeps its log and results; equal runs are not repeated."""

import hashlib
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bitrill.errors import StorageError, ToolError
from bitrill.processes import Process, start, stop
from bitrill.programs import YOSYS, prepare
from bitrill.progress import Progress, silent
from bitrill.provenance import fingerprint_of_files, is_ours, remember
from bitrill.requirements import require_tools
from bitrill.storage import read_bytes, write_text

_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class YosysRun:
    """One run: ``script``, in a folder with the files ``sources``; it leaves ``results``.

    Names in the script are relative: the WebAssembly build of Yosys sees its working folder, but
    not every absolute path.
    """

    folder: Path
    script: str
    sources: Mapping[str, str]
    results: Sequence[str] = ()

    @property
    def log(self) -> Path:
        return self.folder / "yosys.log"

    @property
    def key(self) -> str:
        """SHA-256 of everything that the results depend on, Yosys' version included."""
        sha = hashlib.sha256(tool_version().encode())
        for text in (self.script, *(f"{k}\0{v}" for k, v in sorted(self.sources.items()))):
            sha.update(f"{len(text)}\0{text}".encode())
        return sha.hexdigest()

    @property
    def is_done(self) -> bool:
        """Whether the folder holds the results of this very run."""
        mark = self.folder / "key"
        if not mark.is_file() or any(not (self.folder / r).is_file() for r in self.results):
            return False
        return read_bytes(mark).decode(errors="replace") == self.key

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the run and the results in the folder: they are used again only if they
        were made here."""
        results = [self.folder / r for r in self.results]
        return fingerprint_of_files(self.folder, results, "yosys", self.key)


def tool_version() -> str:
    """Return Yosys' version and, if it is native, its place; `ToolError` if it is not usable."""
    require_tools([YOSYS.package])
    return YOSYS.locate().text


def tool_name() -> str:
    """Return the package's or the native program's name, with its version."""
    return f"{'yosys' if YOSYS.locate().path else YOSYS.package} {tool_version()}"


def run(jobs: Sequence[YosysRun], *, progress: Progress | None = None) -> None:
    """Run the jobs that are not done, side by side; the mark of a whole result is written last.

    Raises `ToolError` with Yosys' message and the log's path. An interrupt, or a failure of one
    job, ends all of them, and their files are not taken for results.
    """
    tool_version()  # report a missing or faulty Yosys before anything runs
    waiting = [j for j in jobs if not (j.is_done and is_ours(j.fingerprint))]
    if waiting:
        prepare(YOSYS, progress or silent)
    running: dict[Process, YosysRun] = {}
    try:
        for job in waiting:
            running[_start(job)] = job
        while running:
            if progress is not None:
                progress("synthesis", len(jobs) - len(running), len(jobs))
            for process in [p for p in running if p.poll() is not None]:
                _finish(running.pop(process), process.returncode)
            time.sleep(_POLL_SECONDS)
    finally:
        for process in running:
            stop(process, signal.SIGINT)  # on which Yosys removes its temporary files


def _start(job: YosysRun) -> Process:
    write_text(job.folder / "script.ys", job.script)
    (job.folder / "key").unlink(missing_ok=True)
    for name, text in job.sources.items():
        write_text(job.folder / name, text)
    command = [*YOSYS.locate().words, "-q", "-l", job.log.name, "-s", "script.ys"]
    try:
        with open(job.folder / "output.txt", "wb") as output:
            return start(command, cwd=job.folder, stdout=output, stderr=output)
    except OSError as error:
        raise StorageError(
            f"cannot run Yosys in {job.folder}: {error.strerror or error}"
        ) from error


def _finish(job: YosysRun, status: int) -> None:
    lost = [r for r in job.results if not (job.folder / r).is_file()]
    if status != 0 or lost:
        why = _message(job) or (f"it left no {', '.join(lost)}" if lost else f"status {status}")
        raise ToolError(f"Yosys failed: {why} (log: {job.log})", log=str(job.log), command="yosys")
    remember(job.fingerprint)
    write_text(job.folder / "key", job.key)


def _message(job: YosysRun) -> str | None:
    """Return the line in which Yosys names the error."""
    for path in (job.log, job.folder / "output.txt"):
        if path.is_file():
            for line in path.read_text(errors="replace").splitlines():
                if line.startswith("ERROR: "):
                    return line.removeprefix("ERROR: ")
    return None
