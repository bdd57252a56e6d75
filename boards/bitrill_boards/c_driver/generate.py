"""Writes a network's driver in C from its ``network.json``."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bitrill.errors import SpecError

from ..driver import registers as r
from ..driver.messages import AROUND, IDENTITY, VERSION
from .c_outputs import outputs
from .decision import decision
from .edge import Layout, NetworkEdge
from .numbers import numbers
from .quantizing import quantizing

PREFIX = "bitrill"
"""What the names of all functions and constants begin with."""

LINKS = ("axi", "serial", "linux")
"""Transports, in files of their own here."""

_HERE = Path(__file__).parent


def sources(spec: Mapping[str, Any], prefix: str = PREFIX) -> dict[str, str]:
    """Return ``{PREFIX.h: text, PREFIX.c: text}`` of the network that ``network.json`` describes.

    Networks in one program need different prefixes. Raises `SpecError` if ``prefix`` is no
    identifier of C.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", prefix):
        raise SpecError(
            f"a prefix must be an identifier (a letter, then letters, digits, _), not {prefix!r}"
        )
    into, out = NetworkEdge.of(spec["input"]), NetworkEdge.of(spec["output"])
    q = spec["input"]["quantizer"]
    declared, defined = outputs(spec["output"])
    values = {
        **_network(spec, into, out),
        **_edge("in", into),
        **_edge("out", out),
        "decide_doc": decision(spec["output"])[0],
        "quantize_h": _template("quantize.h") if q else "",
        "in_what": "an integer of the first quantizer" if q else "an integer of an image",
        "reply": max(out.frame + 4, IDENTITY.size) + AROUND,
        "outputs_h": declared,
        "links_h": "".join(_template(f"{link}.h") for link in LINKS),
    }
    body = filled(_template("values.c"), values)
    if q:
        body += "".join(filled(_template("quantize.c"), values | t) for t in quantizing(q, into))
    body += numbers(spec["output"]) + decision(spec["output"])[1]
    body += defined + "".join(filled(_template(f"{link}.c"), _registers()) for link in LINKS)
    files = {"h": filled(_template("driver.h"), values), "c": _template("head.c") + body}
    return {f"{prefix}.{end}": _renamed(text, prefix) for end, text in files.items()}


def filled(template: str, values: Mapping[str, object]) -> str:
    """Replace each ``@name@`` of a template by its value."""
    return re.sub(r"@(\w+)@", lambda m: str(values[m[1]]), template)


def _registers() -> dict[str, object]:
    """Return what the AXI shell and the serial line fix, from the modules that define it."""
    names = (*r.OFFSETS.items(), ("WEIGHTS", r.WEIGHTS))
    return {
        "offsets": ",\n".join(f"    {name} = 0x{offset:02X}" for name, offset in names) + "\n",
        "identity": f"0x{r.IDENTITY:08X}",
        "version": r.VERSION,
        "line_version": VERSION,
        "start": r.START,
        "stop": r.STOP,
        "busy": r.BUSY,
        "done": r.DONE,
        "memory_errors": r.READ_SLVERR | r.READ_DECERR | r.WRITE_SLVERR | r.WRITE_DECERR,
        "frame_error": r.FRAME_ERROR,
        "stopped": r.STOPPED,
        "clear": r.CLEAR,
    }


def _network(spec: Mapping[str, Any], into: NetworkEdge, out: NetworkEdge) -> dict[str, object]:
    wide = max(into.bits, out.bits) > 24
    digest = bytes.fromhex(spec["digest"])
    return {
        "name": re.sub(r"[^\w.+-]", "_", spec["name"]),
        "digest": spec["digest"],
        "digest_bytes": ", ".join(f"0x{b:02x}" for b in digest),
        "word": "uint64_t" if wide else "uint32_t",
        "inputs": into.layout.size,
        "outputs": out.layout.size,
        "only": ", powers of two and 0" if into.coding == "log2" else "",
    }


def _edge(name: str, edge: NetworkEdge) -> dict[str, object]:
    layout: Layout = edge.layout
    values = {
        "bits": edge.bits,
        "width": f"{edge.bits} bit{'s' * (edge.bits > 1)}",
        "type": edge.type,
        "lo": edge.lo,
        "hi": edge.hi,
        "places": layout.places,
        "channels": layout.channels,
        "index": layout.index,
    }
    own = {f"{name}_{k}": v for k, v in values.items()}
    own |= {f"frame_{name}": edge.frame, f"memory_{name}": edge.memory}
    if name == "out":
        return {**own, "decode": edge.decode}
    shape = ", ".join(map(str, edge.shape))
    return {**own, "encode": edge.encode, "check": edge.check, "input_shape": shape}


def _template(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _renamed(text: str, prefix: str) -> str:
    """Replace the prefix ``net`` of a template's names."""
    text = re.sub(r"\bnet_", f"{prefix}_", text)
    text = re.sub(r"\bNET_", f"{prefix.upper()}_", text)
    return re.sub(r"\bnet\.h\b", f"{prefix}.h", text)
