"""Runs tools as steps: each has a log, and is not run again on the same inputs."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from bitrill.errors import StorageError, ToolError
from bitrill.processes import Process, start, stop
from bitrill.programs import Program
from bitrill.provenance import fingerprint_of_files, is_ours, remember
from bitrill.requirements import require_tools
from bitrill.storage import read_bytes, write_text
from bitrill_sim.tools import POLL

PATIENCE_SECONDS = 3600
"""Time after which a tool counts as hanging: nextpnr may route for ever."""

Watch: TypeAlias = Callable[[str], None]
"""Called with each line that a tool prints, while it runs."""


@dataclass(frozen=True)
class ToolStep:
    """One run of a program in ``folder``; ``inputs`` and ``results`` are names of its files."""

    program: Program
    folder: Path
    arguments: Sequence[str]
    inputs: Sequence[str]
    results: Sequence[str]

    @property
    def log(self) -> Path:
        return self.folder / f"{self.program.name}.log"

    @property
    def mark(self) -> Path:
        return self.folder / f"{self.program.name}.key"

    @property
    def key(self) -> str:
        """SHA-256 of everything that determines the results, the tool's version included."""
        call = (self.program.package, self.program.locate().text, *self.arguments)
        sha = hashlib.sha256(repr(call).encode())
        for name in self.inputs:
            data = read_bytes(self.folder / name)
            sha.update(f"{name}\0{len(data)}\0".encode() + data)
        return sha.hexdigest()

    @property
    def is_done(self) -> bool:
        """Whether the folder holds the results of exactly this step."""
        if any(not (self.folder / r).is_file() for r in (*self.results, self.mark.name)):
            return False
        return read_bytes(self.mark).decode(errors="replace") == self.key

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the step and the results in the folder.

        Results are used again only if this user's process made them.
        """
        results = [self.folder / r for r in self.results]
        return fingerprint_of_files(self.folder, results, self.program.name, self.key)


class FailedError(ToolError):
    """A tool failed; ``said``: its own error line, ``log``: the file with all its output."""

    def __init__(self, step: ToolStep, said: str):
        self.said = said
        super().__init__(
            f"{step.program.name} failed: {said} (log: {step.folder.name}/{step.log.name})",
            log=str(step.log),
            command=step.program.name,
        )


def run(step: ToolStep, watch: Watch, *, patience: float = PATIENCE_SECONDS) -> None:
    """Run a step unless it is done.

    Raises `ToolError` if the tool is missing, `FailedError` if it fails or runs for more than
    ``patience`` seconds. Ctrl-C ends it; the mark of a finished step is written last, so that an
    unfinished step is run again.
    """
    require_tools([step.program.package])
    if step.is_done and is_ours(step.fingerprint):
        return
    step.mark.unlink(missing_ok=True)
    for name in step.results:
        (step.folder / name).unlink(missing_ok=True)
    process = _start(step)
    seen, end = 0, time.monotonic() + patience
    try:
        while process.poll() is None:
            seen = _watch(step.log, seen, watch)
            if time.monotonic() > end:
                raise FailedError(step, f"it ran for more than {patience:g} seconds and was ended")
            time.sleep(POLL)
    finally:
        stop(process)
    _watch(step.log, seen, watch)
    lost = [r for r in step.results if not (step.folder / r).is_file()]
    if process.returncode:
        raise FailedError(step, message(step.log) or f"status {process.returncode}")
    if lost:
        raise FailedError(step, f"it left no {', '.join(lost)}")
    remember(step.fingerprint)
    write_text(step.mark, step.key)


def message(log: Path) -> str | None:
    """Return the first error line of a log."""
    lines = log.read_text(errors="replace").splitlines()
    return next((s.removeprefix("ERROR: ") for s in lines if s.startswith("ERROR: ")), None)


def _start(step: ToolStep) -> Process:
    command = [*step.program.locate().words, *step.arguments]
    try:
        with step.log.open("wb") as output:
            return start(command, cwd=step.folder, stdout=output, stderr=output)
    except OSError as error:
        raise StorageError(
            f"cannot run {step.program.name} in {step.folder}: {error.strerror or error}"
        ) from error


def _watch(log: Path, seen: int, watch: Watch) -> int:
    """Pass on the complete lines after ``seen`` bytes; return where they end."""
    with log.open("rb") as file:
        file.seek(seen)
        text, newline, _ = file.read().rpartition(b"\n")
    for line in text.decode(errors="replace").splitlines():
        watch(line)
    return seen + len(text) + len(newline)
