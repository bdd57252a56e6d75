"""LUT sites: the least number of LUTs that a placer needs, with the limits of carry chains.

`CellCounts.lcs` lets any two small functions share a LUT6. In a slice of the 7 series (Xilinx
UG474, "CLB Slices") the outputs of a LUT that stands at a carry chain are not free:

- the propagate input ``S`` of a place comes from the ``O6`` of the LUT of that very place, and
  wide multiplexers read only ``O6``. So two such functions never share. A driver of ``S`` that is
  no LUT of its own (a register, a constant, the ``S`` of a second place) takes a LUT that passes
  it through;
- a place has two ways out, the multiplexer (``AMUX`` ..) and the register, for its sum ``O``, its
  carry ``CO`` and the second function ``O5``. If two of them leave, one
  must go into its register and nowhere else. If sum and carry both go elsewhere, the carry must
  leave at the next place up the chain, where a LUT that gives 0 passes it on: one more site. ``O5``
  needs no way out where it drives the place's own ``DI``.

The count ignores what concerns several slices: chains begin at fixed places, registers of a slice
share controls, and bypass inputs have other uses.
"""

from collections import defaultdict
from collections.abc import Hashable

from .cell_counts import FLOPS, LUTS, MEMORY_LUTS, inputs
from .pairing import Kinds, max_pairs
from .yosys_json import NetlistCell, NetlistModule

_FREE, _HELD, _O6, _O6_OUT, _O6_ALONE = range(5)
"""Kinds of functions. Free: placed anywhere. Held: read by one register only. The others are the
``O6`` of a site at a carry chain: beside it a second function finds a way out, finds one only if it
is held, or finds none."""

_MAY: Kinds = {
    _FREE: (_FREE, _HELD, _O6),
    _HELD: (_FREE, _HELD, _O6, _O6_OUT),
    _O6: (_FREE, _HELD),
    _O6_OUT: (_HELD,),
    _O6_ALONE: (),
}


def lut_sites(module: NetlistModule) -> int:
    """Return the least number of LUT sites of one module of Yosys' JSON netlist."""
    return _Sites(module).total()


class _Sites:
    """The functions of a module, and the kinds of those at carry chains.

    ``passed``: inputs and kind of LUTs that only pass a signal through; ``apart``: second functions
    of a LUT that need a site of their own.
    """

    def __init__(self, module: NetlistModule):
        self.cells: list[NetlistCell] = list(module["cells"].values())
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
        self.passed: list[tuple[set[int], int]] = []
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
        shapes = [inputs(c) for _, c in small] + [nets for nets, _ in self.passed]
        kinds = [self._of(k, c) for k, c in small] + [kind for _, kind in self.passed]
        full = sum(c["type"] in ("LUT6", "LUT6_2") for c in self.cells)
        memories = sum(MEMORY_LUTS.get(c["type"], 0) for c in self.cells)
        pairs = max_pairs(shapes, kinds, _MAY)
        return full + memories + self.apart + len(shapes) - pairs

    def _of(self, k: int, cell: NetlistCell) -> int:
        """Return the kind of a LUT."""
        if k in self.kind:
            return self.kind[k]
        return _HELD if self._held(cell["connections"]["O"][0]) else _FREE

    def _held(self, net: Hashable) -> bool:
        """Return whether a net ends in one register and nothing else."""
        readers = self.readers[net]
        return len(readers) == 1 and readers[0][0] in FLOPS and readers[0][1] == "D"

    def _chain(self, cell: NetlistCell) -> None:
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
                self.passed.append((set(), _O6_OUT))
                out, bare = out[:1], 1
            kind = _O6_ALONE if len(out) > 1 else _O6_OUT if bare else _O6
            self._site(pins["S"][place], kind, pins["DI"][place], len(out), bare)

    def _leaving(self, cell: NetlistCell, place: int) -> list[Hashable]:
        """Return the sum and the carry of a place, as far as cells outside the chain read them."""
        pins = cell["connections"]
        out: list[Hashable] = []
        if self.readers[pins["O"][place]]:
            out.append(pins["O"][place])
        carry = pins["CO"][place]
        if any(place < 3 or r != ("CARRY4", "CI") for r in self.readers[carry]):
            out.append(carry)
        return out

    def _site(
        self, net: Hashable, kind: int, di: Hashable = None, leaving: int = 0, bare: int = 0
    ) -> None:
        """Add a site whose O6 is ``net``: that of its LUT, unless the LUT has a site already."""
        k = self.driver.get(net, -1)
        if k < 0 or k in self.kind:
            self.passed.append(({net} if isinstance(net, int) else set(), kind))
            return
        self.kind[k] = kind
        cell = self.cells[k]
        if cell["type"] != "LUT6_2":
            return
        second = next(iter(cell["connections"].get("O5", [])), None)
        ways = [r for r in self.readers[second] if second != di or r != ("CARRY4", "DI")]
        if ways and (leaving > 1 or (bare and not self._held(second))):
            self.apart += 1  # the second function finds no way out
