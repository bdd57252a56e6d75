"""Types of Yosys' JSON netlists, as far as the rooms above read them."""

from typing import NotRequired, TypeAlias, TypedDict

Bit: TypeAlias = int | str
"""Number of a net, or a constant: "0", "1", "x" or "z"."""


class NetlistCell(TypedDict):
    """An instance of a primitive or module."""

    type: str
    connections: dict[str, list[Bit]]
    port_directions: dict[str, str]
    parameters: dict[str, str]


class NetlistPort(TypedDict):
    """A port of a module."""

    direction: str
    bits: list[Bit]


class NetName(TypedDict):
    """A signal of the Verilog and its nets; ``offset``: index of the first one."""

    bits: list[Bit]
    offset: NotRequired[int]


class NetlistModule(TypedDict):
    """A module of a netlist."""

    cells: dict[str, NetlistCell]
    ports: dict[str, NetlistPort]
    netnames: NotRequired[dict[str, NetName]]
