"""Training of a step: what has diverged is told, with what is infinite."""

from __future__ import annotations

import pytest
import torch
from bitrill.errors import ToolError
from compress.states import applied, state_of
from torch import nn


class Swelling(nn.Module):
    """A layer with a statistic that is infinite after a batch, which its result does not read."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 10)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.seen.fill_(torch.inf)
        return self.layer(x.flatten(1))


def test_a_statistic_that_is_infinite_has_diverged() -> None:
    with pytest.raises(ToolError, match="diverged: seen is no finite number after epoch 1; try"):
        applied("train", state_of(Swelling()), epochs=2)
