"""A dataflow graph as a file of its own: SVG, or a Mermaid flowchart."""

from collections.abc import Callable
from pathlib import Path

from ..errors import SpecError
from ..ir import INPUT, Graph
from .graph_drawing import draw
from .page import render


def svg(graph: Graph) -> str:
    """Return the drawing of a graph; its colours follow the reader's light or dark setting."""
    return render("graph.svg.j2", graph=graph, drawing=draw(graph))


def mermaid(graph: Graph) -> str:
    """Return a graph as a flowchart that Mermaid draws, as in Markdown on code hosts."""
    drawing = draw(graph)
    ids = {b.name: f"n{k}" for k, b in enumerate(drawing.boxes[:-1])}
    writers = {INPUT: INPUT} | {e: n.name for n in graph.nodes for e in n.outputs}
    labels = {w.name: w.label for w in drawing.wires}
    last = f"n{len(ids)}"
    lines = ["flowchart TD"]
    for k, box in enumerate(drawing.boxes):
        detail = ", ".join(filter(None, (box.kind, box.detail)))
        lines.append(f'  n{k}["{_text(box.name)}<br>{_text(detail)}"]')
    ends = [(e, ids[n.name]) for n in graph.nodes for e in n.inputs] + [(graph.output, last)]
    lines += [f'  {ids[writers[e]]} -->|"{_text(labels[e])}"| {to}' for e, to in ends]
    slowest = [f"n{k}" for k, b in enumerate(drawing.boxes) if b.slowest]
    if slowest:
        lines.append(f"  style {','.join(slowest)} stroke:#b4480f,stroke-width:2px")
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    """Return a text with every character that means something to Mermaid or HTML as its number."""
    return "".join(c if c.isalnum() or c in " _.,:-+()" else f"#{ord(c)};" for c in text)


FORMS: dict[str, Callable[[Graph], str]] = {".svg": svg, ".mmd": mermaid}
"""Functions that write a graph, by the file's ending."""


def form_of(file: Path) -> Callable[[Graph], str]:
    """Return what writes a file; `SpecError` for an unknown ending."""
    if file.suffix not in FORMS:
        raise SpecError(f"the graph's file must end in {' or '.join(FORMS)}, not {file.name!r}")
    return FORMS[file.suffix]
