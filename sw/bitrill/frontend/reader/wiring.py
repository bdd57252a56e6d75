"""Checks the wiring of a graph: one writer for each tensor, every input defined, no cycle."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from .model import Node
from .names import shown


def check_structure(
    nodes: Sequence[Node],
    inputs: Sequence[str],
    constants: AbstractSet[str],
    outputs: Sequence[str],
) -> list[str]:
    """Return what is wrong with the wiring, one line each, in time linear in the graph's size."""
    faults: list[str] = []
    writer: dict[str, Node | None] = dict.fromkeys((*inputs, *constants))
    if len(set(inputs)) != len(inputs):
        faults.append("two inputs have the same name")
    for node in nodes:
        if not any(node.outputs):
            faults.append(f"{node} has no result")
        for tensor in node.outputs:
            if tensor and tensor in writer:
                other = writer[tensor]
                by = str(other) if other else "the model's inputs or initializers"
                faults.append(f"tensor {shown(tensor)} has two writers: {by} and {node}")
            elif tensor:
                writer[tensor] = node
    for node in nodes:
        for tensor in node.inputs:
            if tensor and tensor not in writer:
                faults.append(
                    f"{node} reads {shown(tensor)}, which no node, input or initializer defines"
                )
    faults += [
        f"the output {shown(t)} is not the result of a node"
        for t in outputs
        if writer.get(t) is None
    ]
    return faults or _order_faults(nodes, writer)


def _order_faults(nodes: Sequence[Node], writer: dict[str, Node | None]) -> list[str]:
    """Return a reason if a node reads the result of a later one: a cycle, or nodes not sorted."""
    late = [
        (node, tensor, source)
        for node in nodes
        for tensor in node.inputs
        if tensor and (source := writer[tensor]) is not None and source.index >= node.index
    ]
    if not late:
        return []
    waiting = {
        n.index: {w.index for t in n.inputs if t and (w := writer[t]) is not None} for n in nodes
    }
    readers: dict[int, list[int]] = {}
    for index, sources in waiting.items():
        for s in sources:
            readers.setdefault(s, []).append(index)
    ready = [i for i, sources in waiting.items() if not sources]
    while ready:
        done = ready.pop()
        for r in readers.get(done, ()):
            waiting[r].discard(done)
            if not waiting[r]:
                ready.append(r)
    stuck = [n for n in nodes if waiting[n.index]]
    if stuck:
        return [f"the graph must have no cycle; one runs through or before {stuck[0]}"]
    node, tensor, source = late[0]
    return [f"nodes must be sorted: {node} reads {shown(tensor)}, which {source} defines later"]


def needed_nodes(nodes: Sequence[Node], outputs: Sequence[str]) -> tuple[Node, ...]:
    """Return the nodes that ``outputs`` depend on, in order."""
    wanted, kept = {*outputs}, []
    for node in reversed(nodes):
        if not wanted.isdisjoint(node.outputs):
            kept.append(node)
            wanted.update(t for t in node.inputs if t)
    return tuple(reversed(kept))
