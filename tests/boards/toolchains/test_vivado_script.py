"""``build.tcl``, ``bitrill.v``, ``bitrill.xdc`` of every Zynq board, run by a model of Vivado."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from bitrill_boards import board as boards
from bitrill_boards.families.zynq import decimals
from boards.toolchains.modelled import PARTS, ZYNQ, Ended, project, run
from boards.toolchains.vivado_build import Written, build, files, shells, written

__all__ = ["build", "files", "shells", "written"]  # fixtures

DDR = {
    "zynq7": ["bitrill/m_axi /ps/S_AXI_HP0/HP0_DDR_LOWOCM 0x0 0x20000000"],
    "zynqmp": [
        "bitrill/m_axi /ps/SAXIGP2/HP0_DDR_LOW 0x0 0x80000000",
        "bitrill/m_axi /ps/SAXIGP2/HP0_DDR_HIGH 0x800000000 0x80000000",
    ],
}


def left(folder: Path) -> list[str]:
    """The files that belong to a bitstream, if there is one."""
    return sorted(p.name for p in folder.glob("bitrill.*") if p.suffix in (".bit", ".hwh"))


def whole(folder: Path, board: boards.Board, ended: Ended, digest: str) -> list[str]:
    """Everything wrong with a run that should have succeeded."""
    clock = decimals(project_clock(board))
    part = next(p for p in PARTS if p.lower() == board.part.lower())
    wanted = {
        "part": [f"{part} top system_wrapper"],
        "board": [f"{board.presets[0]}:part0:1.10"] if board.presets else [],
        "preset": ["1" if board.presets else "0"],
        "clock": [clock],
        "address": [f"ps/Data /bitrill/s_axi/reg0 {board.base:#x} 0x1000", *DDR[board.family]],
        "directive": ["Default"],
    }
    wrong = [f"exit code {ended.code}: {ended.error}"] if ended.code else []
    wrong += [f"{k} is {ended.fact(k)}" for k, v in wanted.items() if ended.fact(k) != v]
    if left(folder) != ["bitrill.bit", "bitrill.hwh"]:
        return [*wrong, f"left {left(folder)}"]
    user = f"0x{digest[:8].upper()}"
    if (folder / "bitrill.bit").read_text() != f"bitstream {part} UserID={user}\n":
        wrong.append(f"bitstream is {(folder / 'bitrill.bit').read_text()}")
    if (folder / "bitrill.hwh").read_text() != f"hand-off {part}\n":
        wrong.append("hand-off is another")
    return wrong


def project_clock(board: boards.Board) -> Fraction:
    """1000 or 1500 MHz over a whole number, not above what the board's file asks for."""
    pll = 1500 if board.name in ("ultra96-v2", "zcu104") else 1000
    return max(Fraction(pll, k) for k in range(1, 64) if Fraction(pll, k) <= board.clock_mhz)


def judge(folder: Path, board: boards.Board, digest: str) -> list[str]:
    """Everything wrong with a folder's files, in a good run and in one for each failure."""
    wrong = whole(folder, board, run(folder), digest)
    for pretended, code, words in (
        ({"wns": -0.001}, 5, "setup slack -0.001 ns"),
        ({"whs": -0.001}, 5, "hold slack -0.001 ns"),
        ({"loose": 3}, 5, "timing is not proven: 3 pins"),
        ({"fail": "route_design"}, 4, "routing failed"),
        ({"parts": ""}, 3, "does not know part"),
    ):
        ended = run(folder, **pretended)
        if ended.code != code or words not in ended.error or left(folder):
            wrong.append(f"{pretended}: {ended.code}, {ended.error}, left {left(folder)}")
    return wrong


@pytest.mark.parametrize("name", ZYNQ)
def test_every_boards_files_go_through(name: str, written: Written, build) -> None:
    folder = written(name)
    digest = project(build, name, folder).edges.digest.hex()
    assert judge(folder, boards.find(name), digest) == []


ANY = "a [b] {c $d; \\ e"


def test_a_folder_may_have_any_name(written: Written, build) -> None:
    folder = written("pynq-z2", ANY)
    digest = project(build, "pynq-z2", folder).edges.digest.hex()
    assert whole(folder, boards.find("pynq-z2"), run(folder), digest) == []


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        ("glob -nocomplain work/", "glob -nocomplain [pwd]/work/"),  # a pattern of its own
        ("cd [file dirname", "eval cd [file dirname"),  # words, commands and variables in it
    ],
)
def test_a_path_that_is_not_quoted_is_found(there: str, instead: str, written: Written) -> None:
    folder = written("pynq-z2", ANY)
    text = (folder / "build.tcl").read_text()
    assert there in text
    (folder / "build.tcl").write_text(text.replace(there, instead))
    assert run(folder).code != 0


@pytest.mark.parametrize(
    ("name", "crystal"),
    [
        ("pynq-z2", "PCW_CRYSTAL_PERIPHERAL_FREQMHZ 50"),
        ("ebaz4205", "PCW_CRYSTAL_PERIPHERAL_FREQMHZ 33.333333"),
        ("kv260", "PSU__PSS_REF_CLK__FREQMHZ 33.333333"),
    ],
)
def test_no_board_files_are_needed_where_linux_runs(
    name: str, crystal: str, written: Written
) -> None:
    """Without a preset, the script sets the crystal's frequency itself."""
    folder = written(name)
    ended = run(folder, "part-only", boards="")
    assert (ended.code, ended.fact("preset"), ended.fact("board")) == (0, ["0"], [])
    assert ended.fact("address")[0].startswith("ps/Data /bitrill/s_axi/reg0")
    assert crystal in ended.fact("set")
    assert (crystal in run(folder).fact("set")) == (name == "ebaz4205")


@pytest.mark.parametrize(
    ("name", "widths"),
    [
        ("zedboard", ["PCW_S_AXI_HP0_DATA_WIDTH 64"]),
        ("zcu104", ["PSU__MAXIGP0__DATA_WIDTH 128", "PSU__SAXIGP2__DATA_WIDTH 128"]),
    ],
)
def test_ports_are_as_wide_as_after_a_reset(name: str, widths: list[str], written: Written) -> None:
    """A Linux that runs already has not set them up for this design."""
    assert [f for f in run(written(name)).fact("set") if "DATA_WIDTH" in f] == widths


def test_missing_board_files_are_named(written: Written) -> None:
    ended = run(written("ultra96-v2"), boards="")
    assert ended.code == 3
    assert ended.error.startswith(
        "board files of ultra96-v2 (avnet.com:ultra96v2 or em.avnet.com:ultra96v2) are not"
        " installed in Vivado: in its Tcl console, xhub::refresh_catalog"
    )
    assert "xhub::install [xhub::get_xitems *ultra96v2*]" in ended.error
    assert "-tclargs part-only" in ended.error


def test_a_second_name_of_board_files_is_taken(written: Written) -> None:
    ended = run(written("zedboard"), boards="em.avnet.com:zed:part0:1.4")
    assert (ended.code, ended.fact("board")) == (0, ["em.avnet.com:zed:part0:1.4"])


def test_an_old_vivado_is_refused(written: Written) -> None:
    folder = written("zc706")
    assert run(folder, version="2020.1").code == 0
    ended = run(folder, version="2019.2")
    assert (ended.code, left(folder)) == (3, [])
    assert ended.error == "Vivado 2020.1 or later is needed, this is 2019.2"


def test_another_clock_than_asked_for_is_refused(written: Written) -> None:
    ended = run(written("zcu104"), made="199.998")
    assert ended.code == 4
    assert ended.error.startswith(
        "the processing system makes a clock of 199.998 MHz, not 187.5: its PLL is not"
    )


@pytest.mark.parametrize(
    ("command", "step"),
    [
        ("create_bd_design", "project"),
        ("apply_bd_automation", "processing system"),
        ("connect_bd_net", "block design"),
        ("validate_bd_design", "addresses"),
        ("generate_target", "sources"),
        ("synth_design", "synthesis"),
        ("opt_design", "optimization"),
        ("place_design", "placement"),
        ("report_utilization", "reports"),
        ("write_bitstream", "bitstream"),
    ],
)
def test_a_step_that_fails_is_named(command: str, step: str, written: Written) -> None:
    folder = written("pynq-z1")
    (folder / "bitrill.bit").write_text("of an earlier run")
    ended = run(folder, fail=command)
    assert (ended.code, left(folder)) == (4, [])
    assert ended.error.startswith(f"{step} failed: ERROR: [Common 17-39] '{command}' failed")


def test_what_is_not_made_fails_the_step(written: Written) -> None:
    folder = written("pynq-z1")
    ended = run(folder, skip="hwh")
    assert (ended.code, ended.error) == (4, "sources failed: system.hwh was not made")
    ended = run(folder, skip="bit")
    assert (ended.code, left(folder)) == (4, [])
    assert ended.error.startswith("bitstream failed: error copying")


def test_a_report_that_tells_nothing_proves_nothing(written: Written) -> None:
    ended = run(written("pynq-z1"), loose="some")
    assert ended.code == 4
    assert ended.error == "reports failed: timing.rpt does not tell what is unconstrained"


def test_another_seed_is_another_placement(written: Written) -> None:
    found = [run(written("pynq-z1", seed=seed)).fact("directive") for seed in (1, 2, 5)]
    assert found == [["Default"], ["Explore"], ["Default"]]


def test_an_address_that_is_too_narrow_is_found(written: Written) -> None:
    """An address of 35 bits does not reach DDR that goes on at 32 GiB."""
    folder = written("kv260")
    text = (folder / "bitrill.v").read_text()
    narrow = text.replace("[39:0]", "[34:0]").replace("ADDR_WIDTH 40", "ADDR_WIDTH 35")
    assert narrow != text
    (folder / "bitrill.v").write_text(narrow)
    ended = run(folder)
    assert ended.code == 4
    assert ended.error == "addresses failed: bitrill/m_axi does not reach /ps/SAXIGP2/HP0_DDR_HIGH"


# file, what is there, what is put in its place, what is said
FAULTS = {
    "a misspelt port of the wrapper": (
        "bitrill.v",
        "m_axi AWADDR",
        "m_axi AWADR",
        "m_axi has no AWADDR",
    ),
    "an interface of another name": (
        "bitrill.v",
        "aximm:1.0 s_axi",
        "aximm:1.0 s_axil",
        "parameters of another interface",
    ),
    "a port the other way round": (
        "bitrill.v",
        "output wire [31:0] m_axi_awaddr",
        "input wire [31:0] m_axi_awaddr",
        "AWADDR is no out",
    ),
    "a port of another width": (
        "bitrill.v",
        "output wire [31:0] m_axi_awaddr",
        "output wire [30:0] m_axi_awaddr",
        "AWADDR is not as wide as ADDR_WIDTH",
    ),
    "a bus without a clock": (
        "bitrill.v",
        "ASSOCIATED_BUSIF s_axi:m_axi",
        "ASSOCIATED_BUSIF s_axi",
        "m_axi is not associated with a clock",
    ),
    "a clock without a reset": (
        "bitrill.v",
        ", ASSOCIATED_RESET aresetn",
        "",
        "the clock has no reset",
    ),
    "the wrong polarity": (
        "bitrill.v",
        "POLARITY ACTIVE_LOW",
        "POLARITY ACTIVE_HIGH",
        "bitrill/aresetn is a reset_high",
    ),
    "no reset": (
        "build.tcl",
        "{bitrill/aresetn control/aresetn memory/aresetn}",
        "{control/aresetn memory/aresetn}",
        "bitrill/aresetn is not connected",
    ),
    "no clock": (
        "build.tcl",
        "{bitrill/aclk control/aclk",
        "{control/aclk",
        "bitrill/aclk is not connected",
    ),
    "no clock of a port": (
        "build.tcl",
        "ps/M_AXI_GP0_ACLK ps/S_AXI_HP0_ACLK",
        "ps/M_AXI_GP0_ACLK",
        "clock ps/S_AXI_HP0_ACLK is not connected",
    ),
    "a port that a preset opens": (
        "build.tcl",
        "CONFIG.PCW_USE_M_AXI_GP1 0",
        "CONFIG.PCW_USE_M_AXI_GP1 1",
        "clock ps/M_AXI_GP1_ACLK is not connected",
    ),
    "no interrupt": (
        "build.tcl",
        "join_pins bitrill/interrupt ps/$ps_interrupt",
        "",
        "interrupt ps/IRQ_F2P is not connected",
    ),
    "no way to memory": (
        "build.tcl",
        "join_ports memory/M00_AXI ps/$ps_memory",
        "",
        "interface ps/S_AXI_HP0 is not connected",
    ),
    "an AXI4 master at an AXI3 port": (
        "build.tcl",
        "join_ports bitrill/m_axi memory/S00_AXI\n    join_ports memory/M00_AXI ps/$ps_memory",
        "join_ports bitrill/m_axi ps/$ps_memory",
        "bitrill/m_axi is AXI4, ps/S_AXI_HP0 AXI3",
    ),
    "an address outside of the port": (
        "build.tcl",
        "set base 0x40000000",
        "set base 0x80000000",
        "is outside of the port",
    ),
    "another address": ("build.tcl", "set base 0x40000000", "set base 0x43c00000", "address is"),
    "registers cut short": ("build.tcl", "set size 0x1000", "set size 0x800", "is cut short"),
    "no memory": (
        "build.tcl",
        "set ps_ddr [list HP0_DDR_LOWOCM]",
        "set ps_ddr [list HP0_DDR]",
        "reaches no DDR",
    ),
    "another part": (
        "build.tcl",
        "set wanted xc7z020clg400-1",
        "set wanted xc7z020clg484-1",
        "part is",
    ),
    "another property": (
        "build.tcl",
        "CONFIG.PCW_USE_S_AXI_HP0 1",
        "CONFIG.PCW_USE_S_AXI_HPO 1",
        "has no property CONFIG.PCW_USE_S_AXI_HPO",
    ),
    "another clock": (
        "build.tcl",
        "CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ 100",
        "CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ 200",
        "makes a clock of 200 MHz, not 100",
    ),
    "no preset": ("build.tcl", "apply_board_preset $applied", "apply_board_preset 0", "preset is"),
    "memory's pins kept inside": (
        "build.tcl",
        "FIXED_IO, DDR",
        "FIXED_IO",
        "DDR and FIXED_IO of ps are not external",
    ),
    "setup not looked at": ("build.tcl", "if {$wns < 0}", "if {0}", "{'wns': -0.001}: 0"),
    "hold not looked at": ("build.tcl", "if {$whs < 0}", "if {0}", "{'whs': -0.001}: 0"),
    "unclocked pins not looked at": ("build.tcl", "if {$loose > 0}", "if {0}", "{'loose': 3}: 0"),
    "the setup slack taken for the hold slack": (
        "build.tcl",
        "set whs [get_property SLACK $hold]",
        "set whs $wns",
        "{'whs': -0.001}: 0",
    ),
    "a hand-off that is not copied": (
        "build.tcl",
        "set also [list bitrill.hwh]",
        "set also [list]",
        "left ['bitrill.bit']",
    ),
    "an earlier bitstream that is kept": (
        "build.tcl",
        "file delete -force bitrill.bit bitrill.hwh",
        "file delete -force",
        "left ['bitrill.bit', 'bitrill.hwh']",
    ),
    "errors that do not end it": (
        "build.tcl",
        "refuse $::failed",
        "puts",
        "{'fail': 'route_design'}: 1",
    ),
    "an option that there is not": (
        "build.tcl",
        "route_design\n",
        "route_design -effort high\n",
        "Unknown option '-effort'",
    ),
    "no validation": ("build.tcl", "    validate_bd_design\n", "", "the design is not validated"),
    "another network's mark": ("bitrill.xdc", "USERID 0x", "USERID 0xA", "bad USERID"),
    "Tcl among constraints": (
        "bitrill.xdc",
        "set_property BITSTREAM.GENERAL",
        "puts {}; set_property BITSTREAM.GENERAL",
        'invalid command name "puts"',
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_found(fault: str, written: Written, build) -> None:
    name, there, instead, words = FAULTS[fault]
    folder = written("pynq-z2")
    text = (folder / name).read_text()
    assert there in text
    (folder / name).write_text(text.replace(there, instead))
    digest = project(build, "pynq-z2", folder).edges.digest.hex()
    found = judge(folder, boards.find("pynq-z2"), digest)
    assert any(words in line for line in found), found
