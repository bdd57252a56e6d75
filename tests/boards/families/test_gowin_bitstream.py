"""Bitstreams for Gowin boards, read back: the die, the PLL's setting, the pins."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest
from bitrill_boards.families import gowin
from bitrill_boards.project import Project, ToolchainResult
from bitrill_boards.toolchains import open_tools, place_route
from boards.toolchains.open_projects import project

pytestmark = pytest.mark.nightly

UNPACK = "import sys; from apycula.gowin_unpack import main; sys.exit(main())"


@dataclass(frozen=True)
class Case:
    project: Project
    made: ToolchainResult

    @property
    def bitstream(self) -> Path:
        return self.project.folder / self.made.bitstream


@pytest.fixture(scope="module", params=["tang-nano-9k", "tang-primer-20k"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    pytest.importorskip("apycula", reason="needs the extra place")
    found = project(tmp_path_factory.mktemp("gowin"), request.param)
    return Case(found, open_tools.make(found, lambda *_: None))


def test_the_header_names_the_die(case: Case) -> None:
    lines = case.bitstream.read_text().splitlines()
    (command,) = [n for n in lines[:20] if re.fullmatch(r"00000110[01]{56}", n)]
    idcode = case.project.board.idcode
    assert idcode is not None
    assert int(command[32:], 2) & ~gowin.VERSION == idcode & ~gowin.VERSION


def test_the_clock_is_met(case: Case) -> None:
    board, made = case.project.board, case.made
    assert made.fmax_mhz >= case.project.clock_mhz == Fraction(str(board.clock_mhz))
    assert {"lut", "ff", "bram"} <= set(made.used)
    assert made.used["lut"][1] == board.resources.lut
    assert made.used["ff"][1] == board.resources.ff


def test_another_tool_reads_the_same_back(case: Case, tmp_path: Path) -> None:
    """The PLL's setting, and as many memories as were placed."""
    back = tmp_path / "back.v"
    board, work = case.project.board, case.project.folder / open_tools.WORK
    pins = open_tools.pins_of(board)
    device = gowin.target(board, pins).pack[1]
    subprocess.run(
        [sys.executable, "-c", UNPACK, "-d", device, "-o", str(back), str(case.bitstream)],
        check=True,
        capture_output=True,
    )
    text = back.read_text()
    told = dict(re.findall(r"^defparam PLL\w*\.(\w+) = (\d+);", text, re.M))
    pll = next(p for p in gowin.plls(board, pins) if p.mhz == case.project.clock_mhz)
    # of a GW2A's PLL, which takes several tiles, gowin_unpack reads the first one alone
    dividers = ["ODIV_SEL"] if device.startswith("GW2A") else ["IDIV_SEL", "FBDIV_SEL", "ODIV_SEL"]
    assert [told[k] for k in dividers] == [str(pll.parameters[k]) for k in dividers]
    cells = place_route.Placed.read(work / place_route.REPORT).cells
    for cell in ("BSRAM", "RAM16SDP4"):
        assert len(re.findall(rf"^{cell} ", text, re.M)) == cells[cell][0]


def test_pins_are_those_of_the_board(case: Case) -> None:
    """Pin 17 of the QN88 is IOB2A, 18 is IOB2B, 52 is IOR17A (Gowin UG803)."""
    if case.project.board.name != "tang-nano-9k":
        pytest.skip("the package's table is known of the QN88 alone")
    routed = json.loads((case.project.folder / open_tools.WORK / "routed.json").read_text())
    (module,) = routed["modules"].values()
    found = {
        name.rpartition(".")[2]: cell["attributes"]["NEXTPNR_BEL"]
        for name, cell in module["cells"].items()
        if cell["type"] in ("IBUF", "OBUF")
    }
    assert found == {"clk": "X46Y16/IOBA", "rx": "X1Y28/IOBB", "tx": "X1Y28/IOBA"}
