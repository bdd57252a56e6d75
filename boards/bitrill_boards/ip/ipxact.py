"""The core in IP-XACT (IEEE 1685-2014): bus interfaces, registers, ports, files.

Names of bus definitions are ARM's for AMBA 4, as Accellera distributes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree import ElementTree

from bitrill import __version__
from bitrill.runtime.register_map import address_bits, register_map
from bitrill_hw.design.control import PREFIX

from .core import Core

SPACE = "http://www.accellera.org/XMLSchema/IPXACT/1685-2014"
VENDOR, LIBRARY = "bitrill", "ip"
UP = "../"
"""Path from the file to the core's folder."""


@dataclass(frozen=True)
class Bus:
    """A bus interface: ARM's ``definition`` and its version, ``prefix`` of the ports."""

    name: str
    definition: str
    version: str
    prefix: str
    master: bool = False
    memory_map: str | None = None


def component(core: Core, files: Iterable[str]) -> str:
    """Return the XML; ``files``: the Verilog of the core and of its testbench."""
    ElementTree.register_namespace("ipxact", SPACE)
    top = ElementTree.Element(_tag("component"))
    names = {"vendor": VENDOR, "library": LIBRARY, "name": core.name, "version": __version__}
    for tag, text in names.items():
        _add(top, tag, text)
    interfaces = _add(top, "busInterfaces")
    for bus in buses(core):
        _bus(interfaces, core, bus)
    if core.has_registers:
        _memory_map(_add(top, "memoryMaps"), core)
    _model(_add(top, "model"), core)
    sets = _add(top, "fileSets")
    for path in files:
        _file_set(sets, "rtl" if path.startswith("rtl/") else "tb", path)
    _add(top, "description", f"Network {core.graph.name} with AXI4-Stream ports")
    ElementTree.indent(top)
    return ElementTree.tostring(top, encoding="unicode", xml_declaration=True) + "\n"


def buses(core: Core) -> list[Bus]:
    """Return the core's bus interfaces, but for clock and reset."""
    axis = ("AXI4Stream", "r0p0_1")
    listed = [Bus("s_axis", *axis, "s_axis_"), Bus("m_axis", *axis, "m_axis_", master=True)]
    listed += [Bus(name, *axis, f"{name}_") for name in core.weight_streams]
    if core.has_registers:
        listed.append(Bus("s_axi", "AXI4Lite", "r0p0_0", PREFIX, memory_map="s_axi"))
    return listed


def _bus(parent: ElementTree.Element, core: Core, bus: Bus) -> None:
    item = _add(parent, "busInterface")
    _add(item, "name", bus.name)
    reference = {"vendor": "amba.com", "library": "AMBA4", "version": bus.version}
    _add(item, "busType", **reference, name=bus.definition)
    kind = _add(_add(item, "abstractionTypes"), "abstractionType")
    _add(kind, "abstractionRef", **reference, name=f"{bus.definition}_rtl")
    maps = _add(kind, "portMaps")
    clock = {"aclk": "ACLK", "aresetn": "ARESETn"}
    for port in core.ports:
        inside = port.name.startswith(bus.prefix)
        logical = clock.get(port.name) or port.name.removeprefix(bus.prefix).upper()
        if port.name not in clock and (not inside or "_" in logical):
            continue
        pair = _add(maps, "portMap")
        _add(_add(pair, "logicalPort"), "name", logical)
        _add(_add(pair, "physicalPort"), "name", port.name)
    side = _add(item, "master" if bus.master else "slave")
    if bus.memory_map is not None:
        _add(side, "memoryMapRef", memoryMapRef=bus.memory_map)


def _memory_map(parent: ElementTree.Element, core: Core) -> None:
    item = _add(parent, "memoryMap")
    _add(item, "name", "s_axi")
    registers = core.shell.registers
    if registers is None:  # the network's own alone
        _block(item, "weights", 0, 1 << address_bits(register_map(core.graph)))
        return
    block = _block(item, "core", 0, 1 << registers.own_bits)
    for register in registers.registers:
        entry = _add(block, "register")
        _add(entry, "name", register.name)
        _add(entry, "description", register.text)
        _add(entry, "addressOffset", f"'h{register.offset:x}")
        _add(entry, "size", "32")
        _add(entry, "access", "read-write" if register.writable else "read-only")
        field = _add(entry, "field")
        for tag, text in {"name": "value", "bitOffset": "0", "bitWidth": "32"}.items():
            _add(field, tag, text)
    if registers.network is not None:
        _block(item, "weights", registers.network, 1 << registers.network_bits)
    _add(item, "addressUnitBits", "8")


def _block(parent: ElementTree.Element, name: str, base: int, size: int) -> ElementTree.Element:
    block = _add(parent, "addressBlock")
    _add(block, "name", name)
    _add(block, "baseAddress", f"'h{base:x}")
    _add(block, "range", str(size))
    _add(block, "width", "32")
    return block


def _model(parent: ElementTree.Element, core: Core) -> None:
    view = _add(_add(parent, "views"), "view")
    _add(view, "name", "rtl")
    _add(view, "envIdentifier", ":*Synthesis:")
    _add(view, "componentInstantiationRef", "rtl")
    instance = _add(_add(parent, "instantiations"), "componentInstantiation")
    for tag, text in {"name": "rtl", "language": "verilog", "moduleName": core.name}.items():
        _add(instance, tag, text)
    _add(_add(instance, "fileSetRef"), "localName", "rtl")
    ports = _add(parent, "ports")
    for port in core.ports:
        item = _add(ports, "port")
        _add(item, "name", port.name)
        wire = _add(item, "wire")
        _add(wire, "direction", port.direction)
        if port.is_bus:
            vector = _add(_add(wire, "vectors"), "vector")
            _add(vector, "left", str(port.width - 1))
            _add(vector, "right", "0")


def _file_set(parent: ElementTree.Element, name: str, path: str) -> None:
    item = _add(parent, "fileSet")
    _add(item, "name", name)
    file = _add(item, "file")
    _add(file, "name", UP + path)
    _add(file, "fileType", "verilogSource")


def _tag(name: str) -> str:
    return f"{{{SPACE}}}{name}"


def _add(
    parent: ElementTree.Element, tag: str, text: str | None = None, **attributes: str
) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, _tag(tag), attributes)
    child.text = text
    return child
