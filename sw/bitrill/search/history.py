"""The trials of a search, read from its folder without going on with it.

It imports nothing that trains, so that a page of a search is there at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import StorageError
from ..storage import read_json

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

FIGURES = ("lcs", "ramb18", "dsp", "fps", "latency_ns", "energy_nj")
"""Figures of a point in ``front.json`` besides its accuracies."""


@dataclass(frozen=True)
class Trial:
    """What became of one trial; ``figures`` are those it got to, ``files`` its folder if any."""

    number: int
    state: str
    params: Mapping[str, object]
    figures: Mapping[str, float]
    reason: str
    front: bool
    files: str | None
    command: str | None


@dataclass(frozen=True)
class History:
    """A search: its ``front.json``, and its trials as far as they are known.

    ``whole``: whether all trials are there; if the storage is elsewhere, only the front is.
    """

    name: str
    objectives: tuple[str, ...]
    asked: int
    finished: int
    failed: int
    pruned: int
    reasons: Mapping[str, int]
    trials: tuple[Trial, ...]
    whole: bool


def read(folder: Path) -> History:
    """Read a search; raise `StorageError` for files that no search wrote."""
    file = folder / "front.json"
    front = read_json(file)
    try:
        objectives = tuple(front["objectives"])
        points = {int(p["number"]): p for p in front["front"]}
        if not set(objectives) <= {"accuracy", *FIGURES}:
            raise ValueError
        asked, finished = int(front["trials"]), int(front["finished"])
        failed, pruned = int(front["failed"]), int(front["pruned"])
        reasons = {str(k): int(v) for k, v in front["reasons"].items()}
        best = {n: _of_point(p, folder) for n, p in points.items()}
        known = _stored(folder, str(front["name"]), best)
        trials = known or tuple(best.values())
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StorageError(f"{file} is not the front of a search, or was changed") from error
    return History(
        str(front["name"]),
        objectives,
        asked,
        finished,
        failed,
        pruned,
        reasons,
        trials,
        known is not None,
    )


def _stored(folder: Path, name: str, front: Mapping[int, Trial]) -> tuple[Trial, ...] | None:
    """Return the trials of the storage in the folder; None if there is none."""
    file = folder / "search.db"
    if not file.is_file():
        return None
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.load_study(study_name=name, storage=f"sqlite:///{file.absolute()}")
        trials = study.get_trials(deepcopy=False)
    except KeyError as error:
        raise StorageError(f"{file} holds no search named {name!r}") from error
    except (RuntimeError, SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        raise StorageError(f"{file} is not a search of this version of optuna") from error
    return tuple(_of_stored(t, front.get(t.number), folder) for t in trials)


def _of_stored(stored: FrozenTrial, point: Trial | None, folder: Path) -> Trial:
    """Return a trial as the storage has it; where it lacks figures, those of the front."""
    ended = stored.user_attrs.get("ended", {})  # see `trial_storage.EndedTrial`
    figures = _numbers(ended.get("figures", {}))
    return Trial(
        stored.number,
        stored.state.name.lower(),
        dict(stored.params),
        figures or (point.figures if point is not None else {}),
        str(ended.get("reason") or ""),
        point is not None,
        *_files(folder, stored.number),
    )


def _of_point(point: Mapping[str, object], folder: Path) -> Trial:
    number = int(str(point["number"]))
    accuracy = {"accuracy": point.get("validation"), "test_accuracy": point.get("accuracy")}
    figures = _numbers({**{name: point.get(name) for name in FIGURES}, **accuracy})
    params = point["params"]
    if not isinstance(params, dict):
        raise ValueError
    return Trial(number, "complete", params, figures, "", True, *_files(folder, number))


def _numbers(values: Mapping[str, object]) -> dict[str, float]:
    """Return the values that are numbers."""
    return {k: float(v) for k, v in values.items() if isinstance(v, int | float)}


def _files(folder: Path, number: int) -> tuple[str | None, str | None]:
    """Return a trial's folder, and the command that compiles it there; None without files."""
    files = folder / "trials" / str(number)
    if not (files / "trial.json").is_file():
        return None, None
    try:
        command = str(read_json(files / "trial.json")["compile"])
    except (KeyError, TypeError) as error:
        raise StorageError(f"{files / 'trial.json'} is not of a search, or was changed") from error
    return str(files.relative_to(folder)), command
