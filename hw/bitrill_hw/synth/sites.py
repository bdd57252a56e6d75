"""How many LUT sites a placer needs at the least: the count of LUTs that knows carry chains.

`cells.Resources.lcs` lets any two small functions share a LUT6. In a slice of the 7 series (Xilinx
UG474, "CLB Slices") the outputs of a LUT that stands at a carry chain are not free:

- the propagate input ``S`` of a place comes from the ``O6`` of the LUT of that very place, and
  wide multiplexers read ``O6`` alone. So two functions of that sort never share; what drives ``S``
  but is no LUT of its own (a register, a constant, the ``S`` of a second place) takes a LUT that
  passes it through;
- a place has two ways out, the multiplexer (``AMUX`` ..) and the register, for its sum ``O``, its
  carry ``CO`` and the second function ``O5``. Of two signals one must go nowhere but into a
  register; where sum and carry do not, the carry leaves one place further up, through a LUT of 0.
  ``O5`` needs none where it drives the place's own ``DI``.

Left out, for both sides alike, is all that has to do with other slices: that chains begin at
fixed places, that registers of a slice share controls, and what the bypass inputs are used for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping
from typing import Any

from .cell_counts import FLOPS, LUTS, MEMORY_LUTS, inputs
from .pairing import Kinds, max_pairs

_FREE, _HELD, _O6, _O6_OUT, _O6_ALONE = range(5)
"""Of a function: anywhere; read by one register alone; the ``O6`` of its site, beside which another
finds a way out, finds one if it is ``_HELD``, or finds none."""

_MAY: Kinds = {
    _FREE: (_FREE, _HELD, _O6),
    _HELD: (_FREE, _HELD, _O6, _O6_OUT),
    _O6: (_FREE, _HELD),
    _O6_OUT: (_HELD,),
    _O6_ALONE: (),
}


def lut_sites(module: Mapping[str, Any]) -> int:
    """LUT sites of one module of Yosys' JSON netlist, at the least (see above)."""
    return _Sites(module).total()


class _Sites:
    def __init__(self, module: Mapping[str, Any]):
        self.cells: list[Mapping[str, Any]] = list(module["cells"].values())
        self.readers: dict[Hashable, list[tuple[str, str]]] = defaultdict(list)
        for port in module["ports"].values():
            if port["direction"] == "output":
                for bit in port["bits"]:
                    self.readers[bit].append(("port", ""))
        self.driver: dict[Hashable, int] = {}
        for k, cell in enumerate(self.cells):
            for port, bits in cell["connections"].items():
                if port in ("O", "O6") and (cell["type"] in LUTS or cell["type"] == "LUT6_2"):
                    self.driver[bits[0]] = k
                if cell["port_directions"][port] == "input":
                    for bit in bits:
                        self.readers[bit].append((cell["type"], port))
        self.kind: dict[int, int] = {}
        self.more: list[tuple[set[int], int]] = []
        self.apart = 0

    def total(self) -> int:
        for cell in self.cells:
            if cell["type"] == "CARRY4":
                self._chain(cell)
            elif cell["type"] in ("MUXF7", "MUXF8"):
                for port in ("I0", "I1") if cell["type"] == "MUXF7" else ():
                    self._site(cell["connections"][port][0], _O6)
        luts = [(k, c) for k, c in enumerate(self.cells) if c["type"] in LUTS]
        small = [(k, c) for k, c in luts if c["type"] != "LUT6"]
        shapes = [inputs(c) for _, c in small] + [nets for nets, _ in self.more]
        kinds = [self._of(k, c) for k, c in small] + [kind for _, kind in self.more]
        full = sum(c["type"] in ("LUT6", "LUT6_2") for c in self.cells)
        memories = sum(MEMORY_LUTS.get(c["type"], 0) for c in self.cells)
        pairs = max_pairs(shapes, kinds, _MAY)
        return full + memories + self.apart + len(shapes) - pairs

    def _of(self, k: int, cell: Mapping[str, Any]) -> int:
        """The kind of a LUT that stands at no chain, or was found to stand at one."""
        if k in self.kind:
            return self.kind[k]
        return _HELD if self._held(cell["connections"]["O"][0]) else _FREE

    def _held(self, net: Hashable) -> bool:
        """Whether a net ends in one register and nothing else."""
        found = self.readers[net]
        return len(found) == 1 and found[0][0] in FLOPS and found[0][1] == "D"

    def _chain(self, cell: Mapping[str, Any]) -> None:
        pins = cell["connections"]
        leave = [self._leaving(cell, place) for place in range(4)]
        top = max((k for k in range(4) if leave[k]), default=-1)
        if top > 0 and pins["S"][top] == "0" and leave[top] == pins["O"][top : top + 1]:
            top -= 1  # that sum is the carry of the place below
            leave[top] += leave[top + 1]
        if any(r == ("CARRY4", "CI") for r in self.readers[pins["CO"][3]]):
            top = 3
        for place in range(top + 1):
            out = leave[place]
            bare = sum(not self._held(n) for n in out)
            if bare > 1:  # the carry goes on by one place
                self.more.append((set(), _O6_OUT))
                out, bare = out[:1], 1
            kind = _O6_ALONE if len(out) > 1 else _O6_OUT if bare else _O6
            self._site(pins["S"][place], kind, pins["DI"][place], len(out), bare)

    def _leaving(self, cell: Mapping[str, Any], place: int) -> list[Hashable]:
        """The sum and the carry of a place, where something reads them past the chain."""
        pins = cell["connections"]
        out: list[Hashable] = []
        if self.readers[pins["O"][place]]:
            out.append(pins["O"][place])
        carry = pins["CO"][place]
        if any(place < 3 or r != ("CARRY4", "CI") for r in self.readers[carry]):
            out.append(carry)
        return out

    def _site(self, net: Any, kind: int, di: Any = None, leaving: int = 0, bare: int = 0) -> None:
        """A site whose O6 is ``net``: its LUT's, unless that stands elsewhere already."""
        k = self.driver.get(net, -1)
        if k < 0 or k in self.kind:
            self.more.append(({net} if isinstance(net, int) else set(), kind))
            return
        self.kind[k] = kind
        cell = self.cells[k]
        if cell["type"] != "LUT6_2":
            return
        second = next(iter(cell["connections"].get("O5", [])), None)
        ways = [r for r in self.readers[second] if second != di or r != ("CARRY4", "DI")]
        if ways and (leaving > 1 or (bare and not self._held(second))):
            self.apart += 1  # the second function finds no way out


__all__ = ["lut_sites"]
