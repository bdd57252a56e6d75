"""Advice: practical rules from surveys, each with its source and the figure that triggers it.

A rule looks at one step and its figures, and suggests what published experience would try next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..ir import is_searched
from ..practice import ENDS, FOLDED_ZEROS, HIGH_BITS, WEIGHTS_FIRST, ZEROS
from . import graph_tracing, measures
from .quantizers.quantized_layers import quantizing_layers
from .state import CompressionStep
from .steps.distil import Distil
from .steps.prune import Prune
from .steps.pruning.units import n_of_m
from .steps.quantize import Quantize
from .steps.train import Train

LOST = 0.01
"""Loss of accuracy on the validation split, from which on rules about losses apply."""

LOW_BITS = 4
"""Bits from which post-training quantization is near floats."""

RANGES = 4.0
"""How far ranges of channels may differ under one scale: two bits."""

COARSE = 0.005
"""Share of the validation split that one input may be without folds."""

SMALL = 100_000
"""Training images of small and medium data."""


@dataclass(frozen=True)
class Case:
    """A step with its results, as the rules read it.

    ``number``: of the step, from 1. ``module``, ``masks``: after the step. ``validation``: accuracy
    on the validation split after it; ``best``: the best one of the steps before. ``style``: of the
    recipe's hardware. ``images``, ``held``: numbers of images for training and for validation.
    ``folded``: whether the data is split into folds.
    """

    steps: tuple[CompressionStep, ...]
    number: int
    module: nn.Module
    masks: Mapping[str, Tensor]
    validation: float
    best: float
    style: str
    images: int
    held: int
    folded: bool = False

    @property
    def step(self) -> CompressionStep:
        """The step itself."""
        return self.steps[self.number - 1]

    @property
    def lost(self) -> float:
        """Accuracy lost against the best step before, in points."""
        return 100 * (self.best - self.validation)

    @property
    def costs(self) -> bool:
        """Whether so much is lost that something should be tried."""
        return self.lost >= 100 * LOST

    @property
    def bits(self) -> dict[str, int]:
        """Bits of the weights of each quantized layer."""
        return {name: measures.bits_of(layer) for name, layer in quantizing_layers(self.module)}


Rule = Callable[[Case], str | None]

RULES: list[tuple[Rule, str]] = []
"""Rules with their sources."""


def rule(source: str) -> Callable[[Rule], Rule]:
    """Register a rule under its source."""

    def register(function: Rule) -> Rule:
        RULES.append((function, source))
        return function

    return register


def advise(case: Case) -> tuple[str, ...]:
    """Return the advice for a step, one line each, with its source at the end."""
    said = [(function(case), source) for function, source in RULES]
    return tuple(f"{line} ({source})" for line, source in said if line)


@rule("Goel et al. 2020, arXiv 2003.11066, section on metrics")
def folds(case: Case) -> str | None:
    if case.number > 1 or case.folded or 1 / case.held < COARSE:
        return None
    return (
        f"one image of the validation split is {100 / case.held:.1f} points: with little data, take"
        " folds"
    )


@rule("Liang et al. 2021, arXiv 2101.09671, rules of quantization")
def from_floats(case: Case) -> str | None:
    before = case.steps[: case.number - 1]
    if not isinstance(case.step, Quantize) or any(isinstance(s, Train | Distil) for s in before):
        return None
    return f"step {case.number} quantizes what no step has trained: start from a float model"


@rule(ENDS)
def ends(case: Case) -> str | None:
    bits = case.bits
    if not isinstance(case.step, Quantize) or len(bits) < 3 or not case.costs:
        return None
    names = list(bits)
    low = [name for name in (names[0], names[-1]) if bits[name] < HIGH_BITS]
    layers = " and ".join(f"{name} ({bits[name]} bits)" for name in low)
    return f"{case.lost:.1f} points are lost: try weights = 'int8' in {layers}" if low else None


@rule("Krishnamoorthi 2018, arXiv 1806.08342; Liang et al. 2021")
def channels(case: Case) -> str | None:
    if not isinstance(case.step, Quantize):
        return None
    ratios = {
        name: _ratio(layer)
        for name, layer in graph_tracing.weighted_layers(case.module)
        if case.step.table.of(name).scale != "channel"
    }
    worst = max(ratios, key=lambda name: ratios[name], default="")
    if not worst or ratios[worst] < RANGES:
        return None
    return (
        f"ranges of {worst}'s channels differ by {ratios[worst]:.1f} times under one scale: try"
        " scale = 'channel'"
    )


def _ratio(layer: Any) -> float:
    """Return the widest range of an output's weights over the narrowest that is not zero."""
    with torch.no_grad():
        ranges = layer.weight.detach().abs().flatten(1).amax(1)
    ranges = ranges[ranges > 0]
    return float(ranges.max() / ranges.min()) if len(ranges) else 1.0


@rule("Krishnamoorthi 2018: 4-bit weights need quantization-aware training")
def tuning(case: Case) -> str | None:
    step = case.step
    if not isinstance(step, Quantize) or step.how == "qat" or not case.costs:
        return None
    least = min(case.bits.values(), default=HIGH_BITS)
    if least > LOW_BITS:
        return None
    return f"ptq at {least} bits lost {case.lost:.1f} points: try how = 'qat', or a train step next"


@rule(WEIGHTS_FIRST)
def activations(case: Case) -> str | None:
    step = case.step
    if not isinstance(step, Quantize) or not case.costs:
        return None
    for name, bits in case.bits.items():
        acts = step.table.of(name).acts
        if isinstance(acts, int) and acts < bits:
            return (
                f"{name} has {bits}-bit weights before {acts}-bit activations, and {case.lost:.1f}"
                " points are lost: take bits off weights first"
            )
    return None


@rule(FOLDED_ZEROS)
def zeros(case: Case) -> str | None:
    count = sum(mask.numel() for mask in case.masks.values())
    gone = sum(int((mask == 0).sum()) for mask in case.masks.values())
    single = isinstance(case.step, Prune) and n_of_m(case.step.shape) is None
    if not (is_searched(case.style) and single and count and gone >= ZEROS * count):
        return None
    return (
        f"{100 * gone / count:.0f} % of the weights under masks are zero, and folded hardware"
        " leaves out whole blocks or N:M alone: take shape = '2:4' or 'channel', or style ="
        " 'unrolled'"
    )


@rule("Liang et al. 2021: ratios per layer, by sensitivity")
def uniform(case: Case) -> str | None:
    step = case.step
    if not isinstance(step, Prune) or not isinstance(step.ratio, float) or not case.costs:
        return None
    if step.scope == "network":
        return None
    return (
        f"one ratio of {step.ratio:g} in every layer lost {case.lost:.1f} points: give a table, or"
        " sensitivity"
    )


@rule("Liang et al. 2021: penalties usually beat magnitude")
def penalties(case: Case) -> str | None:
    step = case.step
    if not isinstance(step, Prune) or not case.costs:
        return None
    if step.penalty is not None or step.schedule != "one_shot":
        return None
    return f"one shot by {step.criterion} lost {case.lost:.1f} points: try a penalty before it"


@rule("Goel et al. 2020: distil on small and medium data")
def distilling(case: Case) -> str | None:
    wanted = isinstance(case.step, Quantize | Prune) and case.images < SMALL and case.costs
    if not wanted or any(isinstance(step, Distil) for step in case.steps):
        return None
    return (
        f"{case.lost:.1f} points are lost on {case.images:,} training images: try a step 'distil'"
        f" with teacher = 'step N' of a better one"
    )
