"""openXC7: the whole design by Yosys; all that comes behind by programs that stand for the real
ones, and what is said where they are missing or fail."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from bitrill import flow
from bitrill.errors import FitError, SpecError, TimingError, ToolError
from bitrill.storage import write_text
from bitrill_boards import board as boards
from bitrill_boards.families.zynq import families
from bitrill_boards.project import Project, ToolchainResult
from bitrill_boards.toolchains import native, openxc7
from bitrill_hw.synth import yosys
from bitrill_sim import netlist
from frontend.onnx_models import save, small
from support import need_tool

PART = "xc7z020clg400-1"

# What the programs are called with, checked as they would; what they are told to do wrong.
FAKE = f"""\
#!{sys.executable}
import json, os, sys, time
name, words = os.path.basename(sys.argv[0]), sys.argv[1:]
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps([name, *words]) + "\\n")
if os.environ.get("FAIL") == name:
    print("ERROR: " + os.environ.get("SAYS", "no way"))
    sys.exit(1)
if os.environ.get("NOTHING") == name:
    sys.exit(0)
if os.environ.get("HANG") == name:
    time.sleep(1000)
if name == "fasm2frames":
    options, (given, result) = words[:-2], words[-2:]
    options = dict(zip(options[::2], options[1::2]))
    assert sorted(options) == ["--db-root", "--part"] and os.path.isdir(options["--db-root"])
    made = "frames of " + open(given).read()
else:
    options = dict(zip(words[::2], words[1::2]))
if name == "xc7frames2bit":
    assert sorted(options) == ["--frm_file", "--output_file", "--part_file", "--part_name"]
    assert os.path.isfile(options["--part_file"])
    result, made = options["--output_file"], "bits of " + open(options["--frm_file"]).read()
if name == "nextpnr-xilinx":
    assert sorted(options) == ["--chipdb", "--fasm", "--freq", "--json", "--seed", "--xdc"]
    design = json.load(open(options["--json"]))["modules"]["bitrill"]
    kinds = [cell["type"] for cell in design["cells"].values()]
    assert kinds.count("PS7") == kinds.count("BUFG") == 1 and "LUT6_2" not in kinds
    assert not any(kind.startswith("$") for kind in kinds)
    words = open(options["--xdc"]).read().split()
    assert words[:2] == ["create_clock", "-period"] and words[3:] == ["[get_nets", "clk]"]
    assert "clk" in design["netnames"] and os.path.isfile(options["--chipdb"])
    result, made = options["--fasm"], "fasm"
    print("Info: Packing constants..\\nInfo: Placed 5 cells\\nInfo: Routing..")
    last = os.environ.get("FMAX", "123.45")
    for mhz, passed in (("9999.00", "PASS"), (last, "FAIL")) if last else ():
        print(f"Info: Max frequency for clock  'clk': {{mhz}} MHz ({{passed}} at 100.00 MHz)")
if name == "yosys":
    assert words == ["-q", "-l", "yosys.log", "-s", "bitrill.ys"] and os.path.isfile("bitrill.ys")
    result, made = "netlist.json", open(os.environ["NETLIST"]).read()
with open(result, "w") as file:
    file.write(made)
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A small network for a PYNQ-Z1, its files written; one run of Yosys serves all tests."""
    folder = tmp_path_factory.mktemp("openxc7")
    net, out = small()
    build = flow.compile(save(net.proto(out), folder), out=folder / "b").build
    project = Project(
        boards.find("pynq-z1"),
        build.graph,
        build.predicted,
        build.verilog,
        folder / "pynq-z1",
        "openxc7",
        Fraction(100),
        seed=3,
    )
    write_text(project.folder / "top.v", build.verilog.read_text())
    for name, text in openxc7.files(project).items():
        write_text(project.folder / name, text)
    return project


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Fakes of all openXC7 tools, on PATH and in variables; returns their folder."""
    for name in (*openxc7.PROGRAMS, "yosys"):
        write_text(tmp_path / "bin" / name, FAKE)
        (tmp_path / "bin" / name).chmod(0o755)
    write_text(tmp_path / "xc7z020clg400.bin", "chip")
    write_text(tmp_path / "db" / "zynq7" / PART / "part.yaml", "part")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("OPENXC7_CHIPDB", str(tmp_path))
    monkeypatch.setenv("PRJXRAY_DB_DIR", str(tmp_path / "db"))
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return tmp_path


def calls(tools: Path) -> list[list[str]]:
    return [json.loads(line) for line in (tools / "calls").read_text().splitlines()]


def make(project: Project) -> ToolchainResult:
    return openxc7.make(project, lambda what, done, total: None)


@pytest.mark.nightly
def test_from_network_to_bitstream(whole: Project, tools: Path) -> None:
    seen = []
    made = openxc7.make(whole, lambda what, done, total: seen.append(what))
    assert (whole.folder / made.bitstream).read_text() == "bits of frames of fasm"
    assert made.fmax_mhz == 123.45, "of the two that are told, the one after routing"
    assert {r: have for r, (_, have) in made.used.items()} == {
        "lut": 53200,
        "ff": 106400,
        "bram": 140,
        "dsp": 220,
    }
    assert all(n <= whole.board.usable(r) for r, (n, _) in made.used.items())
    assert made.used["lut"][0] > 500
    assert made.used["bram"][0] == 1
    assert [words[0] for words in calls(tools)] == list(openxc7.PROGRAMS)
    place = calls(tools)[0]
    assert (place[place.index("--seed") + 1], place[place.index("--freq") + 1]) == ("3", "100")
    assert {"synthesis by Yosys", "nextpnr-xilinx: packing", "xc7frames2bit"} <= set(seen)


@pytest.mark.nightly
def test_the_script_by_hand_does_the_same(whole: Project, tools: Path, monkeypatch) -> None:
    make(whole)
    ours = calls(tools)
    (tools / "calls").unlink()
    monkeypatch.setenv("NETLIST", str(whole.folder / "work" / "netlist.json"))
    monkeypatch.setenv("OPENXC7_CHIPDB", os.path.relpath(tools))
    (whole.folder / "bitrill.bit").unlink()
    subprocess.run(["sh", str(whole.folder / "build.sh")], check=True)
    assert (whole.folder / "bitrill.bit").read_text() == "bits of frames of fasm"
    assert calls(tools)[1:] == ours


def test_the_script_by_hand_names_a_missing_variable(
    whole: Project, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PRJXRAY_DB_DIR")
    ended = subprocess.run(
        ["sh", str(whole.folder / "build.sh")], capture_output=True, text=True, check=False
    )
    assert ended.returncode != 0
    assert "PRJXRAY_DB_DIR: must be the folder of Project X-Ray's database" in ended.stderr


def test_all_that_is_missing_is_named_at_once(whole: Project, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    for name in ("OPENXC7_CHIPDB", "PRJXRAY_DB_DIR"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ToolError) as raised:
        make(whole)
    assert raised.value.exit_code == 3
    for name in (*openxc7.PROGRAMS, "OPENXC7_CHIPDB", "PRJXRAY_DB_DIR"):
        assert name in str(raised.value)
    assert "xc7z020clg400.bin" in str(raised.value)


def test_databases_without_the_part_are_named(whole: Project, tools: Path, monkeypatch) -> None:
    (tools / "xc7z020clg400.bin").unlink()
    (tools / "db" / "zynq7" / PART / "part.yaml").unlink()
    with pytest.raises(ToolError, match=rf"xc7z020clg400\.bin \(OPENXC7_CHIPDB\); part {PART} in"):
        make(whole)
    assert not (tools / "calls").exists()


@pytest.mark.parametrize("name", openxc7.PROGRAMS)
def test_a_tool_that_fails(whole: Project, tools: Path, monkeypatch, name: str) -> None:
    monkeypatch.setenv("FAIL", name)
    with pytest.raises(ToolError, match=rf"^{name} failed: no way \(log: work/{name}.log\)"):
        make(whole)
    assert not (whole.folder / "bitrill.bit").exists()


@pytest.mark.parametrize("name", openxc7.PROGRAMS)
def test_a_tool_that_leaves_nothing(whole: Project, tools: Path, monkeypatch, name: str) -> None:
    make(whole)
    monkeypatch.setenv("NOTHING", name)
    with pytest.raises(ToolError, match=f"^{name} failed: it left no bitrill"):
        make(whole)
    assert not (whole.folder / "bitrill.bit").exists(), "the last run's is not taken for this one's"


@pytest.mark.parametrize("mhz", ["99.9", "31.4"])
def test_a_design_that_is_too_slow(whole: Project, tools: Path, monkeypatch, mhz: str) -> None:
    monkeypatch.setenv("FMAX", mhz)
    with pytest.raises(TimingError, match=f"runs at {mhz} MHz at most on pynq-z1, not at 100 MHz"):
        make(whole)
    assert not (whole.folder / "bitrill.bit").exists()


@pytest.mark.parametrize(
    ("right", "fault"),
    [("get_nets clk", "get_nets fclk0"), ("get_nets", "get_ports"), ("create_clock", "set_clock")],
)
def test_a_wrong_constraint_is_found(whole: Project, tools: Path, right: str, fault: str) -> None:
    path = whole.folder / "bitrill.xdc"
    text = path.read_text()
    assert right in text
    path.write_text(text.replace(right, fault))
    try:
        with pytest.raises(ToolError, match="nextpnr-xilinx failed: AssertionError"):
            make(whole)
    finally:
        path.write_text(text)


ZYNQ7 = tuple(b.name for b in boards.every() if b.family == "zynq7")


@pytest.mark.parametrize("name", ZYNQ7)
def test_the_constraints_of_every_board_are_tcl(whole: Project, tmp_path: Path, name: str) -> None:
    board = boards.find(name)
    clock = families()["zynq7"].below(board, Fraction(board.clock_mhz)).mhz
    project = dataclasses.replace(whole, board=board, clock_mhz=clock)
    stub = "proc get_nets n {return $n}\nproc create_clock args {puts $args}\nsource bitrill.xdc\n"
    (tmp_path / "stub.tcl").write_text(stub)
    (tmp_path / "bitrill.xdc").write_text(openxc7.constraints(project))
    ended = subprocess.run(
        [need_tool("tclsh"), "stub.tcl"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ended.stdout == f"-period {float(1000 / clock):.3f} clk\n"


@pytest.mark.nightly
def test_a_placer_that_tells_no_speed(whole: Project, tools: Path, monkeypatch) -> None:
    monkeypatch.setenv("FMAX", "")
    with pytest.raises(ToolError, match="nextpnr-xilinx did not report the fastest clock"):
        make(whole)


def test_a_design_that_is_too_large(whole: Project, tools: Path) -> None:
    tiny = dataclasses.replace(whole.board.resources, lut=500)
    board = dataclasses.replace(whole.board, resources=tiny)
    with pytest.raises(FitError, match=r"does not fit pynq-z1: lut [\d,]+ of 500"):
        make(dataclasses.replace(whole, board=board))
    assert not (tools / "calls").exists(), "it is not even placed"


def test_a_tool_that_hangs_is_ended(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANG", "fasm2frames")
    with pytest.raises(ToolError, match=r"fasm2frames failed: it ran for more than .* seconds"):
        native.run(["fasm2frames"], tools, (), patience=0.3)


def test_an_interrupt_leaves_nothing(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANG", "fasm2frames")

    def interrupt() -> None:
        write_text(tools / "half", "half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        native.run(["fasm2frames"], tools, ("half",), watch=interrupt)
    assert not (tools / "half").exists()


def test_a_trace_of_python_is_told_by_its_end(tools: Path) -> None:
    words = [sys.executable, "-c", "raise ValueError('no such feature')"]
    with pytest.raises(ToolError, match="failed: ValueError: no such feature"):
        native.run(words, tools, ())


def test_no_other_family(whole: Project) -> None:
    wrong = dataclasses.replace(whole, board=boards.find("zcu104"))
    with pytest.raises(SpecError, match="toolchain openxc7 is for boards of family zynq7"):
        openxc7.files(wrong)


def test_no_clock_that_cannot_be_made(whole: Project) -> None:
    wrong = dataclasses.replace(whole, clock_mhz=Fraction(150))
    with pytest.raises(SpecError, match="must be one that its PLL makes"):
        openxc7.files(wrong)


EQUAL = """\
read_verilog design.v
copy gold gate
techmap -map lut6_2.v gate
select -assert-none gate/t:LUT6_2
read_verilog cells.v pair.v
hierarchy -check -top pair
proc
flatten gold gate
miter -equiv -flatten gold gate both
sat -verify -prove trigger 0 both
tee -o proven.txt stat both
"""


@pytest.mark.parametrize("fault", [False, True])
def test_a_table_of_two_outputs_is_split_rightly(tmp_path: Path, fault: bool) -> None:
    """Proven by Yosys for every input."""
    design = (
        "module gold(input [5:0] i, output [1:0] o);\n"
        "  LUT6_2 #(.INIT(64'h8d3b_91f0_2c6e_57a4)) both (.O5(o[0]), .O6(o[1]), .I0(i[0]),\n"
        "    .I1(i[1]), .I2(i[2]), .I3(i[3]), .I4(i[4]), .I5(i[5]));\nendmodule\n"
    )
    split = openxc7.LIBRARY["lut6_2.v"]
    if fault:
        split = split.replace("INIT[31:0]", "INIT[63:32]")
    models = netlist.cell_models("  LUT6_2 a (\n  LUT6 b (\n  LUT5 c (\n")
    pair = "module pair(input [5:0] i);\n  gold a(.i(i));\n  gate b(.i(i));\nendmodule\n"
    sources = {"cells.v": models, "design.v": design, "pair.v": pair, "lut6_2.v": split}
    job = yosys.YosysRun(tmp_path, EQUAL, sources, ("proven.txt",))
    if fault:
        with pytest.raises(ToolError, match="Called with -verify and proof did fail"):
            yosys.run([job])
    else:
        yosys.run([job])


def test_the_files_are_the_same_each_time(whole: Project) -> None:
    for name, text in openxc7.files(whole).items():
        assert (whole.folder / name).read_text() == text
        assert str(whole.folder) not in text
