"""Removes channels that are not needed from a network: unread, constant, or copies of others.

A channel is a row of a matrix and everything computed from it element by element: its thresholds,
its part of pools, windows and sums. `Operator.wiring` says which channels stay together;
`channel_values`, which are constant or equal. (The groups are those of structural pruning: Fang et
al. 2023, DepGraph.)
"""

import dataclasses
from collections.abc import Collection, Mapping

import numpy as np

from ..exact import Real
from ..ir import INPUT, Graph, Operator, Sink, Tensor
from ..ops import Threshold
from ..ops.matvec import Matrix
from ..real import at, compact
from .channel_needs import Needs
from .channel_values import channel_values
from .redundant_columns import Columns


def drop_channels(
    graph: Graph, fixed: Collection[str] = (), widths: Mapping[str, int] | None = None
) -> Graph:
    """Return ``graph`` without channels that change nothing; ``graph`` itself, if there are none.

    - Rows that nobody reads, or that only weights of 0 read, are removed with their thresholds.
    - Columns whose input is constant are removed; their contribution is added to the thresholds
      that follow, or to the offsets of the output. A constant other than 0 that is zero-padded
      stays: with its border it is not constant.
    - Of equal channels only one is computed; weights that read the others are added to those that
      read it.

    The network's inputs and outputs keep their shape. ``fixed``: nodes whose constants may be
    replaced (writable, streamed): they keep all channels, and nothing is derived from their values.
    ``widths``: the number of channels that an edge shall keep, if it suffices; by default, as many
    as fold well (`channel_widths`).
    """
    values = channel_values(graph, fixed)
    columns = {
        n.name: Columns.of(n, values[n.inputs[0]], graph, fixed)
        for n in graph.nodes
        if isinstance(n, Matrix)
    }
    if all(c.reads_all for c in columns.values()) and all(map(_uses_all, graph.nodes)):
        return graph
    needs = Needs(graph, columns, fixed)
    needs.settle(widths)
    if all(len(needs.kept(e)) == t.channels for e, t in graph.edges.items()):
        return graph
    return _Narrower(graph, columns, needs).graph()


def _uses_all(node: Operator) -> bool:
    """Whether an operator that joins channels makes something of each of them."""
    wiring = node.wiring()
    if wiring is None:
        return True
    used = np.unique(np.concatenate([w.sources.reshape(-1) for w in wiring]))
    return len(used) == sum(t.channels for t in node.operands)


class _Narrower:
    """Builds the graph of the kept channels; ``shifts``: what each edge lacks, one a channel."""

    def __init__(self, graph: Graph, columns: Mapping[str, Columns], needs: Needs):
        self.old, self.columns, self.needs = graph, columns, needs
        self.tensors: dict[str, Tensor] = {INPUT: graph.source.tensor}
        self.shifts = {INPUT: np.zeros(graph.source.tensor.channels, np.int64)}

    def graph(self) -> Graph:
        """Return the graph."""
        nodes = tuple(map(self._node, self.old.nodes))
        return self.old.replace(nodes=nodes, sink=self._sink(self.old.sink))

    def _node(self, node: Operator) -> Operator:
        operands = tuple(self.tensors[e] for e in node.inputs)
        shifts = tuple(self.shifts[e] for e in node.inputs)
        ins = tuple(map(self.needs.kept, node.inputs))
        outs = tuple(map(self.needs.kept, node.outputs))
        share = np.zeros(len(outs[0]), np.int64)
        if isinstance(node, Matrix):
            columns, counted = self.columns[node.name], self.needs.counted(node.name)
            new, share = columns.select(node, operands[0], ins[0], outs[0], counted)
        elif isinstance(node, Threshold) and shifts[0].any():
            new = _shifted(node, operands, outs[0], shifts[0])
        else:
            new = node.select(operands, ins, outs)
        moved = _moved(new, shifts)
        for edge, tensor, shift in zip(new.outputs, new.results, moved, strict=True):
            self.tensors[edge] = tensor
            self.shifts[edge] = shift + share if edge == new.name else shift
        return new

    def _sink(self, sink: Sink) -> Sink:
        tensor, shift = self.tensors[sink.edge], self.shifts[sink.edge]
        if not shift.any():
            return dataclasses.replace(sink, tensor=tensor)
        offset: list[Real] = [
            at(sink.offset, c) + at(sink.scale, c) * int(s) for c, s in enumerate(shift)
        ]
        return dataclasses.replace(sink, tensor=tensor, offset=compact(offset))


def _shifted(
    node: Threshold, operands: tuple[Tensor, ...], kept: np.ndarray, shift: np.ndarray
) -> Threshold:
    """Return the thresholds of x that lacks ``shift``: ``x + s >= t`` is ``x >= t - s``."""
    x = operands[0].type
    limits = np.clip(node.thresholds[kept] - shift[:, None], x.lo, x.hi + 1)
    return node.replace(operands=operands, thresholds=limits, inverted=node.inverted[kept])


def _moved(node: Operator, shifts: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """Return the constants missing in the results if ``shifts`` are missing in the operands."""
    if isinstance(node, Threshold) or not any(s.any() for s in shifts):
        return tuple(np.zeros(t.channels, np.int64) for t in node.results)
    xs = (
        np.broadcast_to(s, (1, *t.shape)).astype(np.int64)
        for s, t in zip(shifts, node.operands, strict=True)
    )
    ys = node.eval(*xs)
    ys = ys if isinstance(ys, tuple) else (ys,)
    return tuple(y.reshape(-1, y.shape[-1])[0].astype(np.int64) for y in ys)
