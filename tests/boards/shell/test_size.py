# amaranth: UnusedElaboratable=no
"""Resources of the Zynq shell by itself, without a network."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from amaranth.lib.wiring import In
from bitrill_boards.shell.network_instance import Edges
from bitrill_boards.shell.zynq_shell import ZynqShell
from bitrill_hw.design.axilite import axi_lite
from bitrill_hw.memories.roms import convert
from bitrill_hw.pipeline.stream import padded
from bitrill_hw.synth import synthesis
from bitrill_hw.synth.cell_counts import CellCounts, count

TFC = Edges(49, 16, 70, 1, Fraction(64), b"\xfe\xfe[\x90\xe6\xf2'\x01")
"""The trained network's: beats of 49 bits to words of 64, and 70 to two words."""

RUNTIME = replace(TFC, register_bits=14)

OUTPUTS = ("s_axis_tready", "m_axis_tdata", "m_axis_tvalid", "m_axis_tlast", "error")


def hollow(edges: Edges) -> str:
    """The shell's Verilog around a black box instead of a network."""
    text = convert(ZynqShell(edges), name="shell")
    instance = re.search(r"^  top network \((.*?)^  \);", text, re.MULTILINE | re.DOTALL)
    assert instance is not None
    widths = {"s_axis_tdata": padded(edges.bits_in), "m_axis_tdata": padded(edges.bits_out)}
    outputs = set(OUTPUTS)
    for name, member in axi_lite(edges.register_bits or 12).members.items():
        widths[f"s_axi_{name}"] = member.shape
        outputs |= {f"s_axi_{name}"} if member.flow is In else set()
    ports = ", ".join(
        f"{'output' if p in outputs else 'input'} [{widths.get(p, 1) - 1}:0] {p}"
        for p in re.findall(r"\.(\w+)\(", instance[1])
    )
    text = text.replace("  top network (", "  unknown network (")
    text = text.replace("module shell(", "module top(")
    return f"{text}\n(* blackbox *)\nmodule unknown({ports});\nendmodule\n"


def size(edges: Edges, work: Path) -> CellCounts:
    job = synthesis.YosysRun(work, synthesis._TOTAL, {"design.v": hollow(edges)}, ("netlist.json",))
    synthesis.run([job])
    flat = synthesis._netlist(job)["top"]
    cells = flat["cells"]
    assert [c for c in cells.values() if c["type"] == "unknown"]
    return count(flat | {"cells": {k: c for k, c in cells.items() if c["type"] != "unknown"}})


@pytest.mark.nightly
@pytest.mark.parametrize("edges", [TFC, RUNTIME], ids=["folded", "runtime"])
def test_the_shell_takes_at_most_900_luts(edges: Edges, tmp_path: Path) -> None:
    """This includes converters between words of memory and a trained network's beats."""
    found = size(edges, tmp_path)
    print(found)
    assert found.lcs <= 900
    assert found.ramb36 == 1  # the window of 256 words
    assert (found.ramb18, found.dsp) == (0, 0)
