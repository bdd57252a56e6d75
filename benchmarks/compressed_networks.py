"""Networks of random constants, each dense, compressed, and as narrow as its compression.

A case gives IMPORTED graphs. The three of a case have the same constants, as far as they have them:
``dense`` all of them, ``compressed`` zeros for those that a compression took, ``narrow`` only those
that are left. ``compressed`` and ``narrow`` compute the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from bitrill.ir import Graph, IntType, Sink, Source, Stage, Tensor
from bitrill.ops import Add, MatVec, Pad, SumPool, Threshold, Window

Form = Literal["dense", "compressed", "narrow"]

INT4, UINT4 = IntType(-7, 7), IntType(0, 15)


@dataclass(frozen=True)
class Case:
    """``build(form)`` gives the network in a form.

    ``pruned``: share of its weights that compression takes one by one; there is no narrow form.
    """

    name: str
    build: Callable[[Form], Graph]
    pruned: float = 0.0

    @property
    def forms(self) -> tuple[Form, ...]:
        """The forms that there are."""
        return ("dense", "compressed") if self.pruned else ("dense", "compressed", "narrow")


class Network:
    """A network with channels that are pruned: of each layer the places ``kept(channels)``.

    ``live``: for each edge, which of the dense network's channels are kept.
    """

    def __init__(
        self, form: Form, shape: tuple[int, ...], kept: Callable[[int], np.ndarray], seed: int = 0
    ):
        self.form, self.kept, self.rng = form, kept, np.random.default_rng(seed)
        self.tensors = {"input": Tensor(shape, UINT4)}
        self.live = {"input": np.ones(shape[-1], bool)}
        self.nodes: list[MatVec | Threshold | Add | Pad | SumPool | Window] = []

    def node(self, kind: Callable[..., object], *edges: str, **given: object) -> str:
        """Add a node; its channels are kept as its first operand's are."""
        name = f"n{len(self.nodes)}_{kind.__name__.lower()}"
        operands = tuple(self.tensors[e] for e in edges)
        node = kind(name=name, inputs=edges, operands=operands, **given)
        self.nodes.append(node)  # pyright: ignore[reportArgumentType]
        self.tensors[name] = node.y  # pyright: ignore[reportAttributeAccessIssue]
        self.live[name] = self.live[edges[0]]
        return name

    def linear(self, edge: str, rows: int, *, all_rows: bool = False) -> str:
        """Add a matrix of random weights, of which rows and columns are pruned."""
        columns = self.live[edge]
        live = np.ones(rows, bool) if all_rows else self.kept(rows)
        weights = self.rng.integers(INT4.lo, INT4.hi + 1, (rows, len(columns)))
        if self.form == "compressed":
            weights = weights * live[:, None] * columns
        elif self.form == "narrow":
            weights = weights[live][:, columns]
        edge = self.node(MatVec, edge, weights=weights, weight_type=INT4)
        self.live[edge] = live
        return edge

    def act(self, edge: str, reach: int = 128) -> str:
        """Add a quantized activation, which gives 0 for 0."""
        limits = np.sort(self.rng.integers(1, reach, (len(self.live[edge]), UINT4.hi)), axis=1)
        if self.form == "narrow":
            limits = limits[self.live[edge]]
        t = self.tensors[edge].type
        limits, rising = np.clip(limits, t.lo, t.hi + 1), np.zeros(len(limits), bool)
        return self.node(Threshold, edge, thresholds=limits, inverted=rising, out=UINT4)

    def conv(self, edge: str, rows: int, kernel: int = 3, stride: int = 1) -> str:
        """Add a convolution with its quantized activation."""
        if kernel > 1:
            edge = self.node(Pad, edge, pads=(kernel // 2,) * 4, value=0)
        if kernel > 1 or stride > 1:
            live = np.tile(self.live[edge], kernel**2)
            edge = self.node(Window, edge, kernel=(kernel,) * 2, stride=(stride,) * 2)
            self.live[edge] = live
        return self.act(self.linear(edge, rows), 32 * kernel)

    def graph(self, edge: str) -> Graph:
        """End the network at an edge."""
        x, y = self.tensors["input"], self.tensors[edge]
        source = Source(shape=x.shape, tensor=x, raw_scale="1", channel_last=True)
        sink = Sink(shape=y.shape, edge=edge, tensor=y, scale=(1,), offset=(0,))
        nodes = tuple(self.nodes)
        return Graph(name="net", stage=Stage.IMPORTED, source=source, nodes=nodes, sink=sink)


def first_half(channels: int) -> np.ndarray:
    """Keep the first half of the channels."""
    return np.arange(channels) < channels // 2


def every_other(channels: int) -> np.ndarray:
    """Keep the channels of even numbers."""
    return np.arange(channels) % 2 == 0


def dense_layers(form: Form) -> Graph:
    """A 4-bit network 64-32-10 of which half of the hidden channels go."""
    n = Network(form, (64,), every_other)
    return n.graph(n.linear(n.act(n.linear("input", 32)), 10, all_rows=True))


def resnet8(form: Form) -> Graph:
    """A 4-bit ResNet-8 on 8x8 pixels, of which half of all channels go, across the additions."""
    n = Network(form, (8, 8, 1), first_half)
    edge = n.conv("input", 16)
    for rows, stride in ((16, 1), (32, 2), (64, 2)):
        body = n.conv(n.conv(edge, rows, stride=stride), rows)
        edge = n.conv(edge, rows, 1, stride) if stride > 1 else edge
        edge = n.act(n.node(Add, body, edge, gains=(1, 1)), 30)
    places = n.tensors[edge].shape[:-1]
    edge = n.act(n.node(SumPool, edge, kernel=places, stride=(1, 1)), 60)
    return n.graph(n.linear(edge, 10, all_rows=True))


CASES = (Case("dense-channels", dense_layers), Case("resnet8-channels", resnet8))
"""What is measured, in the order of the table."""
