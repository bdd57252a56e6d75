"""The front of a search: its trials that no other one beats, and their files."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from ..compress.recipe import Hardware
from ..compress.sources import ARRAYS
from ..errors import StorageError
from ..storage import read_json, write_bytes, write_json, write_text
from . import toml
from .paths import Tables, with_values
from .ranks import beats, costs
from .space import Space
from .trial import Outcome
from .trial_storage import ended

HARDWARE = ("lcs", "ramb18", "dsp", "fps", "latency_ns", "energy_nj")
"""Figures of each point beside its accuracies."""


@dataclass(frozen=True)
class Point:
    """A trial of the front, with its figures.

    ``accuracy`` is that on test images, ``validation`` that on the images which it was chosen by;
    None if nothing is trained. ``folder``: of its model, recipe and folding; None if another
    machine keeps them.
    """

    number: int
    accuracy: float | None
    validation: float | None
    lcs: int
    ramb18: int
    dsp: int
    fps: float
    latency_ns: float
    energy_nj: float
    params: Mapping[str, Any]
    folder: str | None


@dataclass(frozen=True)
class Standing:
    """How a search stands: ``front.json``.

    ``trials``: asked for; ``finished`` of them, among which ``failed`` (training diverged, the
    network could not be made) and ``pruned`` (missed a constraint before training, or were not
    kept after a short one). ``reasons``: why, with the number of trials. ``seconds_left``: by the
    rate so far, None before the first one is done.
    """

    name: str
    objectives: tuple[str, ...]
    trials: int
    finished: int
    failed: int
    pruned: int
    running: int
    seconds_left: float | None
    front: tuple[Point, ...]
    reasons: Mapping[str, int]

    @staticmethod
    def read(path: Path) -> Standing:
        """Read what a search has written last; raises `StorageError` for what none has."""
        value = read_json(path)
        try:
            points = tuple(Point(**each) for each in value.pop("front"))
            objectives = tuple(value.pop("objectives"))
            return Standing(**value, objectives=objectives, front=points)
        except (AttributeError, KeyError, TypeError) as error:
            raise StorageError(f"{path} is not the front of a search, or was changed") from error

    def to_json(self) -> dict[str, object]:
        """Return what ``front.json`` holds."""
        return {**asdict(self), "front": [asdict(point) for point in self.front]}


def standing(
    space: Space, trials: Sequence[FrozenTrial], out: Path, pace: float | None
) -> Standing:
    """Return how a search stands; ``pace``: seconds for each trial that this process has seen."""
    states = Counter(each.state for each in trials)
    finished = sum(states[s] for s in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL))
    reasons = Counter(
        reason for each in trials if (kept := ended(each)) is not None and (reason := kept.reason)
    )
    return Standing(
        space.name,
        space.settings.objectives,
        len(trials),
        finished,
        states[TrialState.FAIL],
        states[TrialState.PRUNED],
        states[TrialState.RUNNING],
        None if pace is None else round(pace * (len(trials) - finished), 1),
        tuple(_point(each, out) for each in front(space, trials)),
        dict(reasons.most_common()),
    )


def front(space: Space, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that meet every constraint and that no such one beats.

    Of equal ones the first stands for all. They are in the order of the first objective, the best
    one first.
    """
    objectives = space.settings.objectives
    met: dict[tuple[float, ...], FrozenTrial] = {}
    for each in trials:
        kept = ended(each)
        if kept is None or each.state != TrialState.COMPLETE:
            continue
        if all(share <= 0 for share in kept.misses.values()):
            met.setdefault(costs(kept.figures, objectives), each)
    return [met[p] for p in sorted(met) if not any(beats(other, p) for other in met)]


def _point(trial: FrozenTrial, out: Path) -> Point:
    kept = ended(trial)
    assert kept is not None
    figures, folder = kept.figures, place(out, trial.number)
    return Point(
        trial.number,
        figures.get("test_accuracy"),
        figures.get("accuracy"),
        params=dict(trial.params),
        folder=str(folder.relative_to(out)) if (folder / "trial.json").is_file() else None,
        **{name: figures[name] for name in HARDWARE},
    )


def place(out: Path, number: int) -> Path:
    """Return the folder of a trial's files."""
    return out / "trials" / str(number)


def write_trial(space: Space, values: Mapping[str, Any], outcome: Outcome, out: Path) -> None:
    """Write a trial's model, recipe and folding, and in ``trial.json`` how to compile them."""
    folder = place(out, outcome.number)
    if outcome.model is not None:
        write_bytes(folder / "model.onnx", outcome.model)
        tables = _moved(with_values(space.tables, values), space.folder, folder)
        write_text(folder / "recipe.toml", toml.text(tables))
    write_json(folder / "folding.json", outcome.folding)
    model = "model.onnx" if space.model is None else os.path.relpath(space.model, folder)
    value = {
        "number": outcome.number,
        "params": dict(values),
        "figures": outcome.figures,
        "compile": shlex.join(compile_words(model, space.hardware(values))),
    }
    write_json(folder / "trial.json", value)


def compile_words(model: str, hardware: Hardware) -> list[str]:
    """Return the command that compiles a trial's model, in its folder."""
    words = ["bitrill", "compile", model, "--folding", "folding.json", "--out", "build"]
    words += ["--part", hardware.part, "--clock-mhz", f"{hardware.clock_mhz:g}"]
    if not hardware.searched:
        return [*words, "--style", hardware.style]
    return [*words, "--fps", repr(hardware.fps)]


def _moved(tables: Tables, origin: Path, folder: Path) -> Tables:
    """Return tables whose relative paths start at ``folder`` and lead where they led."""

    def path(value: str) -> str:
        return value if Path(value).is_absolute() else os.path.relpath(origin / value, folder)

    data, model = dict(tables["data"]), dict(tables["model"])
    for key in ARRAYS:
        if key in data:
            data[key] = path(data[key])
    place_, colon, name = str(model.get("module", "")).rpartition(":")
    if place_.endswith(".py"):
        model["module"] = f"{path(place_)}{colon}{name}"
    steps = [dict(step) for step in tables["step"]]
    for step in steps:
        if "teacher" in step:
            step["teacher"] = _moved_teacher(step["teacher"], path)
    return {**tables, "data": data, "model": model, "step": steps}


def _moved_teacher(value: Any, path: Any) -> Any:
    if isinstance(value, list):
        return [_moved_teacher(each, path) for each in value]
    file, colon, name = value.rpartition(":")
    if file.endswith(".py"):
        return f"{path(file)}{colon}{name}"
    return path(value) if value.endswith((".pt", ".onnx")) else value
