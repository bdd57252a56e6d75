"""The verb `inspect`: a model at each stage, and what each of its layers stores and computes."""

from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path

from .. import processes
from ..ir import Graph, Operator
from ..lowering import Folding
from ..ops import L1MatVec, MatVec, Threshold
from ..ops.matvec import Matrix
from ..parts.devices import DEFAULT_PART, part_of
from ..timing.predict import predict
from ..zoo import located
from .compile_options import CompileOptions, Numbers
from .extras import Progress, logged
from .import_and_fold import ASSUMED_MHZ, dropped, fold_for, integers, load, usual_goals
from .inspect_advice import advise
from .inspect_graph import GraphFile, find_netron, in_html
from .result import Json, Result, TextTable, exact_number

TOTALS = ("parameters", "operations", "weight_bits", "state_bits")
"""Figures of a layer that can be added up."""


@dataclass(frozen=True)
class Layer:
    """One node of the folded graph, with exact counts for one frame.

    ``parameters``: weights or thresholds; ``operations``: two for each multiply-accumulate;
    ``weight_bits`` and ``state_bits``: memory for constants and for buffers; ``cycles``: steps a
    frame; ``weights``, ``input``, ``output``: types of one element.
    """

    name: str
    kind: str
    parameters: int
    operations: int
    weight_bits: int
    state_bits: int
    cycles: int
    pe: int
    simd: int
    style: str
    memory: str
    weights: str
    input: str
    output: str


@dataclass(frozen=True, repr=False)
class Inspection(Result):
    """Result of `inspect`: the graph at each stage, the layers, the predicted cycles.

    ``advice``: what practical rules would try, each with its figure and its source.
    ``dropped``: channels before and after of each layer that has fewer than the model's.
    ``graph``: the file of the drawing; ``netron``: the process that shows the model.
    """

    stages: tuple[Graph, ...]
    layers: tuple[Layer, ...]
    ii: Fraction
    latency: int
    advice: tuple[str, ...] = ()
    dropped: dict[str, tuple[int, int]] = field(default_factory=dict)
    graph: Path | None = None
    netron: int | None = None

    @property
    def total(self) -> dict[str, int]:
        """Sums of `TOTALS` over all layers."""
        return {key: sum(getattr(layer, key) for layer in self.layers) for key in TOTALS}

    def summary(self) -> dict[str, object]:
        return {
            "network": self.stages[-1].name,
            "layers": len(self.layers),
            "parameters": f"{self.total['parameters']:,}",
            "cycles a frame": self.ii,
            "latency": f"{self.latency} cycles",
        }

    def tables(self) -> tuple[TextTable, ...]:
        head = ("layer", "kind", "parameters", "operations", "weight bits", "buffer bits")
        head += ("cycles", "PE", "SIMD", "weights", "input", "output")
        rows = [
            (
                x.name,
                x.kind,
                *(f"{getattr(x, key):,}" for key in TOTALS),
                *(x.cycles, x.pe, x.simd, x.weights, x.input, x.output),
            )
            for x in self.layers
        ]
        advice = TextTable.of_texts(("advice",), [(line,) for line in self.advice])
        return (TextTable.of(head, rows, texts=2), *([advice] if self.advice else []))

    def _repr_html_(self) -> str:
        """Show the drawing, too, if there is one."""
        drawing = "" if self.graph is None else in_html(self.graph)
        return super()._repr_html_() + drawing

    def to_json(self) -> Json:
        return {
            "stages": {g.stage.value: str(g).splitlines() for g in self.stages},
            "layers": [asdict(layer) for layer in self.layers],
            "total": self.total,
            "ii": exact_number(self.ii),
            "latency": self.latency,
            "advice": list(self.advice),
            "dropped_channels": {name: was - now for name, (was, now) in self.dropped.items()},
            "graph": None if self.graph is None else str(self.graph),
            "netron": self.netron,
        }


def inspect(
    model: str | Path,
    *,
    folding: str | Path | Folding | None = None,
    raw_input: str | None = None,
    input_scale: Numbers | None = None,
    input_offset: Numbers | None = None,
    top: int | None = None,
    no_advice: bool = False,
    graph: str | Path | None = None,
    netron: bool = False,
    progress: Progress = logged,
) -> Inspection:
    """Take a model through all stages without compiling it; options as in `compile`.

    ``no_advice``: leave out what practical rules would try; ``graph``: a file for a drawing of the
    folded graph, SVG or Mermaid by its ending; ``netron``: show the model in netron. Raises
    `SpecError` for another ending, `ToolError` if netron is not installed.
    """
    drawn = None if graph is None else GraphFile(Path(graph))
    viewer = find_netron() if netron else None
    asked = CompileOptions(
        folding=folding,
        raw_input=raw_input,
        input_scale=input_scale,
        input_offset=input_offset,
        top=top,
    )
    progress("importing", 0, 0)
    imported = load(model, asked.raw_input, asked.input_scale, asked.input_offset)
    whole = integers(imported, folding, top=top)
    goals = usual_goals(whole, part_of(DEFAULT_PART))
    folded, _ = fold_for(whole, ASSUMED_MHZ, goals, folding, progress=progress)
    predicted = predict(folded)
    layers = tuple(map(_layer, folded.nodes))
    advice = () if no_advice else advise(folded)
    gone = dropped(imported, whole)
    stages = (imported, whole, folded)
    if drawn is not None:
        drawn.write(folded)
    shown = None if viewer is None else processes.detach([viewer, "--browse", str(located(model))])
    file = None if drawn is None else drawn.file
    return Inspection(stages, layers, predicted.ii, predicted.latency, advice, gone, file, shown)


def node_table(graph: Graph) -> TextTable:
    """Table of a graph's nodes, with their folding if they have one."""
    rows = []
    for node in graph.nodes:
        impl = node.impl
        choices = ("",) * 4 if impl is None else (impl.pe, impl.simd, impl.style, impl.memory)
        results = ", ".join(map(str, node.results))
        rows.append((node.name, node.kind, ", ".join(node.inputs), results, *choices))
    head = ("node", "kind", "reads", "gives", "PE", "SIMD", "style", "memory")
    return TextTable.of(head, rows, texts=4)


def _layer(op: Operator) -> Layer:
    cost, impl = op.cost(), op.folded
    weights = str(op.weight_type) if isinstance(op, L1MatVec | MatVec) else "-"
    return Layer(
        name=op.name,
        kind=op.kind,
        parameters=_parameters(op),
        operations=2 * cost.macs,
        weight_bits=cost.weight_bits,
        state_bits=cost.state_bits,
        cycles=cost.cycles,
        pe=impl.pe,
        simd=impl.simd,
        style=impl.style,
        memory=impl.memory,
        weights=weights,
        input=str(op.x.type),
        output=str(op.y.type),
    )


def _parameters(op: Operator) -> int:
    if isinstance(op, Matrix):
        return op.weights.size
    return op.thresholds.size if isinstance(op, Threshold) else 0
