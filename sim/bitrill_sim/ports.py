"""Ports of a simulated design: the names of its clock, reset and streams."""

from dataclasses import dataclass, fields, replace
from pathlib import Path

from bitrill.ir.graph import Graph
from bitrill.runtime.register_map import register_map, streamed

from .access import AXI
from .words import WORD_PORTS

_CPP_WORDS = ("interrupt",)
"""Names of ports that Verilator renames because it treats them as words of C++."""


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Names of a design's clock, reset and two streams; None if it has no such port.

    ``padded``: whether a beat is padded to whole bytes (an edge of a design), or bare (between
    operators). ``axi``: prefix of the names of its AXI4-Lite ports; ``words``: prefix of each
    stream of words.
    """

    clock: str
    reset: str
    reset_level: int
    s_valid: str
    s_ready: str
    s_data: str
    s_last: str | None = None
    m_valid: str
    m_ready: str
    m_data: str
    m_last: str | None = None
    error: str | None = None
    padded: bool
    axi: str | None = None
    words: tuple[str, ...] = ()

    @property
    def names(self) -> dict[str, str]:
        """Existing ports by field; registers have ``axi_*``, streams of words ``word0_*``, ..."""
        skip = ("reset_level", "padded", "axi", "words")
        names = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in skip}
        if self.axi is not None:
            names |= {f"axi_{name}": f"{self.axi}{name}" for name in AXI}
        for k, prefix in enumerate(self.words):
            names |= {f"word{k}_{name}": f"{prefix}_t{name}" for name in WORD_PORTS}
        return {k: v for k, v in names.items() if v is not None}

    def header(self) -> str:
        """Return ``ports.h`` for ``design.cpp``."""
        pairs = " ".join(f"DO({k}, {_in_cpp(v)})" for k, v in self.names.items())
        return f"#define RESET_LEVEL {self.reset_level}\n#define PORTS(DO) {pairs}\n"


def _in_cpp(name: str) -> str:
    """Return the name that Verilator gives a port in C++."""
    escaped = name.replace("__", "___05F")
    return f"__SYM__{escaped}" if escaped in _CPP_WORDS else escaped


AXIS = Ports(
    clock="aclk",
    reset="aresetn",
    reset_level=0,
    s_valid="s_axis_tvalid",
    s_ready="s_axis_tready",
    s_data="s_axis_tdata",
    s_last="s_axis_tlast",
    m_valid="m_axis_tvalid",
    m_ready="m_axis_tready",
    m_data="m_axis_tdata",
    m_last="m_axis_tlast",
    error="error",
    padded=True,
)
"""Ports of a whole design."""


def edges(graph: Graph) -> Ports:
    """Return the ports of a FOLDED graph's design, with its registers and streams of words."""
    axi = "s_axi_" if register_map(graph) else None
    return replace(AXIS, axi=axi, words=tuple(f"s_axis_{n.name}" for n in streamed(graph)))


STREAM = Ports(
    clock="clk",
    reset="rst",
    reset_level=1,
    s_valid="i__valid",
    s_ready="i__ready",
    s_data="i__payload",
    m_valid="o__valid",
    m_ready="o__ready",
    m_data="o__payload",
    padded=False,
)
"""Ports of one operator, which has the streams ``i`` and ``o``."""


@dataclass(frozen=True, kw_only=True)
class Dut:
    """Verilog to simulate (the design under test); ``top`` is its module.

    ``flags``: for the simulator's compiler; ``plusargs``: for the running model. ``level``: the C++
    compiler's optimisation of the code that runs in each cycle; by default it follows from the
    number of cycles.
    """

    sources: tuple[Path, ...]
    top: str = "top"
    ports: Ports = AXIS
    flags: tuple[str, ...] = ()
    plusargs: tuple[str, ...] = ()
    level: str = ""
