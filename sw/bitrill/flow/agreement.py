"""Compares a graph's outputs with those that another program recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..ir import Graph
from ..train.bounds import U

if TYPE_CHECKING:
    from bitrill_boards.driver.outputs import Outputs

CORNERS = 8
"""Number of combinations of errors of the last integers for which outputs are evaluated."""

MARGIN = 4
"""Safety factor on the largest deviation of these combinations, if the host computes functions."""

HOST_ROUNDINGS = 16
"""Number of float32 roundings allowed in an output's own functions and cast."""


@dataclass(frozen=True)
class Agreement:
    """Recorded outputs of some frames, and how far each may be from the exact one.

    ``recorded``: ``[N, *shape]`` by the name of the output. ``errors``: float error of the last
    integers in units of these, of the edge's shape (`bitrill.flow.rounding_proofs`). An output of
    numbers agrees if these errors and its own rounding explain its distance from the exact one; an
    output of indices agrees if some such error results in it.
    """

    graph: Graph
    recorded: Mapping[str, np.ndarray]
    errors: np.ndarray

    def wrong(self, integers: np.ndarray) -> dict[str, np.ndarray]:
        """Return which outputs disagree, bool, by name; integers: ``[N, *sink.shape]``."""
        edge = self.graph.sink.flatten(integers)
        exact = self.outputs(edge)
        moved = [self.outputs(edge + step) for step in self._steps()]
        return {
            name: _far(y, [m[name] for m in moved], self.recorded[name], self._margin)
            for name, y in exact.items()
        }

    def count_wrong(self, edge: np.ndarray) -> np.ndarray:
        """Return how many outputs of each frame disagree; edge: ``[N, *sink.tensor.shape]``."""
        wrong = self.wrong(self.graph.sink.restore(edge.astype(np.int64)))
        return np.sum([w.reshape(len(edge), -1).sum(1) for w in wrong.values()], 0)

    def outputs(self, edge: np.ndarray) -> dict[str, np.ndarray]:
        """Return the model's outputs by name, as the host computes them from the last edge."""
        return self._host.of(edge)

    @cached_property
    def _host(self) -> Outputs:
        from bitrill_boards.describe import output
        from bitrill_boards.driver.outputs import Outputs

        return Outputs(output(self.graph.sink))

    @property
    def _margin(self) -> int:
        return MARGIN if self.graph.sink.functions else 1

    def _steps(self) -> Iterator[np.ndarray]:
        """Yield combinations of the errors: all up, all down, then random signs."""
        rng = np.random.default_rng(0)
        for k in range(CORNERS if self.graph.sink.functions else 2):
            signs = rng.choice([-1.0, 1.0], self.errors.shape) if k > 1 else 1.0 - 2.0 * k
            yield signs * self.errors


def _far(exact: np.ndarray, moved: list[np.ndarray], y: np.ndarray, margin: int) -> np.ndarray:
    """Return where float errors cannot explain a recorded output."""
    if exact.dtype.kind != "f":
        return np.all([m != y for m in (exact, *moved)], 0)
    exact, y = exact.astype(np.float64), np.asarray(y, np.float64)
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        spread = np.max([np.abs(m - exact) for m in moved], 0)
        allowed = margin * spread + HOST_ROUNDINGS * float(U) * np.abs(exact)
        return ~((np.abs(exact - y) <= allowed) | (exact == y) | (np.isnan(exact) & np.isnan(y)))
