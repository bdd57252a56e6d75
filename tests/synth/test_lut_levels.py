"""Logic levels between two registers, and the delays of LUTs with two outputs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from bitrill.errors import ToolError
from bitrill_hw.arith.cells import table
from bitrill_hw.synth.lut_levels import decides, lut_levels
from bitrill_hw.synth.synthesis import _read_outputs_only


def lut(inputs: list[Any], out: int, init: str | None = None) -> dict[str, Any]:
    pins = {f"I{i}": [net] for i, net in enumerate(inputs)}
    table = init or f"{1 << (1 << len(inputs)) - 1:0{1 << len(inputs)}b}"
    return {
        "type": f"LUT{len(inputs)}",
        "parameters": {"INIT": table},
        "port_directions": {**dict.fromkeys(pins, "input"), "O": "output"},
        "connections": {**pins, "O": [out]},
    }


def module(*cells: dict[str, Any]) -> dict[str, Any]:
    return {"cells": {f"c{k}": c for k, c in enumerate(cells)}, "ports": {}, "netnames": {}}


TERNARY = table(
    [
        lambda c, clear, a, b, m: (c & ~clear) + a + b > 1,
        lambda c, clear, a, b, m: (c & ~clear) + a + b + m,
    ],
    5,
)
"""Of I0 (0 where I1 is 1), I2 and I3: O5 their majority, O6 the parity of them and I4."""


def ternary(c: int, a: int, b: int, m: int, parity: int, majority: int) -> dict[str, Any]:
    """A place of the chain of `bitrill_hw.arith.compressors`."""
    nets = (c, "0", a, b, m, "1")
    pins = {f"I{i}": [net] for i, net in enumerate(nets)}
    return {
        "type": "LUT6_2",
        "parameters": {"INIT": f"{TERNARY:064b}"},
        "port_directions": {**dict.fromkeys(pins, "input"), "O5": "output", "O6": "output"},
        "connections": {**pins, "O5": [majority], "O6": [parity]},
    }


def test_luts_in_a_row_are_counted() -> None:
    assert lut_levels(module()) == 0
    assert lut_levels(module(lut([10, 11], 12))) == 1
    assert lut_levels(module(lut([12, 13], 14), lut([10, 11], 12), lut([14, 12], 15))) == 3


def test_registers_end_paths() -> None:
    held = {"type": "FDRE", "connections": {"C": [1], "D": [12], "Q": [13]}}
    assert lut_levels(module(lut([10, 11], 12), held, lut([13, 10], 14))) == 1


def test_an_input_that_decides_nothing_is_no_path() -> None:
    assert lut_levels(module(lut([10, 11], 12), lut([12, 13], 14, "1100"))) == 1
    assert [decides(0b1100, 2, i) for i in range(2)] == [False, True]


def test_the_majority_of_a_ternary_chain_goes_one_place_up() -> None:
    """The LUT also reads the place below, but only for its parity."""
    places = [ternary(10 + k, 20 + k, 30 + k, 40 + k, 60 + k, 41 + k) for k in range(5)]
    assert lut_levels(module(*places)) == 2


def test_a_carry_chain_passes_levels_on_upwards() -> None:
    def chain(s: list[Any]) -> dict[str, Any]:
        pins = {"S": s, "DI": ["0"] * 4, "CI": ["0"], "CYINIT": ["0"]}
        ends = {"O": [20, 21, 22, 23], "CO": [30, 31, 32, 33]}
        return {"type": "CARRY4", "connections": pins | ends}

    behind = lut([23, 10], 40)
    assert lut_levels(module(lut([10, 11], 12), chain([12, "0", "0", "0"]), behind)) == 2
    below = lut([20, 10], 40)
    assert lut_levels(module(lut([10, 11], 12), chain(["0", 12, "0", "0"]), below)) == 1


def test_a_loop_is_refused() -> None:
    with pytest.raises(ToolError, match="the netlist holds a combinational loop"):
        lut_levels(module(lut([12, 10], 11), lut([11, 10], 12)))


def test_a_lut_of_two_outputs_has_the_delays_of_two() -> None:
    reader = lut([60, 41], 99)
    made = json.loads(_read_outputs_only(module(ternary(10, 20, 30, 40, 60, 41), reader)))
    cells = made["modules"]["top"]["cells"]
    assert sorted(c["type"] for c in cells.values()) == ["LUT2", "LUT5", "LUT6"]
    five = next(c for c in cells.values() if c["type"] == "LUT5")["connections"]
    six = next(c for c in cells.values() if c["type"] == "LUT6")["connections"]
    assert (five["I4"], six["I4"]) == (["0"], [40])
    assert (five["O"], six["O"]) == ([41], [60])
