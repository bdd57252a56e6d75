"""Wraps the shell for Vivado's block designs: Verilog attributes name the interface of each port.

Attributes: UG994, "List of Supported X_ Attributes". Read and write channels form one AXI4 master.
"""

from collections.abc import Sized
from dataclasses import dataclass

from ..shell.movers import BURST, WINDOW, WORD, Writer
from ..shell.zynq_shell import ZynqShell

MODULE, SHELL = "bitrill", "bitrill_shell"
"""Names of the wrapper's module and of the shell's module inside it."""

CONTROL, MEMORY, INTERRUPT = "s_axi", "m_axi", "interrupt"
INTERFACES = {"axi": CONTROL, "read": MEMORY, "write": MEMORY}
"""Name in the block design of each of the shell's interfaces."""


@dataclass(frozen=True)
class WrapperPort:
    """A port of the wrapper; ``inner``: the shell's port; ``logical``: its name there."""

    name: str
    inner: str
    output: bool
    width: int
    interface: str
    logical: str


def ports(shell: ZynqShell) -> list[WrapperPort]:
    """Return all ports but clock and reset, in the shell's order."""
    listed = []
    for path, member, value in shell.signature.flatten(shell):
        *outer, name = map(str, path)
        port, logical = INTERRUPT, "INTERRUPT"
        if outer:
            port, logical = f"{INTERFACES[outer[0]]}_{name}", name.upper()
        interface = INTERFACES[outer[0]] if outer else INTERRUPT
        output = member.flow.name == "Out"
        listed.append(
            WrapperPort(port, "__".join(map(str, path)), output, _width(value), interface, logical)
        )
    return listed


def wrapper(shell: ZynqShell) -> str:
    """Return Verilog of module `MODULE` around `SHELL`."""
    own = ports(shell)
    lines = [
        _attributed(
            "signal:clock:1.0",
            "aclk",
            "CLK",
            f"ASSOCIATED_BUSIF {CONTROL}:{MEMORY}, ASSOCIATED_RESET aresetn",
        ),
        "  input wire aclk,",
        _attributed("signal:reset:1.0", "aresetn", "RST", "POLARITY ACTIVE_LOW"),
        "  input wire aresetn,",
    ]
    described: set[str] = set()
    for k, port in enumerate(own):
        parameters = None if port.interface in described else _parameters(port.interface, shell)
        described.add(port.interface)
        vlnv = "signal:interrupt:1.0" if port.interface == INTERRUPT else "interface:aximm:1.0"
        lines.append(_attributed(vlnv, port.interface, port.logical, parameters))
        width = f" [{port.width - 1}:0]" if port.width > 1 else ""
        direction = "output" if port.output else "input"
        lines.append(f"  {direction} wire{width} {port.name}{'' if k == len(own) - 1 else ','}")
    inner = [".clk(aclk)", ".rst(~aresetn)", *(f".{p.inner}({p.name})" for p in own)]
    return "\n".join(
        [
            "// The network's shell, for block designs: a module reference of Vivado.",
            f"module {MODULE} (",
            *lines,
            ");",
            "",
            f"  {SHELL} shell (",
            ",\n".join(f"    {i}" for i in inner),
            "  );",
            "",
            "endmodule",
            "",
        ]
    )


def _attributed(vlnv: str, interface: str, logical: str, parameters: str | None) -> str:
    attributes = [f'X_INTERFACE_INFO = "xilinx.com:{vlnv} {interface} {logical}"']
    if parameters is not None:
        attributes.append(f'X_INTERFACE_PARAMETER = "XIL_INTERFACENAME {interface}, {parameters}"')
    return f"  (* {(',' + chr(10) + '     ').join(attributes)} *)"


def _parameters(interface: str, shell: ZynqShell) -> str:
    if interface == INTERRUPT:
        return "SENSITIVITY LEVEL_HIGH"
    if interface == CONTROL:
        return f"PROTOCOL AXI4LITE, DATA_WIDTH 32, ADDR_WIDTH {shell.register_bits}"
    return (
        f"PROTOCOL AXI4, DATA_WIDTH {WORD}, ADDR_WIDTH {shell.address}, ID_WIDTH 1,"
        f" MAX_BURST_LENGTH {BURST}, NUM_READ_OUTSTANDING {WINDOW // BURST},"
        f" NUM_WRITE_OUTSTANDING {Writer.UNANSWERED}, SUPPORTS_NARROW_BURST 0,"
        " READ_WRITE_MODE READ_WRITE"
    )


def _width(signal: Sized) -> int:
    return len(signal)
