"""Inserts a fork on every edge with several readers, since a stream in hardware has a single
reader."""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from itertools import count

from ..ir import INPUT, Graph, Operator, Tensor
from ..ops import Fork


def insert_forks(graph: Graph) -> Graph:
    """Insert a `Fork` named ``EDGE_fork`` on each edge that has several readers.

    The sink counts as one reader, a node that reads an edge twice as two. Copies are assigned to
    readers in the order of the nodes, the sink's last. If a name is used already, it is
    ``EDGE_fork2``, ..
    """
    reads = Counter(edge for node in graph.nodes for edge in node.inputs)
    reads[graph.output] += 1
    taken = set(graph.edges)
    copies: dict[str, Iterator[str]] = {}
    nodes: list[Operator] = []

    def follow(edge: str, tensor: Tensor) -> None:
        """Insert a fork on an edge if it needs one."""
        if reads[edge] < 2:
            return
        fork = Fork(name=f"{edge}_fork", inputs=(edge,), operands=(tensor,), copies=reads[edge])
        number = count(2)
        while not taken.isdisjoint(fork.outputs):
            fork = fork.replace(name=f"{edge}_fork{next(number)}")
        taken.update(fork.outputs)
        nodes.append(fork)
        copies[edge] = iter(fork.outputs)

    def copy(edge: str) -> str:
        """Return the edge that the next reader takes."""
        return next(copies[edge]) if edge in copies else edge

    follow(INPUT, graph.source.tensor)
    for node in graph.nodes:
        nodes.append(node.replace(inputs=tuple(copy(edge) for edge in node.inputs)))
        for edge, tensor in zip(node.outputs, node.results, strict=True):
            follow(edge, tensor)
    sink = dataclasses.replace(graph.sink, edge=copy(graph.output))
    return graph.replace(nodes=tuple(nodes), sink=sink)
