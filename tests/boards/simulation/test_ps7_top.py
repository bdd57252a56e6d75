"""The whole top of a Zynq-7000, primitive and all: the same driver over its two ports."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bitrill import flow
from bitrill.errors import ToolError
from bitrill_boards import board as boards
from bitrill_boards.describe import describe
from bitrill_boards.driver import Driver, Network
from bitrill_boards.driver.axi_transport import AxiTransport
from bitrill_boards.driver.driver_errors import DriverError, LinkError
from bitrill_boards.shell import ps7_top
from bitrill_boards.shell.network_instance import Edges
from bitrill_boards.shell.ps7_ports import INPUTS, OUTPUTS
from bitrill_boards.shell.zynq_shell import register_bits
from bitrill_boards.simulation import ps7_stand_in
from bitrill_boards.simulation.simulated_axi import AxiStalls, SimulatedShell
from bitrill_boards.toolchains import openxc7
from bitrill_hw.synth import yosys
from boards.simulation.shells import Case
from frontend.onnx_models import save, small
from sim.test_runtime import accesses, retrained
from support import shared_model

BASE = 0x4000_0000


def whole(build, work: Path, *, base: int = BASE, top: Callable[[str], str] = lambda t: t):
    """The whole top of a build, behind a bare shell with registers at `BASE`."""
    edges = Edges.of(build.graph, build.predicted.ii)
    text = top(ps7_top.verilog(edges, base=base, name="bitrill"))
    return behind(build.verilog, edges, text + ps7_stand_in.BUFFER + ps7_stand_in.stand_in(), work)


def behind(verilog: Path, edges: Edges, text: str, work: Path) -> SimulatedShell:
    bits = register_bits(edges)
    text += ps7_stand_in.bench("bitrill", name="shell", bits=bits, base=BASE)
    bench = AxiStalls(latency=40, stall=0.1, pause=3, seed=1)
    return SimulatedShell(verilog, edges, work=work, bench=bench, shell=text)


def driver(build, shell: SimulatedShell) -> Driver:
    transport = AxiTransport(shell.registers, shell.memory, clock_hz=shell.clock_hz)
    return Driver(Network(describe(build.graph, build.predicted)), transport)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("ps7")
    net, out = small()
    return flow.compile(save(net.proto(out), folder), out=folder / "b").build


def check(build, shell: SimulatedShell, n: int) -> None:
    """Run floats through the driver, and compare with the golden model."""
    with driver(build, shell) as board:
        x = np.random.default_rng(6).normal(0, 1, (n, *build.graph.source.shape))
        integers, floats = board.run(x)
        wanted = flow.run(build, x)
        assert (integers == wanted.integers).all()
        assert (floats == wanted.floats).all()
        assert board.report()["frames"] == n


def test_the_tables_of_ports_are_the_primitives() -> None:
    ports = ps7_stand_in.ports()
    assert {n: bits for n, (direction, bits) in ports.items() if direction == "input"} == INPUTS
    outputs = {n: bits for n, (direction, bits) in ports.items() if direction == "output"}
    assert OUTPUTS.items() <= outputs.items()


def test_no_input_stays_open(build) -> None:
    edges = Edges.of(build.graph, build.predicted.ii)
    text = ps7_top.verilog(edges, base=BASE, name="bitrill")
    cell = text[text.index("PS7 ps7 (") :]
    cell = cell[: cell.index(");")]
    assert all(f".{name}(" in cell for name in INPUTS)
    for name in ("IRQF2P", "SAXIHP0ARLEN", "SAXIHP0AWID", "SAXIHP0WID", "MAXIGP0BID"):
        assert f".{name}()" not in cell


def test_the_driver_runs_over_the_whole_top(build, tmp_path_factory) -> None:
    check(build, whole(build, tmp_path_factory.mktemp("sim")), 100)


@pytest.mark.nightly
def test_a_trained_network_runs_over_the_whole_top(tmp_path: Path) -> None:
    build = flow.compile(shared_model("TFC_1W1A.onnx"), out=tmp_path / "b").build
    check(build, whole(build, tmp_path / "sim"), 1000)


@pytest.mark.nightly
def test_weights_are_written_through_the_whole_top(runtime: Case, tmp_path: Path) -> None:
    """Registers of 32 MiB, thousands of writes one behind the other."""
    other, x = retrained(runtime.graph, "runtime"), runtime.images(30)
    assert (runtime.graph.run(x) != other.run(x)).any()
    text = (
        ps7_top.verilog(runtime.edges, base=BASE, name="bitrill")
        + ps7_stand_in.BUFFER
        + ps7_stand_in.stand_in()
    )
    shell = behind(runtime.top, runtime.edges, text, tmp_path)
    with runtime.driver(shell) as board:
        assert (board.run(x)[0] == runtime.graph.run(x)).all()
        board.write_weights(accesses(other).tolist())
        assert (board.run(x)[0] == other.run(x)).all()


FAULTS = {
    "a read's identifier": ("MAXIGP0RID", "12'h0"),
    "a write's identifier": ("MAXIGP0BID", "12'h0"),
    "the last beat of a read": ("MAXIGP0RLAST", "1'h0"),
    "the identifier of write data": ("SAXIHP0WID", "6'h01"),
    "the length of writes": ("SAXIHP0AWLEN", "4'h3"),
    "the size of reads": ("SAXIHP0ARSIZE", "2'h2"),
}
"""What is wrong, the processor's port, and what it is connected to."""


@pytest.mark.nightly
@pytest.mark.parametrize("name", FAULTS)
def test_a_broken_top_is_found(build, tmp_path: Path, name: str) -> None:
    port, wrong = FAULTS[name]

    def broken(text: str) -> str:
        changed, count = re.subn(rf"\.{port}\([^)]*\)", f".{port}({wrong})", text)
        assert count == 1
        return changed

    with pytest.raises(ToolError, match="simulation"):
        check(build, whole(build, tmp_path, top=broken), 20)


@pytest.mark.nightly
def test_registers_elsewhere_are_not_there(build, tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="DECERR"):
        driver(build, whole(build, tmp_path, base=BASE + 0x1000))


@pytest.fixture(scope="module")
def netlist(build, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Verilog of the whole netlist that nextpnr-xilinx gets."""
    edges, folder = Edges.of(build.graph, build.predicted.ii), tmp_path_factory.mktemp("mapped")
    sources = {
        "top.v": build.verilog.read_text(),
        "bitrill.v": ps7_top.verilog(edges, base=BASE, name="bitrill"),
    }
    openxc7.synthesise(sources, boards.find("pynq-z1"), folder, lambda *told: None)
    made = {"netlist.json": (folder / "netlist.json").read_text()}
    script = "read_json netlist.json\nwrite_verilog -noattr netlist.v\n"
    yosys.run([yosys.YosysRun(folder / "verilog", script, made, ("netlist.v",))])
    return (folder / "verilog" / "netlist.v").read_text()


def over_cells(build, netlist: str, work: Path) -> None:
    edges = Edges.of(build.graph, build.predicted.ii)
    nothing = work / "nothing.v"
    nothing.write_text("module nothing;\nendmodule\n")
    check(build, behind(nothing, edges, ps7_stand_in.mapped(netlist), work), 50)


@pytest.mark.nightly
def test_the_netlist_of_the_whole_top_is_right(build, netlist: str, tmp_path: Path) -> None:
    over_cells(build, netlist, tmp_path)


@pytest.mark.nightly
def test_a_wrong_cell_is_found(build, netlist: str, tmp_path: Path) -> None:
    """Registers that wait for their clock enable take what comes at once."""
    wrong, n = re.subn(r"\.CE\((?!1'h1)[^)]*\)", ".CE(1'h1)", netlist)
    assert n > 40
    with pytest.raises((AssertionError, ToolError, LinkError, DriverError)):
        over_cells(build, wrong, tmp_path)
