"""Runs inside the simulator: cocotbext-axi's master, with pauses, on a writable network's bus.

Started by ``test_axi_master``; ``CONTENTS`` in the environment is a JSON file of what the registers
hold and what is to be written to them.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp


def pauses(seed: int) -> Iterator[bool]:
    rng = random.Random(seed)
    while True:
        yield rng.random() < 0.5


async def start(dut: Any, *, paused: bool) -> Any:
    cocotb.start_soon(Clock(dut.aclk, 10, unit="ns").start())
    master: Any = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi"), dut.aclk)
    if paused:
        write, read = master.write_if, master.read_if
        channels = (
            write.aw_channel,
            write.w_channel,
            write.b_channel,
            read.ar_channel,
            read.r_channel,
        )
        for k, channel in enumerate(channels):
            channel.set_pause_generator(pauses(k))
    dut.s_axis_tvalid.value = 0
    dut.s_axis_tdata.value = 0
    dut.s_axis_tlast.value = 0
    dut.m_axis_tready.value = 0
    dut.aresetn.value = 0
    await ClockCycles(dut.aclk, 4)
    dut.aresetn.value = 1
    await RisingEdge(dut.aclk)
    return master


def contents() -> dict[str, Any]:
    return json.loads(Path(os.environ["CONTENTS"]).read_text())


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def writes_and_reads(dut: Any) -> None:
    """Registers read as compiled, take other data in any order, and read that."""
    given = contents()
    master = await start(dut, paused=True)
    for address, data in given["old"]:
        assert await master.read_dword(address) == data
    new = given["new"]
    random.Random(1).shuffle(new)
    for address, data in new:
        await master.write_dword(address, data)
    for address, data in given["new"]:
        assert await master.read_dword(address) == data


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def many_at_once(dut: Any) -> None:
    """Reads and writes that are started together, without a pause between."""
    given = contents()
    master = await start(dut, paused=False)
    tasks: list[Any] = [
        cocotb.start_soon(master.write(a, d.to_bytes(4, "little"))) for a, d in given["new"][:40]
    ]
    reads: list[Any] = [cocotb.start_soon(master.read(0, 4)) for _ in range(40)]
    for task in tasks:
        assert (await task).resp == AxiResp.OKAY
    for task in reads:
        assert (await task).data == b"BTRL"
    for address, data in given["new"][:40]:
        assert await master.read_dword(address) == data


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def refused(dut: Any) -> None:
    """SLVERR for single bytes, for addresses of nothing, and while a frame is inside."""
    given = contents()
    master = await start(dut, paused=True)
    address = given["old"][0][0]
    data = await master.read_dword(address)  # reset leaves what other tests wrote
    assert (await master.write(address, b"\xff")).resp == AxiResp.SLVERR
    assert (await master.write(address + 1, b"\xff\xff")).resp == AxiResp.SLVERR
    assert (await master.write(0x18, bytes(4))).resp == AxiResp.SLVERR
    assert (await master.read(0x18, 4)).resp == AxiResp.SLVERR
    dut.s_axis_tvalid.value = 1
    await RisingEdge(dut.aclk)
    dut.s_axis_tvalid.value = 0
    assert (await master.write(address, bytes(4))).resp == AxiResp.SLVERR
    assert (await master.read(address, 4)).resp == AxiResp.SLVERR
    assert await master.read_dword(0x10) == 1
    dut.aresetn.value = 0
    await ClockCycles(dut.aclk, 4)
    dut.aresetn.value = 1
    assert await master.read_dword(address) == data
