"""Files of toolchain ``vivado``: the wrapper against the shell, the overlay, words of Tcl."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from bitrill.errors import SpecError, ToolError
from bitrill.flow import Build
from bitrill_boards import board as boards
from bitrill_boards.driver import fpga_manager
from bitrill_boards.driver.dma import OWN
from bitrill_boards.driver.registers import SIZE_RUNTIME
from bitrill_boards.project import Project
from bitrill_boards.shell.zynq_shell import ZynqShell
from bitrill_boards.toolchains import tcl, vivado
from bitrill_boards.toolchains.wrapper import ports
from bitrill_hw.synth import yosys
from boards.toolchains.modelled import ZYNQ, project
from boards.toolchains.vivado_build import build, files, shells, written
from support import need_tool, optional_tool

__all__ = ["build", "files", "shells", "written"]  # fixtures
Files = Callable[[Project], Mapping[str, str]]


def declared(verilog: str, module: str) -> dict[str, tuple[str, int]]:
    """``{port: (direction, width)}`` of a module, of old or new style."""
    text = re.search(rf"^module {module}\b.*?^endmodule", verilog, re.M | re.S)
    assert text is not None
    found = re.findall(
        r"^\s*(input|output)\s+(?:wire\s+|reg\s+)?(?:\[(\d+):0\]\s+)?(\w+)\s*[;,]?$", text[0], re.M
    )
    return {name: (way, int(high or 0) + 1) for way, high, name in found}


@pytest.mark.parametrize("name", ["zedboard", "kv260"])
def test_the_wrapper_has_the_shells_ports(name: str, build: Build, files: Files) -> None:
    made = files(project(build, name, Path("unused")))
    shell = declared(made["shell.v"], "bitrill_shell")
    outer = declared(made["bitrill.v"], "bitrill")
    joined = dict(re.findall(r"\.(\w+)\((~?\w+)\)", made["bitrill.v"]))
    assert set(joined) == set(shell)
    assert (joined.pop("clk"), joined.pop("rst")) == ("aclk", "~aresetn")
    assert sorted([*joined.values(), "aclk", "aresetn"]) == sorted(outer)
    assert {p: shell[p] for p in joined} == {p: outer[o] for p, o in joined.items()}


@pytest.mark.parametrize(("name", "bits"), [("zedboard", 32), ("kv260", 40)])
def test_interfaces_tell_what_they_do(name: str, bits: int, build: Build, files: Files) -> None:
    """Bursts that fit an AXI3 port: then nothing has to be split."""
    text = files(project(build, name, Path("unused")))["bitrill.v"]
    told = re.findall(r'X_INTERFACE_PARAMETER = "XIL_INTERFACENAME (\w+), ([^"]*)"', text)
    assert {k: dict(p.split(" ") for p in v.split(", ")) for k, v in told} == {
        "aclk": {"ASSOCIATED_BUSIF": "s_axi:m_axi", "ASSOCIATED_RESET": "aresetn"},
        "aresetn": {"POLARITY": "ACTIVE_LOW"},
        "s_axi": {"PROTOCOL": "AXI4LITE", "DATA_WIDTH": "32", "ADDR_WIDTH": "12"},
        "m_axi": {
            "PROTOCOL": "AXI4",
            "DATA_WIDTH": "64",
            "ADDR_WIDTH": str(bits),
            "ID_WIDTH": "1",
            "MAX_BURST_LENGTH": "16",
            "NUM_READ_OUTSTANDING": "16",
            "NUM_WRITE_OUTSTANDING": "16",
            "SUPPORTS_NARROW_BURST": "0",
            "READ_WRITE_MODE": "READ_WRITE",
        },
        "interrupt": {"SENSITIVITY": "LEVEL_HIGH"},
    }


def test_yosys_finds_the_whole_hierarchy(build: Build, files: Files, tmp_path: Path) -> None:
    """Every module is there, every port that is named exists, and none has two drivers."""
    made = files(project(build, "kv260", tmp_path))
    sources = {"top.v": build.verilog.read_text()}
    sources |= {name: made[name] for name in ("shell.v", "bitrill.v")}
    check = "hierarchy -check -top bitrill; proc; check -assert; tee -o found stat"
    cells = "read_verilog -lib +/xilinx/cells_sim.v"
    script = f"{cells}; read_verilog {' '.join(sources)}; {check}"
    job = yosys.YosysRun(tmp_path / "right", script, sources, ("found",))
    yosys.run([job])
    wrong = sources["bitrill.v"].replace(".write__awid(", ".write__awidth(")
    job = yosys.YosysRun(tmp_path / "wrong", script, sources | {"bitrill.v": wrong}, ("found",))
    with pytest.raises(ToolError, match="does not have a port named 'write__awidth'"):
        yosys.run([job])


def test_registers_of_a_network_with_weights_are_all_there(build: Build) -> None:
    """The wrapper and the addresses are as wide as the shell's registers."""
    p = project(build, "kv260", Path("unused"))
    edges = replace(p.edges, register_bits=12)
    p.__dict__["edges"] = edges
    shell = ZynqShell(edges)
    shell._MustUse__silence = True
    widths = {port.name: port.width for port in ports(shell)}
    assert widths["s_axi_awaddr"] == SIZE_RUNTIME.bit_length() - 1
    made = vivado.files(p)
    assert f"set size {SIZE_RUNTIME:#x}\n" in made["build.tcl"]
    assert f"reg = <0x0 0xa0000000 0x0 {SIZE_RUNTIME:#x}>" in made["bitrill.dts"]
    assert f"ADDR_WIDTH {SIZE_RUNTIME.bit_length() - 1}" in made["bitrill.v"]


@pytest.mark.parametrize("name", ZYNQ)
def test_files_are_the_same_each_time(name: str, build: Build, files: Files) -> None:
    one, two = (files(project(build, name, Path(folder))) for folder in ("a", "b"))
    assert one == two
    assert set(one) == {"shell.v", "bitrill.v", "build.tcl", "bitrill.xdc", "bitrill.dts"}


def test_the_constraints_tell_the_network(build: Build, files: Files) -> None:
    p = project(build, "zc706", Path("unused"))
    lines = [k for k in files(p)["bitrill.xdc"].splitlines() if not k.startswith("#")]
    assert lines == [
        f"set_property BITSTREAM.CONFIG.USERID 0x{p.edges.digest.hex()[:8].upper()}"
        " [current_design]",
        "set_property BITSTREAM.GENERAL.COMPRESS TRUE [current_design]",
    ]


# -- the overlay
def tree(text: str) -> dict[str, dict[str, str]]:
    """Nodes of a device tree's source by their path, and their properties."""
    found: dict[str, dict[str, str]] = {}
    path: list[str] = []
    for line in map(str.strip, text.splitlines()):
        if line.endswith("{"):
            path.append(line[:-1].strip())
            found["/".join(path)] = {}
        elif line == "};":
            path.pop()
        elif line and not line.startswith("/"):
            assert line.endswith(";"), line
            key, _, value = line[:-1].partition(" = ")
            found["/".join(path)][key] = value
    assert path == []
    return found


@pytest.mark.parametrize("name", ZYNQ)
def test_the_overlay_tells_linux_what_there_is(name: str, build: Build, files: Files) -> None:
    p = project(build, name, Path("unused"))
    text = files(p)["bitrill.dts"]
    assert text.startswith("/dts-v1/;\n/plugin/;\n")
    mp = p.board.family == "zynqmp"
    base = "a0000000" if mp else "40000000"
    wide = "0x0 " if mp else ""
    clock = "<&zynqmp_clk 71>" if mp else "<&clkc 15>"
    assert tree(text) == {
        "&fpga_full": {
            "#address-cells": f"<{1 + mp}>",
            "#size-cells": f"<{1 + mp}>",
            "firmware-name": f'"{fpga_manager.NAME}"',
        },
        f"&fpga_full/bitrill@{base}": {
            "compatible": '"generic-uio"',
            "linux,uio-name": '"bitrill"',
            "reg": f"<{wide}0x{base} {wide}0x1000>",
            "interrupt-parent": "<&gic>" if mp else "<&intc>",
            "interrupts": "<0 89 4>" if mp else "<0 29 4>",
            "assigned-clocks": clock,
            "assigned-clock-rates": f"<{round(p.clock_mhz * 1_000_000)}>",
        },
        "&fpga_full/bitrill-memory": {
            "compatible": '"ikwzm,u-dma-buf"',
            "device-name": f'"{OWN}"',
            "size": "<0x1000000>",
        },
    }


def test_the_compiler_of_device_trees_takes_the_overlay(build: Build, files: Files) -> None:
    dtc = optional_tool("dtc")
    text = files(project(build, "zcu104", Path("unused")))["bitrill.dts"]
    done = subprocess.run(
        [dtc, "-@", "-I", "dts", "-O", "dtb", "-o", "/dev/null", "-"],
        input=text,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr


# -- for people
@pytest.mark.parametrize("name", ZYNQ)
def test_the_readme_tells_what_to_do(name: str, build: Build) -> None:
    p = project(build, name, Path("unused"))
    text = vivado.readme(p)
    assert "vivado -mode batch -nojournal -notrace -log vivado.log -source build.tcl" in text
    assert f"Registers are at {p.board.base:#x}" in text
    assert all(preset in text for preset in p.board.presets)
    assert ("no board files for this board" in text) == (name == "ebaz4205")
    assert "copy `bitrill.bit` and `bitrill.hwh` back into this one" in text
    assert text.startswith("## ")
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(
    "text", ["", "a", "a b", "[exit 9]", "$x", "{", "}", "\\", "a\nb", '"', ";", "#", "é ü", "{*}a"]
)
def test_a_word_is_its_text(text: str) -> None:
    script = f"set got {tcl.word(text)}\n{tcl.head({'many': [text, 'b', text, 'd']})}"
    script += "puts -nonewline [join [list $got [llength $many] [lindex $many 2]] |]"
    done = subprocess.run(
        [need_tool("tclsh")],
        input=script,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={"LC_ALL": "C.UTF-8"},
    )
    assert (done.stdout, done.stderr) == (f"{text}|4|{text}", "")


# -- refusals
def test_a_clock_that_the_board_does_not_make_is_refused(build: Build, files: Files) -> None:
    p = project(build, "zc706", Path("unused"), clock_mhz=Fraction(150))
    with pytest.raises(
        SpecError,
        match=re.escape(
            "clock of zc706 must be one that its PLL makes (1000 MHz, divided), not 150 MHz:"
            " nearest are 142.857142 and 166.666666 MHz"
        ),
    ):
        files(p)


def test_a_clock_must_run(build: Build, files: Files) -> None:
    p = project(build, "zc706", Path("unused"), clock_mhz=Fraction(0))
    with pytest.raises(SpecError, match="clock of zc706 must be above 0 MHz, not 0"):
        files(p)


def test_a_board_without_a_processing_system_is_refused(build: Build) -> None:
    p = Project(
        boards.find("ulx3s-85f"),
        build.graph,
        build.predicted,
        build.verilog,
        Path("unused"),
        "vivado",
        Fraction(100),
    )
    with pytest.raises(
        SpecError, match=r"toolchain vivado is for zynq7, zynqmp, not ecp5 \(ulx3s-85f\)"
    ):
        vivado.files(p)


def test_a_board_must_tell_where_registers_are(build: Build, files: Files) -> None:
    p = project(build, "zc706", Path("unused"))
    p = replace(p, board=replace(p.board, base=None))
    with pytest.raises(SpecError, match=r"board zc706 must have a register address \(host"):
        files(p)


def test_a_boards_file_may_name_its_pll(build: Build, files: Files, tmp_path: Path) -> None:
    """1600 MHz makes 160 MHz, which 1000 MHz does not."""
    source = boards.SHIPPED / "zc706.toml"
    text = source.read_text().replace("in_vivado = true", "in_vivado = true\npll_mhz = 1600")
    (tmp_path / "mine.toml").write_text(text)
    mine = boards.find("mine", tmp_path)
    p = Project(
        mine, build.graph, build.predicted, build.verilog, tmp_path, "vivado", Fraction(160)
    )
    assert "PCW_FPGA0_PERIPHERAL_FREQMHZ 160 " in files(p)["build.tcl"]
    with pytest.raises(SpecError, match="1000 MHz, divided"):
        files(project(build, "zc706", tmp_path, clock_mhz=Fraction(160)))
    shutil.copy(source, tmp_path / "other.toml")
    bad = (tmp_path / "other.toml").read_text().replace("in_vivado = true", "pll_mhz = 4000")
    (tmp_path / "other.toml").write_text(bad)
    with pytest.raises(SpecError, match=r"ps\.pll_mhz must be MHz of the PLL of I/O, above 0"):
        boards.find("other", tmp_path)
