"""A Zynq shell in Verilator, with registers and memory for the driver's `AxiTransport`.

    shell = SimulatedShell(build.verilog, edges, work=folder)
    transport = AxiTransport(shell.registers, shell.memory, clock_hz=shell.clock_hz)

The memory answers with a latency and with random pauses on all channels; the registers' master
pauses, too. Accesses to memory that was not allocated get DECERR. The rules of AXI are checked in
each cycle.
"""

import struct
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from bitrill.errors import ToolError
from bitrill.storage import write_text
from bitrill_hw.design.axilite import axi_lite
from bitrill_hw.memories.roms import convert
from bitrill_sim.ports import Dut, Ports
from bitrill_sim.verilator import CompiledModel, model

from ..driver.driver_errors import LinkError
from ..driver.registers import SIZE
from ..shell.movers import read_channels, write_channels
from ..shell.network_instance import Edges
from ..shell.zynq_shell import ZynqShell
from .bench_process import BenchProcess

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


@dataclass(frozen=True)
class AxiStalls:
    """Delays of the simulated memory.

    ``latency``: cycles from an address to its first word, and from a burst's last word to its
    response. ``stall``: probability that a channel begins to wait in a cycle, for 1 to ``pause``
    cycles. ``seed``: seed of the waits.
    """

    latency: int = 100
    stall: float = 0.0
    pause: int = 1
    seed: int = 0


@dataclass(frozen=True)
class Traffic:
    """Traffic on the memory ports: words, cycles of the first and last, what is still owed."""

    now: int
    read_words: int
    write_words: int
    first_address: int
    first_read: int
    last_read: int
    first_write: int
    last_write: int
    reads_owed: int
    writes_owed: int
    responses_owed: int

    @property
    def read_use(self) -> float:
        """Words read per cycle, from the first to the last one."""
        return self.read_words / (self.last_read - self.first_read + 1)

    @property
    def write_use(self) -> float:
        return self.write_words / (self.last_write - self.first_write + 1)

    @property
    def owed(self) -> int:
        return self.reads_owed + self.writes_owed + self.responses_owed


@dataclass(frozen=True, kw_only=True)
class _Ports(Ports):
    """Ports of the shell, each with its own name."""

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
    # optimised code would take longer to compile than it saves in some million cycles
    return model(Dut(sources=(text, verilog), top="shell", ports=PORTS, level="-O1"), work)


class SimulatedShell(BenchProcess):
    """A network's Verilog in its shell.

    ``address``: bits of a memory address. ``shell``: Verilog of another module ``shell`` with the
    same ports. Raises `ToolError` if a rule of AXI is broken.
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
        self.clock_hz = clock_hz
        text = shell or convert(ZynqShell(edges, address=address), name="shell")
        program = compiled(text, verilog, work).bench("axi", _MAIN)
        super().__init__(program, work / "axi.log", **asdict(bench or AxiStalls()))
        self.registers, self.memory = SimulatedRegisters(self), SimulatedMemory(self, address)

    def run(self, cycles: int, *, interrupt: bool = False) -> bool:
        """Simulate ``cycles``, or until the interrupt is 1; return whether it is."""
        return bool(self.ask("<cQI", b"c", cycles, interrupt, answer="<I")[0])

    def fault(self, address: int, nbytes: int, response: int, *, write: bool = False) -> None:
        """Plant a fault: accesses to that memory, in one direction, get ``response``."""
        self.ask("<cQQII", b"E", address, nbytes, write, response)

    def mend(self) -> None:
        """Remove the planted fault."""
        self.ask("<cQQII", b"E", 0, 0, 0, 0)

    def traffic(self) -> Traffic:
        """Return the traffic since the beginning or the last `restart`."""
        (n,) = self.ask("<c", b"S", answer="<I")
        return Traffic(*struct.unpack(f"<{n}Q", self.receive(8 * n)))

    def bursts(self) -> list[tuple[bool, int, int]]:
        """Return the bursts since then: whether it is a write, address, words."""
        (n,) = self.ask("<c", b"B", answer="<I")
        rows = np.frombuffer(self.receive(24 * n), "<u8").reshape(n, 3).tolist()
        return [(bool(write), address, words) for write, address, words in rows]

    def restart(self) -> None:
        """Start counting traffic and bursts from zero."""
        self.ask("<c", b"Z")

    def ask(
        self, form: str, *values: object, data: bytes = b"", answer: str = "<"
    ) -> tuple[int, ...]:
        """Send a command to the bench and return its answer."""
        self.send(struct.pack(form, *values) + data)
        (length,) = struct.unpack("<I", self.receive(4))
        if length:
            raise ToolError(f"in simulation, {self.receive(length).decode()}")
        return struct.unpack(answer, self.receive(struct.calcsize(answer)))

    def bytes(self, address: int, n: int) -> bytes:
        """Return the bytes in memory."""
        self.ask("<cQQ", b"m", address, n)
        return self.receive(n)


class SimulatedRegisters:
    """The shell's registers; raises `LinkError` if the hardware refuses an access."""

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
    """Allocates pieces of the simulated memory; accesses to the page after each get DECERR."""

    size = None

    def __init__(self, shell: SimulatedShell, address: int):
        self._shell = shell
        # the first burst ends at the end of a page
        self._next = (1 << (address - 4)) + _PAGE - 128

    def allocate(self, nbytes: int) -> "SimulatedBuffer":
        address = self._next
        self._next += -(-nbytes // _PAGE) * _PAGE + _PAGE
        self._shell.ask("<cQQ", b"A", address, nbytes)
        return SimulatedBuffer(self._shell, address, nbytes)

    def close(self) -> None:
        pass  # the simulation ends with its registers


class SimulatedBuffer:
    """The processor's view of a piece of memory; only `flush` and `invalidate` move bytes."""

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
