"""Designs in the cells of every family: commands, counts in their own names, netlists simulated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bitrill.errors import ToolError
from bitrill.ir import Graph
from bitrill.lowering import to_folded, to_integer
from bitrill.parts.devices import part_of
from bitrill_hw.synth import CELL_FAMILIES, SynthReport, synthesise
from bitrill_hw.synth.cell_families import UltraScaleCounts
from bitrill_sim.netlist import cell_models, check
from networks import inputs, mlp
from support import nightly

MEMORY = {"ice40": "ebr", "ecp5": "ebr", "gowin": "bsram", "xcup": "ramb18"}
"""Block memory of each family by its own name."""

PARTS = {"ice40": "ice40-hx8k", "ecp5": "lfe5u-85", "gowin": "gw1nr-9", "xcup": "xczu7ev"}

KEYS = {
    "xc7": "lut lcs ff carry4 ramb18 ramb36 dsp",
    "xcup": "lut lcs ff carry8 ramb18 ramb36 uram288 dsp",
    "ecp5": "lut lcs ff ccu2c ebr mult18 mult9",
    "ice40": "lut lcs ff carry ebr spram mac16",
    "gowin": "lut lcs ff alu bsram mult9 mult18 mult36",
}

Cell = tuple[str, dict[str, list[Any]]]


def counted(family: str, *cells: Cell) -> dict[str, int]:
    """Counts above zero of a netlist of cells: type, nets by port."""
    module: Any = {
        "cells": {f"c{i}": {"type": t, "connections": c} for i, (t, c) in enumerate(cells)}
    }
    figures = CELL_FAMILIES[family].table.count(module).to_json()
    return {k: n for k, n in figures.items() if n}


def test_every_family_has_rows_in_its_own_names() -> None:
    assert {n: " ".join(f.table.row.keys()) for n, f in CELL_FAMILIES.items()} == KEYS


@pytest.mark.parametrize(
    ("family", "cell", "figures"),
    [
        ("ice40", "SB_LUT4", {"lut": 1, "lcs": 1}),
        ("ice40", "SB_DFFESR", {"ff": 1}),
        ("ice40", "SB_RAM40_4K", {"ebr": 1}),
        ("ice40", "SB_SPRAM256KA", {"spram": 1}),
        ("ice40", "SB_MAC16", {"mac16": 1}),
        ("ecp5", "LUT4", {"lut": 1, "lcs": 1}),
        ("ecp5", "PFUMX", {}),
        ("ecp5", "CCU2C", {"lcs": 2, "ccu2c": 1}),
        ("ecp5", "TRELLIS_DPR16X4", {"lcs": 6}),
        ("ecp5", "DP16KD", {"ebr": 1}),
        ("ecp5", "MULT18X18D", {"mult18": 1}),
        ("gowin", "LUT3", {"lut": 1, "lcs": 1}),
        ("gowin", "MUX2_LUT5", {}),
        ("gowin", "ALU", {"lcs": 1, "alu": 1}),
        ("gowin", "RAM16SDP4", {"lcs": 6}),
        ("gowin", "DFFRE", {"ff": 1}),
        ("gowin", "SDPX9B", {"bsram": 1}),
        ("gowin", "pROM", {"bsram": 1}),
        ("gowin", "MULT36X36", {"mult36": 1}),
        ("xcup", "RAM32M16", {"lcs": 8}),
        ("xcup", "RAMB18E2", {"ramb18": 1}),
        ("xcup", "URAM288", {"uram288": 1}),
        ("xcup", "DSP48E1", {"dsp": 1}),
        ("xcup", "CARRY8", {"carry8": 1}),
    ],
)
def test_each_cell_counts_by_its_own_name(family: str, cell: str, figures: dict[str, int]) -> None:
    assert counted(family, (cell, {})) == figures


def test_a_carry_cell_of_ice40_shares_the_logic_cell_of_its_lut() -> None:
    carry = ("SB_CARRY", {"I0": [1], "I1": [2], "CI": [3]})
    beside = ("SB_LUT4", {"I0": ["0"], "I1": [1], "I2": [2], "I3": [3]})
    other = ("SB_LUT4", {"I0": ["0"], "I1": [1], "I2": [2], "I3": [4]})
    assert counted("ice40", carry, beside) == {"lut": 1, "lcs": 1, "carry": 1}
    assert counted("ice40", carry, other) == {"lut": 1, "lcs": 2, "carry": 1}


def test_two_carry_cells_of_the_7_series_make_one_of_ultrascale() -> None:
    assert counted("xcup", *[("CARRY4", {})] * 3) == {"carry8": 2}


@pytest.mark.parametrize("family", CELL_FAMILIES)
def test_a_cell_without_a_count_is_refused(family: str) -> None:
    with pytest.raises(ToolError, match=r"^the netlist holds cells that have no count: ANY$"):
        counted(family, ("ANY", {}), ("$scopeinfo", {}))


def test_what_a_part_has_none_of_does_not_fit(tmp_path: Path) -> None:
    total = UltraScaleCounts(lut=1, lcs=1, uram288=1)
    part = part_of("xczu3eg")
    report = SynthReport(part, "yosys", total, {}, None, tmp_path / "n.v", tmp_path / "log")
    assert not report.fits
    value: Any = report.to_json()
    assert value["utilisation"]["uram288"] == {"used": 1, "available": 0, "percent": None}
    assert "uram288 1 of none" in str(report)


def small(family: str) -> Graph:
    """A dense layer with its weights in block memory, of the family's cells."""
    folding = {"fc0": {"pe": 1, "simd": 2, "style": "folded", "memory": "block"}}
    graph = to_integer(mlp((8, 4), seed=3))
    return to_folded(graph, folding=folding, part=part_of(PARTS[family]))


@pytest.mark.parametrize("family", ["ice40", *nightly("ecp5", "gowin", "xcup")])
def test_a_network_in_the_cells_of_a_family(family: str, tmp_path: Path) -> None:
    """Counts are those of the netlist's text, and block memory has the family's name."""
    graph = small(family)
    report = synthesise(graph, part=PARTS[family], work=tmp_path)
    total, value = report.total.to_json(), report.to_json()
    assert " ".join(total) == KEYS[family]
    assert (total[MEMORY[family]], report.layers["fc0"].to_json()[MEMORY[family]]) == (1, 1)
    assert total["ff"] == sum(layer.ff for layer in report.layers.values()) > 0
    assert (report.path, report.fits) == (None, True)
    assert json.loads(json.dumps(value)) == value
    x = inputs(graph, 20)
    if family == "ice40":
        found = check(graph, report.netlist, x, family=family, work=tmp_path / "check")
        found.check()
        assert found.measured is not None
    else:
        with pytest.raises(ToolError, match="the netlist holds cells that have no model: "):
            check(graph, report.netlist, x, family=family, work=tmp_path / "check")


@pytest.mark.nightly
@pytest.mark.parametrize("family", ["ecp5", "gowin", "xcup"])
def test_a_netlist_without_block_memory_is_simulated(family: str, tmp_path: Path) -> None:
    graph = to_integer(mlp((8, 4), seed=3))
    folding = {"fc0": {"pe": 1, "simd": 2, "style": "folded", "memory": "distributed"}}
    graph = to_folded(graph, folding=folding, part=part_of(PARTS[family]))
    report = synthesise(graph, part=PARTS[family], work=tmp_path)
    check(graph, report.netlist, inputs(graph, 20), family=family, work=tmp_path / "c").check()


def test_an_empty_model_is_no_model() -> None:
    with pytest.raises(ToolError, match=r"cells that have no model: DP16KD$"):
        cell_models("  DP16KD x (\n  );\n", "ecp5")
