"""The step ``factor``: layers become chains of smaller ones of a lower rank."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from torch import Tensor, nn

from ...errors import SpecError
from .. import tracing
from ..factoring import FACTORINGS, by_energy
from ..keys import number
from ..quantizers.places import quantizing_layers
from ..quantizers.table import require_matches
from ..state import Choices, State, Step, by_pattern, step


@step("factor")
@dataclass(frozen=True, kw_only=True)
class Factor(Step):
    """Splits the layers that ``layers`` match into smaller ones, and trains for ``epochs``.

    ``how``: ``svd`` (two layers), ``tucker2`` (1x1, core, 1x1), ``cp`` (1x1, columns, rows, 1x1) or
    ``separable`` (columns, rows); see `bitrill.compress.factoring`. ``rank``: a number for all, or
    a table of patterns; Tucker-2 takes it for outputs and inputs, or all of them where there are
    fewer. ``energy``: share of the squared singular values that is kept, in place of ``rank``.

    Layer ``conv`` becomes ``conv.0``, ``conv.1`` and so on. A later ``quantize`` puts quantizers
    between them, so this step must stand before it.
    """

    how: Literal["svd", "tucker2", "cp", "separable"]
    layers: tuple[str, ...]
    rank: int | dict[str, int] | None = None
    energy: float | None = number(None, low=0, high=1)

    def faults(self) -> list[str]:
        given = [key for key in ("rank", "energy") if getattr(self, key) is not None]
        if len(given) != 1:
            return [f"one of rank and energy must be given, not {' and '.join(given) or 'none'}"]
        if self.how == "cp" and self.energy is not None:
            return ["cp must have a rank, not an energy: it has no singular values"]
        return [] if self.layers else ["layers must name at least one layer"]

    def choose(self, state: State) -> Choices:
        module = state.module
        if next(quantizing_layers(module), None) is not None:
            raise SpecError("factor must stand before quantize: factors have quantizers between")
        require_matches(self.layers, tracing.weighted_names(module), "layers")
        chosen = [
            (name, layer)
            for name, layer in tracing.weighted_layers(module)
            if any(fnmatchcase(name, p) for p in self.layers)
        ]
        if isinstance(self.rank, dict):
            require_matches(self.rank, [name for name, _ in chosen], "rank")
        faults = [fault for name, layer in chosen for fault in self._faults_of(name, layer)]
        if faults:
            raise SpecError("; ".join(faults), faults=faults)
        return {"ranks": {name: list(self._ranks(name, layer)) for name, layer in chosen}}

    def _faults_of(self, name: str, layer: Any) -> list[str]:
        way = FACTORINGS[self.how]
        kinds = " or ".join(kind.__name__ for kind in way.kinds)
        if type(layer) not in way.kinds:
            return [f"{self.how} takes {kinds}, and {name} is a {type(layer).__name__}"]
        if getattr(layer, "groups", 1) > 1:
            return [f"{self.how} takes layers of one group, and {name} has {layer.groups}"]
        if isinstance(getattr(layer, "padding", 0), str):
            return [f"{self.how} takes padding in numbers, and {name} has {layer.padding!r}"]
        if self.energy is not None:
            return []
        rank, most = self._rank(name), max(way.sizes(layer.weight))
        if not 1 <= rank <= most:
            said = f"not {rank}" if rank else "and no pattern gives one"
            return [f"rank of {name} must be 1 to {most}, {said}"]
        return []

    def _rank(self, name: str) -> int:
        return int(by_pattern(self.rank or 0, name))

    def _ranks(self, name: str, layer: Any) -> tuple[int, ...]:
        """Return the ranks of a layer's factors."""
        way, weight = FACTORINGS[self.how], layer.weight.detach()
        if self.energy is not None and way.matrices is not None:
            return tuple(by_energy(m, self.energy) for m in way.matrices(weight))
        return tuple(min(self._rank(name), size) for size in way.sizes(weight))

    def reshape(self, module: nn.Module, choices: Choices, example: Tensor) -> nn.Module:
        for name, ranks in choices["ranks"].items():
            layers = FACTORINGS[self.how].make(module.get_submodule(name), tuple(ranks))
            tracing.replace_module(module, name, nn.Sequential(*layers))
        return module

    def tune(self, state: State, choices: Choices) -> None:
        dropped = [name for name in choices["ranks"] if state.masks.pop(name, None) is not None]
        if dropped:
            state.notes.append(f"zeros of {', '.join(dropped)} are gone: their factors have none")
        state.fit(self.training)
