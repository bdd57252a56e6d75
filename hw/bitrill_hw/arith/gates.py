"""Turns truth tables into logic on words, through binary decision diagrams.

A word has a bit for each row of a matrix, so one expression serves all rows.
"""

from __future__ import annotations

from functools import lru_cache

from amaranth import *

Node = tuple[int, int, int]
"""The number of the input that the node tests, and the edges for 0 and for 1 (see `diagram`)."""


def logic(m: Module, table: int, inputs: list[Value], *, name: str) -> Value:
    """Bit ``sum(v[i] << i)`` of ``table`` for input values ``v``, in each bit of a word."""
    nodes, root = diagram(table, len(inputs))
    width = len(inputs[0]) if inputs else 1
    uses = [0] * len(nodes)
    for _, low, high in nodes:
        for edge in (low, high):
            uses[edge >> 1] += 1
    values: list[Value] = [C(0, width)]

    def follow(edge: int) -> Value:
        return ~values[edge >> 1] if edge & 1 else values[edge >> 1]

    for k, (i, low, high) in enumerate(nodes[1:], start=1):
        v = inputs[i]
        if low ^ high == 1:
            value = v if low == 0 else v ^ follow(low)
        elif low < 2:
            value = v & follow(high) if low == 0 else ~v | follow(high)
        elif high < 2:
            value = ~v & follow(low) if high == 0 else v | follow(low)
        else:
            value = (v & follow(high)) | (~v & follow(low))
        if uses[k] > 1:
            held = Signal(width, name=f"{name}_{k}")
            m.d.comb += held.eq(value)
            value = held
        values.append(value)
    return follow(root)


@lru_cache(maxsize=4096)
def diagram(table: int, n: int) -> tuple[list[Node], int]:
    """The binary decision diagram of ``table`` over ``n`` inputs: its nodes, and the root's edge.

    An edge is twice a node's number, plus 1 for the complement. Node 0 is the constant 0 (Bryant
    1986; complemented edges: Brace, Rudell and Bryant 1990).
    """
    nodes: list[Node] = [(0, 0, 0)]
    known: dict[tuple[int, int], int] = {}

    def edge(t: int, i: int) -> int:
        """The edge to the node of a table over the inputs from ``i`` on."""
        size = 1 << n - i
        ones = (1 << size) - 1
        if t in (0, ones):
            return int(t == ones)
        if t & 1:
            return edge(t ^ ones, i) ^ 1
        if (t, i) not in known:
            low = sum((t >> 2 * k & 1) << k for k in range(size // 2))
            high = sum((t >> 2 * k + 1 & 1) << k for k in range(size // 2))
            a, b = edge(low, i + 1), edge(high, i + 1)
            if a == b:
                known[t, i] = a
            else:
                if (i, a, b) not in nodes:
                    nodes.append((i, a, b))
                known[t, i] = 2 * nodes.index((i, a, b))
        return known[t, i]

    return nodes, edge(table, 0)
