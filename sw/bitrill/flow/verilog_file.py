"""Writes a graph's Verilog, which needs the optional package bitrill_hw."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from ..ir import Graph
from .extras import extra


def write_verilog(graph: Graph, purpose: str = "compile", *, watched: bool = False) -> str:
    """Return the design of a FOLDED graph, module ``top``.

    ``purpose``: the command that needs it, for the error message if bitrill_hw is missing;
    ``watched``: with a port for counters of each layer.
    """
    with extra("hw", purpose):
        from bitrill_hw.design.verilog import verilog
    with _rare_collection():
        return verilog(graph, watched=watched)


@contextmanager
def _rare_collection() -> Iterator[None]:
    """Collect garbage rarely: with Amaranth's millions of objects it took a third of the time."""
    usual = gc.get_threshold()
    gc.set_threshold(500_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
