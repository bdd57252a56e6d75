"""Which channels of a graph must stay, from what its output and its matrices read."""

from collections.abc import Collection, Mapping

import numpy as np

from ..ir import INPUT, Graph, Operator
from ..ops import Concat, Split
from ..ops.matvec import Matrix
from .channel_widths import common_lanes, kept_width
from .redundant_columns import Columns


class Needs:
    """The channels of all edges, in groups: those that operators connect (`Operator.wiring`).

    ``needed``: whether the values of a group are needed, bool ``[groups]``; ``filler``: groups that
    stay though their values are not. If a group is needed, so are all groups that its values are
    computed from.
    """

    def __init__(self, graph: Graph, columns: Mapping[str, Columns], fixed: Collection[str]):
        self.graph, self.columns, self.fixed = graph, columns, fixed
        self.groups = groups_of(graph)
        count = 1 + max(int(g.max()) for g in self.groups.values())
        self.needed, self.filler = np.zeros(count, bool), np.zeros(count, bool)

    def settle(self, widths: Mapping[str, int] | None) -> None:
        """Find the groups that are needed, and those that must stay besides."""
        for edge in (INPUT, self.graph.output):
            self.needed[self.groups[edge]] = True
        for node in self.graph.nodes:
            if node.name in self.fixed or (node.wiring() is None and not isinstance(node, Matrix)):
                for edge in (*node.inputs, *node.outputs):
                    self.needed[self.groups[edge]] = True
        before = -1
        while before != (before := int(self.needed.sum() + self.filler.sum())):
            for node in reversed(self.graph.nodes):
                self._read(node)
            self._fill(widths)

    def _read(self, node: Operator) -> None:
        """Mark the groups that the needed rows of a matrix read."""
        if isinstance(node, Matrix):
            group = self.groups[node.inputs[0]]
            columns = np.tile(group, node.cols // len(group))
            rows = self.needed[self.groups[node.name]]
            kept = (self.needed | self.filler)[columns]
            self.needed[columns[self.columns[node.name].needed(rows, kept)]] = True

    def _fill(self, widths: Mapping[str, int] | None) -> None:
        """Keep at least one channel of an edge, and as many of a matrix' rows as fold well."""
        for edge, group in self.groups.items():
            self._widen(edge, int(not self.kept(edge).size))
            if widths is None and edge in self.columns:
                self._widen(edge, kept_width(self.kept(edge).size, len(group)))
            elif widths is not None and edge in self.columns:
                self._widen(edge, widths.get(edge, 0))
        for node in self.graph.nodes:
            if widths is None and isinstance(node, Concat | Split):
                edges = node.inputs if isinstance(node, Concat) else node.outputs
                sizes = [len(self.groups[e]) for e in edges]
                counts = [self.kept(e).size for e in edges]
                lanes = common_lanes(counts, sizes)
                for edge, n in zip(edges, counts, strict=True):
                    self._widen(edge, -(-n // lanes) * lanes)

    def _widen(self, edge: str, width: int) -> None:
        """Keep the first channels of an edge that are not kept yet, up to ``width`` in all."""
        group = self.groups[edge]
        kept = (self.needed | self.filler)[group]
        self.filler[group[~kept][: max(0, width - int(kept.sum()))]] = True

    def kept(self, edge: str) -> np.ndarray:
        """Return the channels of an edge that stay, int64, ascending."""
        return np.flatnonzero((self.needed | self.filler)[self.groups[edge]])

    def counted(self, edge: str) -> np.ndarray:
        """Return which of the channels that stay have a value that counts."""
        return self.needed[self.groups[edge]][self.kept(edge)]


def groups_of(graph: Graph) -> dict[str, np.ndarray]:
    """Return the number of each channel's group, int64 ``[C]`` for each edge."""
    places: dict[str, np.ndarray] = {}
    count = 0
    for edge, tensor in graph.edges.items():
        places[edge] = np.arange(count, count + tensor.channels)
        count += tensor.channels
    root = list(range(count))
    for node in graph.nodes:
        wiring = () if isinstance(node, Matrix) else node.wiring() or ()
        operands = [places[e] for e in node.inputs]
        sources = np.concatenate(operands)
        for edge, w in zip(node.outputs, wiring, strict=bool(wiring)):
            for channel, made_of in zip(
                places[edge].tolist(), sources[w.sources].tolist(), strict=True
            ):
                for source in made_of:
                    root[_top(root, source)] = _top(root, channel)
    tops = np.array([_top(root, i) for i in range(count)])
    numbers = np.unique(tops, return_inverse=True)[1].reshape(-1)
    return {edge: numbers[place] for edge, place in places.items()}


def _top(root: list[int], i: int) -> int:
    """Return the representative of a group, and shorten the way to it."""
    while root[i] != i:
        root[i] = root[root[i]]
        i = root[i]
    return i
