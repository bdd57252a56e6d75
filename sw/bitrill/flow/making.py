"""The verb `make`: runs the verbs of a project, and leaves alone what is up to date."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import StorageError
from ..storage import read_bytes, read_json, write_json
from .board_build import build
from .compiling import compile
from .compressing import compress
from .extras import Progress, logged
from .project_file import SOURCES, ProjectFile, Value, load
from .reporting import report
from .result import Json, Result, TextTable
from .synthesising import synth
from .training import train
from .verifying import verify

VERBS: dict[str, Callable[..., Result]] = {
    "train": train,
    "compress": compress,
    "compile": compile,
    "verify": verify,
    "synth": synth,
    "report": report,
    "build": build,
}
RECORD = "make.json"
"""File of a project's folder that holds what each verb was run for, and what it left."""

FORMAT = 1


@dataclass(frozen=True)
class MadeStep:
    """A verb of a project: ``state`` is ``up to date``, ``done`` or ``failed``."""

    verb: str
    state: str
    summary: str = ""


@dataclass(frozen=True, repr=False)
class Made(Result):
    """Result of `make`: its steps, the last one failed if not ``ok``."""

    folder: Path
    steps: tuple[MadeStep, ...]

    @property
    def ok(self) -> bool:
        return all(s.state != "failed" for s in self.steps)

    def summary(self) -> dict[str, object]:
        return {**{s.verb: s.state for s in self.steps}, "folder": self.folder}

    def tables(self) -> tuple[TextTable, ...]:
        rows = [(s.verb, s.state, s.summary) for s in self.steps]
        return (TextTable.of_texts(("step", "state", "result"), rows),)

    def to_json(self) -> Json:
        steps = [{"verb": s.verb, "state": s.state, "summary": s.summary} for s in self.steps]
        return {"ok": self.ok, "folder": str(self.folder), "steps": steps}


def make(project: str | Path, *, progress: Progress = logged) -> Made:
    """Run the verbs of a project's file in order: from training or a model to a board.

    A verb is left alone if its options, its inputs and what it wrote are as they were. Training
    that was interrupted goes on. ``project``: a TOML file (see `bitrill.flow.project_file`). The
    first step whose result is wrong (mismatches) ends it. Raises what the verbs raise, and
    `SpecError` with all that is wrong in the file.
    """
    plan = load(Path(project))
    record = _Record(plan)
    done: list[MadeStep] = []
    try:
        for verb, options in plan.tables.items():
            done.append(_step(plan, record, verb, dict(options), progress))
            if done[-1].state == "failed":
                break
    except KeyboardInterrupt:
        raise KeyboardInterrupt("the same command goes on") from None
    return Made(plan.out, tuple(done))


def _step(
    project: ProjectFile,
    record: "_Record",
    verb: str,
    options: dict[str, Value],
    progress: Progress,
) -> MadeStep:
    key = _key(project, verb, options)
    if record.holds(verb, key):
        return MadeStep(verb, "up to date")
    went_on = record.begin(verb, key)
    given: dict[str, Any] = dict(options)
    if verb in SOURCES:
        given |= {"out": project.out / "model"}
        given |= {"resume": went_on} if verb == "train" else {"redo": True}
    elif verb == "compile":
        given |= {"model": project.made_model, "out": project.design}
    else:
        given |= {"source" if verb == "report" else "build": project.design}
    result = VERBS[verb](**given, progress=progress)
    words = ", ".join(f"{k}: {v}" for k, v in result.summary().items() if k not in _PLACES)
    if not result.ok:
        return MadeStep(verb, "failed", words)
    record.end(verb, key, _files(project, verb, options))
    return MadeStep(verb, "done", words)


_PLACES = ("folder", "model", "file")
"""Figures of a result that only say where it lies."""


def _files(project: ProjectFile, verb: str, options: dict[str, Value]) -> list[Path]:
    """Return files that a verb left, which must stay as they are."""
    if verb in SOURCES:
        return [project.made_model]
    if verb == "compile":
        return [project.design / name for name in ("graph.json", "top.v", "timing.json")]
    if verb == "build":
        return [project.design / "boards" / str(options["board"]).lower() / "board.json"]
    name = "report.html" if verb == "report" else f"{verb}.json"
    return [project.design / name]


def _key(project: ProjectFile, verb: str, options: dict[str, Value]) -> str:
    """Return the SHA-256 of all that a verb's result depends on."""
    inputs: list[Path] = []
    if verb == "compile":
        inputs = [project.made_model]
    elif verb not in SOURCES:
        inputs = [project.design / "graph.json", project.design / "top.v"]
    inputs += [Path(v) for v in options.values() if isinstance(v, str) and Path(v).is_file()]
    parts = [__version__, verb, json.dumps(options, sort_keys=True), *map(_sum, inputs)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _sum(path: Path) -> str:
    return hashlib.sha256(read_bytes(path)).hexdigest()


class _Record:
    """What each verb was last run for, in a file of the project's folder."""

    def __init__(self, project: ProjectFile):
        self._out, self._path = project.out, project.out / RECORD
        try:
            value = read_json(self._path)
        except StorageError:  # none, or damaged: everything is done again
            value = {}
        usable = isinstance(value, dict) and value.get("format") == FORMAT
        self._steps: dict[str, Any] = value["steps"] if usable else {}

    def holds(self, verb: str, key: str) -> bool:
        """Whether a verb was run for that key, and all its files are as it left them."""
        step = self._steps.get(verb, {})
        if step.get("key") != key or "files" not in step:
            return False
        try:
            return all(_sum(self._out / f) == s for f, s in step["files"].items())
        except StorageError:
            return False

    def begin(self, verb: str, key: str) -> bool:
        """Note that a verb begins; return whether it did for this key before, and did not end."""
        step = self._steps.get(verb, {})
        self._steps[verb] = {"key": key}
        self._write()
        return step == {"key": key}

    def end(self, verb: str, key: str, files: list[Path]) -> None:
        """Note a verb's files."""
        sums = {str(f.relative_to(self._out)): _sum(f) for f in files}
        self._steps[verb] = {"key": key, "files": sums}
        self._write()

    def _write(self) -> None:
        write_json(self._path, {"format": FORMAT, "steps": self._steps})
