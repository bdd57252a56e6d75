"""Graphs: the network as frozen data that can be run, checked and printed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from ..errors import SpecError, StageError
from .interface import Sink, Source
from .operator import Imported, Operator
from .types import Tensor

CHUNK_ELEMENTS = 1 << 21
"""`Graph.run` holds about this many elements of its widest edge at once: what caches hold."""

INPUT = "input"
"""Name of the input edge."""


class Stage(Enum):
    """What a graph promises; hardware takes FOLDED only."""

    IMPORTED = "imported"
    INTEGER = "integer"
    FOLDED = "folded"


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """Nodes in topological order; each node's result is the edge of its name.

    ``source`` and ``sink`` say what the first and last edge's integers mean to the model's user.
    ``depths``: FIFO slots of each edge (stage FOLDED), by the name of the edge, ``input`` and the
    output's included.
    """

    name: str
    stage: Stage
    source: Source
    nodes: tuple[Operator, ...]
    sink: Sink
    depths: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "depths", dict(sorted(self.depths.items())))

    @property
    def output(self) -> str:
        """Name of the output edge."""
        return self.sink.edge

    @cached_property
    def edges(self) -> dict[str, Tensor]:
        """Every edge's type by name, in topological order."""
        return {INPUT: self.source.tensor} | {
            e: t for n in self.nodes for e, t in zip(n.outputs, n.results, strict=True)
        }

    @cached_property
    def lanes(self) -> dict[str, int]:
        """Elements of a beat on every edge by name (stage FOLDED)."""
        given = {e: n.lanes_out for n in self.nodes for e in n.outputs}
        return {INPUT: self.reader(INPUT).lanes_in} | given

    def producer(self, edge: str) -> Operator:
        """The node that writes an edge; the input edge has none."""
        for node in self.nodes:
            if edge in node.outputs:
                return node
        raise SpecError(f"edge must be one of {', '.join(self.edges)}, not {edge!r}")

    def reader(self, edge: str) -> Operator:
        """The first node that reads an edge."""
        for node in self.nodes:
            if edge in node.inputs:
                return node
        raise SpecError(f"edge must be one that a node reads, not {edge!r}")

    def __getitem__(self, name: str) -> Operator:
        """The node of that name."""
        for node in self.nodes:
            if node.name == name:
                return node
        names = ", ".join(n.name for n in self.nodes)
        raise SpecError(f"node must be one of {names}, not {name!r}")

    def __iter__(self) -> Iterator[Operator]:
        return iter(self.nodes)

    def replace(self, **changes: Any) -> "Graph":
        """A copy with some fields changed."""
        return replace(self, **changes)

    def run(self, x: np.ndarray) -> np.ndarray:
        """The golden model: integers ``[N, *source.shape]`` to int64 ``[N, *sink.shape]``, exact.

        Memory is bounded for any N. Raises `SpecError` for a wrong shape, type or range.
        """
        return self._run(x, self.source.flatten)

    def run_floats(self, x: np.ndarray) -> np.ndarray:
        """`run` of the integers that finite floats ``[N, *source.shape]`` are quantized to."""
        return self._run(x, self.source.quantize_edge)

    def _run(self, x: np.ndarray, prepare: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        x = np.asarray(x)
        self.source.check_shape(x)
        rows = max(1, CHUNK_ELEMENTS // max(t.size for t in self.edges.values()))
        out = np.empty((len(x), *self.sink.shape), np.int64)
        for start in range(0, len(x), rows):
            chunk = self._evaluate(prepare(x[start : start + rows]), keep=False)[self.output]
            out[start : start + rows] = self.sink.restore(chunk)
        if len(x) == 0:
            prepare(x)  # its type may still be wrong
        return out

    def trace(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Every edge's int64 integers ``[N, *shape]`` for the inputs ``x`` of `run`."""
        values = self._evaluate(self.source.flatten(x), keep=True)
        return {name: v.astype(np.int64) for name, v in values.items()}

    def _evaluate(self, flat: np.ndarray, *, keep: bool) -> dict[str, np.ndarray]:
        values = {INPUT: flat}
        for node in self.nodes:
            y = node.eval(*(values[e] for e in node.inputs))
            values |= zip(node.outputs, y if isinstance(y, tuple) else (y,), strict=True)
            if not keep:
                for edge in node.inputs:
                    if self._last_reader[edge] is node:
                        values.pop(edge, None)
        return values

    @cached_property
    def _last_reader(self) -> dict[str, Operator]:
        return {edge: node for node in self.nodes for edge in node.inputs}

    def __repr__(self) -> str:
        stage, n = self.stage.value, len(self.nodes)
        return (
            f"<Graph {self.name} ({stage}): {n} nodes, {self.source.tensor} to {self.sink.tensor}>"
        )

    def __str__(self) -> str:
        lines = [f"{self.name} ({self.stage.value}): {self.source}"]
        width = max((len(edge) for edge in self.edges), default=0)
        for n in self.nodes:
            fold = ""
            if n.impl is not None:
                fold = f"  PE {n.impl.pe} SIMD {n.impl.simd} {n.impl.style} {n.impl.memory}"
            reads = f"{', '.join(n.inputs):<{width}}"
            gives = ", ".join(map(str, n.results))
            lines.append(f"  {n.name:<{width}}  {n.kind:<10}  {reads}  -> {gives}{fold}")
        return "\n".join([*lines, f"  {self.sink}"])


def verify(graph: Graph, stage: Stage) -> None:
    """Raise `StageError` unless the graph keeps every promise of ``stage``."""
    faults: list[str] = []
    if graph.stage is not stage:
        faults.append(f"the graph is {graph.stage.value}, not {stage.value}")
    known = {INPUT: graph.source.tensor}
    for node in graph.nodes:
        for edge, operand in zip(node.inputs, node.operands, strict=True):
            if edge not in known:
                faults.append(f"{node.name} reads {edge}, which no earlier node gives")
            elif known[edge] != operand:
                faults.append(f"{node.name} takes {operand} from {edge}, which is {known[edge]}")
        for edge, result in zip(node.outputs, node.results, strict=True):
            if edge in known:
                faults.append(f"two nodes are named {edge}")
            known[edge] = result
        if stage is not Stage.IMPORTED and isinstance(node, Imported):
            faults.append(f"{node.name} is a real function, which stage {stage.value} cannot hold")
        if (node.impl is None) is (stage is Stage.FOLDED):
            faults.append(f"{node.name} must {'' if node.impl is None else 'not '}be folded")
    if graph.output not in known:
        faults.append(f"the output edge {graph.output} does not exist")
    elif known[graph.output] != graph.sink.tensor:
        faults.append(f"the output edge is {known[graph.output]}, the sink {graph.sink.tensor}")
    sizes = [prod(s.frame) for s in graph.sink.segments]
    if sizes and sum(sizes) != graph.sink.tensor.size:
        faults.append(f"the segments of the output hold {sum(sizes)} of {graph.sink.tensor.size}")
    if stage is Stage.FOLDED:
        faults += _stream_faults(graph, set(known))
    if faults:
        raise StageError(f"{graph.name}: " + "; ".join(faults), faults=faults)


def _stream_faults(graph: Graph, edges: set[str]) -> list[str]:
    """Every edge has one reader, a FIFO of two slots or more, and equal beats at both ends."""
    faults: list[str] = []
    readers = [e for n in graph.nodes for e in n.inputs] + [graph.output]
    faults += [
        f"edge {e} must have one reader, not {readers.count(e)}"
        for e in sorted(edges)
        if readers.count(e) != 1
    ]
    if set(graph.depths) != edges:
        given = sorted(graph.depths)
        faults.append(f"FIFO depths must be given for {sorted(edges)}, not {given}")
    faults += [
        f"the FIFO of {e} must have a slot or more, not {d}"
        for e, d in graph.depths.items()
        if d < 1
    ]
    lanes = {e: n.lanes_out for n in graph.nodes if n.impl is not None for e in n.outputs}
    for n in graph.nodes:
        for e in n.inputs:
            if n.impl is not None and e in lanes and lanes[e] != n.lanes_in:
                faults.append(
                    f"{n.name} takes {n.lanes_in} elements a beat from {e}, which gives {lanes[e]}"
                )
    return faults
