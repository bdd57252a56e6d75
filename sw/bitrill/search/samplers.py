"""Samplers of optuna, seeded for each trial by its number.

So a trial's values depend on the seed, its number and the trials before it, and not on which
process asked for it, or when: a search that is stopped and resumed goes on as if it had not been.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, NSGAIIISampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from .domains import Categories, Domain, Value


def inner(name: str, seed: int, group: int, first: int) -> BaseSampler:
    """Return one of optuna's samplers, by the word of a space.

    ``group``: trials of a generation; ``first``: trials that `tpe` draws at random.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NSGA-III is marked experimental
        if name == "random":
            return RandomSampler(seed=seed)
        if name == "tpe":
            return TPESampler(seed=seed, n_startup_trials=first, multivariate=True)
        if name == "nsga2":
            return NSGAIISampler(seed=seed, population_size=group)
        return NSGAIIISampler(seed=seed, population_size=group)


class NumberedSampler(BaseSampler):
    """Draws a trial's values by a sampler that is made anew for it; first those of ``start``."""

    def __init__(self, name: str, seed: int, group: int, start: Sequence[Mapping[str, Value]]):
        self.name, self.seed, self.group, self.start = name, seed, group, start

    def _made(self, number: int, word: str) -> BaseSampler:
        digest = sha256(f"{self.seed} {number} {word}".encode()).digest()
        first = max(self.group, len(self.start))
        return inner(self.name, int.from_bytes(digest[:4], "little"), self.group, first)

    def _given(self, trial: FrozenTrial) -> Mapping[str, Value]:
        return self.start[trial.number] if trial.number < len(self.start) else {}

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the keys that are drawn together: none for a trial whose values are given."""
        if self._given(trial):
            return {}
        return self._made(trial.number, "").infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw keys together."""
        if not search_space:
            return {}
        return self._made(trial.number, "").sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw one key, from a seed of its own."""
        given = self._given(trial)
        if param_name in given:
            return given[param_name]
        sampler = self._made(trial.number, param_name)
        return sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Tell the sampler of a trial that has ended."""
        self._made(trial.number, "").after_trial(study, trial, state, values)


def drawn(trial: Trial, domains: Mapping[str, Domain]) -> dict[str, Value]:
    """Return a trial's values, drawn now or kept from before."""
    return {key: _drawn(trial, key, each) for key, each in domains.items()}


def _drawn(trial: Trial, key: str, each: Domain) -> Value:
    if isinstance(each, Categories):
        return trial.suggest_categorical(key, each.values)  # pyright: ignore[reportReturnType]
    if each.whole:
        step = 1 if each.step is None else int(each.step)
        return trial.suggest_int(key, int(each.low), int(each.last), step=step, log=each.log)
    return trial.suggest_float(key, float(each.low), float(each.last), step=each.step, log=each.log)
