"""Random small networks with channels that are dead, constant, or copies of others.

They are INTEGER graphs of feature maps: convolutions with and without zero padding, activations,
depthwise layers, pools, residual sums, joins, splits, shuffles, upsampling and a classifier.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from bitrill.ir import BIPOLAR, INPUT, Graph, IntType, Operator, Sink, Source, Stage, Tensor
from bitrill.ops import (
    Add,
    Concat,
    Crop,
    Depthwise,
    L1MatVec,
    Lookup,
    MatVec,
    MaxPool,
    Mul,
    Pad,
    Rearrange,
    Shuffle,
    Split,
    SumPool,
    Threshold,
    Upsample,
    Window,
)

WEIGHTS = (
    BIPOLAR,
    IntType(-1, 1),
    IntType(-7, 7),
    IntType(-4, 4, "pot"),
    IntType.of_entries((-5, -1, 2)),
)
ACTS = (BIPOLAR, IntType(0, 1), IntType(0, 3), IntType(-2, 1))

WAYS = (
    *("conv", "conv", "conv", "depthwise", "residual", "joined"),
    *("parted", "moved", "moved", "summed", "linear"),
)
"""Steps of a network, the frequent ones several times."""


class Drawn:
    """A network that is drawn from a seed, node by node; methods return the edge they wrote."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng([seed, 15])
        shape = (*map(int, self.rng.integers(2, 6, 2)), int(self.rng.integers(1, 4)))
        self.tensors = {INPUT: Tensor(shape, self.one(*ACTS))}
        self.nodes: list[Operator] = []

    def one(self, *choices: Any) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def often(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def node(self, kind: Callable[..., Any], *edges: str, **given: Any) -> str:
        operands = tuple(self.tensors[e] for e in edges)
        node = kind(name=f"n{len(self.nodes)}", inputs=edges, operands=operands, **given)
        self.nodes.append(node)
        self.tensors |= zip(node.outputs, node.results, strict=True)
        return node.name

    def copied(self, rows: np.ndarray) -> np.ndarray:
        """Rows of which some are copies of others."""
        rows, copies = np.array(rows), self.rng.random(len(rows)) < 0.25
        rows[copies] = rows[self.rng.integers(0, len(rows), int(copies.sum()))]
        return rows

    def weights(self, t: IntType, rows: int, cols: int, period: int) -> np.ndarray:
        """Random weights with dead rows and, one in ``period`` alike, dead columns."""
        w = self.copied(self.rng.choice(t.values(), (rows, cols)))
        if t.holds(np.zeros(1, np.int64)):
            w[self.rng.random(rows) < 0.2] = 0
            w[:, np.tile(self.rng.random(period) < 0.25, cols // period)] = 0
        return w

    def matrix(self, edge: str, rows: int, channels: int, cols: int) -> str:
        """A matrix over the channels, or with ``cols`` over the whole frame."""
        t = self.one(*WEIGHTS)
        x = self.tensors[edge].type
        if x.coding.binary and x.bits <= 3 and self.often(0.1):
            w = self.copied(self.rng.integers(x.lo - 1, x.hi + 2, (rows, cols)))
            return self.node(L1MatVec, edge, weights=w)
        return self.node(MatVec, edge, weights=self.weights(t, rows, cols, channels), weight_type=t)

    def act(self, edge: str) -> str:
        """Thresholds, or now and then a table; some channels constant, some alike."""
        x, channels, out = self.tensors[edge].type, self.tensors[edge].channels, self.one(*ACTS)
        dead = self.rng.random(channels) < 0.3
        if x.n_values <= 64 and self.often(0.2):
            table = self.copied(self.rng.choice(out.values(), (channels, x.n_values)))
            table[dead] = self.rng.choice(out.values(), (int(dead.sum()), 1))
            return self.node(Lookup, edge, table=table, out=out)
        levels = (channels, out.n_values - 1)
        limits = self.copied(self.rng.integers(x.lo, x.hi + 2, levels))
        ends = self.rng.choice([x.lo, x.hi + 1], levels)
        limits = np.sort(np.where(dead[:, None], ends, limits), axis=1)
        inverted = self.rng.random(channels) < self.one(0, 0, 0.3)
        return self.node(Threshold, edge, thresholds=limits, inverted=inverted, out=out)

    def windows(self, edge: str) -> tuple[str, int]:
        """A border, if any, and windows; and the channels of a tap."""
        channels = self.tensors[edge].channels
        sides = self.tensors[edge].shape[:-1]
        if self.often(0.5):
            value = self.one(0, 0, self.tensors[edge].type.lo)
            edge = self.node(Pad, edge, pads=(1, 0, 1, 1), value=value)
            sides = self.tensors[edge].shape[:-1]
        kernel = tuple(int(self.rng.integers(1, min(n, 2) + 1)) for n in sides)
        return self.node(Window, edge, kernel=kernel, stride=(1, 1)), channels

    def conv(self, edge: str, rows: int = 0) -> str:
        """Sums over windows or places, without an activation."""
        rows = rows or int(self.rng.integers(2, 7))
        channels = self.tensors[edge].channels
        if self.often(0.5):
            edge, channels = self.windows(edge)
        return self.matrix(edge, rows, channels, self.tensors[edge].channels)

    def depthwise(self, edge: str) -> str:
        edge, channels = self.windows(edge)
        t = self.one(*WEIGHTS[:3])
        w = self.copied(
            self.rng.choice(t.values(), (channels, self.tensors[edge].channels // channels))
        )
        return self.node(Depthwise, edge, weights=w, weight_type=t)

    def residual(self, edge: str) -> str:
        """Two branches, added before or behind their activations."""
        rows = int(self.rng.integers(2, 6))
        w = [self.matrix(edge, rows, c, c) for c in [self.tensors[edge].channels] * 2]
        if self.often(0.5):
            w = [self.plain(self.act(e)) for e in w]
        if self.often(0.3):
            return self.node(Mul, *w, offsets=(self.one(0, 1), self.one(0, -1)))
        return self.node(Add, *w, gains=(1, self.one(1, 2, -1)))

    def plain(self, edge: str) -> str:
        """The edge itself: a place for a pool that keeps the size."""
        return self.node(MaxPool, edge, kernel=(1, 1), stride=(1, 1)) if self.often(0.2) else edge

    def joined(self, edge: str) -> str:
        parts = [self.matrix(edge, r, c, c) for r, c in self.pairs(edge)]
        return self.node(Concat, *(self.act(p) for p in parts), gains=(1, 1))

    def pairs(self, edge: str) -> list[tuple[int, int]]:
        return [(int(self.rng.integers(1, 4)), self.tensors[edge].channels) for _ in range(2)]

    def parted(self, edge: str) -> str:
        """Channels apart, one part through an activation, and together again."""
        channels = self.tensors[edge].channels
        if channels < 2:
            return edge
        cut = int(self.rng.integers(1, channels))
        a = self.node(Split, edge, sizes=(cut, channels - cut))
        if not self.tensors[a].type.coding.addable:
            return a
        b = self.act(f"{a}_1") if self.tensors[a].type != BIPOLAR else f"{a}_1"
        return self.node(Concat, a, b, gains=(1, 1))

    def moved(self, edge: str) -> str:
        """Channels or places in another order, fewer, or more."""
        h, w, c = self.tensors[edge].shape
        order = self.rng.permutation(c)
        cut = int(self.rng.integers(0, c))
        ways: list[tuple[Callable[..., Any], dict[str, Any]]] = [
            (Shuffle, {"order": order}),
            (Crop, {"starts": (0, 0, cut), "steps": (1, 1, 1), "sizes": (h, w, c - cut)}),
            (MaxPool, {"kernel": (min(h, 2), 1), "stride": (1, 1)}),
        ]
        ways += [(Upsample, {"factors": (1, 2)})] if w < 5 else []
        ways += [(Rearrange, {"block": 2, "direction": "to_space"})] if not c % 4 else []
        ways += [(Rearrange, {"block": 2, "direction": "to_depth"})] if not (h % 2 or w % 2) else []
        kind, given = self.one(*ways)
        return self.node(kind, edge, **given)

    def summed(self, edge: str) -> str:
        """Sums over places, activated."""
        h = self.tensors[edge].shape[0]
        return self.act(self.node(SumPool, edge, kernel=(min(h, 2), 1), stride=(1, 1)))

    def graph(self) -> Graph:
        edge = INPUT
        for _ in range(int(self.rng.integers(2, 6))):
            way = self.one(*WAYS)
            if way in ("conv", "depthwise", "residual"):
                edge = self.act(getattr(self, way)(edge))
            elif way == "linear":  # no activation between two matrices
                edge = self.act(self.conv(self.conv(edge)))
            elif max(self.tensors[edge].size, 1) < 200:
                edge = getattr(self, way)(edge)
        t = self.tensors[edge]
        whole = t.size <= 60
        edge = self.matrix(edge, 3, t.channels, t.size if whole else t.channels)
        y = self.tensors[edge]
        offset = tuple(Fraction(int(v), 3) for v in self.rng.integers(-5, 6, 3))
        meaning = {"scale": (Fraction(2, 7),), "offset": offset} if self.often(0.8) else {}
        sink = Sink(shape=y.shape, edge=edge, tensor=y, channel_last=True, **meaning)
        x = self.tensors[INPUT]
        source = Source(shape=x.shape, tensor=x, raw_scale="1", channel_last=True)
        nodes = tuple(self.nodes)
        return Graph(name="dead", stage=Stage.INTEGER, source=source, nodes=nodes, sink=sink)
