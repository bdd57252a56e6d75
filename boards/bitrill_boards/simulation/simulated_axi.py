"""Zynq shell in Verilator, as registers and memory that the driver's `AxiTransport` takes.

    shell = SimulatedShell(build.verilog, edges, work=folder)
    transport = AxiTransport(shell.registers, shell.memory, clock_hz=shell.clock_hz)

The memory answers with a latency and with random pauses on all channels; the registers' master
pauses likewise. Memory that was not allocated answers DECERR. The rules of AXI are checked in each
cycle.
"""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from bitrill.errors import ToolError
from bitrill.storage import write_text
from bitrill_hw.design.axilite import axi_lite
from bitrill_hw.memories.roms import convert
from bitrill_sim.ports import Dut, Ports
from bitrill_sim.tools import stop
from bitrill_sim.verilator import CompiledModel, model

from ..driver.driver_errors import LinkError
from ..driver.registers import SIZE
from ..shell.movers import read_channels, write_channels
from ..shell.network_instance import Edges
from ..shell.zynq_shell import ZynqShell
from .axi_traffic import AxiStalls, Traffic

SLVERR, DECERR = 2, 3
RESPONSES = {SLVERR: "SLVERR", DECERR: "DECERR"}

WAIT_CYCLES = 20_000
"""Largest number of cycles that `SimulatedRegisters.wait` simulates."""

_PAGE = 4096
_MAIN = Path(__file__).with_name("axi.cpp")
_SIDES = {
    "axi": axi_lite(SIZE.bit_length() - 1),
    "read": read_channels(32),
    "write": write_channels(32),
}


@dataclass(frozen=True, kw_only=True)
class _Ports(Ports):
    """Ports of the shell, each under its own name."""

    @property
    def names(self) -> dict[str, str]:
        own = [f"{side}__{name}" for side, ports in _SIDES.items() for name in ports.members]
        return super().names | {name: name for name in (*own, "interrupt")}


PORTS = _Ports(
    clock="clk",
    reset="rst",
    reset_level=1,
    s_valid="axi__wvalid",
    s_ready="axi__wready",
    s_data="axi__wdata",
    m_valid="write__wvalid",
    m_ready="write__wready",
    m_data="write__wdata",
    padded=False,
)
"""Ports of the module ``shell``."""


def compiled(shell: str, verilog: Path, work: Path) -> CompiledModel:
    """Build the Verilator model of a module ``shell`` with the network inside."""
    text = work / "zynq_shell.v"
    write_text(text, shell)
    # better code would take longer to compile than it saves in some million cycles
    return model(Dut(sources=(text, verilog), top="shell", ports=PORTS, level="-O1"), work)


class SimulatedShell:
    """A network's Verilog in its shell.

    ``address``: bits of a memory address. ``shell``: Verilog of another module ``shell`` with the
    same ports. Raises `ToolError` where a rule of AXI is broken.
    """

    def __init__(
        self,
        verilog: Path,
        edges: Edges,
        *,
        work: Path,
        bench: AxiStalls | None = None,
        clock_hz: int = 100_000_000,
        address: int = 32,
        shell: str | None = None,
    ):
        bench = bench or AxiStalls()
        self.clock_hz = clock_hz
        text = shell or convert(ZynqShell(edges, address=address), name="shell")
        program = compiled(text, verilog, work).program("axi", _MAIN)
        self._log = work / "axi.log"
        with self._log.open("wb") as errors:
            self._process = subprocess.Popen(
                [
                    str(program.resolve()),
                    f"--latency={bench.latency}",
                    f"--stall={bench.stall}",
                    f"--pause={bench.pause}",
                    f"--seed={bench.seed}",
                    "+verilator+rand+reset+2",
                    f"+verilator+seed+{bench.seed % 0x7FFFFFFE + 1}",
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        self._to, self._from = (
            cast(BinaryIO, p) for p in (self._process.stdin, self._process.stdout)
        )
        self.registers, self.memory = SimulatedRegisters(self), SimulatedMemory(self, address)

    def run(self, cycles: int, *, interrupt: bool = False) -> bool:
        """Simulate ``cycles``, or until the interrupt is 1; returns whether it is."""
        return bool(self.ask("<cQI", b"c", cycles, interrupt, answer="<I")[0])

    def fault(self, address: int, nbytes: int, response: int, *, write: bool = False) -> None:
        """Plant a fault: accesses there, in one direction, get ``response``."""
        self.ask("<cQQII", b"E", address, nbytes, write, response)

    def mend(self) -> None:
        """Remove the planted fault."""
        self.ask("<cQQII", b"E", 0, 0, 0, 0)

    def traffic(self) -> Traffic:
        """Return the traffic since the beginning or the last `restart`."""
        (n,) = self.ask("<c", b"S", answer="<I")
        return Traffic(*struct.unpack(f"<{n}Q", self._get(8 * n)))

    def bursts(self) -> list[tuple[bool, int, int]]:
        """Return the bursts of that time: whether written, address, words."""
        (n,) = self.ask("<c", b"B", answer="<I")
        rows = np.frombuffer(self._get(24 * n), "<u8").reshape(n, 3).tolist()
        return [(bool(write), address, words) for write, address, words in rows]

    def restart(self) -> None:
        """Start counting traffic and bursts anew."""
        self.ask("<c", b"Z")

    def close(self) -> None:
        stop(self._process)

    def ask(
        self, form: str, *values: object, data: bytes = b"", answer: str = "<"
    ) -> tuple[int, ...]:
        """Send a command to the bench and return its answer."""
        try:
            self._to.write(struct.pack(form, *values) + data)
            self._to.flush()
        except BrokenPipeError:
            raise ToolError(f"the simulation ended; see {self._log}") from None
        (length,) = struct.unpack("<I", self._get(4))
        if length:
            raise ToolError(f"in simulation, {self._get(length).decode()}")
        return struct.unpack(answer, self._get(struct.calcsize(answer)))

    def _get(self, n: int) -> bytes:
        data = self._from.read(n)
        if len(data) != n:
            raise ToolError(f"the simulation ended; see {self._log}")
        return data

    def bytes(self, address: int, n: int) -> bytes:
        """Return the bytes in memory."""
        self.ask("<cQQ", b"m", address, n)
        return self._get(n)


class SimulatedRegisters:
    """The shell's registers; raises `LinkError` where the hardware refuses an access."""

    interrupts = True

    def __init__(self, shell: SimulatedShell):
        self._shell = shell

    def read(self, offset: int) -> int:
        value, response = self._shell.ask("<cI", b"r", offset, answer="<II")
        _accept("reading", offset, response)
        return value

    def write(self, offset: int, value: int) -> None:
        self.write_all([(offset, value)])

    def write_all(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Write offsets and values, one right after the other."""
        pairs = list(pairs)
        flat = [v for pair in pairs for v in pair]
        responses = self._shell.ask(
            f"<cI{len(flat)}I", b"w", len(pairs), *flat, answer=f"<{len(pairs)}I"
        )
        for (offset, _), response in zip(pairs, responses, strict=True):
            _accept("writing", offset, response)

    def wait(self, seconds: float) -> None:
        """Simulate until the interrupt, `WAIT_CYCLES` or ``seconds``, whichever comes first."""
        cycles = round(seconds * self._shell.clock_hz)
        self._shell.run(max(1, min(WAIT_CYCLES, cycles)), interrupt=True)

    def close(self) -> None:
        self._shell.close()


class SimulatedMemory:
    """Allocates pieces of the simulated memory, with a page that answers DECERR behind each."""

    size = None

    def __init__(self, shell: SimulatedShell, address: int):
        self._shell = shell
        # the first burst ends where a page does
        self._next = (1 << (address - 4)) + _PAGE - 128

    def allocate(self, nbytes: int) -> SimulatedBuffer:
        address = self._next
        self._next += -(-nbytes // _PAGE) * _PAGE + _PAGE
        self._shell.ask("<cQQ", b"A", address, nbytes)
        return SimulatedBuffer(self._shell, address, nbytes)

    def close(self) -> None:
        pass  # the simulation ends with its registers


class SimulatedBuffer:
    """The processor's view of a piece of memory: `flush` and `invalidate` alone move bytes."""

    def __init__(self, shell: SimulatedShell, address: int, nbytes: int):
        self._shell = shell
        self.address, self.array = address, np.full(nbytes, 0xA5, np.uint8)

    def flush(self) -> None:
        data = self.array.tobytes()
        self._shell.ask("<cQQ", b"M", self.address, len(data), data=data)

    def invalidate(self) -> None:
        data = self._shell.bytes(self.address, len(self.array))
        self.array[:] = np.frombuffer(data, np.uint8)

    def close(self) -> None:
        self._shell.ask("<cQ", b"F", self.address)


def _accept(what: str, offset: int, response: int) -> None:
    if response:
        name = RESPONSES.get(response, response)
        raise LinkError(f"{what} the register at {offset:#x} was refused ({name})")
