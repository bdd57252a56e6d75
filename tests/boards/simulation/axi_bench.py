"""Runs inside the simulator: the driver through cocotbext-axi's master and memory, with pauses.

Started by ``test_axi_cocotb``. ``SPEC`` in the environment is a JSON file: ``network`` (as in
``network.json``), ``images`` (.npy), ``clock_hz``, ``latency`` (cycles, or 0 for as fast as
cocotbext-axi goes), ``pause`` (the probability that a channel pauses, on a cycle) and ``fault``
(``read``, ``write`` or nothing). What came of it: ``outputs.npy`` and ``result.json`` beside.
"""

from __future__ import annotations

import json
import logging
import os
import random
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from bitrill_boards.driver import Driver, LinkError, Network
from bitrill_boards.driver.axi_transport import AxiTransport
from cocotb.clock import Clock
from cocotb.task import bridge, resume
from cocotb.triggers import ClockCycles, First, RisingEdge
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiRamRead,
    AxiRamWrite,
    AxiReadBus,
    AxiResp,
    AxiWriteBus,
)

NS = 10
WAIT_CYCLES = 20_000
BASE, SIZE = 0xF80, 1 << 24


def pauses(p: float, seed: int) -> Iterator[bool]:
    rng = random.Random(seed)
    while True:
        yield rng.random() < p


class Faulty:
    """A memory of cocotbext-axi in which chosen accesses get SLVERR."""

    wrong = False

    def refuse(self) -> None:
        if self.wrong:
            raise ValueError("as planted")


class Reads(AxiRamRead, Faulty):
    async def _read(self, address: int, length: int) -> bytes:
        self.refuse()
        return await super()._read(address, length)


class Writes(AxiRamWrite, Faulty):
    async def _write(self, address: int, data: bytes) -> None:
        self.refuse()
        await super()._write(address, data)


class Board:
    """The device of the driver's AXI transport: ``registers`` and ``memory`` in one."""

    def __init__(self, dut: Any, spec: dict[str, Any]):
        self.dut = dut
        self.master: Any = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "axi_"), dut.clk, dut.rst)
        read, write = AxiReadBus.from_prefix(dut, "read_"), AxiWriteBus.from_prefix(dut, "write_")
        self.reads: Any = Reads(read, dut.clk, dut.rst, size=SIZE)
        self.writes: Any = Writes(write, dut.clk, dut.rst, mem=self.reads.mem, size=SIZE)
        self.next, self.size, self.interrupts = BASE, None, True
        self.beats: list[int] = []
        if spec["latency"]:
            self._late(spec["latency"])
        if spec["pause"]:
            self._paused(spec["pause"])

    def _paused(self, p: float) -> None:
        m = self.master
        sides = (m.write_if, m.read_if, self.reads, self.writes)
        names = ("aw_channel", "w_channel", "b_channel", "ar_channel", "r_channel")
        channels = [getattr(s, n) for s in sides for n in names if hasattr(s, n)]
        assert len(channels) == 10
        for k, channel in enumerate(channels):
            channel.set_pause_generator(pauses(p, k))

    def _late(self, latency: int) -> None:
        """Delay each burst after its address; further addresses are accepted meanwhile."""
        channel, due = self.reads.ar_channel, deque()
        channel.queue_occupancy_limit = 64
        receive, d = channel.recv, self.dut

        async def watch() -> None:
            t = 0
            while True:
                await RisingEdge(d.clk)
                t += 1
                if d.read__arvalid.value == 1 and d.read__arready.value == 1:
                    due.append(t + latency)
                self.now = t

        async def later() -> Any:
            item = await receive()
            wait = due.popleft() - self.now
            if wait > 0:
                await ClockCycles(d.clk, wait)
            return item

        channel.recv = later
        cocotb.start_soon(watch())

    async def count(self) -> None:
        """The cycles in which a word is read."""
        d, t = self.dut, 0
        while True:
            await RisingEdge(d.clk)
            t += 1
            if d.read__rvalid.value == 1 and d.read__rready.value == 1:
                self.beats.append(t)

    def close(self) -> None: ...

    @resume
    async def read(self, offset: int) -> int:
        got = await self.master.read(offset, 4)
        if got.resp != AxiResp.OKAY:
            raise LinkError(f"reading {offset:#x}: {got.resp.name}")
        return int.from_bytes(got.data, "little")

    @resume
    async def write(self, offset: int, value: int) -> None:
        got = await self.master.write(offset, value.to_bytes(4, "little"))
        if got.resp != AxiResp.OKAY:
            raise LinkError(f"writing {offset:#x}: {got.resp.name}")

    @resume
    async def wait(self, seconds: float) -> None:
        if self.dut.interrupt.value == 1:
            return
        cycles = max(1, min(WAIT_CYCLES, round(seconds * 1e9 / NS)))
        await First(RisingEdge(self.dut.interrupt), ClockCycles(self.dut.clk, cycles))

    def allocate(self, nbytes: int) -> Buffer:
        address, self.next = self.next, self.next + -(-nbytes // 4096) * 4096 + 4096
        return Buffer(self.reads, address, nbytes)


class Buffer:
    def __init__(self, ram: Any, address: int, nbytes: int):
        self.ram, self.address, self.array = ram, address, np.zeros(nbytes, np.uint8)

    def flush(self) -> None:
        self.ram.write(self.address, self.array.tobytes())

    def invalidate(self) -> None:
        self.array[:] = np.frombuffer(self.ram.read(self.address, len(self.array)), np.uint8)

    def close(self) -> None:
        pass


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def through_the_driver(dut: Any) -> None:
    path = Path(os.environ["SPEC"])
    spec = json.loads(path.read_text())
    logging.getLogger("cocotb").setLevel(logging.ERROR)
    cocotb.start_soon(Clock(dut.clk, NS, unit="ns").start())
    dut.rst.value = 1
    board = Board(dut, spec)
    await ClockCycles(dut.clk, 4)
    dut.rst.value = 0
    await ClockCycles(dut.clk, 2)
    cocotb.start_soon(board.count())
    images = np.load(spec["images"])
    result: dict[str, Any] = {}

    @bridge
    def user() -> Any:
        link = AxiTransport(board, board, clock_hz=spec["clock_hz"])
        driver = Driver(Network(spec["network"]), link)
        if spec["fault"]:
            side: Any = board.reads if spec["fault"] == "read" else board.writes
            side.wrong = True
            try:
                driver.run(images[:8])
            except LinkError as error:
                result["message"] = str(error)
            side.wrong = False
            board.beats.clear()
        integers, _ = driver.run(images)
        result["report"] = driver.report()
        return integers

    np.save(path.with_name("outputs.npy"), await user())
    result["words_read"] = len(board.beats)
    result["use"] = len(board.beats) / (board.beats[-1] - board.beats[0] + 1)
    path.with_name("result.json").write_text(json.dumps(result))
