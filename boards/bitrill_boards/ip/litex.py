"""A LiteX module around the core: streams as endpoints, registers as an AXI4-Lite interface."""

from __future__ import annotations

from bitrill.ir import Operator

from .core import Core


def module(core: Core) -> str:
    """Return the Python file, class ``NAME`` in capitals of words."""
    name = class_name(core)
    streams = [("s_axis", "sink", "the input"), ("m_axis", "source", "the output")]
    streams += [(p, p.removeprefix("s_axis_"), f"weights of {n.name}") for p, n in _weights(core)]
    made, pins, said = _members(core, streams)
    imports = ""
    if core.has_registers:
        imports = "from litex.soc.interconnect.axi import AXILiteInterface\n"
    listed = "\n".join(f"            {pin}," for pin in pins)
    return f'''"""Core {core.name} for LiteX: ``soc.{core.name} = {name}(platform)``."""

from pathlib import Path

from litex.gen import LiteXModule
from litex.soc.interconnect import stream
{imports}from migen import ClockSignal, Instance, ResetSignal, Signal

VERILOG = Path(__file__).resolve().parent.parent / "rtl" / "{core.name}.v"


class {name}(LiteXModule):
    """Network in a SoC, in clock domain ``domain``; frames end with ``last``.

{chr(10).join(said)}
    """

    def __init__(self, platform, domain="sys"):
{chr(10).join(made)}
        self.specials += Instance(
            "{core.name}",
{listed}
        )
        platform.add_source(str(VERILOG))
'''


def _members(
    core: Core, streams: list[tuple[str, str, str]]
) -> tuple[list[str], list[str], list[str]]:
    """Return the lines that make the module's members, the instance's pins, and the docstring's."""
    made, pins, said = [], ["i_aclk=ClockSignal(domain)", "i_aresetn=~ResetSignal(domain)"], []
    for port, attribute, what in streams:
        width = core.width(f"{port}_tdata")
        said.append(f"    {attribute} : stream.Endpoint of {width} bits, {what}")
        made.append(f'        self.{attribute} = stream.Endpoint([("data", {width})])')
        into = port != "m_axis"
        ends = {"tdata": "data", "tvalid": "valid", "tready": "ready"}
        ends |= {} if port in core.weight_streams else {"tlast": "last"}
        for signal, member in ends.items():
            side = "i" if into != (signal == "tready") else "o"
            pins.append(f"{side}_{port}_{signal}=self.{attribute}.{member}")
    said.append("    error : Signal, a frame had a wrong length")
    made.append("        self.error = Signal()")
    pins.append("o_error=self.error")
    if core.has_registers:
        bits = core.width("s_axi_araddr")
        said.append("    bus : AXILiteInterface, a slave: the registers of ports.md")
        made.append(f"        self.bus = AXILiteInterface(data_width=32, address_width={bits})")
        pins += [_bus_pin(p.name, p.direction) for p in core.ports if p.name.startswith("s_axi_")]
    return made, pins, said


def class_name(core: Core) -> str:
    """Return the name of the class."""
    return "".join(part[:1].upper() + part[1:] for part in core.name.split("_"))


def _weights(core: Core) -> list[tuple[str, Operator]]:
    return list(core.weight_streams.items())


def _bus_pin(port: str, direction: str) -> str:
    """Return the instance's argument of a port such as ``s_axi_awaddr``."""
    signal = port.removeprefix("s_axi_")
    channel = next(c for c in ("aw", "ar", "w", "b", "r") if signal.startswith(c))
    member = signal.removeprefix(channel)
    inner = {"addr": "addr", "data": "data", "strb": "strb", "resp": "resp"}.get(member, member)
    return f"{direction[0]}_{port}=self.bus.{channel}.{inner}"
