"""What the shell of Zynq boards takes by itself: the network is left out."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest
from bitrill_boards.shell.network import Edges
from bitrill_boards.shell.zynq_shell import ZynqShell
from bitrill_hw.roms import convert
from bitrill_hw.stream import padded
from bitrill_hw.synth import synthesis
from bitrill_hw.synth.cells import Resources, count

TFC = Edges(49, 16, 70, 1, Fraction(64), b"\xfe\xfe[\x90\xe6\xf2'\x01")
"""The trained network's: beats of 49 bits to words of 64, and 70 to two words."""

OUTPUTS = ("s_axis_tready", "m_axis_tdata", "m_axis_tvalid", "m_axis_tlast", "error")


def hollow(edges: Edges) -> str:
    """The shell's Verilog around a network of which nothing is known."""
    text = convert(ZynqShell(edges), name="shell")
    instance = re.search(r"^  top network \((.*?)^  \);", text, re.MULTILINE | re.DOTALL)
    assert instance is not None
    widths = {"s_axis_tdata": padded(edges.bits_in), "m_axis_tdata": padded(edges.bits_out)}
    ports = ", ".join(
        f"{'output' if p in OUTPUTS else 'input'} [{widths.get(p, 1) - 1}:0] {p}"
        for p in re.findall(r"\.(\w+)\(", instance[1])
    )
    text = text.replace("  top network (", "  unknown network (")
    text = text.replace("module shell(", "module top(")
    return f"{text}\n(* blackbox *)\nmodule unknown({ports});\nendmodule\n"


def size(edges: Edges, work: Path) -> Resources:
    job = synthesis.Job(work, synthesis._TOTAL, {"design.v": hollow(edges)}, ("netlist.json",))
    synthesis.run([job])
    flat = synthesis._netlist(job)["top"]
    cells = flat["cells"]
    assert [c for c in cells.values() if c["type"] == "unknown"]
    return count(flat | {"cells": {k: c for k, c in cells.items() if c["type"] != "unknown"}})


@pytest.mark.nightly
def test_the_shell_takes_at_most_900_luts(tmp_path: Path) -> None:
    """Its converters between words of memory and a trained network's beats with it."""
    found = size(TFC, tmp_path)
    print(found)
    assert found.lcs <= 900
    assert found.ramb36 == 1  # the window of 256 words
    assert (found.ramb18, found.dsp) == (0, 0)
