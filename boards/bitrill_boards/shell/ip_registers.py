"""Register map of an exported core's AXI4-Lite slave: for hardware, port sheet and host."""

from __future__ import annotations

from dataclasses import dataclass

from bitrill.ir.graph import Graph
from bitrill.runtime.register_map import address_bits, register_map

IDENTITY = int.from_bytes(b"BTIP", "little")
VERSION = 1

CLEAR, HOLD = 1, 2
"""Bits of CONTROL: written as 1, counters become 0; while it is 1, counters keep their values."""

REGISTERS = {
    "IDENTITY": "`BTIP`, low byte first (0x50495442)",
    "VERSION": "version of this map: 1",
    "DIGEST_LOW": "the low half of the first 64 bits of the network's digest",
    "DIGEST_HIGH": "the high half",
    "CONTROL": "bit 0, written as 1: counters become 0; bit 1: while 1, counters are held",
    "STATUS": "bit 0: a frame had a wrong length",
    "LAYERS": "number of layers that are counted",
    "FRAMES_IN": "frames whose last beat went in",
    "FRAMES_OUT": "frames whose last beat came out",
    "CYCLES_LOW": "cycles since reset or since counters became 0, while they were not held",
    "CYCLES_HIGH": "the upper 32 bits of them",
    "IN_STALLED": "cycles in which the input waited: tvalid 1, tready 0",
    "IN_STARVED": "cycles in which the core waited for input: tready 1, tvalid 0",
    "OUT_STALLED": "cycles in which the output waited: tvalid 1, tready 0",
}
"""Registers of 32 bits from offset 0 on, with what they mean; only CONTROL can be written."""

COUNTERS = ("FRAMES_IN", "FRAMES_OUT", "IN_STALLED", "IN_STARVED", "OUT_STALLED")

LAYER = {
    "BEATS": "beats of the layer's first operand that it took",
    "STALLED": "cycles in which an operand's beat waited for the layer",
    "STARVED": "cycles in which the layer waited for an operand's beat",
    "BLOCKED": "cycles in which a beat of the layer's result waited",
}
"""Registers of each layer, in the order of the network's nodes."""

LAYERS_AT = 0x40
"""Offset of the first layer's registers; the others follow."""

LAYER_BYTES = 4 * len(LAYER)

LEAST_BITS = 12
"""Least bits of an address: the smallest window that systems give to a slave."""


@dataclass(frozen=True)
class Register:
    """A register of 32 bits at a byte ``offset``; ``text``: what it means."""

    name: str
    offset: int
    text: str
    writable: bool = False

    def to_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "offset": self.offset,
            "access": "read-write" if self.writable else "read-only",
            "meaning": self.text,
        }


@dataclass(frozen=True)
class RegisterMap:
    """Addresses of a core's registers.

    ``layers``: names of the layers that have counters; ``network_bits``: address bits of the
    network's own registers, 0 if its weights are not writable.
    """

    layers: tuple[str, ...]
    network_bits: int

    @staticmethod
    def of(graph: Graph, *, counters: bool) -> RegisterMap:
        windows = register_map(graph)
        layers = tuple(n.name for n in graph.nodes) if counters else ()
        return RegisterMap(layers, address_bits(windows) if windows else 0)

    @property
    def own_bits(self) -> int:
        """Address bits of the core's own registers."""
        return max(LEAST_BITS, (LAYERS_AT + LAYER_BYTES * len(self.layers) - 1).bit_length())

    @property
    def network(self) -> int | None:
        """Offset of the network's own registers, if there are any."""
        return 1 << max(self.own_bits, self.network_bits) if self.network_bits else None

    @property
    def bits(self) -> int:
        """Bits of an address."""
        return self.own_bits if self.network is None else self.network.bit_length()

    @property
    def registers(self) -> list[Register]:
        """Every register except those of the network."""
        own = [
            Register(name, 4 * k, text, name == "CONTROL")
            for k, (name, text) in enumerate(REGISTERS.items())
        ]
        layers = [
            Register(f"{layer}_{name}", LAYERS_AT + LAYER_BYTES * j + 4 * k, f"{layer}: {text}")
            for j, layer in enumerate(self.layers)
            for k, (name, text) in enumerate(LAYER.items())
        ]
        return own + layers
