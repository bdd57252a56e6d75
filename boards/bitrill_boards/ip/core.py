"""A compiled network on its way into another design: its module, its ports, its Verilog."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from bitrill.ir import Operator
from bitrill.ir.graph import Graph
from bitrill.runtime.register_map import streamed
from bitrill.timing.predict import Timing
from bitrill_hw.memories.roms import convert

from ..shell.ip_shell import WEIGHTS, IpShell

_MODULE = re.compile(r"^module (\w+)", re.MULTILINE)
TOP = "top"
"""Name of the network's module in a build."""


@dataclass(frozen=True)
class Port:
    """A port of a core: ``direction`` is ``"in"`` or ``"out"``."""

    name: str
    width: int
    direction: str

    @property
    def is_bus(self) -> bool:
        return self.width > 1

    def to_json(self) -> dict[str, object]:
        return {"name": self.name, "width": self.width, "direction": self.direction}


@dataclass(frozen=True, eq=False)
class Core:
    """A FOLDED graph as module ``name``.

    ``verilog``: the text of the build's ``top.v``; ``stream_bits``: bits of a beat of both streams,
    dense; None for the network's own beats. ``control``: with AXI4-Lite registers; ``counters``:
    with those of each layer, for which ``verilog`` has the port ``watch``.
    """

    name: str
    graph: Graph
    predicted: Timing
    verilog: str
    stream_bits: int | None = None
    control: bool = False
    counters: bool = False

    @cached_property
    def shell(self) -> IpShell:
        """The hardware around the network."""
        return IpShell(
            self.graph,
            self.predicted,
            network=self._network,
            stream_bits=self.stream_bits,
            control=self.control,
            counters=self.counters,
        )

    @property
    def _network(self) -> str:
        return f"{self.name}_network"

    @property
    def interval(self) -> Fraction:
        """Cycles from frame to frame, frames back to back, no stalls."""
        return self.shell.interval

    @property
    def latency(self) -> int:
        """Cycles from the edge that takes a frame's first beat to that of its result's last."""
        return self.shell.latency

    @property
    def ports(self) -> list[Port]:
        """Every port, in the order of the module's."""
        members = self.shell.signature.members.items()
        return [Port(name, m.shape, m.flow.name.lower()) for name, m in members]

    def width(self, port: str) -> int:
        """Return the bits of a port."""
        return next(p.width for p in self.ports if p.name == port)

    @property
    def has_registers(self) -> bool:
        """Whether the core has an AXI4-Lite slave."""
        return any(p.name.startswith("s_axi_") for p in self.ports)

    @property
    def weight_streams(self) -> dict[str, Operator]:
        """Nodes whose weights are streamed, by the prefix of their ports."""
        return {f"{WEIGHTS}{k}": node for k, node in enumerate(streamed(self.graph))}

    def text(self) -> str:
        """Return the Verilog; every module's name is the core's or begins with it."""
        shell = prefixed(convert(self.shell, name=self.name), self.name, self.name)
        return f"{renamed(self.verilog, self._network, self.name)}\n{shell}"


def renamed(verilog: str, network: str, prefix: str) -> str:
    """Return a build's Verilog with its module ``top`` as ``network``, the others behind it."""
    text = re.sub(rf"^module {TOP}\(", f"module {network}(", verilog, flags=re.MULTILINE)
    return prefixed(text.replace(f"\\{TOP}.", f"\\{network}."), network, prefix)


def prefixed(verilog: str, top: str, prefix: str) -> str:
    """Return Verilog in which all modules but ``top`` and those named after it get a prefix.

    These are the tables and the cells, whose names are nowhere used for anything else.
    """
    others = set(_MODULE.findall(verilog)) - {top}
    if not others:
        return verilog
    words = "|".join(sorted(map(re.escape, others)))
    return re.sub(rf"(?<![\w$\\])(?:{words})(?![\w$])", rf"{prefix}_\g<0>", verilog)
