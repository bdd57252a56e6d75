"""The search: groups of trials are claimed, done by workers, told to the storage, to the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from optuna.trial import Trial, TrialState

from ..compress import graph_tracing, sources
from ..compress.chain import check_outputs
from ..compress.module_training import seeded
from ..compress.quantizers.quantizer_table import INPUT, require_matches
from ..errors import StorageError
from ..jobs import Executor, Team, marked
from ..progress import Progress
from ..storage import read_bytes, write_json
from .domains import Value
from .figures import Answers
from .front import Standing, standing, write_trial
from .paths import with_values
from .ranks import costs, kept
from .samplers import drawn
from .space import Space
from .trial import Item, Outcome, SearchWork, run
from .trial_storage import EndedTrial, Trials, answering, open_trials

Workers: TypeAlias = Team[Item, Outcome]
"""Workers that do trials."""

STATES = {"done": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
"""Optuna's words for what became of a trial."""

WRITE_SECONDS = 1.0
"""Seconds at least between two writings of the front, but for the last."""

POLL_SECONDS = 1.0
"""Seconds between looks at trials that other processes do."""


@dataclass
class SearchRun:
    """A search in a folder, by one process; others may work at the same one.

    ``told`` is called with the figures of each trial that this process has done.
    """

    space: Space
    out: Path
    answers: Answers
    executor: Executor
    progress: Progress
    count: int
    told: Callable[[Mapping[str, object]], None] = lambda _figures: None
    times: list[float] = field(default_factory=list)
    written: float = 0.0

    def run(self) -> Standing:
        """Do trials until all are done, here or elsewhere; returns the front."""
        data, source, layers = prepared(self.space)
        self.space = self.space.with_layers(layers)
        self.out.mkdir(parents=True, exist_ok=True)
        identity = {**self.space.to_json(), "source": source}
        trials = open_trials(self.space, self.out, self.count, identity)
        model = None if self.space.model is None else read_bytes(self.space.model)
        url = self.space.settings.storage or "sqlite"
        with answering(url), marked(self.out / "trained") as place, trials.alive():
            work = SearchWork(self.space, self.answers, place, data, model, source)
            self.times = [time.monotonic()]
            with self.executor.team(run, work) as team:
                while self._step(team, trials):
                    pass
            return self._written(trials)

    def _step(self, team: Workers, trials: Trials) -> bool:
        """Do a group of trials, or wait for those of others; returns False when all are done."""
        running = trials.release()
        group = trials.group(self.space.settings.group)
        if not group:
            if not running:
                return False
            self.progress(f"waiting for {running} trials of other processes", 0, 0)
            time.sleep(POLL_SECONDS)
            return True
        values = {each.number: drawn(each, self.space.domains) for each in group}
        short = self.space.settings.short
        going = self._after_short(team, trials, group, values)
        for outcome in self._outcomes(
            team, [Item(n, values[n], looks=short is None) for n in going]
        ):
            self._end(trials, outcome, values[outcome.number])
        return True

    def _after_short(
        self,
        team: Workers,
        trials: Trials,
        group: list[Trial],
        values: Mapping[int, Mapping[str, Value]],
    ) -> list[int]:
        """Train a group shortly; returns the numbers of the trials that train in full."""
        settings = self.space.settings
        if settings.short is None:
            return list(values)
        every = {t.number: t.user_attrs for t in trials.all()}
        todo = [n for n in values if "short" not in every[n]]
        for outcome in self._outcomes(team, [Item(n, values[n], settings.short) for n in todo]):
            if outcome.state == "short":
                known = next(each for each in group if each.number == outcome.number)
                known.set_user_attr("short", outcome.figures)
            else:
                self._end(trials, outcome, values[outcome.number])
        first = min(values) // settings.group * settings.group
        shorts = {
            t.number: {**t.user_attrs["short"], "accuracy": t.user_attrs["short"]["validation"]}
            for t in trials.all()[first : first + settings.group]
            if "short" in t.user_attrs
        }
        points = {n: costs(figures, settings.objectives) for n, figures in shorts.items()}
        best = kept(points, settings.keep) if points else set()
        for n in values:
            if n in shorts and n not in best:
                reason = f"not among the best {settings.keep:g} of its group after short training"
                self._end(trials, Outcome(n, "pruned", reason, shorts[n]), values[n])
        return [n for n in values if n in best]

    def _outcomes(self, team: Workers, items: list[Item]) -> Iterator[Outcome]:
        for _, outcome in team.run(items, self.progress):
            yield outcome

    def _end(self, trials: Trials, outcome: Outcome, values: Mapping[str, Value]) -> None:
        """Write what became of a trial: its files, then the storage, then the front."""
        constraints, objectives = self.space.constraints, self.space.settings.objectives
        misses, points, state = {}, None, STATES[outcome.state]
        if state == TrialState.COMPLETE:
            misses = constraints.misses(outcome.figures)
            points = [float(outcome.figures[name]) for name in objectives]
            write_trial(self.space, values, outcome, self.out)
        kept = EndedTrial(outcome.figures, outcome.reason, outcome.seconds, misses, points)
        trials.end(outcome.number, state, kept)
        self.told({"trial": outcome.number, **outcome.figures})
        self.times.append(time.monotonic())
        if self.times[-1] - self.written > WRITE_SECONDS:
            self._written(trials)

    def _written(self, trials: Trials) -> Standing:
        self.written, done = time.monotonic(), len(self.times) - 1
        pace = (self.times[-1] - self.times[0]) / done if done else None
        now = standing(self.space, trials.all(), self.out, pace)
        write_json(self.out / "front.json", now.to_json())
        self.progress("searching", now.finished, now.trials)
        return now


def prepared(space: Space) -> tuple[sources.DataSplits | None, str, list[str]]:
    """Load the recipe's data and make its network once.

    Returns the data, the text of its function's file, and the names of its layers with weights.

    What is wrong with them is told before any trial. Raises `SpecError`, `StorageError`.
    """
    if space.model is not None:
        if not space.model.is_file():
            raise StorageError(f"cannot read {space.model}: there is no such file")
        return None, "", []
    recipe = space.recipe({})
    data = recipe.data.load(recipe.folder)
    with seeded(recipe.training.seed):
        module = recipe.model.make(recipe.folder, data)
        check_outputs(module, data, "the network")
    place = (recipe.model.module or "").rpartition(":")[0]
    source = read_bytes(recipe.folder / place).decode() if place.endswith(".py") else ""
    layers = [name for name, _ in graph_tracing.weighted_layers(module)]
    _require_layers(space, layers)
    return data, source, layers


def _require_layers(space: Space, layers: list[str]) -> None:
    """Raise `SpecError` for patterns of the space that match no layer of the network.

    Where a step gives a layer other names, as `factor` does, only its trial can tell.
    """
    if any(step["kind"] in ("factor", "fold") for step in space.tables["step"]):
        return
    table = with_values(space.tables, {key: each.ends()[0] for key, each in space.domains.items()})
    for step in table["step"]:
        if step["kind"] == "quantize":
            require_matches([p for p in step.get("layers", {}) if p != INPUT], layers, "space")
