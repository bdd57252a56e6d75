"""The networks that time and folding are measured on, as INTEGER graphs of random constants.

What they compute means nothing; their shapes, and so their schedules, are those of the papers:
CNV (Umuroglu et al.: FINN, 2017), ResNet-8 (Banbury et al.: MLPerf Tiny, 2021), MobileNet-v1 of
width 0.25 (Howard et al., 2017), ResNet-18 (He et al., 2016), U-Net (Ronneberger et al., 2015) of
16 channels. Eight bits come in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bitrill.ir import BIPOLAR, Graph, IntType, Operator, Sink, Source, Stage, Tensor
from bitrill.ops import (
    Add,
    Concat,
    Depthwise,
    MatVec,
    MaxPool,
    Pad,
    SumPool,
    Threshold,
    Upsample,
    Window,
)

_BITS8, _INT4 = IntType(-128, 127), IntType(-8, 7)

MOBILENET = (
    (16, 1),
    (32, 2),
    (32, 1),
    (64, 2),
    (64, 1),
    (128, 2),
    *((128, 1),) * 5,
    (256, 2),
    (256, 1),
)
"""``(channels, stride)`` of the separable blocks, at width 0.25."""


class Builder:
    """Nodes in the order in which they are made; each call's result is the edge it wrote."""

    def __init__(self, name: str, shape: tuple[int, ...], weights: IntType, acts: IntType):
        self.name, self.weights, self.acts = name, weights, acts
        self.rng = np.random.default_rng(0)
        self.tensors = {"input": Tensor(shape, _BITS8)}
        self.nodes: list[Operator] = []

    def node(self, kind: Callable[..., Any], *edges: str, **given: Any) -> str:
        operands = tuple(self.tensors[e] for e in edges)
        name = f"n{len(self.nodes)}_{kind.__name__.lower()}"
        node = kind(name=name, inputs=edges, operands=operands, **given)
        self.nodes.append(node)
        self.tensors[name] = node.y
        return name

    def drawn(self, rows: int, cols: int) -> np.ndarray:
        return self.weights.values()[self.rng.integers(0, self.weights.n_values, (rows, cols))]

    def linear(self, edge: str, rows: int) -> str:
        cols = self.tensors[edge].channels
        return self.node(MatVec, edge, weights=self.drawn(rows, cols), weight_type=self.weights)

    def act(self, edge: str) -> str:
        t, n = self.tensors[edge].type, self.tensors[edge].channels
        limits = np.sort(self.rng.integers(t.lo, t.hi + 2, (n, self.acts.n_values - 1)), axis=1)
        up = np.zeros(n, bool)
        return self.node(Threshold, edge, thresholds=limits, inverted=up, out=self.acts)

    def window(self, edge: str, kernel: int, stride: int, pad: bool) -> str:
        if pad and kernel > 1:
            edge = self.node(Pad, edge, pads=(kernel // 2,) * 4, value=0)
        if kernel == stride == 1:
            return edge
        return self.node(Window, edge, kernel=(kernel,) * 2, stride=(stride,) * 2)

    def conv(self, edge: str, rows: int, kernel: int = 3, stride: int = 1, pad: bool = True) -> str:
        return self.linear(self.window(edge, kernel, stride, pad), rows)

    def separable(self, edge: str, rows: int, stride: int) -> str:
        channels = self.tensors[edge].channels
        weights = self.drawn(channels, 9)
        edge = self.window(edge, 3, stride, True)
        edge = self.act(self.node(Depthwise, edge, weights=weights, weight_type=self.weights))
        return self.act(self.conv(edge, rows, 1))

    def head(self, edge: str, classes: int = 10) -> Graph:
        """Sum over all places, quantized, and the classes."""
        side = self.tensors[edge].shape[:-1]
        edge = self.node(SumPool, edge, kernel=side, stride=(1, 1))
        return self.graph(self.linear(self.act(edge), classes))

    def graph(self, edge: str) -> Graph:
        x, y = self.tensors["input"], self.tensors[edge]
        source = Source(shape=(x.shape[-1], *x.shape[:-1]), tensor=x, raw_scale="1")
        sink = Sink(shape=(y.shape[-1], *y.shape[:-1]), edge=edge, tensor=y)
        return Graph(
            name=self.name, stage=Stage.INTEGER, source=source, nodes=tuple(self.nodes), sink=sink
        )


def cnv(side: int = 32) -> Graph:
    """w1a1; no padding."""
    b, edge = Builder("cnv", (side, side, 3), BIPOLAR, BIPOLAR), "input"
    for stage in range(3):
        for _ in range(2):
            edge = b.act(b.conv(edge, 64 << stage, pad=False))
        if stage < 2:
            edge = b.node(MaxPool, edge, kernel=(2, 2), stride=(2, 2))
    for rows in (512, 512):
        edge = b.act(b.linear(edge, rows))
    return b.graph(b.linear(edge, 10))


def resnet8(side: int = 32) -> Graph:
    """w4a4; a stem and three blocks of 16, 32 and 64 channels."""
    b = Builder("resnet8", (side, side, 3), _INT4, _INT4)
    edge = b.act(b.conv("input", 16))
    for rows, stride in ((16, 1), (32, 2), (64, 2)):
        body = b.act(b.conv(edge, rows, stride=stride))
        body = b.act(b.conv(body, rows))
        if stride > 1:
            edge = b.act(b.conv(edge, rows, 1, stride))
        edge = b.act(b.node(Add, body, edge, gains=(1, 1)))
    return b.head(edge)


def mobilenet(side: int = 32, width: int = 1) -> Graph:
    """w4a4, width 0.25 times ``width``; the stem's stride is 2."""
    b = Builder("mobilenet", (side, side, 3), _INT4, _INT4)
    edge = b.act(b.conv("input", 8 * width, stride=2))
    for rows, stride in MOBILENET:
        edge = b.separable(edge, rows * width, stride)
    return b.head(edge)


def resnet18(side: int = 224) -> Graph:
    """w4a4; a stem of 64 channels, stride 2, a pool, and four times two blocks."""
    b = Builder("resnet18", (side, side, 3), _INT4, _INT4)
    edge = b.act(b.conv("input", 64, 7, 2))
    edge = b.node(MaxPool, b.node(Pad, edge, pads=(1,) * 4, value=0), kernel=(3, 3), stride=(2, 2))
    for stage in range(4):
        for block in range(2):
            rows, stride = 64 << stage, 2 if stage and not block else 1
            body = b.act(b.conv(edge, rows, stride=stride))
            body = b.act(b.conv(body, rows))
            if stride > 1:
                edge = b.act(b.conv(edge, rows, 1, stride))
            edge = b.act(b.node(Add, body, edge, gains=(1, 1)))
    return b.head(edge, 1000)


def unet(side: int = 224) -> Graph:
    """w4a4; 16 channels, three times halved and doubled; each level is joined across."""
    b = Builder("unet", (side, side, 3), _INT4, _INT4)
    edge, across = "input", []
    for level in range(4):
        for _ in range(2):
            edge = b.act(b.conv(edge, 16 << level))
        if level < 3:
            across.append(edge)
            edge = b.node(MaxPool, edge, kernel=(2, 2), stride=(2, 2))
    for level in reversed(range(3)):
        wide = b.node(Upsample, edge, factors=(2, 2))
        edge = b.node(Concat, b.act(b.conv(wide, 16 << level)), across.pop(), gains=(1, 1))
        for _ in range(2):
            edge = b.act(b.conv(edge, 16 << level))
    return b.graph(b.conv(edge, 2, 1))
