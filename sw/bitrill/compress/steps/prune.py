"""The step ``prune``: weights become zero by masks, or channels go and layers are narrower."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ...errors import SpecError
from ...train.magnitude_pruning import Pruned
from .. import graph_tracing
from ..keys import number, one_of
from ..module_training import Training
from ..quantizers.quantized_layers import quantizing_layers
from ..quantizers.quantizer_table import require_matches
from ..state import Choices, CompressionStep, State, by_pattern, step
from .pruning import dependencies, penalties, reconstruction, schedules
from .pruning.criteria import CRITERIA, OF_FILTERS, Context
from .pruning.selection import Selection, prunable, sensitive
from .pruning.units import SHAPES, n_of_m, units_of


@step("prune")
@dataclass(frozen=True, kw_only=True)
class Prune(CompressionStep):
    """Prunes the units of weights with the lowest rating, and trains the rest for ``epochs``.

    ``shape``: the unit: ``element``, ``vector`` (a row of a kernel), ``kernel``, ``group``
    (``group`` consecutive inputs), ``filter`` (all weights of an output), ``N:M`` (N of each M
    inputs stay), which are masked; or ``channel``: outputs are removed with all weights that read
    them, so layers become narrower. ``criterion``: see `bitrill.compress.steps.pruning.criteria`.

    ``ratio``: the share to prune in each layer, or a table of it by patterns over names (elsewhere
    0). ``sensitivity``: instead of a ratio, the points of accuracy on the validation split that
    pruning each layer alone may cost. ``scope``: ``network`` compares units of all layers, the
    default of ``lamp`` and ``bn``. ``multiple``: the number of remaining channels is a multiple of
    it.

    ``schedule``: when masks are set; see `bitrill.compress.steps.pruning.schedules` (the learning
    rate's schedule is in ``[training]``). ``rounds`` and ``rewind`` (``start``, ``step 2``): of
    ``iterative``. ``penalty``, times ``strength``, is added to the loss of a training before the
    pruning, for ``prior_epochs`` (``epochs`` by default); ``soft`` trains there, too.
    ``reconstruct`` fits the layers that read removed channels by least squares. ``samples``: number
    of training images for criteria and ``reconstruct``.
    """

    shape: str = "element"
    criterion: str = "magnitude"
    ratio: float | dict[str, float] | None = field(default=None, metadata={"low": 0, "high": 1})
    sensitivity: float | None = number(None, low=0, high=100)
    scope: Literal["layer", "network"] | None = None
    group: int = number(4, low=1, high=1 << 20)
    multiple: int = number(1, low=1, high=1 << 20)
    schedule: Literal["one_shot", "cubic", "iterative", "soft", "dsd", "surgery"] = "one_shot"
    rounds: int = number(3, low=1, high=1000)
    rewind: str | None = None
    penalty: Literal["slimming", "group_lasso", "ssl", "growing"] | None = None
    strength: float = number(1e-4, low=0, high=1e6)
    prior_epochs: int | None = number(None, low=0, high=100_000)
    reconstruct: Literal["criterion", "thinet", "lasso"] | None = None
    samples: int = number(256, low=1, high=1 << 30)

    def faults(self) -> list[str]:
        try:
            block = n_of_m(self.shape)
            if block is None:
                one_of(self.shape, (*SHAPES, "2:4"), "shape")
            one_of(self.criterion, CRITERIA, "criterion")
        except SpecError as error:
            return [str(error)]
        given = [k for k in ("ratio", "sensitivity") if getattr(self, k) is not None]
        return [text for wrong, text in self._rules(block is not None, len(given)) if wrong]

    def _rules(self, blocks: bool, given: int) -> list[tuple[bool, str]]:
        """Return each combination of keys that is not allowed: whether it is there, and why not.

        ``blocks``: the shape is N:M; ``given``: how many of ratio and sensitivity are given.
        """
        return [*self._ratio_rules(blocks, given), *self._schedule_rules(blocks)]

    def _ratio_rules(self, blocks: bool, given: int) -> list[tuple[bool, str]]:
        whole = self.shape in ("channel", "filter")
        return [
            (blocks and given > 0, f"shape {self.shape} tells the ratio itself"),
            (not blocks and given != 1, "either ratio or sensitivity must be given"),
            (
                self.criterion in OF_FILTERS and not whole,
                f"criterion {self.criterion} must have shape filter or channel",
            ),
            (
                self.criterion == "lamp" and self.scope == "layer",
                "criterion lamp compares layers: scope must be network",
            ),
            (
                self._by_network and isinstance(self.ratio, dict),
                "scope network takes one ratio, not a table",
            ),
            (
                self._by_network and self.sensitivity is not None,
                "sensitivity is told layer by layer: scope must be layer",
            ),
        ]

    def _schedule_rules(self, blocks: bool) -> list[tuple[bool, str]]:
        return [
            (
                self.shape == "channel" and self.schedule not in ("one_shot", "soft"),
                "shape channel must have schedule one_shot or soft, or several steps",
            ),
            (
                blocks and self.schedule in ("cubic", "iterative", "surgery"),
                f"shape {self.shape} must have schedule one_shot, soft or dsd",
            ),
            (
                self.schedule == "surgery"
                and (self.shape, self.criterion) != ("element", "magnitude"),
                "schedule surgery must have shape element and criterion magnitude",
            ),
            (
                self.rewind is not None and self.schedule != "iterative",
                "rewind must have schedule iterative",
            ),
            (
                self.rewind is not None
                and self.rewind != "start"
                and not re.fullmatch(r"step \d+", self.rewind),
                f"rewind must be start or step N, not {self.rewind!r}",
            ),
            (
                self.reconstruct is not None and self.shape != "channel",
                "reconstruct must have shape channel",
            ),
            (self.multiple != 1 and self.shape != "channel", "multiple must have shape channel"),
        ]

    @property
    def _by_network(self) -> bool:
        return (self.scope or ("network" if self.criterion in ("lamp", "bn") else "layer")) == (
            "network"
        )

    @property
    def _selection(self) -> Selection:
        return Selection(self.shape, self.criterion, self._by_network, self.group, self.multiple)

    @property
    def _prior(self) -> Training:
        epochs = self.training.epochs if self.prior_epochs is None else self.prior_epochs
        return replace(self.training, epochs=epochs)

    def _context(self, state: State) -> Context:
        return Context(state, self.training, self.samples)

    def choose(self, state: State) -> Choices:
        context = self._context(state)
        layers = prunable(context, self.shape)
        if not layers:
            raise SpecError(f"no layer can lose a {self.shape}")
        if isinstance(self.ratio, dict):
            require_matches(self.ratio, [n for each in layers.values() for n in each], "ratio")
        pruned = layers if self.sensitivity is not None else self._ratios(context, layers)
        zeroless = [] if self.shape == "channel" else _without_zero(state.module, pruned)
        _wrap(state.module, zeroless)
        self._train_before(context, self._ratios(context, layers) if self._needs_ratios else {})
        ratios = self._ratios(context, layers)
        choices: Choices = {"ratios": ratios, "zeroless": zeroless}
        if self.shape == "channel":
            choices["removed"] = self._channels(context, ratios)
        return choices

    @property
    def _needs_ratios(self) -> bool:
        return self.penalty == "growing" or self.schedule == "soft"

    def _ratios(self, context: Context, layers: Mapping[str, list[str]]) -> dict[str, float]:
        """Return the share to prune by layer, without layers of which nothing is pruned."""
        block = n_of_m(self.shape)
        if block:
            ratios = dict.fromkeys(layers, 1 - block[0] / block[1])
        elif self.sensitivity is not None:
            most = self.sensitivity / 100
            ratios = dict(sensitive(context, self._selection, layers, most))
        else:
            assert self.ratio is not None
            ratios = {
                name: min(by_pattern(self.ratio, n) for n in together)
                for name, together in layers.items()
            }
        return {name: ratio for name, ratio in ratios.items() if ratio}

    def _channels(self, context: Context, ratios: Mapping[str, float]) -> dict[str, list[int]]:
        if not ratios:
            return {}
        if self.reconstruct is None:
            return self._selection.channels(context, ratios)
        return reconstruction.reconstructed(context, self._selection, ratios, self.reconstruct)

    def _train_before(self, context: Context, ratios: Mapping[str, float]) -> None:
        """Train with a penalty, or softly."""
        state = context.state
        if self.penalty is not None:
            penalty = self._penalty(context, ratios)
            penalties.train(state, self._prior, penalty, self.strength)
        if self.schedule == "soft":
            schedules.soft(state, self._prior, lambda: self._masks(context, ratios))

    def _masks(self, context: Context, ratios: Mapping[str, float]) -> dict[str, Tensor]:
        """Return the masks of what would go: of all outputs that go together, for channels."""
        if self.shape != "channel":
            return self._selection.masks(context, ratios)
        removed = self._selection.channels(context, ratios)
        return dependencies.masks(context.module, context.dependencies.groups(), removed)

    def _penalty(self, context: Context, ratios: Mapping[str, float]) -> penalties.Penalty:
        if self.penalty == "slimming":
            return penalties.slimming
        if self.penalty == "ssl":
            return penalties.structured
        if self.penalty == "growing":
            return penalties.growing(self._masks(context, ratios))
        shape = "element" if n_of_m(self.shape) else self.shape
        return penalties.group_lasso(
            {
                name: units_of(layer, shape, self.group)
                for name, layer in graph_tracing.weighted_layers(context.module)
            }
        )

    def reshape(self, module: nn.Module, choices: Choices, example: Tensor) -> nn.Module:
        _wrap(module, choices["zeroless"])
        if self.shape == "channel":
            return dependencies.remove(module, choices["removed"], example)
        return module

    def tune(self, state: State, choices: Choices) -> None:
        if self.shape == "channel":
            state.fit(self.training)
            return
        pruning = schedules.Pruning(
            state, self.training, self._context(state), self._selection, choices["ratios"]
        )
        if self.schedule == "iterative":
            pruning.iterative(self.rounds, self._start(state))
        else:
            {"cubic": pruning.cubic, "dsd": pruning.dense_again, "surgery": pruning.surgery}.get(
                self.schedule, pruning.one_shot
            )()

    def _start(self, state: State) -> nn.Module | None:
        if self.rewind is None:
            return None
        return state.teacher("step 0" if self.rewind == "start" else self.rewind)


def _without_zero(module: nn.Module, layers: Mapping[str, object]) -> list[str]:
    """Return the layers whose quantizer has no zero, such as binary ones."""
    names: list[str] = []
    for name, layer in quantizing_layers(module):
        if name in layers and not isinstance(layer.weight_quant.tensor_quant, Pruned):
            weight = layer.weight.detach().clone()
            weight.flatten()[0] = 0
            if float(layer.weight_quant.tensor_quant(weight)[0].detach().flatten()[0]) != 0:
                names.append(name)
    return names


def _wrap(module: nn.Module, names: list[str]) -> None:
    """Make quantizers that have no zero return zero outside a mask."""
    for name in names:
        layer: Any = module.get_submodule(name)
        if not isinstance(layer.weight_quant.tensor_quant, Pruned):
            with torch.no_grad():
                quantizer = Pruned(layer.weight_quant.tensor_quant, layer.weight)
            layer.weight_quant.tensor_quant = quantizer
