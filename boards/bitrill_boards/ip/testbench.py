"""A self-checking testbench in plain Verilog, with the words of recorded frames in files.

It sends frames, compares every beat of the results, and prints one line that begins with ``PASS``
or ``FAIL``. ``+stall=N`` pauses both ends in N of 100 cycles, drawn with ``+seed=S``. It runs in
Icarus Verilog and, with ``--binary --timing``, in Verilator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from bitrill_hw.matvec.writable import word_bits
from bitrill_hw.memories.tables import words as table_words
from bitrill_hw.pipeline.stream import padded

from .core import Core
from .streams import streams

PATIENCE = 20
"""The bench gives up after so many times the cycles in which a frame takes, without a beat."""

QUIET = 100
"""Cycles after the last beat in which no other may come."""


@dataclass(frozen=True)
class Recorded:
    """Words of recorded frames and of streamed weights: the files of a testbench, by port."""

    frames: int
    words: dict[str, list[int]]

    def files(self, core: Core) -> dict[str, str]:
        """Return the files, a word a line in hexadecimal."""
        return {
            file_name(core, port): _hex(words, core.width(f"{port}_tdata"))
            for port, words in self.words.items()
        }


def file_name(core: Core, port: str) -> str:
    """Return the name of the file with the words of a stream."""
    return f"{core.name}_{port}.hex"


def record(core: Core, x: np.ndarray) -> Recorded:
    """Return frames ``x``, integers ``[N, *shape]``, with the golden model's results, as beats."""
    graph = core.graph
    given, wanted = graph.source.flatten(x), graph.sink.flatten(graph.run(x))
    into, out = streams(core)
    words = {into.port: into.words(given), out.port: out.words(wanted)}
    for port, node in core.weight_streams.items():
        streamed: Any = node
        words[port] = table_words(streamed.stream_words())
        assert core.width(f"{port}_tdata") == padded(word_bits(streamed))
    return Recorded(len(x), words)


def testbench(core: Core, recorded: Recorded) -> str:
    """Return the Verilog of module ``NAME_tb``."""
    into, out = streams(core)
    sizes = {
        "FRAMES": recorded.frames,
        "IN_BEATS": into.beats,
        "OUT_BEATS": out.beats,
        "IN_BITS": into.tdata_bits,
        "OUT_BITS": out.tdata_bits,
        "PATIENCE": PATIENCE * (core.latency + int(core.interval) + 100),
    }
    values = {
        "NAME": core.name,
        "SIZES": "\n".join(f"  localparam {k} = {v};" for k, v in sizes.items()),
        "IN_FILE": file_name(core, into.port),
        "OUT_FILE": file_name(core, out.port),
        "QUIET": str(QUIET),
        "BESIDE": _beside(core, recorded),
        "PINS": ",\n".join(f"    .{p.name}({_net(p.name)})" for p in core.ports),
    }
    text = _TEXT
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text


def _net(port: str) -> str:
    """Return the bench's net at a port."""
    return "" if port.startswith("s_axi_") and port.endswith(_LEFT_OPEN) else port


_LEFT_OPEN = ("awready", "wready", "bresp", "bvalid", "arready", "rdata", "rresp", "rvalid")


def _beside(core: Core, recorded: Recorded) -> str:
    """Return declarations of the pins beside the frames: no accesses, and the words of weights."""
    lines = []
    for port in core.ports:
        if port.name.startswith("s_axi_") and port.direction == "in":
            value = "1'b1" if port.name.endswith("ready") else f"{port.width}'d0"
            width = f"[{port.width - 1}:0] " if port.width > 1 else ""
            lines.append(f"  wire {width}{port.name} = {value};")
    for port in core.weight_streams:
        n, bits = len(recorded.words[port]), core.width(f"{port}_tdata")
        lines += [
            f"  reg [{bits - 1}:0] {port}_words [0:{n - 1}];",
            f'  initial $readmemh("{file_name(core, port)}", {port}_words);',
            f"  integer {port}_next = 0;",
            f"  wire [{bits - 1}:0] {port}_tdata = {port}_words[{port}_next];",
            f"  wire {port}_tvalid = aresetn;",
            f"  wire {port}_tready;",
            f"  always @(posedge aclk) if (aresetn && {port}_tready)",
            f"    {port}_next <= {port}_next == {n - 1} ? 0 : {port}_next + 1;",
        ]
    return "\n".join(lines)


def _hex(words: list[int], bits: int) -> str:
    return "".join(f"{word:0{-(-bits // 4)}x}\n" for word in words)


_TEXT = """// Sends recorded frames to module @NAME@ and compares every beat of the results.
//   iverilog -g2005 -o @NAME@_tb @NAME@_tb.v ../rtl/@NAME@.v && vvp -N @NAME@_tb +stall=30
//   verilator --binary --timing -Wno-fatal --top @NAME@_tb -o tb @NAME@_tb.v ../rtl/@NAME@.v
`timescale 1ns / 1ps

module @NAME@_tb;
  parameter ENDS = 1;  // 0: the simulation goes on when `finished` is 1
@SIZES@

  reg aclk = 0, aresetn = 0;
  always #5 aclk = !aclk;

  reg [IN_BITS-1:0] sent [0:FRAMES*IN_BEATS-1];
  reg [OUT_BITS-1:0] wanted [0:FRAMES*OUT_BEATS-1];
  initial $readmemh("@IN_FILE@", sent);
  initial $readmemh("@OUT_FILE@", wanted);

  reg [IN_BITS-1:0] s_axis_tdata = 0;
  reg s_axis_tvalid = 0, s_axis_tlast = 0;
  wire s_axis_tready;
  wire [OUT_BITS-1:0] m_axis_tdata;
  wire m_axis_tvalid, m_axis_tlast, error;
  reg m_axis_tready = 0;
@BESIDE@

  @NAME@ dut (
@PINS@
  );

  integer stall = 0, seed = 1;
  initial begin
    if (!$value$plusargs("stall=%d", stall)) stall = 0;
    if (!$value$plusargs("seed=%d", seed)) seed = 1;
    repeat (4) @(posedge aclk);
    aresetn <= 1;
  end

  // 1 in `stall` of 100 calls
  function pauses(input integer unused);
    pauses = $unsigned($random(seed)) % 100 < stall;
  endfunction

  integer now = 0, next = 0, taken = 0, faults = 0, silent = 0;
  integer first = 0, latency = 0, before = 0, interval = 0;
  reg held = 0, held_last;
  reg [OUT_BITS-1:0] held_data;

  always @(posedge aclk) if (aresetn) begin  // the source
    if (!s_axis_tvalid || s_axis_tready) begin
      if (next < FRAMES * IN_BEATS && !pauses(0)) begin
        s_axis_tvalid <= 1;
        s_axis_tdata <= sent[next];
        s_axis_tlast <= next % IN_BEATS == IN_BEATS - 1;
        next <= next + 1;
      end else s_axis_tvalid <= 0;
    end
    if (s_axis_tvalid && s_axis_tready && next <= 1) first <= now;
  end

  always @(posedge aclk) if (aresetn) begin  // the sink
    m_axis_tready <= !pauses(0);
    held <= m_axis_tvalid && !m_axis_tready;
    held_data <= m_axis_tdata;
    held_last <= m_axis_tlast;
    if (m_axis_tvalid !== 0 && m_axis_tvalid !== 1) fault("m_axis_tvalid is unknown");
    if (held && !(m_axis_tvalid && m_axis_tdata === held_data && m_axis_tlast === held_last))
      fault("a beat was taken back");
    if (error !== 0) fault("error rose");
    if (m_axis_tvalid && m_axis_tready) begin
      if (taken == FRAMES * OUT_BEATS) fault("a beat too many");
      else begin
        if (m_axis_tdata !== wanted[taken]) begin
          fault("a wrong beat");
          $display("  frame %0d, beat %0d: %h, must be %h", taken / OUT_BEATS, taken % OUT_BEATS,
            m_axis_tdata, wanted[taken]);
        end
        if (m_axis_tlast !== (taken % OUT_BEATS == OUT_BEATS - 1)) fault("tlast is wrong");
        if (taken == OUT_BEATS - 1) latency <= now - first;
        if (taken % OUT_BEATS == OUT_BEATS - 1) begin
          interval <= now - before;
          before <= now;
        end
        taken <= taken + 1;
      end
    end
  end

  task fault(input [8*32-1:0] what);
    begin
      faults = faults + 1;
      if (faults <= 10) $display("cycle %0d: %0s", now, what);
    end
  endtask

  reg finished = 0;
  always @(posedge aclk) if (aresetn && !finished) begin  // the end
    now <= now + 1;
    if (s_axis_tvalid && s_axis_tready || m_axis_tvalid && m_axis_tready) silent <= 0;
    else silent <= silent + 1;
    if (taken == FRAMES * OUT_BEATS && silent >= @QUIET@ || silent >= PATIENCE) begin
      if (taken != FRAMES * OUT_BEATS) fault("beats are missing");
      if (faults == 0)
        $display("PASS %0d frames: latency %0d, last interval %0d cycles", FRAMES, latency,
          interval);
      else $display("FAIL %0d faults, %0d of %0d beats", faults, taken, FRAMES * OUT_BEATS);
      finished <= 1;
      if (ENDS && faults == 0) $finish;
      else if (ENDS) $stop;
    end
  end
endmodule
"""
