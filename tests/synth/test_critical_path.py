"""The report of Yosys' `sta` is read right: where the path starts and ends, how many LUTs."""

from __future__ import annotations

from typing import Any

import pytest
from bitrill.errors import ToolError
from bitrill_hw.synth.critical_path import worst_path

HEAD = "3. Executing STA pass (static timing analysis).\nLatest arrival time in 'top' is 1764:\n"

BETWEEN_REGISTERS = f"""{HEAD}\
    1764 $auto$ff.cc:337:slice$11 (FDRE.D)
           $abc$1$o507
    1764 $auto$maccmap.cc:240:synth$3174.carry4 (CARRY4.S->O)
           $abc$1$o3
    1182 $abc$1$lut$aiger$o507 (LUT6.I2->O)
           $techmap1$reintegrate$2.A [2]
     710 $abc$1$lut$6 (LUT3.I0->O)
           \\l0.xin [3]
     303 $auto$ff.cc:337:slice$33 (FDRE.C->Q)
       0   \\clk (<primary input>)

Arrival histogram:
 legend: * represents 1 endpoint(s)
"""

MODULE: dict[str, Any] = {
    "netnames": {
        "clk": {"bits": [2]},
        "go": {"bits": [9]},
        "l0.xin": {"bits": [20, 21, 22, 23]},
        "deep.copy.of.xin": {"bits": [23]},
        "l0.acc": {"bits": [30, 31], "offset": 4},
        "$abc$1$o507": {"bits": [40]},
    },
    "cells": {
        "$auto$ff.cc:337:slice$11": {"type": "FDRE", "connections": {"D": [40], "Q": [31]}},
        "$auto$ff.cc:337:slice$33": {"type": "FDRE", "connections": {"D": [50], "Q": [23]}},
        "fc0.weights.0.0": {"type": "RAMB18E1", "connections": {"ADDRARDADDR": [60, 61]}},
    },
}


def test_from_register_to_register() -> None:
    path = worst_path(BETWEEN_REGISTERS, MODULE)
    assert path is not None
    assert (path.ns, path.levels) == (1.764, 2)
    assert (path.start, path.end) == ("l0.xin[3]", "l0.acc[5]")
    assert path.cells == ("FDRE", "LUT3", "LUT6", "CARRY4")
    assert path.to_json()["note"] == "cell delay, no routing"


def test_an_end_that_sta_does_not_name_is_looked_up() -> None:
    unnamed = BETWEEN_REGISTERS.replace(
        "    1764 $auto$ff.cc:337:slice$11 (FDRE.D)\n",
        "    1764 (<unknown>)\n"
        "Warning: Critical-path does not terminate in a recognised endpoint.\n",
    )
    path = worst_path(unnamed, MODULE)
    assert path is not None
    assert path.end == "l0.acc[5]"


def test_from_a_port_through_a_memory_s_asynchronous_read_to_a_memory() -> None:
    report = f"""{HEAD}\
    1764 fc0.weights.0.0 (RAMB18E1.ADDRARDADDR)
           $abc$1$o3
    1000 fifo.0.0 (RAM32M.ADDRA->DOA)
           $abc$1$o4
     500 $abc$1$lut$6 (LUT3.I0->O)
       0   \\go (<primary input>)
"""
    path = worst_path(report, MODULE)
    assert path is not None
    assert (path.start, path.end, path.levels) == ("go", "fc0.weights.0.0", 2)


def test_to_an_output() -> None:
    report = BETWEEN_REGISTERS.replace("$auto$ff.cc:337:slice$11 (FDRE.D)", "(<primary output>)")
    report = report.replace("$abc$1$o507\n", "\\go\n")
    path = worst_path(report, MODULE)
    assert path is not None
    assert path.end == "go"


def test_a_design_without_paths() -> None:
    assert worst_path("3. Executing STA pass\nNo timing paths found.\n", MODULE) is None


@pytest.mark.parametrize(
    ("report", "lacks"),
    [
        ("nothing of the kind", "the latest arrival time"),
        (HEAD, "where the path ends"),
        (HEAD + "    1764 (<primary output>)\n", "the cells of the path"),
    ],
)
def test_a_report_of_another_form_is_refused(report: str, lacks: str) -> None:
    with pytest.raises(ToolError, match=rf"^Yosys' sta must print {lacks}, and did not$"):
        worst_path(report, MODULE)
