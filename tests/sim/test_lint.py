"""Verilator's warnings about generated Verilog: all of them on, none left but the waived ones."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from bitrill.flow.compile_options import Style
from bitrill.ir import Graph, IntType
from bitrill.ir.activation import Quantizer
from bitrill.lowering import to_folded, to_integer
from bitrill_hw.design.verilog import verilog
from bitrill_sim.lint import WAIVERS, lint
from graphs.exploring import drawn
from networks import mlp


@pytest.mark.parametrize(
    ("first", "count"), [(0, 2), pytest.param(2, 100, marks=pytest.mark.nightly)]
)
def test_random_networks_have_no_warnings(tmp_path: Path, first: int, count: int) -> None:
    for k, case in enumerate(drawn(102, first + count)[first:]):
        source = tmp_path / f"{k}.v"
        source.write_text(verilog(case.folded()))
        assert lint([source]) == [], case


@pytest.mark.parametrize("style", get_args(Style))
def test_every_style_has_no_warnings(tmp_path: Path, style: Style) -> None:
    """With the cells of 7-series parts, which are Verilog of our own, and without."""
    quantizer = Quantizer(IntType(0, 7))
    weights, x = IntType(-7, 7), IntType(0, 15)
    integer = to_integer(mlp((12, 6, 4, 3), weights=weights, quantizer=quantizer, relu=True, x=x))
    matrices = [node.name for node in integer if node.kind == "matvec"]
    for primitives in ("xc7", "portable"):
        folding = {name: {"primitives": primitives} for name in matrices}
        source = tmp_path / f"{primitives}.v"
        source.write_text(verilog(to_folded(integer, style=style, folding=folding)))
        assert lint([source]) == []


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("wire [2:0] q; assign q = 4'd9;", "WIDTHTRUNC: Operator ASSIGNW expects 3 bits"),
        ("reg q; always @* if (aclk) q = error;", "LATCH: Latch inferred for signal 'top.q'"),
        ("wire q; wire p = q;", "UNDRIVEN: Signal is not driven: 'q'"),
        ("wire q = aclk; wire q = error;", "error: Duplicate declaration of signal: 'q'"),
    ],
)
def test_planted_faults_are_seen(network: Graph, tmp_path: Path, fault: str, told: str) -> None:
    source = tmp_path / "top.v"
    head, line, tail = verilog(network).partition("  input aclk;\n")
    source.write_text(f"{head}{line}  {fault}\n{tail}")
    assert any(warning.startswith(told) for warning in lint([source])), lint([source])


def test_every_waiver_has_its_reason() -> None:
    assert all(len(waiver.reason) > 30 for waiver in WAIVERS)
