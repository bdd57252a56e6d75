"""The step ``quantize``: quantizers by a table over layers, calibrated, trained if asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from brevitas.graph.calibrate import calibration_mode
from torch import Tensor, nn

from ..keys import number
from ..quantizers.act_grids import grid_of
from ..quantizers.places import quantized
from ..quantizers.table import QuantizerTable, Row
from ..state import Choices, State, Step, step


@step("quantize")
@dataclass(frozen=True, kw_only=True)
class Quantize(Step):
    """Puts quantizers into a network: what it computes from then on, hardware computes exactly.

    ``layers``: a table of patterns over names, ``{weights, acts, joins, scale, output}`` each; see
    `bitrill.compress.quantizers.table.Row`. ``how``: ``qat`` trains for ``epochs`` with
    straight-through gradients, ``ptq`` sets scales alone. ``samples``: training images that scales
    of activations are calibrated on.
    """

    how: Literal["qat", "ptq"] = "qat"
    layers: dict[str, Row] = field(default_factory=dict)
    samples: int = number(512, low=1, high=1 << 30)

    @property
    def table(self) -> QuantizerTable:
        """The table of quantizers."""
        return QuantizerTable(self.layers)

    def reshape(self, module: nn.Module, choices: Choices, example: Tensor) -> nn.Module:
        return quantized(module, self.table)

    def tune(self, state: State, choices: Choices) -> None:
        calibrate(state, self.samples)
        if self.how == "qat":
            state.fit(self.training)


def calibrate(state: State, samples: int, batch: int = 100) -> None:
    """Set the scales of activations by what the first training images give."""
    module = state.module.eval()
    hooks = [
        part.register_forward_pre_hook(_begin)
        for part in module.modules()
        if grid_of(part) is not None
    ]
    with torch.no_grad(), calibration_mode(module):
        for part in state.data.x_train[:samples].split(batch):
            module(part)
            while hooks:  # the first images tell the start of what is trained then
                hooks.pop().remove()


def _begin(module: nn.Module, given: tuple[Tensor, ...]) -> None:
    grid = grid_of(module)
    assert grid is not None
    grid.begin(getattr(given[0], "value", given[0]).relu())
