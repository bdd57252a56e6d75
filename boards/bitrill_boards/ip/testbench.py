"""A self-checking testbench in plain Verilog, with the words of recorded frames in files.

It sends frames, compares every beat of the results, and prints one line that begins with ``PASS``
or ``FAIL``. ``+stall=N`` pauses both ends in N of 100 cycles, drawn with ``+seed=S``. It runs in
Icarus Verilog and, with ``--binary --timing``, in Verilator.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bitrill_hw.memories.constant_tables import words as table_words

from ..shell.ip_registers import HOLD, IDENTITY, LAYER, LAYER_BYTES, LAYERS_AT
from .core import Core
from .streams import streams

_BENCH = Path(__file__).with_name("testbench.v")
_BUS = Path(__file__).with_name("testbench_bus.v")

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
        "REGISTERS": _reads(core),
        "PINS": ",\n".join(f"    .{p.name}({p.name})" for p in core.ports),
    }
    text = _BENCH.read_text()
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text


def _beside(core: Core, recorded: Recorded) -> str:
    """Return declarations of the pins beside the frames: accesses, and the words of weights."""
    lines = []
    for port in core.ports:
        if port.name.startswith("s_axi_"):
            kind, start = ("wire", "") if port.direction == "out" else ("reg", " = 0")
            width = f"[{port.width - 1}:0] " if port.is_bus else ""
            lines.append(f"  {kind} {width}{port.name}{start};")
    if core.has_registers:
        lines.append(_BUS.read_text().rstrip())
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


def _reads(core: Core) -> str:
    """Return the statements that read the core's registers and compare what the bench knows."""
    registers = core.shell.registers
    if registers is None:
        return "    // no registers"
    at = {r.name: r.offset for r in registers.registers}
    known = {
        "IDENTITY": f"32'h{IDENTITY:x}",
        "FRAMES_IN": "FRAMES",
        "FRAMES_OUT": "FRAMES",
        "IN_STALLED": "in_stalled",
        "OUT_STALLED": "out_stalled",
        "LAYERS": str(len(registers.layers)),
    }
    lines = [f"    bus_write({at['CONTROL']}, {HOLD});"]
    for name, value in known.items():
        lines += [
            f"    bus_read({at[name]});",
            f'    if (got !== {value}) fault("{name} is wrong");',
        ]
    for k, layer in enumerate(registers.layers):
        lines.append(f'    $write("layer {layer}:");')
        for j, name in enumerate(LAYER):
            offset = LAYERS_AT + LAYER_BYTES * k + 4 * j
            lines.append(f'    bus_read({offset}); $write(" {name} %0d", got);')
        lines.append('    $write("\\n");')
    return "\n".join(lines)


def _hex(words: list[int], bits: int) -> str:
    return "".join(f"{word:0{-(-bits // 4)}x}\n" for word in words)
