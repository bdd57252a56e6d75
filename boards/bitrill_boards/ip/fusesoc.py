"""The core's description for FuseSoC: its files, and targets that run its testbench."""

from __future__ import annotations

from collections.abc import Iterable

from bitrill import __version__

from .core import Core


def core_file(core: Core, words: Iterable[str]) -> str:
    """Return ``NAME.core`` (CAPI 2); ``words``: names of the testbench's files of words."""
    name = core.name
    data = "\n".join(f"      - tb/{w}: {{file_type: user, copyto: {w}}}" for w in sorted(words))
    return f"""CAPI=2:

name: bitrill:ip:{name}:{__version__}
description: Network {_plain(core.graph.name)} with AXI4-Stream ports

filesets:
  rtl:
    files:
      - rtl/{name}.v: {{file_type: verilogSource}}
  tb:
    files:
      - tb/{name}_tb.v: {{file_type: verilogSource}}
{data}

targets:
  default: &default
    filesets: [rtl]
    toplevel: {name}
  sim: &sim
    filesets: [rtl, tb]
    toplevel: {name}_tb
    description: Sends recorded frames and compares every beat, in Icarus Verilog
    parameters: [stall, seed]
    flow: sim
    flow_options:
      tool: icarus
      iverilog_options: [-g2005]
      vvp_options: [-N]
  verilator:
    <<: *sim
    description: Sends recorded frames and compares every beat, in Verilator
    flow_options:
      tool: verilator
      mode: binary
      verilator_options: [--timing, -CFLAGS, -std=c++20, -Wno-fatal]

parameters:
  stall:
    datatype: int
    description: Cycles of 100 in which both ends pause
    paramtype: plusarg
  seed:
    datatype: int
    description: Seed of the pauses
    paramtype: plusarg
"""


def _plain(text: str) -> str:
    """Return a text without what YAML gives a meaning to."""
    return "".join(c if (c.isascii() and c.isalnum()) or c in "._-" else "_" for c in text)
