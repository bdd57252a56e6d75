"""Inserts a width converter on each edge with different numbers of lanes at its two ends."""

from itertools import count

from ..ir import Graph, Impl, Operator
from ..ops import Convert


def insert_converts(graph: Graph) -> Graph:
    """Return ``graph`` with a `Convert` named ``EDGE_to_READER`` on each edge that needs one.

    All nodes must have their ``impl``. The input edge has the lanes of its first reader, so it
    needs no converter. If a name is used already, a number is added to it.
    """
    given = {e: n.lanes_out for n in graph.nodes for e in n.outputs}
    taken = {*given, *graph.edges}
    nodes: list[Operator] = []
    for node in graph.nodes:
        inputs = list(node.inputs)
        for i, edge in enumerate(node.inputs):
            lanes = given.get(edge, node.lanes_in)
            if lanes == node.lanes_in:
                continue
            name = f"{edge}_to_{node.name}"
            number = count(2)
            while name in taken:
                name = f"{edge}_to_{node.name}{next(number)}"
            taken.add(name)
            nodes.append(
                Convert(
                    name=name,
                    inputs=(edge,),
                    operands=(node.operands[i],),
                    impl=Impl(pe=node.lanes_in, simd=lanes),
                )
            )
            inputs[i] = name
        nodes.append(node.replace(inputs=tuple(inputs)))
    return graph.replace(nodes=tuple(nodes))
