"""Makes a board's folder, and the files of a Zynq's Linux as plain files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from bitrill.flow import Build
from bitrill_boards.describe import describe

BASE = 0x4000_0000
MEMORY = 0x1F40_0000
IO_PLL = 0xF800_0108
FCLK0 = 0xF800_0170

AXI = {
    "board": "pynq-z1",
    "family": "zynq7",
    "part": "xc7z020clg400-1",
    "link": "axi",
    "base": BASE,
    "clock_mhz": "100",
    "crystal_mhz": "50",
    "register_bits": 12,
    "bitstream": "bitrill.bit",
    "roofline": {"system_fps": 2_500_000.0, "limit": "port"},
}
UART = {"board": "ulx3s-85f", "link": "uart", "baud": 115_200, "clock_mhz": "25"}


def folder(path: Path, build: Build, manifest: dict[str, Any], n: int = 50) -> Path:
    """A board's folder, with the files that the driver reads."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "board.json").write_text(json.dumps(manifest))
    (path / "network.json").write_text(json.dumps(describe(build.graph, build.predicted)))
    t = build.graph.source.tensor.type
    x = np.random.default_rng(1).integers(t.lo, t.hi + 1, (n, *build.graph.source.shape))
    np.savez(path / "vectors.npz", inputs=x.astype(np.int8), outputs=build.graph.run(x))
    return path


class Tree:
    """A file tree below ``root``: ``/dev/mem`` (sparse), a UIO device, a u-dma-buf."""

    def __init__(self, root: Path, *, state: str = "operating", feedback: int = 20):
        self.root = root
        self.write("sys/class/fpga_manager/fpga0/state", state + "\n")
        self.write("proc/device-tree/compatible", "digilent,pynq-z1\0xlnx,zynq-7000\0")
        with self.file("dev/mem").open("wb") as file:
            file.truncate(1 << 32)
        self.poke(IO_PLL, feedback << 12)

    def file(self, path: str) -> Path:
        found = self.root / path
        found.parent.mkdir(parents=True, exist_ok=True)
        return found

    def write(self, path: str, text: str) -> None:
        self.file(path).write_text(text)

    def poke(self, address: int, value: int, path: str = "dev/mem") -> None:
        with self.file(path).open("r+b") as file:
            file.seek(address)
            file.write(value.to_bytes(4, "little"))

    def peek(self, address: int, path: str = "dev/mem") -> int:
        with self.file(path).open("rb") as file:
            file.seek(address)
            return int.from_bytes(file.read(4), "little")

    def uio(self, number: int = 0, *, address: int = BASE, size: int = 4096) -> None:
        maps = f"sys/class/uio/uio{number}/maps/map0"
        self.write(f"{maps}/addr", f"0x{address:08x}\n")
        self.write(f"{maps}/size", f"0x{size:08x}\n")
        with self.file(f"dev/uio{number}").open("wb") as file:
            file.truncate(size)

    def buffer(
        self,
        name: str = "bitrill",
        *,
        size: int = 1 << 16,
        parent: str = "u-dma-buf",
        address: int = MEMORY,
    ) -> Path:
        home = f"sys/class/{parent}/{name}"
        self.write(f"{home}/size", f"{size}\n")
        self.write(f"{home}/phys_addr", f"0x{address:08x}\n")
        with self.file(f"dev/{name}").open("wb") as file:
            file.truncate(size)
        return self.root / home
