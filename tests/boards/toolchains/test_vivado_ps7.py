"""``vivado-ps7``: the files of every Zynq-7000, run by a model of Vivado; planted faults."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from bitrill import flow
from bitrill.errors import SpecError, TimingError, ToolError
from bitrill.flow import Build
from bitrill_boards import board as boards
from bitrill_boards.project import Project
from bitrill_boards.shell import ps7_top
from bitrill_boards.toolchains import load, ps7_project, vivado_ps7
from boards.toolchains import modelled
from frontend.onnx_models import save, small

ZYNQ7 = tuple(b.name for b in boards.every() if b.family == "zynq7")


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    folder = tmp_path_factory.mktemp("ps7")
    net, out = small()
    return flow.compile(save(net.proto(out), folder), out=folder / "b").build


@pytest.fixture(scope="module")
def top(build: Build) -> str:
    """``bitrill.v``, which is the same for all boards, and takes the most time."""
    edges = modelled.project(build, ZYNQ7[0], Path()).edges
    return ps7_top.verilog(edges, base=0x4000_0000, name="bitrill")


@pytest.fixture
def project(
    build: Build, top: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Project]:
    """Makes a project with its files, from a board's name and changes."""
    monkeypatch.setattr(ps7_project.ps7_top, "verilog", lambda edges, *, base, name: top)

    def of(name: str = "pynq-z1", **changes: object) -> Project:
        values = {"toolchain": "vivado-ps7"} | changes
        made = modelled.project(build, name, tmp_path / "board", **values)
        modelled.write(made, vivado_ps7.files(made))
        return made

    return of


def wrong(project: Project) -> Iterator[str]:
    """Everything wrong with a project's files, if Vivado succeeds."""
    ended, clock = modelled.run(project.folder), project.clock_mhz
    wanted = {
        "part": [f"{project.board.part} top bitrill"],
        "period": [f"{float(1000 / clock):.3f} ps7/FCLKCLK[0]"],
        "jitter": [f"{float(30 / clock):.3f}"],
        "directive": ["Default"],
        "board": [],
    }
    if ended.code:
        yield f"exit code {ended.code}: {ended.output}"
    yield from (f"{k} is {ended.fact(k)}" for k, v in wanted.items() if ended.fact(k) != v)
    user = f"0x{project.edges.digest.hex()[:8].upper()}"
    made = project.folder / "bitrill.bit"
    if not made.exists() or made.read_text() != f"bitstream {project.board.part} UserID={user}\n":
        yield "no bitstream, or another one"
    if "CRITICAL WARNING" in ended.output:
        yield "a constraint names what is not there"


def unnoticed(project: Project) -> Iterator[str]:
    """Failures that the project's script does not report."""
    for pretended, code in (
        ({"wns": -0.001}, 5),
        ({"whs": -0.001}, 5),
        ({"loose": 3}, 5),
        ({"parts": ""}, 3),
        *(({"fail": k}, 4) for k in ("read_verilog", "synth_design", "write_bitstream")),
    ):
        ended = modelled.run(project.folder, **pretended)
        if ended.code != code or (project.folder / "bitrill.bit").exists():
            yield f"{pretended}: {ended.code}, {ended.error}"


@pytest.mark.parametrize("name", ZYNQ7)
def test_every_boards_files_go_through(project: Callable[..., Project], name: str) -> None:
    made = project(name)
    assert vivado_ps7.constraints(made).startswith(
        f"create_clock -name fclk0 -period {7 if name == 'zc706' else 10}.000 "
    )
    assert list(wrong(made)) == []


def test_every_failure_is_told(project: Callable[..., Project]) -> None:
    assert list(unnoticed(project())) == []


FAULTS = {
    "another cell in the XDC": ("bitrill.xdc", "{ps7/", "{ps/"),
    "another pin in the XDC": ("bitrill.xdc", "FCLKCLK[0]", "FCLK_CLK0"),
    "a net for a pin": ("bitrill.xdc", "get_pins", "get_nets"),
    "a slower clock in the XDC": ("bitrill.xdc", "-period 10.", "-period 11."),
    "no period": ("bitrill.xdc", "-period", "-waveform"),
    "jitter of another clock": ("bitrill.xdc", "set_input_jitter fclk0", "set_input_jitter fclk1"),
    "jitter in picoseconds": ("bitrill.xdc", "0.300", "300"),
    "no clock": ("bitrill.xdc", "create_clock", "#create_clock"),
    "Tcl in the XDC": ("bitrill.xdc", "create_clock", "puts hello; create_clock"),
    "the cell under another name": ("bitrill.v", "  PS7 ps7 (", "  PS7 system ("),
    "another top": ("bitrill.v", "module bitrill(", "module bitril("),
    "no network": ("build.tcl", "[list top.v bitrill.v]", "[list bitrill.v]"),
    "no constraints": ("build.tcl", "    read_xdc $constraints\n", ""),
    "another part": ("build.tcl", "set wanted xc7z020clg400-1", "set wanted xc7z010clg400-1"),
    "another module on top": ("build.tcl", "set top bitrill", "set top top"),
    "a project on disk": ("build.tcl", "create_project -in_memory", "create_project"),
    "timing not looked at": ("build.tcl", "if {$wns < 0}", "if {0}"),
    "hold not looked at": ("build.tcl", "if {$whs < 0}", "if {0}"),
    "a bitstream before timing": ("build.tcl", "attempt reports", "write_bitstream bitrill.bit\n#"),
    "errors not caught": ("build.tcl", "refuse $::failed", "puts"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(project: Callable[..., Project], name: str) -> None:
    file, right, fault = FAULTS[name]
    made = project()
    text = (made.folder / file).read_text()
    assert right in text
    (made.folder / file).write_text(text.replace(right, fault, 1))
    assert any(wrong(made)) or any(unnoticed(made))


@pytest.fixture
def vivado(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The model as ``vivado`` on PATH."""
    folder = modelled.install(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    for key, value in modelled.environment().items():
        monkeypatch.setenv(key, value)
    return monkeypatch


def test_vivado_is_run(project: Callable[..., Project], vivado: pytest.MonkeyPatch) -> None:
    seen = []
    made = load("vivado-ps7").make(project(), lambda what, done, total: seen.append((what, total)))
    assert made.bitstream == "bitrill.bit"
    assert made.fmax_mhz == pytest.approx(1000 / (10 - 0.321))
    assert made.used["lut"] == (4321, 53200)
    assert ("Vivado: sources", 7) in seen
    assert ("Vivado: bitstream", 7) in seen


def test_slow_designs_and_missing_tools(
    project: Callable[..., Project], vivado: pytest.MonkeyPatch
) -> None:
    made = project()
    vivado.setenv("MODEL_WNS", "-2.5")
    with pytest.raises(TimingError, match=r"setup slack -2\.5 ns .*: 80\.0 MHz of 100\.0 MHz"):
        vivado_ps7.make(made, lambda *told: None)
    vivado.setenv("PATH", "")
    with pytest.raises(ToolError, match="vivado is not on PATH: install") as raised:
        vivado_ps7.make(made, lambda *told: None)
    assert raised.value.exit_code == 3


def test_what_no_such_top_can_be_made_for(project: Callable[..., Project]) -> None:
    made = project()
    with pytest.raises(SpecError, match="toolchain vivado-ps7 is for boards of family zynq7"):
        vivado_ps7.files(dataclasses.replace(made, board=boards.find("kv260")))
    with pytest.raises(SpecError, match="must be one that its PLL makes"):
        vivado_ps7.files(dataclasses.replace(made, clock_mhz=Fraction(150)))
    homeless = dataclasses.replace(made.board, base=None)
    with pytest.raises(SpecError, match="must have a register address"):
        vivado_ps7.files(dataclasses.replace(made, board=homeless))


@pytest.mark.parametrize(
    ("mhz", "period"),
    [
        (100, "10.000"),
        (Fraction(1000, 7), "7.000"),
        (Fraction(200, 3), "15.000"),
        (150, "6.666"),
        (Fraction(1000, 63), "63.000"),
    ],
)
def test_a_period_is_never_longer_than_the_clocks(mhz: Fraction, period: str) -> None:
    assert ps7_project.period_ns(Fraction(mhz)) == period


def test_the_readme_tells_the_registers(project: Callable[..., Project]) -> None:
    text = vivado_ps7.readme(project())
    # UG585: FPGA0_CLK_CTRL has DIVISOR0 in bits 13:8 and DIVISOR1 in 25:20
    assert "| 0xF8000170 | 0x00200500 | FCLK0 = 1000 MHz / (5 x 2) = 100 MHz" in text
    for register in ("0xF8000008", "0xF8008000", "0xF8008014", "0xF8000240", "0xF8000900"):
        assert register in text
