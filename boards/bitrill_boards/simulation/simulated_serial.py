"""A serial shell in Verilator, as a line for the driver's `SerialTransport`."""

import struct
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bitrill.progress import Progress, silent
from bitrill_hw.memories.roms import convert
from bitrill_sim.ports import STREAM, Dut
from bitrill_sim.verilator import model

from ..shell.network_instance import Edges
from ..shell.uart_shell import UartCore, UartShell
from .bench_process import BenchProcess

_MAIN = Path(__file__).with_name("serial.cpp")
_CORE = replace(
    STREAM,
    s_valid="rx__valid",
    s_ready="rx__ready",
    s_data="rx__payload",
    m_valid="tx__valid",
    m_ready="tx__ready",
    m_data="tx__payload",
)
# there is no handshake: the bench uses only rx and tx
PINS = replace(
    STREAM, s_valid="rx", s_ready="rx", s_data="rx", m_valid="tx", m_ready="rx", m_data="tx"
)


@dataclass(frozen=True)
class Noise:
    """Probabilities that a bit flips, and (for whole bytes) that a byte is lost or repeated."""

    flip: float = 0.0
    drop: float = 0.0
    twice: float = 0.0
    seed: int = 0


class DutLine(BenchProcess):
    """`SerialLine` to a design in Verilator.

    ``divisor``: cycles per bit on the design's two pins (`PINS`); 0 if the design takes whole bytes
    (`_CORE`), ``gap`` cycles apart. ``noise.seed``: also the seed of the start values of flip-flops
    without an initial value. ``now``: the present cycle; timeouts are in simulated time.
    """

    slack = 0.0

    def __init__(
        self,
        dut: Dut,
        *,
        work: Path,
        clock_hz: int,
        divisor: int,
        gap: int = 10,
        noise: Noise | None = None,
        progress: Progress = silent,
    ):
        self.clock_hz, self.now = clock_hz, 0
        self.baud = clock_hz // divisor if divisor else clock_hz * 10 // gap
        program = model(dut, work, progress=progress).bench("serial", _MAIN)
        log = work / "serial.log"
        super().__init__(program, log, divisor=divisor, gap=gap, **asdict(noise or Noise()))

    def seconds(self) -> float:
        return self.now / self.clock_hz

    def write(self, data: bytes) -> None:
        self.send(b"W" + struct.pack("<I", len(data)) + data)

    def read(self, timeout: float) -> bytes:
        self.send(b"R" + struct.pack("<I", max(1, round(timeout * self.clock_hz))))
        n, self.now = struct.unpack("<IQ", self.receive(12))
        return self.receive(n)


class SimulatedLine(DutLine):
    """`SerialLine` to a network's Verilog in its shell.

    ``divisor``: cycles per bit of its pins; None: bytes go to the shell's core, ``gap`` cycles
    apart.
    """

    def __init__(
        self,
        verilog: Path,
        edges: Edges,
        *,
        work: Path,
        clock_hz: int = 12_000_000,
        divisor: int | None = None,
        gap: int = 10,
        noise: Noise | None = None,
    ):
        work.mkdir(parents=True, exist_ok=True)
        if divisor is None:
            shell = UartCore(edges, clock_hz=clock_hz, timeout=20 * gap)
            ports = _CORE
        else:
            shell = UartShell(edges, clock_hz=clock_hz, divisor=divisor)
            ports = PINS
        text = work / f"shell{divisor or 0}.v"
        text.write_text(convert(shell, name="shell"))
        dut = Dut(sources=(text, verilog), top="shell", ports=ports)
        super().__init__(
            dut, work=work, clock_hz=clock_hz, divisor=divisor or 0, gap=gap, noise=noise
        )
