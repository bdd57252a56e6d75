"""Logic levels: the most LUTs between two registers of a netlist of xc7 cells."""

from collections import defaultdict
from collections.abc import Iterator

from bitrill.errors import ToolError

from .cell_counts import LUTS
from .yosys_json import NetlistCell, NetlistModule

Arc = tuple[tuple[int, ...], int, int]
"""Nets that a cell's output depends on, the output's net, and the LUTs in between (0 or 1)."""


def lut_levels(module: NetlistModule) -> int:
    """Return the most LUTs on any path through LUTs, carry chains and wide multiplexers.

    Registers, memories and ports end paths. Raises `ToolError` for a combinational loop.
    """
    arcs = [arc for cell in module["cells"].values() for arc in _arcs(cell)]
    driven: dict[int, tuple[tuple[int, ...], int]] = {net: (ins, n) for ins, net, n in arcs}
    waits = {net: sum(i in driven for i in ins) for net, (ins, _) in driven.items()}
    readers: dict[int, list[int]] = defaultdict(list)
    for net, (ins, _) in driven.items():
        for i in ins:
            readers[i].append(net)
    level: dict[int, int] = {}
    ready = [net for net, n in waits.items() if n == 0]
    while ready:
        net = ready.pop()
        ins, luts = driven[net]
        level[net] = luts + max((level.get(i, 0) for i in ins), default=0)
        for reader in readers[net]:
            waits[reader] -= 1
            if waits[reader] == 0:
                ready.append(reader)
    if len(level) < len(driven):
        raise ToolError("the netlist holds a combinational loop")
    return max(level.values(), default=0)


def decides(init: int, size: int, i: int) -> bool:
    """Return whether the table ``init`` of ``size`` inputs depends on input ``i``."""
    halves = [(init >> n & 1, init >> (n | 1 << i) & 1) for n in range(1 << size) if not n >> i & 1]
    return any(low != high for low, high in halves)


def _arcs(cell: NetlistCell) -> Iterator[Arc]:
    kind, pins = cell["type"], cell["connections"]

    def read(size: int) -> tuple[str, ...]:
        """Return the inputs that the table depends on."""
        init = int(cell["parameters"]["INIT"], 2) if "parameters" in cell else -1
        return tuple(f"I{i}" for i in range(size) if decides(init, size, i))

    def nets(*ports: str) -> tuple[int, ...]:
        return tuple({b for p in ports for b in pins.get(p, ()) if isinstance(b, int)})

    if kind in LUTS or kind == "LUT6_2":
        for out in nets("O", "O6"):
            yield nets(*(read(LUTS.get(kind, 6)) if kind != "INV" else "I")), out, 1
        for out in nets("O5"):
            yield nets(*read(5)), out, 1
    elif kind in ("MUXF7", "MUXF8"):
        for out in nets("O"):
            yield nets("I0", "I1", "S"), out, 0
    elif kind == "CARRY4":
        below = set(nets("CI", "CYINIT"))
        for k in range(4):
            place = {b for p in ("S", "DI") for b in pins[p][k : k + 1] if isinstance(b, int)}
            propagated = {b for b in pins["S"][k : k + 1] if isinstance(b, int)}
            for port, ins in (("O", below | propagated), ("CO", below | place)):
                for out in pins.get(port, ())[k : k + 1]:
                    if isinstance(out, int):
                        yield tuple(ins), out, 0
            below |= place
