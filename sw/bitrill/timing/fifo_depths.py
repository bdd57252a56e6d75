"""FIFO depths: the fewest slots that keep the rate which unlimited FIFOs would have.

`bitrill.timing.depth_search` tells how they are found. Large networks are searched with all times
in rows of the image (`bitrill.timing.row_depths`), to the same result.
"""

from collections.abc import Mapping

from ..ir import Graph
from .depth_search import FLOOR, DepthSearch
from .row_depths import RowSearch
from .row_graph import is_large

__all__ = ["FLOOR", "fifo_bits", "fifo_depths"]


def fifo_depths(graph: Graph, expected: Mapping[str, int] | None = None) -> dict[str, int]:
    """Return the slots of each edge, by name, of a graph whose nodes are folded.

    Depths are lowered one edge at a time, widest edges first. The rate is monotone in all of them,
    so in the end no FIFO above the floor can lose a slot without lowering the rate. ``expected``:
    depths that are tried first, of the same network folded otherwise, say; they change nothing but
    the time that it takes.
    """
    search = RowSearch if is_large(graph) else DepthSearch
    return search(graph, expected).depths_of_edges()


def fifo_bits(graph: Graph) -> int:
    """Return the bits that all FIFOs of a FOLDED graph hold."""
    return sum(graph.lanes[e] * t.type.bits * graph.depths[e] for e, t in graph.edges.items())
