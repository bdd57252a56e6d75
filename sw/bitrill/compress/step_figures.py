"""Figures after a step: of the network, and of its hardware."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path


@dataclass(frozen=True)
class Figures:
    """What hardware takes for a network: by the model, folded for the recipe's rate."""

    lcs: int
    ramb18: int
    dsp: int
    ii: int | str
    latency: int


Hardware = Callable[[Path], Figures]
"""Function that predicts what the network in an ONNX file takes."""


@dataclass(frozen=True)
class StepFigures:
    """Figures after a step. Without quantizers everywhere there is no hardware: those are None.

    ``advice``: what rules of the field say of it, with sources and figures. ``spread``: standard
    deviation of the accuracy over folds, None where there is one chain.
    """

    number: int
    kind: str
    accuracy: float
    validation: float
    parameters: int
    nonzero: int
    weight_bits: int
    coded_bits: int | None = None
    lcs: int | None = None
    ramb18: int | None = None
    dsp: int | None = None
    ii: int | str | None = None
    latency: int | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    choices: Mapping[str, object] = field(default_factory=dict)
    spread: float | None = None


def averaged(folds: list[list[StepFigures]]) -> list[StepFigures]:
    """Return the first fold's rows with the mean accuracies of all folds, and their spread."""
    if len(folds) == 1:
        return folds[0]

    def mean(rows: tuple[StepFigures, ...]) -> StepFigures:
        accuracies = [row.accuracy for row in rows]
        return replace(
            rows[0],
            accuracy=statistics.mean(accuracies),
            validation=statistics.mean(row.validation for row in rows),
            spread=statistics.stdev(accuracies),
        )

    return [mean(rows) for rows in zip(*folds, strict=True)]
