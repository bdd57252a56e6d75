"""The step ``factor``: layers become chains of smaller ones of a lower rank."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Literal

from torch import Tensor, nn

from ...errors import SpecError
from .. import graph_tracing
from ..factoring import FACTORINGS, by_energy
from ..keys import number
from ..quantizers.insertion import quantized
from ..quantizers.quantized_layers import quantizing_layers
from ..quantizers.quantizer_table import PatternSettings, QuantizerTable, require_matches
from ..state import Choices, CompressionStep, State, by_pattern, step
from .calibration import calibrate

TRIAL = PatternSettings(weights="int4", acts=4)
"""Quantizers with which a budget of LUTs is compared: those of a later step are not known yet."""

TRIAL_SAMPLES = 64
"""Images on which they are calibrated."""

ENERGIES = (0.99, 0.98, 0.97, 0.95, 0.93, 0.9, 0.87, 0.83, 0.8, 0.75, 0.7, 0.6, 0.5, 0.4, 0.3, 0.1)
"""Shares that a budget of LUTs chooses from."""

RANKED = [name for name, way in FACTORINGS.items() if way.matrices is None]
"""Ways without singular values, which a rank must be given."""

Layers = list[tuple[str, nn.Module]]
"""Layers that are factored, by name."""


@step("factor")
@dataclass(frozen=True, kw_only=True)
class Factor(CompressionStep):
    """Splits the layers that ``layers`` match into smaller ones, and trains for ``epochs``.

    ``how``: ``svd`` (two layers), ``tucker2`` (1x1, core, 1x1), ``btd`` (``blocks`` of those side
    by side), ``cp`` (1x1, columns, rows, 1x1) or ``separable`` (columns, rows); see
    `bitrill.compress.factoring`. ``rank``: a number for all, or a table of patterns; Tucker-2 and
    each block take it for outputs and inputs, or all of them where there are fewer. ``energy``:
    share of the squared singular values that is kept, in place of ``rank``. ``luts``: in place of
    both, the largest share whose network takes no more LUTs, as predicted on the recipe's hardware
    with `TRIAL` quantizers.

    Layer ``conv`` becomes ``conv.0``, ``conv.1`` and so on. A later ``quantize`` puts quantizers
    between them, so this step must stand before it.
    """

    how: Literal["svd", "tucker2", "btd", "cp", "separable"]
    layers: tuple[str, ...]
    rank: int | dict[str, int] | None = None
    blocks: int | None = number(None, low=2, high=1 << 10)
    energy: float | None = number(None, low=0, high=1)
    luts: int | None = number(None, low=1, high=1 << 40)

    def faults(self) -> list[str]:
        given = [key for key in ("rank", "energy", "luts") if getattr(self, key) is not None]
        if len(given) != 1:
            names = " and ".join(given) or "none"
            return [f"one of rank, energy and luts must be given, not {names}"]
        if self.how in RANKED and self.rank is None:
            return [f"{self.how} must have a rank, not {given[0]}: it has no singular values"]
        if (self.blocks is not None) != (self.how == "btd"):
            return ["blocks must be given with how = btd, and with no other"]
        return [] if self.layers else ["layers must name at least one layer"]

    def choose(self, state: State) -> Choices:
        module = state.module
        if next(quantizing_layers(module), None) is not None:
            raise SpecError("factor must stand before quantize: factors have quantizers between")
        require_matches(self.layers, graph_tracing.weighted_names(module), "layers")
        chosen = [
            (name, layer)
            for name, layer in graph_tracing.weighted_layers(module)
            if any(fnmatchcase(name, p) for p in self.layers)
        ]
        if isinstance(self.rank, dict):
            require_matches(self.rank, [name for name, _ in chosen], "rank")
        faults = [fault for name, layer in chosen for fault in self._faults_of(name, layer)]
        if faults:
            raise SpecError("; ".join(faults), faults=faults)
        if self.luts is not None:
            return {"ranks": self._affordable(state, chosen, self.luts)}
        return {"ranks": self._all_ranks(chosen, self.energy)}

    def _all_ranks(self, chosen: Layers, energy: float | None) -> dict[str, list[int]]:
        return {name: list(self._ranks(name, layer, energy)) for name, layer in chosen}

    def _affordable(self, state: State, chosen: Layers, most: int) -> dict[str, list[int]]:
        """Return the ranks of the largest share of energy whose network takes at most ``luts``
        LUTs."""
        if state.luts is None:
            raise SpecError("luts needs a recipe's hardware")
        least, low, high = 0, 0, len(ENERGIES)
        while low < high:  # ENERGIES from `low` on may fit, from `high` on do
            middle = (low + high) // 2
            ranks = self._all_ranks(chosen, ENERGIES[middle])
            least = state.luts(self._trial(state, ranks))
            state.notes.append(f"energy {ENERGIES[middle]:g} would take {least:,} LUTs")
            low, high = (low, middle) if least <= most else (middle + 1, high)
        if high == len(ENERGIES):
            raise SpecError(f"luts must be at least {least:,}, which the lowest ranks take")
        return self._all_ranks(chosen, ENERGIES[high])

    def _trial(self, state: State, ranks: Mapping[str, list[int]]) -> nn.Module:
        """Return the network of some ranks with quantizers, not trained."""
        module = self.reshape(copy.deepcopy(state.module), {"ranks": ranks}, state.example)
        trial = replace(state, module=quantized(module.eval(), QuantizerTable({"*": TRIAL})))
        calibrate(trial, TRIAL_SAMPLES)
        return trial.module.eval()

    def _faults_of(self, name: str, layer: Any) -> list[str]:
        way = FACTORINGS[self.how]
        kinds = " or ".join(kind.__name__ for kind in way.kinds)
        if type(layer) not in way.kinds:
            return [f"{self.how} takes {kinds}, and {name} is a {type(layer).__name__}"]
        if getattr(layer, "groups", 1) > 1:
            return [f"{self.how} takes layers of one group, and {name} has {layer.groups}"]
        if isinstance(getattr(layer, "padding", 0), str):
            return [f"{self.how} takes padding in numbers, and {name} has {layer.padding!r}"]
        if self.rank is None:
            return []
        rank, most = self._rank(name), max(way.sizes(layer.weight))
        if not 1 <= rank <= most:
            said = f"not {rank}" if rank else "and no pattern gives one"
            return [f"rank of {name} must be 1 to {most}, {said}"]
        return []

    def _rank(self, name: str) -> int:
        return int(by_pattern(self.rank or 0, name))

    def _ranks(self, name: str, layer: Any, energy: float | None) -> tuple[int, ...]:
        """Return the ranks of a layer's factors, by a share of energy or as the step gives them."""
        way, weight = FACTORINGS[self.how], layer.weight.detach()
        if energy is not None and way.matrices is not None:
            return tuple(by_energy(m, energy) for m in way.matrices(weight))
        ranks = tuple(min(self._rank(name), size) for size in way.sizes(weight))
        return ranks if self.blocks is None else (*ranks, self.blocks)

    def reshape(self, module: nn.Module, choices: Choices, example: Tensor) -> nn.Module:
        for name, ranks in choices["ranks"].items():
            layers = FACTORINGS[self.how].make(module.get_submodule(name), tuple(ranks))
            graph_tracing.replace_module(module, name, nn.Sequential(*layers))
        return module

    def tune(self, state: State, choices: Choices) -> None:
        dropped = [name for name in choices["ranks"] if state.masks.pop(name, None) is not None]
        if dropped:
            state.notes.append(f"zeros of {', '.join(dropped)} are gone: their factors have none")
        state.fit(self.training)
