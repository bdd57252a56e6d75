"""Thinning: steps of an operator that no rule needs are left out of the event graph.

A folded matrix steps once a cycle through all its products, but waits for input in the first pass
over a vector alone, for its output once a result, and frees its input in the last pass. A step that
waits for nothing but the step before it happens a cycle after that one. So it needs no event: the
next event that is kept comes as many cycles after the last one kept as there are steps between.
A rule that others imply is no reason to keep a step either: streams have a cycle between events, so
to wait for an earlier event follows from having waited for a later one.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..ir import Rule, Schedule


@dataclass(frozen=True, eq=False)
class Thinned:
    """A schedule's rules over the steps that are kept; ``places``: their numbers, ascending."""

    places: np.ndarray
    rules: tuple[Rule, ...]


def thinned(schedule: Schedule, rows: int) -> Thinned:
    """Leave out all steps that can be; of each of ``rows`` equal rows the same ones are kept."""
    n = schedule.n_step
    rules = [r for r in schedule.rules if not _implied(r)]
    kept = np.zeros(n, bool)
    kept[0] = True
    for r in rules:
        if r.dst == "step":
            kept |= _first_waits(r.index)
    for r in rules:
        if r.src == "step":
            kept[r.index[_needed(r.index)] % n] = True
    if any(r.src == r.dst == "step" for r in rules):
        kept[:] = True
    if n % rows == 0:
        kept = np.tile(kept.reshape(rows, -1).any(0), rows)
    places = np.flatnonzero(kept)
    return Thinned(places, tuple(_over(r, places, n) for r in rules))


def _implied(rule: Rule) -> bool:
    """Return whether a rule between steps follows from the cycle between them."""
    if not rule.src == rule.dst == "step":
        return False
    return bool((np.arange(len(rule.index)) - rule.index >= rule.delay).all())


def _first_waits(index: np.ndarray) -> np.ndarray:
    """Return which events wait for a later event than all before them."""
    most = np.maximum.accumulate(index)
    return np.concatenate([[True], most[1:] > most[:-1]])


def _needed(index: np.ndarray) -> np.ndarray:
    """Return which waits for steps do not follow from the wait of the event before.

    That one is a cycle earlier, and so is the step before, unless it is kept for its own waits.
    """
    return np.concatenate([[True], np.diff(index) > 1])


def _over(rule: Rule, places: np.ndarray, n: int) -> Rule:
    """Return a rule over the kept steps; what it waits for is the last one kept until then."""
    index = rule.index[places] if rule.dst == "step" else rule.index
    if rule.src == "step":
        frames, place = np.divmod(index, n)
        index = frames * len(places) + np.searchsorted(places, place, "right") - 1
    return replace(rule, index=index)
