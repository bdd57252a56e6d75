"""Networks behind the shell of Zynq boards: builds, frames in memory, runs by its registers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from bitrill.ir import BIPOLAR, Graph, Impl, Sink, Source, Stage, Tensor
from bitrill.ops import Convert
from bitrill.storage import write_text
from bitrill.timing.predict import predict
from bitrill_boards.describe import describe
from bitrill_boards.driver import Driver, Network
from bitrill_boards.driver.axi_transport import AxiTransport
from bitrill_boards.driver.registers import BUSY, CLEAR, DONE, OFFSETS, START, STOP, STOPPED
from bitrill_boards.shell.network_instance import Edges
from bitrill_boards.shell.zynq_shell import ZynqShell
from bitrill_boards.simulation.simulated_axi import AxiStalls, SimulatedShell
from bitrill_hw.design.verilog import verilog
from bitrill_hw.memories.roms import convert

LIMIT = 20_000
"""Cycles in which a run of a few frames ends, whatever the stalls."""


class Case:
    """A FOLDED graph, and its simulations (the caller closes them), with memory addresses of so
    many bits."""

    def __init__(self, graph: Graph, work: Path, *, address: int = 32, top: Path | None = None):
        self.graph, self.work, self.predicted = graph, work, predict(graph)
        self.address = address
        self.top = top or work / f"{graph.name}.v"
        if top is None:
            work.mkdir(parents=True, exist_ok=True)
            write_text(self.top, verilog(graph))
        self.network = Network(describe(graph, self.predicted))
        self.edges = Edges.of(graph, self.predicted.ii)

    @cached_property
    def text(self) -> str:
        """The shell's Verilog."""
        return convert(ZynqShell(self.edges, address=self.address), name="shell")

    def shell(self, **options: Any) -> SimulatedShell:
        text = options.pop("shell", self.text)
        return SimulatedShell(
            self.top,
            self.edges,
            work=self.work,
            bench=AxiStalls(**options),
            address=self.address,
            shell=text,
        )

    def driver(self, shell: SimulatedShell, **options: Any) -> Driver:
        transport = AxiTransport(shell.registers, shell.memory, clock_hz=shell.clock_hz, **options)
        return Driver(self.network, transport)

    def images(self, n: int, seed: int = 0) -> np.ndarray:
        """Random images, as integers of the first quantizer."""
        t = self.graph.source.tensor.type
        rng = np.random.default_rng(seed)
        return rng.choice(t.values(), (n, *self.graph.source.shape))

    def frames(self, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Frames in memory, and their expected results."""
        x = self.images(n, seed)
        y = self.graph.run(x)
        into, out = (e.format(8) for e in (self.network.input, self.network.output))
        return into.pack(self.network.integers(x)), out.pack(y.reshape(n, -1))


def wire(bits: int) -> Graph:
    """A network that passes frames on: so many bits a cycle, in and out."""
    x = Tensor((bits,), BIPOLAR)
    node = Convert(name="same", inputs=("input",), operands=(x,), impl=Impl(simd=bits, pe=bits))
    return Graph(
        name="wire",
        stage=Stage.FOLDED,
        source=Source(shape=(bits,), tensor=x, raw_scale="1"),
        nodes=(node,),
        sink=Sink(shape=(bits,), edge="same", tensor=x),
        depths={"input": 2, "same": 2},
    )


@dataclass
class Host:
    """Frames in memory and the registers of a run, written one by one."""

    shell: SimulatedShell
    into: Any
    out: Any
    wanted: np.ndarray

    @staticmethod
    def of(case: Case, shell: SimulatedShell, n: int, seed: int = 0) -> Host:
        frames, wanted = case.frames(n, seed)
        into, out = (shell.memory.allocate(a.size) for a in (frames, wanted))
        into.array[:] = frames.reshape(-1)
        into.flush()
        return Host(shell, into, out, wanted.reshape(-1))

    @property
    def setup(self) -> list[tuple[int, int]]:
        """The register writes of a run, except its start."""
        values = {"STATUS": CLEAR}
        for side, buffer in (("IN", self.into), ("OUT", self.out)):
            values |= {
                f"{side}_ADDRESS_LOW": buffer.address & 0xFFFFFFFF,
                f"{side}_ADDRESS_HIGH": buffer.address >> 32,
                f"{side}_WORDS": len(buffer.array) // 8,
            }
        return [(OFFSETS[name], value) for name, value in values.items()]

    def start(self) -> None:
        self.shell.registers.write_all([*self.setup, (OFFSETS["CONTROL"], START)])

    def stop(self) -> None:
        self.shell.registers.write(OFFSETS["CONTROL"], STOP)

    def read(self, name: str) -> int:
        return self.shell.registers.read(OFFSETS[name])

    def write(self, name: str, value: int) -> None:
        self.shell.registers.write(OFFSETS[name], value)

    def finish(self, bit: int = DONE, limit: int = LIMIT) -> int:
        """Wait until STATUS has that bit and is not busy; return it."""
        until = self.shell.traffic().now + limit
        while self.shell.traffic().now < until:
            status = self.read("STATUS")
            if status & bit and not status & BUSY:
                return status
            self.shell.run(16)
        raise TimeoutError(f"STATUS is {status:#x} after {limit} cycles")

    def blank(self) -> None:
        """Fill the memory of the results with a value that no result has."""
        self.out.array[:] = ~self.wanted
        self.out.flush()

    @property
    def right(self) -> bool:
        self.out.invalidate()
        return bool((self.out.array == self.wanted).all())

    @property
    def begun_right(self) -> bool:
        """Whether the words written so far are right, in order."""
        self.out.invalidate()
        words, wanted = self.out.array.view("<u8"), self.wanted.view("<u8")
        n = int((words == wanted).sum())
        return bool((words[:n] == wanted[:n]).all() and (words[n:] == ~wanted[n:]).all())

    def whole(self) -> bool:
        """Do a whole run, and check all of it."""
        self.blank()
        self.start()
        return self.finish() == DONE and self.right

    def stopped(self) -> bool:
        """Stop a run; check that no access is pending, and that written results are right."""
        self.stop()
        self.finish(STOPPED)
        return self.shell.traffic().owed == 0 and self.begun_right


def bursts(address: int, words: int) -> list[tuple[int, int]]:
    """Addresses and words of the bursts that a run must make."""
    return [(address + 8 * k, min(16, words - k)) for k in range(0, words, 16)]
