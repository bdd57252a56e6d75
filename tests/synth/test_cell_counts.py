"""Counts of a netlist's cells, against netlists written out by hand."""

from __future__ import annotations

from typing import Any

import pytest
from bitrill.errors import ToolError
from bitrill_hw.synth.cell_counts import KEYS, CellCounts, count


def netlist(*cells: tuple[str, list[Any]]) -> dict[str, Any]:
    """A module of cells: type, nets at I0, I1, .. (each drives a net of its own)."""
    return {
        "cells": {
            f"c{i}": {
                "type": kind,
                "connections": {f"I{k}": [net] for k, net in enumerate(nets)} | {"O": [1000 + i]},
            }
            for i, (kind, nets) in enumerate(cells)
        }
    }


def test_nothing_takes_nothing() -> None:
    assert count(netlist()) == CellCounts()


@pytest.mark.parametrize("kind", ["LUT1", "LUT2", "LUT3", "LUT4", "LUT5", "LUT6", "INV"])
def test_every_lut_is_one_of_each(kind: str) -> None:
    size = 1 if kind == "INV" else int(kind[3])
    assert count(netlist((kind, list(range(size))))) == CellCounts(lut=1, lcs=1)


def test_two_small_luts_share_one() -> None:
    two = netlist(("LUT2", [1, 2]), ("LUT3", [3, 4, 5]))
    assert count(two) == CellCounts(lut=2, lcs=1)


def test_two_luts_of_six_inputs_together_do_not_share() -> None:
    two = netlist(("LUT3", [1, 2, 6]), ("LUT3", [3, 4, 5]))
    assert count(two) == CellCounts(lut=2, lcs=2)


def test_a_lut6_shares_with_nobody() -> None:
    two = netlist(("LUT6", [1, 2, 3, 4, 5, 6]), ("LUT1", [1]))
    assert count(two) == CellCounts(lut=2, lcs=2)


def test_constants_take_no_pin() -> None:
    two = netlist(("LUT3", [1, 2, "0"]), ("LUT4", [3, 4, 5, "1"]))
    assert count(two) == CellCounts(lut=2, lcs=1)


def test_a_lut6_2_is_one_and_is_full() -> None:
    assert count(netlist(("LUT6_2", [1, 2, 3, 4, 5, 6]), ("LUT1", [1]))) == CellCounts(lut=2, lcs=2)


@pytest.mark.parametrize(
    ("kind", "lcs"),
    [
        ("RAM32M", 4),
        ("RAM64M", 4),
        ("RAM32X1D", 2),
        ("RAM64X1D", 2),
        ("RAM128X1D", 4),
        ("SRL16E", 1),
        ("SRLC32E", 1),
    ],
)
def test_memories_take_luts_that_are_no_logic(kind: str, lcs: int) -> None:
    assert count(netlist((kind, []))) == CellCounts(lcs=lcs)


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("FDRE", "ff"),
        ("FDSE", "ff"),
        ("FDCE", "ff"),
        ("FDPE", "ff"),
        ("FDRE_1", "ff"),
        ("CARRY4", "carry4"),
        ("RAMB18E1", "ramb18"),
        ("RAMB36E1", "ramb36"),
        ("DSP48E1", "dsp"),
    ],
)
def test_other_cells_count_once(kind: str, field: str) -> None:
    assert count(netlist((kind, []), (kind, []))) == CellCounts(**{field: 2})


def test_wide_multiplexers_and_constants_are_free() -> None:
    assert count(netlist(("MUXF7", []), ("MUXF8", []), ("GND", []), ("VCC", []))) == CellCounts()


def test_a_cell_without_a_count_is_refused() -> None:
    with pytest.raises(
        ToolError, match=r"^the netlist holds cells that have no count: IDDR, URAM$"
    ):
        count(netlist(("URAM", []), ("IDDR", []), ("LUT1", [1])))


def test_submodules_that_are_counted_elsewhere() -> None:
    assert count(netlist(("top.fc0", []), ("LUT1", [1])), ignore=["top.fc0"]).lut == 1


def test_sums_and_differences() -> None:
    a = CellCounts(*range(1, 8))
    assert a + a - a == a
    assert tuple(a.to_json()) == KEYS
    assert " ".join(KEYS) == "lut lcs ff carry4 ramb18 ramb36 dsp"
