"""Describes a network's input, output and digest for the driver, as ``network.json``.

``docs/format.md`` specifies the file. Floats are written as C99 hexadecimal strings, so that they
are read back bit for bit.
"""

from dataclasses import asdict

import numpy as np
from bitrill.ir.graph import Graph
from bitrill.ir.host import HostAttribute, Segment
from bitrill.ir.interface import InputQuantizer, Sink
from bitrill.ir.serialisation import digest
from bitrill.ir.types import Tensor
from bitrill.timing.predict import Timing

from .driver.layout import FIRST, FLAT, LAST

FORMAT = 2


def describe(graph: Graph, predicted: Timing) -> dict[str, object]:
    """Return the content of ``network.json`` for a FOLDED graph."""
    source, sink = graph.source, graph.sink
    return {
        "format": FORMAT,
        "name": graph.name,
        "digest": digest(graph)[:16],
        "interval": str(predicted.ii),
        "latency": predicted.latency,
        "layers": [n.name for n in graph.nodes],
        "input": {
            **_edge(source.tensor, source.shape, source.channel_last),
            "quantizer": None if source.quantizer is None else _quantizer(source.quantizer),
            "raw_scale": source.raw_scale,
            **({} if source.raw_offset is None else {"raw_offset": source.raw_offset}),
        },
        "output": output(sink),
    }


def output(sink: Sink) -> dict[str, object]:
    """Describe the integers that a design returns, and what the host computes from them."""
    value = {**_edge(sink.tensor, sink.shape, sink.channel_last), **_meaning(sink)}
    if sink.segments:
        value["segments"] = [
            {
                "shape": list(p.shape),
                "edge": list(p.frame),
                "channels": _channels(p.frame, p.channel_last),
                **_meaning(p),
            }
            for p in sink.segments
        ]
    if sink.functions:
        value["functions"] = [
            {
                "op": f.op,
                "inputs": list(f.inputs),
                "attributes": {k: _attribute(v) for k, v in sorted(f.attributes.items())},
            }
            for f in sink.functions
        ]
    if sink.outputs:
        value["outputs"] = [asdict(o) for o in sink.outputs]
    return value


def _meaning(segment: Segment | Sink) -> dict[str, object]:
    return {
        "scale": [float(s).hex() for s in segment.scale],
        "offset": [float(o).hex() for o in segment.offset],
    }


def _attribute(value: HostAttribute) -> object:
    if not isinstance(value, np.ndarray):
        return list(value) if isinstance(value, tuple) else value
    flat = value.ravel().tolist()
    numbers = {"integers": flat} if value.dtype.kind == "i" else {"floats": [v.hex() for v in flat]}
    return {"shape": list(value.shape), **numbers}


def _channels(edge: tuple[int, ...], channel_last: bool) -> str:
    """Return where a model's array has the channels, which are last in the stream."""
    if len(edge) == 1:
        return FLAT
    return LAST if channel_last else FIRST


def _edge(tensor: Tensor, shape: tuple[int, ...], channel_last: bool) -> dict[str, object]:
    t = tensor.type
    return {
        "shape": list(shape),
        "edge": list(tensor.shape),
        "channels": _channels(tensor.shape, channel_last),
        "bits": t.bits,
        "signed": t.signed,
        "coding": t.coding.word,
        "lo": t.lo,
        "hi": t.hi,
    }


def _quantizer(q: InputQuantizer) -> dict[str, object]:
    return {
        "levels": [[float(v).hex() for v in row] for row in q.levels],
        "inverted": [bool(v) for v in q.inverted],
    }
