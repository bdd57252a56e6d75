"""The step ``train``: trains the network as it is; its keys are those of `Training`."""

from __future__ import annotations

from dataclasses import dataclass

from ..state import Choices, CompressionStep, State, step


@step("train")
@dataclass(frozen=True, kw_only=True)
class Train(CompressionStep):
    """Trains a network, float or quantized; zeros that a step before has made stay zero."""

    def tune(self, state: State, choices: Choices) -> None:
        state.fit(self.training)
