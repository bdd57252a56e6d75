"""A core in others' tools: FuseSoC, IP-XACT, Vivado's packager, GHDL, LiteX, cocotb."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from pathlib import Path

import pytest
from bitrill import flow
from bitrill_boards.ip.ipxact import SPACE
from boards.ip.exported import export, icarus, run, times
from boards.toolchains import modelled
from support import need_tool, optional_tool


@pytest.fixture(scope="module")
def core(small_compiled: flow.Compiled, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A core with every kind of port."""
    folder = tmp_path_factory.mktemp("core") / "my_net"
    return export(
        small_compiled.build, folder, name="my_net", stream_bits=32, counters=True, samples=6
    )


def fusesoc(core: Path, work: Path, target: str, **environment: str) -> str:
    words = [sys.executable, "-m", "fusesoc.main", "--cores-root", str(core), "run"]
    words += ["--target", target, "--work-root", str(work), "bitrill:ip:my_net", "--stall=20"]
    return run(words, work.parent, HOME=str(work.parent), **environment)


def test_fusesoc_builds_and_simulates(core: Path, tmp_path: Path) -> None:
    need_tool("iverilog")
    latency = json.loads((core / "ports.json").read_text())["latency"]
    assert times(fusesoc(core, tmp_path / "work", "sim"))[0] >= latency


@pytest.mark.nightly
def test_verilator_runs_the_bench(core: Path, tmp_path: Path) -> None:
    from bitrill_sim.tools import verilator

    tool, folder = verilator(), tmp_path / "bin"
    folder.mkdir()
    (folder / "verilator").write_text(f'#!/bin/sh\nexec "{tool.program}" "$@"\n')
    (folder / "verilator").chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    printed = fusesoc(
        core, tmp_path / "work", "verilator", PATH=path, VERILATOR_ROOT=str(tool.root)
    )
    assert times(printed)


@pytest.mark.nightly
def test_ipxact_is_what_the_schema_has(core: Path) -> None:
    """The reader was generated from the standard's schema: it writes what it knows, in order."""
    pytest.importorskip("lxml", reason="lxml comes with the extra 'dev'")
    from ipyxact import ipxact2014
    from lxml import etree

    path = core / "ipxact" / "my_net.xml"
    out = io.StringIO()
    read = ipxact2014.parse(str(path), silence=True)
    read.export(out, 0, namespaceprefix_="ipxact:")

    def tags(tree) -> list[tuple[str, str]]:
        return [(e.tag, (e.text or "").strip()) for e in tree.iter()][1:]

    rest = iter(tags(etree.fromstring(out.getvalue().encode())))
    assert [t for t in tags(etree.parse(path)) if t not in rest] == []
    assert read.get_name() == "my_net"
    buses = read.get_busInterfaces().get_busInterface()
    kinds = {b.get_name(): b.get_busType().get_name() for b in buses}
    assert kinds == {"s_axis": "AXI4Stream", "m_axis": "AXI4Stream", "s_axi": "AXI4Lite"}


def test_ipxact_names_what_there_is(core: Path) -> None:
    from xml.etree import ElementTree

    tree = ElementTree.parse(core / "ipxact" / "my_net.xml")
    space = {"x": SPACE}

    def texts(path: str) -> list[str]:
        return [str(e.text) for e in tree.findall(path, space)]

    sheet = json.loads((core / "ports.json").read_text())
    ports = {p["name"]: p for p in sheet["ports"]}
    assert texts(".//x:port/x:name") == list(ports)
    mapped = texts(".//x:physicalPort/x:name")
    assert {*mapped, "error"} == {*ports}
    assert len(mapped) - len({*mapped}) == 2 * 2  # clock and reset are in each of three buses
    lefts = {
        port.findtext("x:name", "", space): int(port.findtext(".//x:left", "0", space))
        for port in tree.findall(".//x:port", space)
    }
    assert lefts == {name: p["width"] - 1 for name, p in ports.items()}
    assert texts(".//x:register/x:name") == [r["name"] for r in sheet["registers"]]
    offsets = [int(t.removeprefix("'h"), 16) for t in texts(".//x:addressOffset")]
    assert offsets == [r["offset"] for r in sheet["registers"]]
    for name in texts(".//x:file/x:name"):
        assert (core / "ipxact" / name).is_file()
    logical = {
        (bus.findtext("x:name", "", space), str(name.text))
        for bus in tree.findall(".//x:busInterface", space)
        for name in bus.findall(".//x:logicalPort/x:name", space)
    }
    some = {("s_axis", "TDATA"), ("m_axis", "TLAST"), ("s_axi", "AWADDR"), ("s_axi", "RRESP")}
    assert some < logical


@pytest.mark.parametrize("infers", [0, 1])
def test_vivado_packages_it(core: Path, tmp_path: Path, infers: int) -> None:
    trace = tmp_path / "trace"
    words = [need_tool("tclsh"), str(modelled.MODEL), "-mode", "batch", "-source", "package_ip.tcl"]
    printed = run(words, core, **modelled.environment(trace=trace, infer=infers))
    assert "BITRILL PACKAGED bitrill:ip:my_net:0.1" in printed
    facts = trace.read_text().splitlines()
    assert "ip my_net aclk aresetn m_axis s_axi s_axis" in facts
    assert "clocks aresetn aclk m_axis aclk s_axi aclk s_axis aclk" in facts
    assert "range 4096" in facts
    assert any("zynq Production zynquplus Production" in f for f in facts)  # plain logic fits all


def test_the_instance_to_copy_elaborates(core: Path, tmp_path: Path) -> None:
    text = (core / "templates" / "my_net.v").read_text()
    (tmp_path / "mine.v").write_text(f"module mine;\n{text}endmodule\n")
    assert icarus(core, top="mine", sources=(tmp_path / "mine.v",)) == ""


@pytest.mark.nightly
def test_vhdl_elaborates(core: Path, tmp_path: Path) -> None:
    ghdl = optional_tool("ghdl")
    template = (core / "templates" / "my_net.vhd").read_text()
    signals, _, instance = template.partition("\n\n")
    (tmp_path / "mine.vhd").write_text(
        "library ieee;\nuse ieee.std_logic_1164.all;\nentity mine is end entity;\n"
        f"architecture a of mine is\n{signals}\nbegin\n{instance}end architecture;\n"
    )
    sources = [str(p) for p in (*sorted(core.glob("vhdl/*.vhd")), tmp_path / "mine.vhd")]
    for standard in ("93", "08"):
        run([ghdl, "-a", f"--std={standard}", *sources], tmp_path)
        for entity in ("my_net_vhdl", "mine"):
            run([ghdl, "-e", f"--std={standard}", entity], tmp_path)
        for made in tmp_path.glob("*.cf"):
            made.unlink()


@pytest.mark.nightly
def test_c_packs_the_beats_of_the_bench(core: Path, tmp_path: Path) -> None:
    """Integers of the recorded frames, packed by the C driver, are the words of the testbench."""
    words = (core / "tb" / "my_net_s_axis.hex").read_text().split()
    data = b"".join(int(w, 16).to_bytes(4, "little") for w in words)  # one beat of 4 bytes a frame
    codes = [
        [data[k + j // 2] >> 4 * (j % 2) & 15 for j in range(6)] for k in range(0, len(data), 4)
    ]
    values = ", ".join(f"{{{', '.join(str((c ^ 8) - 8) for c in row)}}}" for row in codes)
    (tmp_path / "main.c").write_text(_MAIN.replace("@VALUES@", values))
    sources = [str(core / "c" / "my_net.c"), "main.c", "-lm"]
    flags = ["-std=c99", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Werror"]
    run([need_tool("gcc"), *flags, "-I", str(core / "c"), "-o", "main", *sources], tmp_path)
    assert bytes.fromhex(run([str(tmp_path / "main")], tmp_path)) == data


_MAIN = """#include "my_net.h"
#include <stdio.h>
static const my_net_in values[][MY_NET_INPUTS] = {@VALUES@};
int main(void)
{
    unsigned k, j;
    for (k = 0; k < sizeof values / sizeof *values; ++k) {
        uint8_t frame[4] = {0};
        if (my_net_pack(values[k], frame))
            return 1;
        for (j = 0; j < 4; ++j)
            printf("%02x", frame[j]);
    }
    return 0;
}
"""


@pytest.mark.nightly
@pytest.mark.parametrize("simulator", ["icarus"])
def test_cocotb_runs_the_example(core: Path, simulator: str) -> None:
    need_tool("iverilog")
    folder = core / "cocotb"
    printed = run([sys.executable, "run.py", simulator], folder, TERM="dumb")
    assert printed.rstrip().endswith("1 of 1 tests passed")


@pytest.mark.nightly
def test_litex_places_it(core: Path, tmp_path: Path) -> None:
    """Elaborated by LiteX itself, if it is installed (pip install litex migen)."""
    pytest.importorskip("litex", reason="litex is not installed; it only adds a second opinion")
    script = tmp_path / "soc.py"
    script.write_text(_SOC.format(folder=core / "litex"))
    (tmp_path / "soc.v").write_text(run([sys.executable, str(script)], tmp_path))
    assert icarus(core, top="soc", sources=(tmp_path / "soc.v",)) == ""


_SOC = """import sys
sys.path.insert(0, "{folder}")
import my_net
from migen import ClockDomain, Module
from migen.fhdl import verilog


class Platform:
    def add_source(self, path):
        assert path.endswith("my_net.v")


class Soc(Module):
    def __init__(self):
        self.clock_domains.cd_sys = ClockDomain()
        self.submodules.net = net = my_net.MyNet(Platform())
        ends = [getattr(e, s) for e in (net.sink, net.source) for s in ("data", "valid", "ready")]
        ends += [net.sink.last, net.source.last, net.error, net.bus.aw.addr, net.bus.r.data]
        self.ios = {{*ends, self.cd_sys.clk, self.cd_sys.rst}}


soc = Soc()
print(verilog.convert(soc, soc.ios, name="soc"))
"""


def test_litex_has_every_port(core: Path) -> None:
    text = (core / "litex" / "my_net.py").read_text()
    compile(text, "my_net.py", "exec")
    given = set(re.findall(r"^            ([io])_(\w+)=", text, re.MULTILINE))
    sheet = json.loads((core / "ports.json").read_text())
    assert given == {(p["direction"][0], p["name"]) for p in sheet["ports"]}
