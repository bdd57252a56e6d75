"""Writes ``network.json``, from which the driver knows a network's input, output and digest.

Floats are written as C99 hexadecimal strings, so that they come back bit for bit.
"""

from typing import Any

from bitrill.ir.graph import Graph
from bitrill.ir.interface import InputQuantizer
from bitrill.ir.serialisation import digest
from bitrill.ir.types import Tensor
from bitrill.timing.predict import Timing

FORMAT = 1


def describe(graph: Graph, predicted: Timing) -> dict[str, Any]:
    """Return the content of ``network.json`` for a FOLDED graph."""
    source, sink = graph.source, graph.sink
    return {
        "format": FORMAT,
        "name": graph.name,
        "digest": digest(graph)[:16],
        "interval": str(predicted.ii),
        "latency": predicted.latency,
        "input": {
            **_edge(source.tensor, source.shape, source.channel_last),
            "quantizer": None if source.quantizer is None else _quantizer(source.quantizer),
            "raw_scale": source.raw_scale,
        },
        "output": {
            **_edge(graph.edges[graph.output], sink.shape, sink.channel_last),
            "scale": [float(s).hex() for s in sink.scale],
            "offset": [float(o).hex() for o in sink.offset],
        },
    }


def _edge(tensor: Tensor, shape: tuple[int, ...], channel_last: bool) -> dict[str, Any]:
    t = tensor.type
    return {
        "shape": list(shape),
        "edge": list(tensor.shape),
        "channel_last": channel_last,
        "bits": t.bits,
        "signed": t.signed,
        "coding": t.coding.word,
        "lo": t.lo,
        "hi": t.hi,
    }


def _quantizer(q: InputQuantizer) -> dict[str, Any]:
    return {
        "levels": [[float(v).hex() for v in row] for row in q.levels],
        "inverted": [bool(v) for v in q.inverted],
    }
