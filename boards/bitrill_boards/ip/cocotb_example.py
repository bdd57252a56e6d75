"""An example for cocotb: recorded frames through the core, and a script that runs it."""

from __future__ import annotations

from .core import Core


def files(core: Core) -> dict[str, str]:
    """Return the test and the script that runs it."""
    name = core.name
    return {f"cocotb/test_{name}.py": _test(core), "cocotb/run.py": _RUN.replace("@NAME@", name)}


def _test(core: Core) -> str:
    idle = [
        f"    dut.{p.name}.value = 0"
        for p in core.ports
        if p.name.startswith("s_axi_") and p.direction == "in"
    ]
    weights = [
        f'    cocotb.start_soon(send(dut, "{p}", words("{p}"), forever=True))'
        for p in core.weight_streams
    ]
    setup = "\n".join([*idle, *weights])
    text = _TEST.replace("@NAME@", core.name)
    return text.replace("@SETUP@\n", setup + "\n" if setup else "")


_TEST = '''"""Recorded frames through @NAME@, each result compared: an example to go on from."""

import json
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ReadOnly, RisingEdge

CORE = Path(__file__).resolve().parent.parent
SHEET = json.loads((CORE / "ports.json").read_text())
BEATS = {stream["port"]: stream["beats"] for stream in SHEET["streams"]}


def words(port):
    """Return the recorded beats of a stream."""
    lines = (CORE / "tb" / f"@NAME@_{port}.hex").read_text().split()
    return [int(line, 16) for line in lines]


async def send(dut, port, beats, forever=False):
    """Send beats; ``tlast`` ends each frame."""
    data, valid, ready = (getattr(dut, f"{port}_t{s}") for s in ("data", "valid", "ready"))
    k = 0
    while forever or k < len(beats):
        data.value = beats[k % len(beats)]
        valid.value = 1
        if port in BEATS:
            getattr(dut, f"{port}_tlast").value = k % BEATS[port] == BEATS[port] - 1
        await ReadOnly()
        taken = bool(ready.value)
        await RisingEdge(dut.aclk)
        k += taken
    valid.value = 0


async def receive(dut, count):
    """Return the next beats of the output, and check where its frames end."""
    beats = []
    dut.m_axis_tready.value = 1
    while len(beats) < count:
        await ReadOnly()
        if dut.m_axis_tvalid.value:
            last = len(beats) % BEATS["m_axis"] == BEATS["m_axis"] - 1
            assert bool(dut.m_axis_tlast.value) == last
            beats.append(int(dut.m_axis_tdata.value))
        await RisingEdge(dut.aclk)
    return beats


@cocotb.test()
async def recorded_frames(dut):
    dut.aresetn.value = 0
    dut.s_axis_tvalid.value = 0
    dut.m_axis_tready.value = 0
@SETUP@
    cocotb.start_soon(Clock(dut.aclk, 10, "ns").start())
    for _ in range(4):
        await RisingEdge(dut.aclk)
    dut.aresetn.value = 1
    wanted = words("m_axis")
    cocotb.start_soon(send(dut, "s_axis", words("s_axis")))
    assert await receive(dut, len(wanted)) == wanted
    assert not dut.error.value
'''

_RUN = '''"""Runs test_@NAME@.py: ``python run.py [icarus|verilator]``; needs cocotb 2."""

import sys
from pathlib import Path

from cocotb_tools.runner import get_results, get_runner

HERE = Path(__file__).resolve().parent
simulator = sys.argv[1] if len(sys.argv) > 1 else "icarus"
runner = get_runner(simulator)
runner.build(
    sources=[HERE.parent / "rtl" / "@NAME@.v"],
    hdl_toplevel="@NAME@",
    build_dir=HERE / f"build_{simulator}",
    build_args=["-Wno-fatal"] if simulator == "verilator" else [],
    timescale=("1ns", "1ps"),
)
results = runner.test(
    hdl_toplevel="@NAME@",
    test_module="test_@NAME@",
    test_dir=HERE,
    build_dir=HERE / f"build_{simulator}",
)
tests, failed = get_results(results)
print(f"{tests - failed} of {tests} tests passed")
sys.exit(failed > 0)
'''
