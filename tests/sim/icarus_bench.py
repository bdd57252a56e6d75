"""A bench in plain Verilog: many designs side by side in one run of Icarus, each with stalls.

A design is an operator (`Specimen`) or a whole network (`NetworkSpecimen`).

Each stream is driven or compared by an instance of ``source`` or ``sink``, which read their beats
from a file. A source offers X where it offers nothing, and a sink compares with ``===``: a bit that
nothing has set, or that a beat must not depend on, is seen. The run prints ``FAULT`` lines and, at
the end, ``DONE``.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from bitrill.ir import INPUT, Graph, Operator
from bitrill.ir.interface import to_edge
from bitrill.ir.schedule import port
from bitrill_hw.design.build import component
from bitrill_hw.design.verilog import verilog
from bitrill_hw.memories.constant_tables import words
from bitrill_hw.memories.roms import convert
from graphs.together import modules, widths
from ops.suite import interface, pack, several

IDLE_CYCLES = 60
"""Cycles after the last beat in which no other one may come."""

_PARTS = """
module source #(parameter W = 1, N = 1, SEED = 1, FILE = "") (
  input clk, input rst, input ready, output reg valid, output reg [W-1:0] data
);
  reg [W-1:0] beats [0:N-1];
  integer k = 0, seed = SEED;
  initial begin $readmemh(FILE, beats); valid = 0; data = {W{1'bx}}; end
  always @(posedge clk) if (rst) valid <= 0; else if (!valid || ready) begin
    if (k < N && ($random(seed) & 4096) == 0) begin
      valid <= 1; data <= beats[k]; k <= k + 1;
    end else begin
      valid <= 0; data <= {W{1'bx}};
    end
  end
endmodule

module sink #(parameter W = 1, N = 1, SEED = 1, FILE = "", NAME = "") (
  input clk, input rst, input valid, output reg ready, input [W-1:0] data, output all
);
  reg [W-1:0] beats [0:N-1];
  integer k = 0, seed = SEED;
  reg held = 0;
  reg [W-1:0] kept;
  assign all = k == N;
  initial begin $readmemh(FILE, beats); ready = 0; end
  always @(posedge clk) if (!rst) begin
    ready <= ($random(seed) & 4096) == 0;
    held <= valid && !ready;
    kept <= data;
    if (valid !== 0 && valid !== 1) $display("FAULT %0s: valid is unknown", NAME);
    if (held && (!valid || data !== kept)) $display("FAULT %0s: a beat is taken back", NAME);
    if (valid && ready) begin
      if (k == N) $display("FAULT %0s: a beat too many", NAME);
      else if (data !== beats[k])
        $display("FAULT %0s: beat %0d is %h and must be %h", NAME, k, data, beats[k]);
      if (k < N) k <= k + 1;
    end
  end
endmodule
"""


@dataclass(frozen=True, eq=False)
class Specimen:
    """An operator, frames for each of its operands, and optionally other hardware than its own."""

    op: Operator
    frames: tuple[np.ndarray, ...]
    hardware: Any = None

    @property
    def sent(self) -> dict[str, list[int]]:
        """The beats of each input stream; those of ``in1`` are weights in a streamed unit."""
        op = self.op
        beats = {
            port("in", k): pack(t.type.encode(x), op.lanes_in, t.type.bits)
            for k, (x, t) in enumerate(zip(self.frames, op.operands, strict=True))
        }
        if op.folded.streamed:
            vectors = self.frames[0].size // op.cols  # pyright: ignore[reportAttributeAccessIssue]
            beats["in1"] = words(op.stream_words()) * vectors  # pyright: ignore
        return beats

    @property
    def expected(self) -> dict[str, list[int]]:
        """The beats of each output stream."""
        results = zip(several(self.op.eval(*self.frames)), self.op.results, strict=True)
        return {
            port("out", k): pack(t.type.encode(y), self.op.lanes_out, t.type.bits)
            for k, (y, t) in enumerate(results)
        }

    def text(self, name: str) -> str:
        """The Verilog, with ``name`` as its top module."""
        return convert(self._core, name=name)

    def width(self, stream: str) -> int:
        """Bits of a beat."""
        return len(interface(self._core, stream).payload)

    def pins(self, stream: str, wire: str) -> str:
        """Connections of a stream to the wires ``v``, ``r`` and ``d`` of a source or sink."""
        member = stream.replace("in", "i").replace("out", "o")
        data = f", .{member}__payload(d{wire})" if self.width(stream) else ""
        return f".{member}__valid(v{wire}), .{member}__ready(r{wire}){data}"

    @property
    def other_pins(self) -> str:
        """Clock and reset, and a bus without any access while the frames run."""
        pins = [".clk(clk)", ".rst(rst)"]
        if self.op.folded.writable:
            registers: Any = self._core.registers
            names = ("select", "write", "address", "data")
            pins += [f".registers__{n}('0)" for n in names if len(getattr(registers, n))]
        return ", ".join(pins)

    @cached_property
    def _core(self) -> Any:
        return self.hardware or component(self.op)


@dataclass(frozen=True, eq=False)
class NetworkSpecimen:
    """A network between its AXI4-Stream ports, and optionally the hardware of another one.

    The top bit of each beat is ``tlast``.
    """

    graph: Graph
    frames: np.ndarray
    hardware: Graph | None = None

    @cached_property
    def sent(self) -> dict[str, list[int]]:
        """The beats of the input stream."""
        first, x = self.graph.reader(INPUT), self.graph.source.flatten(self.frames)
        beats = pack(first.x.type.encode(x), first.lanes_in, first.x.type.bits)
        return {"s_axis": self._marked(beats, first.beats_in, self.width("s_axis"))}

    @cached_property
    def expected(self) -> dict[str, list[int]]:
        """The beats of the output stream."""
        last = self.graph.producer(self.graph.output)
        y = to_edge(self.graph.run(self.frames), self.graph.sink.tensor)
        beats = pack(last.y.type.encode(y), last.lanes_out, last.y.type.bits)
        return {"m_axis": self._marked(beats, last.beats_out, self.width("m_axis"))}

    @staticmethod
    def _marked(beats: list[int], of_a_frame: int, width: int) -> list[int]:
        last = 1 << width - 1
        return [b | last * (k % of_a_frame == of_a_frame - 1) for k, b in enumerate(beats)]

    def text(self, name: str) -> str:
        """The Verilog, with ``name`` as its top module."""
        return re.sub(r"\btop\b", name, verilog(self.hardware or self.graph))

    def width(self, stream: str) -> int:
        """Bits of a beat: whole bytes, and ``tlast``."""
        return widths(self.graph)[stream == "m_axis"] + 1

    def pins(self, stream: str, wire: str) -> str:
        """Connections of a stream to the wires ``v``, ``r`` and ``d`` of a source or sink."""
        top = self.width(stream) - 1
        return (
            f".{stream}_tvalid(v{wire}), .{stream}_tready(r{wire}),"
            f" .{stream}_tdata(d{wire}[{top - 1}:0]), .{stream}_tlast(d{wire}[{top}])"
        )

    other_pins = ".aclk(clk), .aresetn(!rst)"


Design: TypeAlias = Specimen | NetworkSpecimen


def bench(specimens: Mapping[str, Design], folder: Path, cycles: int) -> str:
    """Return the Verilog of all specimens and of the bench; its data files go to ``folder``."""
    parts, ends = modules(_PARTS), ["1'b1"]
    instances: list[str] = []
    late: list[str] = []
    for k, (name, specimen) in enumerate(specimens.items()):
        parts |= modules(specimen.text(f"op{k}"))
        instances.append(_instance(k, name, specimen, folder))
        ends += [f"all{k}_{stream}" for stream in specimen.expected]
        late += [
            f'if (!all{k}_{stream}) $display("FAULT {name}, {stream}: beats are missing");'
            for stream in specimen.expected
        ]
    return (
        "\n".join(parts.values())
        + f"""
module bench;
  reg clk = 0, rst = 1;
  integer idle = 0, cycle = 0;
  always #1 clk = !clk;
{"".join(instances)}
  wire all = {" && ".join(ends)};
  always @(posedge clk) begin
    cycle <= cycle + 1;
    if (cycle == 2) rst <= 0;
    if (all) idle <= idle + 1;
    if (idle == {IDLE_CYCLES} || cycle == {cycles}) begin
      {" ".join(late)}
      $display("DONE"); $finish;
    end
  end
endmodule
"""
    )


def _instance(k: int, name: str, specimen: Design, folder: Path) -> str:
    """The lines of one specimen with its sources and sinks."""
    pins, lines = [specimen.other_pins], []
    for side, streams in (("source", specimen.sent), ("sink", specimen.expected)):
        for j, (stream, beats) in enumerate(streams.items()):
            path, seed = folder / f"{k}_{stream}.hex", 100 * k + 50 * (side == "sink")
            path.write_text("\n".join(f"{beat:x}" for beat in beats) + "\n")
            wire, width = f"{k}_{stream}", specimen.width(stream)
            pins.append(specimen.pins(stream, wire))
            told = f'.W({width}), .N({len(beats)}), .SEED({seed + j}), .FILE("{path}")'
            more = f', .NAME("{name}, {stream}")' if side == "sink" else ""
            end = f", .all(all{wire})" if side == "sink" else ""
            lines.append(
                f"  wire v{wire}, r{wire}, all{wire}; wire [{width - 1}:0] d{wire};\n"
                f"  {side} #({told}{more}) {side}{wire}(.clk(clk), .rst(rst), .valid(v{wire}),"
                f" .ready(r{wire}), .data(d{wire}){end});"
            )
    return "\n".join([*lines, f"  op{k} dut{k}({', '.join(pins)});", ""])


def run(specimens: Mapping[str, Design], folder: Path, cycles: int = 20_000) -> list[str]:
    """Run specimens side by side in Icarus; return its faults."""
    source, program = folder / "bench.v", folder / "bench.vvp"
    source.write_text(bench(specimens, folder, cycles))
    command = ["iverilog", "-g2012", "-s", "bench", "-o", str(program), str(source)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    done = subprocess.run(["vvp", "-N", str(program)], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    if not lines or lines[-1].split(":")[0] != "DONE":
        raise RuntimeError(f"Icarus ended early: {done.stdout[-500:]}{done.stderr[-500:]}")
    return [line for line in lines if line != "DONE"]
