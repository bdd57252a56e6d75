"""The Zynq shell in Python: its registers, memory that caches hide, the golden model as network."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
from bitrill.flow import Build
from bitrill_boards.describe import describe
from bitrill_boards.driver import LinkError, Network, axi_transport
from bitrill_boards.driver import registers as r

CYCLES = 64
"""Cycles of a frame."""

LATENCY = 20
"""Cycles of a run beside."""


def network_of(build: Build) -> Network:
    return Network(json.loads(json.dumps(describe(build.graph, build.predicted))))


class Buffer:
    """``array`` is what the processor sees; ``seen`` is what the hardware sees."""

    def __init__(self, memory: Memory, address: int, nbytes: int):
        self.memory, self.address = memory, address
        self.array, self.seen = np.full(nbytes, 0xAA, np.uint8), np.full(nbytes, 0x55, np.uint8)

    def flush(self) -> None:
        self.seen[:] = self.array
        self.memory.log.append("flush")

    def invalidate(self) -> None:
        self.array[:] = self.seen

    def close(self) -> None:
        self.memory.buffers.remove(self)


class Memory:
    """``skew``: added to every address."""

    def __init__(self, *, first: int = 0x1000_0000, skew: int = 0, size: int | None = None):
        self.buffers: list[Buffer] = []
        self.next, self.skew, self.size, self.log = first, skew, size, []

    def close(self) -> None:
        assert not self.buffers

    def allocate(self, nbytes: int) -> Buffer:
        buffer = Buffer(self, self.next + self.skew, nbytes)
        self.next += -(-nbytes // 4096) * 4096
        self.buffers.append(buffer)
        return buffer

    def at(self, address: int, nbytes: int) -> np.ndarray:
        for b in self.buffers:
            if b.address <= address and address + nbytes <= b.address + len(b.seen):
                return b.seen[address - b.address :][:nbytes]
        raise AssertionError(f"the hardware reaches {nbytes} bytes at {address:#x}: nobody's")


class Shell:
    """Registers. A run ends after so many looks at STATUS: ``looks``.

    Faults, each for the run ``fault_in`` alone: ``error`` (STATUS bits), ``hang`` (after so many
    frames), ``lost_done``, ``short`` (frames too few), ``flip`` (a bit of the first frame out).
    For good: ``stuck`` (a stop never ends), ``identity``, ``version``, ``digest``.
    """

    looks = 3
    interrupts = False

    def __init__(self, build: Build, memory: Memory, *, fault_in: int = -1, **faults: int | bytes):
        self.graph, self.memory, self.net = build.graph, memory, network_of(build)
        self.into, self.out = self.net.input.format(8), self.net.output.format(8)
        self.faults, self.fault_in = faults, fault_in
        self.kept = dict.fromkeys(r.WRITABLE, 0)
        self.status = self.left = self.frames = self.cycles = 0
        self.runs, self.closed = -1, False
        self.weights: dict[int, int] = {}
        self.before_read: Callable[[], None] = lambda: None

    def fault(self, name: str) -> int:
        value = self.faults.get(name, 0)
        return int(value) if self.runs == self.fault_in and isinstance(value, int) else 0

    def read(self, offset: int) -> int:
        if offset >= r.WEIGHTS:
            return self.weights[offset - r.WEIGHTS]
        name = r.REGISTERS[offset // 4]
        if name == "STATUS":
            self.before_read()
            self._advance()
        digest = int.from_bytes(bytes(self.faults.get("digest", self.net.digest)), "big")
        values = {
            "IDENTITY": self.faults.get("identity", r.IDENTITY),
            "VERSION": self.faults.get("version", r.VERSION),
            "DIGEST_LOW": digest & 0xFFFFFFFF,
            "DIGEST_HIGH": digest >> 32,
            "CONTROL": 0,
            "STATUS": self.status,
            "FRAMES": self.frames,
            "CYCLES_LOW": self.cycles & 0xFFFFFFFF,
            "CYCLES_HIGH": self.cycles >> 32,
            "IN_STALLED": self.cycles // 2,
            "OUT_STALLED": self.cycles // 8,
            "LAYERS": 0,
            **self.kept,
        }
        return int(values[name])  # type: ignore[arg-type]

    def write(self, offset: int, value: int) -> None:
        busy = self.status & r.BUSY
        if offset >= r.WEIGHTS:
            if busy or offset - r.WEIGHTS not in self.weights:
                raise LinkError("the bus answers SLVERR")
            self.weights[offset - r.WEIGHTS] = value
            return
        name = r.REGISTERS[offset // 4]
        if name == "STATUS":
            self.status &= ~(value & r.CLEAR)
        elif name == "CONTROL" and value == r.START and not busy:
            self.memory.log.append("start")
            self.status |= r.BUSY
            self.runs += 1
            self.left, self.frames, self.cycles = self.looks, 0, 0
        elif name == "CONTROL" and value == r.STOP:
            if not self.faults.get("stuck"):
                self.status = self.status & ~r.BUSY | r.STOPPED | (r.DONE if busy else 0)
        elif name in r.WRITABLE and not busy:
            bits = 8 if name.endswith("HIGH") else 32
            self.kept[name] = value & ((1 << bits) - 1)
        else:
            raise LinkError(f"the bus refuses a write of {name}")

    def wait(self, seconds: float) -> None:
        axi_transport.time.sleep(seconds)

    def close(self) -> None:
        self.closed = True

    def _advance(self) -> None:
        if not self.status & r.BUSY:
            return
        self.left -= 1
        n = self.kept["IN_WORDS"] * 8 // self.into.bytes
        assert self.kept["OUT_WORDS"] * 8 == n * self.out.bytes
        if self.fault("hang"):
            self.frames = min(n, self.fault("hang"))
        elif self.fault("lost_done"):
            self.frames = n
        elif self.left <= 0:
            self._end(n)

    def _end(self, n: int) -> None:
        start, out = (self._address(side) for side in ("IN", "OUT"))
        x = self.into.unpack(self.memory.at(start, n * self.into.bytes))
        y = self.graph.run(self.net.input.to_model(x)).reshape(n, -1)
        data = self.out.pack(y)
        data[0, 0] ^= self.fault("flip")
        self.memory.at(out, data.size)[:] = data.reshape(-1)
        self.memory.log.append("end")
        self.frames, self.cycles = n - self.fault("short"), n * CYCLES + LATENCY
        self.status = self.status & ~r.BUSY | r.DONE | self.fault("error")

    def _address(self, side: str) -> int:
        return self.kept[f"{side}_ADDRESS_HIGH"] << 32 | self.kept[f"{side}_ADDRESS_LOW"]
