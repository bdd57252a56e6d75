"""A script that packages the core as an IP of Vivado, for its catalogue and block designs."""

from __future__ import annotations

from pathlib import Path

from bitrill import __version__
from bitrill.parts.devices import PORTABLE

from ..toolchains.tcl import head
from .core import Core
from .ipxact import LIBRARY, VENDOR, buses

_SCRIPT = Path(__file__).with_name("vivado.tcl")

SEVEN = ("artix7", "kintex7", "spartan7", "virtex7", "zynq")
LATER = ("zynquplus", "kintexu", "kintexuplus", "virtexu", "virtexuplus", "artixuplus")
"""Families of parts by the names that Vivado gives them."""


def script(core: Core) -> str:
    """Return the Tcl; ``-tclargs PART`` chooses a part, which only the packager's project needs."""
    plain = {n.folded.primitives for n in core.graph.nodes} == {PORTABLE}
    families = (*SEVEN, *LATER) if plain else SEVEN
    pins = {
        bus.name: [p.name for p in core.ports if _belongs(p.name, bus.prefix)]
        for bus in buses(core)
    }
    registers = pins.pop("s_axi", [])
    variables = {
        "name": core.name,
        "vendor": VENDOR,
        "library": LIBRARY,
        "version": _version(),
        "network": core.graph.name,
        "families": [word for f in families for word in (f, "Production")],
        "streams": [word for name, ports in pins.items() for word in (name, " ".join(ports))],
        "registers": registers,
        "range": str(1 << core.width("s_axi_araddr")) if registers else "0",
    }
    return head(variables) + _SCRIPT.read_text()


def _belongs(port: str, prefix: str) -> bool:
    return port.startswith(prefix) and "_" not in port.removeprefix(prefix)


def _version() -> str:
    """Return the version as Vivado takes it: two numbers."""
    return ".".join(__version__.split(".")[:2])
