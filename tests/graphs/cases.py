"""A Hypothesis strategy of random small networks: graphs, foldings, inputs and stalls."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from bitrill.ir import BIPOLAR, INPUT, Graph, Operator, Sink, Source, Stage, Tensor, serialisation
from bitrill.lowering import to_folded
from bitrill.ops import Add, Concat, Divide, Mul
from bitrill.passes.forks import insert_forks
from graphs.kinds import MOST, PEAK, TYPES, WAYS, foldings, operator, peak
from hypothesis import strategies as st

STEPS = 7
"""Most operators of a graph, before open ends are joined."""

CYCLES = 100
"""Most cycles that a frame takes in an operator, if a folding allows it."""

Draw = Any

GAINS = (1, 2, -1, 3, -2)

SUMS = ("matvec", "depthwise", "bordered") * 5
"""Operators drawn more often to read windows."""

SPATIAL = (
    "window",
    "window",
    "maxpool",
    "avgpool",
    "deconv",
    "rearrange",
    "upsample",
    "pad",
    "bordered",
    "bordered",
    "bordered",
)
"""Operators drawn more often to read feature maps."""


@dataclass(frozen=True, eq=False)
class Case:
    """An INTEGER graph with its folding, and the seed of its frames and stalls."""

    graph: Graph
    folding: dict[str, dict[str, Any]]
    seed: int

    def folded(self) -> Graph:
        """The FOLDED graph."""
        return to_folded(self.graph, folding=self.folding)

    def frames(self, n: int) -> np.ndarray:
        """``n`` frames: all lowest, all highest, random ones."""
        t, shape = self.graph.source.tensor.type, self.graph.source.shape
        rng = np.random.default_rng([self.seed, 1])
        corners = [np.full((1, *shape), v) for v in (t.lo, t.hi)]
        return np.concatenate([*corners, rng.choice(t.values(), (n, *shape))])[:n]

    def dump(self) -> str:
        """Write the whole case as one line of JSON."""
        value, arrays = serialisation.to_parts(self.graph)
        listed = {k: {"dtype": a.dtype.str, "values": a.tolist()} for k, a in arrays.items()}
        whole = {"graph": value["graph"], "arrays": listed, "folding": self.folding}
        return json.dumps(whole | {"seed": self.seed})

    @staticmethod
    def load(text: str) -> Case:
        """Inverse of `dump`."""
        value = json.loads(text)
        arrays = {k: np.array(a["values"], a["dtype"]) for k, a in value["arrays"].items()}
        graph: Any = serialisation._decode(value["graph"], arrays)
        return Case(graph, value["folding"], value["seed"])

    def __repr__(self) -> str:
        """Show the case as a table, and as code that makes it again."""
        return f"{self.folded_text()}\nCase.load('''{self.dump()}''')"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Print the case for Hypothesis."""
        printer.text(repr(self))

    def folded_text(self) -> str:
        """The folded graph with lanes and FIFO slots as text, if it can be folded."""
        try:
            folded = self.folded()
        except Exception as error:
            return f"{self.graph}\n  {self.folding}\n  (cannot be folded: {error})"
        return f"{folded}\n  slots: {dict(folded.depths)}"


@dataclass
class Sketch:
    """A graph under construction: its edges, and the open ones, which nothing reads yet."""

    draw: Draw
    rng: np.random.Generator
    x: Tensor
    nodes: list[Operator] = field(default_factory=list)
    edges: dict[str, Tensor] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.edges[INPUT] = self.x
        self.open.append(INPUT)

    @property
    def name(self) -> str:
        """Name of the next node."""
        return f"n{len(self.nodes)}"

    def add(self, node: Operator) -> None:
        self.nodes.append(node)
        self.open = [e for e in self.open if e not in node.inputs] + list(node.outputs)
        self.edges |= zip(node.outputs, node.results, strict=True)

    def step(self) -> None:
        """Add an operator on a random edge, mostly on an open one."""
        ends = self.open[::-1]
        edge = self.draw(st.sampled_from(ends * 3 + list(self.edges)))
        t = self.edges[edge]
        partners = self.partners(edge)
        kind = self.draw(st.sampled_from(self.kinds(edge, t) + ["join"] * 2 * bool(partners)))
        if kind == "join":
            self.join(edge, self.draw(st.lists(st.sampled_from(partners), min_size=1, max_size=2)))
        else:
            self.put(kind, self.draw(st.sampled_from(WAYS[kind](t))), edge)

    def kinds(self, edge: str, t: Tensor) -> list[str]:
        """List the operators that may read an edge; the usual ones more often."""
        kinds = [k for k in WAYS if WAYS[k](t)]
        written_by = next((n.kind for n in self.nodes if edge in n.outputs), "")
        often = SUMS if written_by == "window" else SPATIAL
        return kinds + [k for k in often if k in kinds]

    def partners(self, edge: str) -> list[str]:
        """Other operands of a join: edges of the same places, also the same edge.

        Edges that can be added, and open ones, are listed more often.
        """
        t = self.edges[edge]
        among = [
            e
            for e, u in reversed(self.edges.items())
            if u.shape[:-1] == t.shape[:-1] and u.size + t.size <= 2 * MOST
        ]
        often = [e for e in among if self.edges[e].shape == t.shape or e in self.open]
        return [e for e in often if e != edge] * 3 + among

    def join(self, edge: str, others: list[str]) -> None:
        """Join edges by an `Add`, a `Mul` or a `Divide` if they allow it, else by a `Concat`."""
        inputs = (edge, *others)
        operands = tuple(self.edges[e] for e in inputs)
        same = len({t.shape for t in operands}) == 1
        multiply = same and len(inputs) == 2 and np.prod([peak(t.type) for t in operands]) < PEAK
        kinds = [Add, Add, Concat] if same else [Concat]
        divide = multiply and all(t.type.lo >= 0 for t in operands)
        kind = self.draw(
            st.sampled_from(kinds + [Mul] * bool(multiply) + [Divide] * (6 * bool(divide)))
        )
        if kind is Mul:
            self.add(Mul(name=self.name, inputs=inputs, operands=operands))
            return
        if kind is Divide:
            levels = self.draw(st.sampled_from((1, 3, 15)))
            self.add(Divide(name=self.name, inputs=inputs, operands=operands, levels=levels))
            return
        small = max(peak(t.type) for t in operands) < PEAK
        gains = tuple(self.draw(st.sampled_from(GAINS if small else (1,))) for _ in inputs)
        self.add(kind(name=self.name, inputs=inputs, operands=operands, gains=gains))

    def close(self) -> None:
        """Join open edges until one remains; edges of unequal places become vectors first."""
        while len(self.open) > 1:
            a, b = self.open[-1], self.open[-2]
            fronts = [self.edges[e].shape[:-1] for e in (a, b)]
            if fronts[0] == fronts[1]:
                self.join(a, [b])
            else:
                self.flatten(a if fronts[0] else b)

    def flatten(self, edge: str) -> None:
        """Turn an edge into a vector by a dense layer over the whole frame."""
        t = self.edges[edge]
        if t.size == t.channels:
            self.put("convert", {"shape": (t.size,)}, edge)
            return
        rows = self.draw(st.integers(1, 4))
        self.put("matvec", {"rows": rows, "cols": t.size, "weight_type": BIPOLAR}, edge)

    def put(self, kind: str, way: dict[str, Any], edge: str) -> None:
        self.add(operator(kind, way, self.name, edge, self.edges[edge], self.rng))

    def graph(self) -> Graph:
        last = self.edges[self.open[0]]
        return Graph(
            name="random",
            stage=Stage.INTEGER,
            source=Source(shape=_first(self.x.shape), tensor=self.x, raw_scale="1"),
            nodes=tuple(self.nodes),
            sink=Sink(shape=_first(last.shape), edge=self.open[0], tensor=last),
        )


def _first(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape with the channel first, as in the model."""
    return (shape[-1], *shape[:-1])


RANKS = (1, 2, 3, 3, 3)
"""Numbers of axes of inputs; most are images."""

SIZES = {1: (16,), 2: (12, 4), 3: (6, 6, 4)}
"""The largest input shape of each rank."""


@st.composite
def graphs(draw: Draw) -> Graph:
    """INTEGER graphs of at least one operator, with forks and joins."""
    rng = np.random.default_rng(draw(st.integers(0, 255)))
    largest = SIZES[draw(st.sampled_from(RANKS))]
    shape = draw(st.tuples(*[st.integers(1, n) for n in largest]))
    x = Tensor(shape, draw(st.sampled_from((BIPOLAR, *TYPES))))
    sketch = Sketch(draw, rng, x)
    for _ in range(draw(st.integers(2, STEPS))):
        sketch.step()
    sketch.close()
    return sketch.graph()


@st.composite
def cases(draw: Draw) -> Case:
    """Cases whose nodes, forks included, have their default folding or any other."""
    graph = draw(graphs())
    folding: dict[str, dict[str, Any]] = {}
    for node in insert_forks(graph):
        if draw(st.booleans()):
            folding[node.name] = draw(st.sampled_from(foldings(node, CYCLES)))
    return Case(graph, folding, draw(st.integers(0, 255)))
