"""Proves that recorded outputs differ from the golden model's only by float rounding.

A network that is evaluated in floats rounds, so a quantizer may decide differently if the exact
number is close to a decision boundary. A difference at the outputs is proven to be rounding if a
few such decisions, taken the other way, result in exactly the recorded outputs.

The error of float32 in an accumulator is bounded by ``gamma(n + 32) * (R + |o|)``, in units of the
accumulator (`bitrill.train.bounds.gamma`; Higham 2002, 3.1): n terms since the last quantizers, R
the largest magnitude that their sum can reach, o the offset that is added to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from math import ceil
from typing import Protocol

import numpy as np

from ..ir import INPUT, Activation, Graph, Operator
from ..real import Affine, at
from ..train.bounds import gamma

FURTHER_ROUNDINGS = 32
"""Roundings allowed between an accumulator and its quantizer, and after the last accumulator."""

MOST_FLIPS = 4
"""Largest number of decisions of a frame that are taken the other way together."""

TRIED = 256
"""Largest number of decisions that are tried at a time, those nearest to their boundary."""

KEPT = 4
"""Number of sets of decisions that are kept when one more decision is flipped."""


class CountsWrong(Protocol):
    """Compares outputs with those recorded for one frame."""

    def count_wrong(self, edge: np.ndarray) -> np.ndarray:
        """Return how many outputs of each frame disagree; edge: ``[N, *shape of the edge]``."""
        ...


@dataclass(frozen=True)
class Flip:
    """A decision taken the other way: element ``place`` of a frame on ``edge`` becomes ``value``.

    ``nearness``: 0 if it is on the boundary, 1 if the float error just reaches the boundary.
    """

    edge: str
    place: tuple[int, ...]
    value: int
    nearness: float


@dataclass
class Boundaries:
    """Decisions of an IMPORTED graph that float32 may take differently than exact numbers."""

    graph: Graph
    _spans: dict[str, int] = field(default_factory=dict)
    _decided: dict[tuple[str, int, int], list[tuple[int, float]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Count for each edge the roundings since the quantizers before it."""
        self._spans[INPUT] = 1
        for node in self.graph.nodes:
            span = sum(self._spans[e] for e in node.inputs) + _terms(node)
            for edge in node.outputs:
                self._spans[edge] = 1 if isinstance(node, Activation) else span

    @property
    def errors(self) -> np.ndarray:
        """Float error of the last integers, in units of these: float64, in the edge's shape."""
        sink = self.graph.sink
        parts: list[np.ndarray] = []
        for part, frame in [(p, p.frame) for p in sink.segments] or [(sink, sink.tensor.shape)]:
            meaning = Affine(tuple(part.scale), tuple(part.offset))
            channels = range(meaning.n_channels)
            error = [float(self._error(sink.edge, meaning, c)) for c in channels]
            error = error or [0.0]  # decisions
            parts.append(np.broadcast_to(np.array(error), frame).reshape(-1))
        return np.concatenate(parts).reshape(sink.tensor.shape)

    def explained(self, x: np.ndarray, codes: np.ndarray, agrees: CountsWrong) -> list[Flip] | None:
        """Return decisions of a frame that result in the recorded outputs; None if none are found.

        x, codes: the frame's floats and integers, ``[1, *shape]``. Tries single decisions first,
        then extends the best few, up to `MOST_FLIPS` together.
        """
        edge = self.graph.source.flatten(codes)
        front: list[list[Flip]] = [[]]
        inputs = list(self._inputs(x, edge))
        for _ in range(MOST_FLIPS):
            ranked: list[tuple[int, float, list[Flip]]] = []
            for flips in front:
                values = self._values(edge, [flips])
                near = sorted(self._near(values, inputs, flips), key=lambda f: f.nearness)[:TRIED]
                if not near:
                    continue
                sets = [[*flips, flip] for flip in near]
                wrong = agrees.count_wrong(self._values(edge, sets)[self.graph.output])
                ranked += [(int(n), s[-1].nearness, s) for n, s in zip(wrong, sets, strict=True)]
            ranked.sort(key=lambda r: r[:2])
            if not ranked or ranked[0][0] == 0:
                return ranked[0][2] if ranked else None
            front = [flips for _, _, flips in ranked[:KEPT]]
        return None

    def _values(self, edge: np.ndarray, sets: list[list[Flip]]) -> dict[str, np.ndarray]:
        """Evaluate one frame, ``[1, *shape]`` on the input edge, once for each set of flips."""
        values = {INPUT: self._flipped(INPUT, np.repeat(edge, len(sets), 0), sets)}
        for node in self.graph.nodes:
            y = node.eval(*(values[e] for e in node.inputs))
            for name, result in zip(node.outputs, y if isinstance(y, tuple) else (y,), strict=True):
                values[name] = self._flipped(name, result, sets)
        return values

    @staticmethod
    def _flipped(name: str, y: np.ndarray, sets: list[list[Flip]]) -> np.ndarray:
        flips = [(k, f) for k, flips in enumerate(sets) for f in flips if f.edge == name]
        y = y.astype(np.int64) if flips else y
        for k, flip in flips:
            y[(k, *flip.place)] = flip.value
        return y

    def _inputs(self, x: np.ndarray, edge: np.ndarray) -> Iterator[Flip]:
        """Yield decisions of the first quantizer that a float32 division may take differently.

        Frames of integers are decided already, and so are those of a raw input.
        """
        source = self.graph.source
        quantizer = source.quantizer
        if quantizer is None or x.dtype.kind != "f":
            return
        wide = x.astype(np.float64)
        size = np.abs(wide) + np.abs(quantizer.levels[np.isfinite(quantizer.levels)]).max(initial=0)
        for side in (-1, 1):
            other = source.quantize_edge(wide + side * float(gamma(FURTHER_ROUNDINGS)) * size)
            for place in np.argwhere(other != edge):
                yield Flip(INPUT, tuple(map(int, place[1:])), int(other[tuple(place)]), 1.0)

    def _near(
        self, values: dict[str, np.ndarray], inputs: list[Flip], flips: list[Flip]
    ) -> Iterator[Flip]:
        """Yield decisions within the float error of a boundary that are not flipped yet."""
        taken = {(f.edge, f.place) for f in flips}
        yield from (f for f in inputs if (f.edge, f.place) not in taken)
        for node in self.graph.nodes:
            if not isinstance(node, Activation):
                continue
            x, y = values[node.inputs[0]][:1].astype(np.int64), values[node.name][:1]
            reach = max(ceil(self._activation_error(node, c)) for c in range(node.x.channels))
            close = (node.eval(x - reach) != y) | (node.eval(x + reach) != y)
            for place in np.argwhere(close):
                at_place = tuple(map(int, place[1:]))
                if (node.name, at_place) not in taken:
                    for value, nearness in self._others(node, int(x[tuple(place)]), at_place[-1]):
                        yield Flip(node.name, at_place, value, nearness)

    def _others(self, node: Activation, x: int, channel: int) -> list[tuple[int, float]]:
        """Return what float numbers around the integer x may be quantized to, besides the truth."""
        key = (node.name, x, channel)
        if key not in self._decided:
            error = self._activation_error(node, channel)
            exact = node.function(Fraction(x), channel)
            others: dict[int, float] = {}
            for part in range(1, 9):  # the nearest eighth at which the decision is another
                for side in (-1, 1):
                    value = node.function(x + side * error * part / 8, channel)
                    if value != exact:
                        others.setdefault(value, part / 8)
            self._decided[key] = list(others.items())
        return self._decided[key]

    def _activation_error(self, node: Activation, channel: int) -> Fraction:
        first = node.function.steps[0] if node.function.steps else None
        meaning = first if isinstance(first, Affine) else Affine()
        return self._error(node.inputs[0], meaning, channel)

    def _error(self, edge: str, meaning: Affine, channel: int) -> Fraction:
        """Return the float error of an accumulator in its own units.

        ``meaning``: scale and offset of its integers.
        """
        type_ = self.graph.edges[edge].type
        scale, offset = at(meaning.scale, channel), at(meaning.offset, channel)
        reach = Fraction(max(abs(type_.lo), abs(type_.hi)))
        if float(scale):
            reach += Fraction(abs(float(offset) / float(scale)))
        return gamma(self._spans[edge] + FURTHER_ROUNDINGS) * reach


def _terms(node: Operator) -> int:
    """Return the number of terms that are summed for one element of a node's result."""
    return max(1, -(-node.cost().macs // max(1, node.y.size)))


def first(flips: list[Flip], count: int = 3) -> str:
    """Return the first few flips as text."""
    return ", ".join(f"{f.edge}{list(f.place)} to {f.value}" for f in islice(flips, count))
