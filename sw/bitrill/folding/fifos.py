"""FIFO depths by the timing of the whole network."""

from ..ir import Graph
from ..timing.fifo_depths import fifo_depths


def set_depths(graph: Graph) -> Graph:
    """The fewest slots on every edge that keep the rate (see `bitrill.timing.fifo_depths`)."""
    return graph.replace(depths=fifo_depths(graph))
