"""Places a dataflow graph for a drawing: a box for each node, one below the other, and its edges.

An edge to the next box is a line between the two; any other edge runs in a track on the right.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ..ir import INPUT, Graph
from .page import TIMES

WIDTH, HEIGHT, GAP = 330, 44, 30
"""Size of a box, and the room between two, where an edge's label stands."""

LEFT, TRACK = 8, 16
"""Left margin, and the distance between two tracks."""


@dataclass(frozen=True)
class Box:
    """A node's box, whose upper left corner is ``(x, y)``."""

    name: str
    kind: str
    detail: str
    y: int
    share: float
    """Share of its cycles in those of the slowest node."""
    slowest: bool
    x: int = LEFT


@dataclass(frozen=True)
class Wire:
    """An edge: the points of its line, its label, and where the label stands."""

    name: str
    points: str
    label: str
    x: int
    y: int


@dataclass(frozen=True)
class GraphDrawing:
    """Boxes and edges with the size of the whole drawing."""

    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]
    width: int
    height: int


def draw(graph: Graph) -> GraphDrawing:
    """Place a graph of any stage; cycles and beats are shown of a FOLDED one."""
    rows = {INPUT: 0} | {n.name: k + 1 for k, n in enumerate(graph.nodes)}
    last = len(rows)
    producers = {INPUT: 0} | {e: rows[n.name] for n in graph.nodes for e in n.outputs}
    ends = [(e, producers[e], rows[n.name]) for n in graph.nodes for e in n.inputs]
    ends.append((graph.output, producers[graph.output], last))
    tracks = _tracks((a, b) for _, a, b in ends if b > a + 1)
    wires = tuple(_wire(graph, e, a, b, tracks.get((a, b))) for e, a, b in ends)
    n_tracks = max(tracks.values(), default=-1) + 1
    width = 2 * LEFT + WIDTH + TRACK * n_tracks
    return GraphDrawing(_boxes(graph, last), wires, width, _top(last) + HEIGHT + LEFT)


def _top(row: int) -> int:
    return LEFT + row * (HEIGHT + GAP)


def _boxes(graph: Graph, last: int) -> tuple[Box, ...]:
    intervals = [n.interval if n.impl is not None else 0 for n in graph.nodes]
    most = max(intervals, default=0)
    source, sink = graph.source.tensor, graph.edges[graph.output]
    boxes = [Box(INPUT, "", str(source), _top(0), 0.0, False)]
    for k, (node, cycles) in enumerate(zip(graph.nodes, intervals, strict=True)):
        detail = str(node.y)
        if node.impl is not None:
            detail = f"PE {node.impl.pe} {TIMES} SIMD {node.impl.simd}, {cycles:,} cycles"
        share = cycles / most if most else 0.0
        slow = bool(most) and cycles == most
        boxes.append(Box(node.name, node.kind, detail, _top(k + 1), share, slow))
    return (*boxes, Box("output", "", str(sink), _top(last), 0.0, False))


def _wire(graph: Graph, edge: str, a: int, b: int, track: int | None) -> Wire:
    label = _label(graph, edge)
    if track is None:
        x, y = LEFT + 40, _top(a) + HEIGHT
        return Wire(edge, f"M{x} {y}V{_top(b)}", label, x + 8, y + GAP // 2 + 4)
    right, x = LEFT + WIDTH, LEFT + WIDTH + TRACK * (track + 1) - TRACK // 2
    start, end = _top(a) + HEIGHT - 10, _top(b) + 10
    return Wire(edge, f"M{right} {start}H{x}V{end}H{right}", label, -1, -1)


def _label(graph: Graph, edge: str) -> str:
    """Return the type of an edge, and of a FOLDED graph the bits of a beat and the FIFO."""
    tensor = graph.edges[edge]
    if edge not in graph.depths:
        return str(tensor)
    lanes, slots = graph.lanes[edge], graph.depths[edge]
    each = f"{lanes} {TIMES} {tensor.type.bits}" if lanes > 1 else f"{tensor.type.bits}"
    return f"{each} bits a beat, FIFO of {slots:,}"


def _tracks(spans: Iterable[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Give each span of rows the first track in which it meets no other; short spans first."""
    used: list[list[tuple[int, int]]] = []
    tracks: dict[tuple[int, int], int] = {}
    for a, b in sorted(set(spans), key=lambda s: (s[1] - s[0], s)):
        free = (
            k for k, taken in enumerate(used) if all(b <= low or a >= high for low, high in taken)
        )
        track = next(free, len(used))
        if track == len(used):
            used.append([])
        used[track].append((a, b))
        tracks[a, b] = track
    return tracks
