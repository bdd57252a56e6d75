# amaranth: UnusedElaboratable=no
# (a graph that is refused leaves an unused `Top`)
"""Writes the Verilog of a folded graph: the same text on every machine and in every run."""

import warnings

from amaranth.hdl import SyntaxWarning as HdlWarning
from bitrill import __version__
from bitrill.ir.graph import Graph
from bitrill.ir.serialisation import digest

from ..memories.roms import convert
from .top import Top


def verilog(graph: Graph, *, watched: bool = False) -> str:
    """The Verilog of module ``top``, with the ports of `bitrill_hw.design.top.Top`, as one text.

    Weights and tables are initial values of memories, each in a module of its own. The head names
    Bitrill's version and the graph's digest; nothing in the text depends on date, folder, machine
    or hash seed. ``watched``: with a port for counters of each layer.
    Raises `StageError` for a graph that is not FOLDED.
    """
    with warnings.catch_warnings():
        # Amaranth only warns of a table that does not fit its memory, and cuts it
        warnings.simplefilter("error", HdlWarning)
        text = convert(Top(graph, watched=watched))
    return f"// Bitrill {__version__}, graph {digest(graph)}\n{text}"
