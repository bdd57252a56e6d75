"""The driver on bare Linux, on a tree of plain files: registers, memory, clock, missing files."""

from __future__ import annotations

import os
import select
import socket
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitrill.flow import Build
from bitrill_boards.driver import Driver, DriverError, LinkError, linux, zynq_setup
from bitrill_boards.driver.dma import DmaMemory
from bitrill_boards.driver.mapped import DevMem, Mapped, Uio
from boards.driver.shell_model import Shell, network_of
from boards.driver.tree import AXI, BASE, FCLK0, IO_PLL, MEMORY, Tree

OPEN = os.open


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


class Seen:
    """The memory of a `Shell`, in the file of a u-dma-buf."""

    def __init__(self, path: Path):
        self.log: list[str] = []
        self.bytes = np.memmap(path, np.uint8, "r+")

    def at(self, address: int, nbytes: int) -> np.ndarray:
        return self.bytes[address - MEMORY :][:nbytes]


def forbid(monkeypatch: pytest.MonkeyPatch, name: str, error: OSError | None = None) -> None:
    def refuse(path: Any, *rest: Any, **more: Any) -> int:
        if str(path).endswith(name):
            raise error or PermissionError(1, "Operation not permitted")
        return OPEN(path, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)


@pytest.mark.parametrize("uio", [True, False])
def test_images_through_the_kernels_files(
    build: Build, tree: Tree, monkeypatch: pytest.MonkeyPatch, uio: bool
) -> None:
    tree.buffer()
    shell: Any = Shell(build, Seen(tree.root / "dev/bitrill"))  # type: ignore[arg-type]
    if uio:
        tree.uio(3)
        opened: list[tuple[Any, ...]] = []
        monkeypatch.setattr(linux, "Uio", lambda *a: opened.append(a) or shell)
        shell.interrupts, shell.wait = True, lambda seconds: None
    else:
        own = linux.map_physical
        monkeypatch.setattr(
            linux, "map_physical", lambda p, b, s: shell if b == BASE else own(p, b, s)
        )
    x = np.random.default_rng(0).integers(-8, 8, (5000, *build.graph.source.shape))
    with Driver(network_of(build), linux.open_board(AXI, root=str(tree.root))) as driver:
        for n in (1500, 5000, 1, 5000):  # growing batches fill the memory to its end
            assert (driver.run(x[:n])[0] == build.graph.run(x[:n])).all()
        assert driver.transport.device.clock_hz == 100_000_000
        assert driver.transport.notes == ()
    assert shell.closed
    assert not uio or opened == [(str(tree.root / "dev/uio3"), 0, 4096)]
    assert tree.peek(FCLK0) == 5 << 8 | 2 << 20  # 50 MHz * 20 / 10


def test_registers_lie_at_their_addresses(tree: Tree) -> None:
    tree.poke(BASE + 8, 0x89ABCDEF)
    mapped = Mapped(str(tree.root / "dev/mem"), BASE, 4096)
    assert mapped.read(8) == 0x89ABCDEF
    mapped.write(0xFFC, 0xFEDCBA98)
    assert tree.peek(BASE + 0xFFC) == 0xFEDCBA98
    for offset in (-4, 2, 4096):
        with pytest.raises(LinkError, match=f"there is no register at {offset:#x} of .*dev/mem"):
            mapped.read(offset)
        with pytest.raises(LinkError, match=f"there is no register at {offset:#x} of .*dev/mem"):
            mapped.write(offset, 0)
    mapped.close()


def test_the_interrupt_of_a_uio_device(tree: Tree) -> None:
    tree.uio()
    uio = Uio(str(tree.root / "dev/uio0"), 0, 4096)
    ours, kernel = socket.socketpair()
    kernel.settimeout(10)
    os.dup2(ours.fileno(), uio._file)
    kernel.send(b"\1\0\0\0")
    uio.wait(60)  # comes back at once
    assert not select.select([uio._file], [], [], 0)[0]  # and has taken it
    assert kernel.recv(100) == b"\1\0\0\0"  # enabled, once
    uio.wait(0.001)  # none comes: no longer than so
    assert kernel.recv(100) == b"\1\0\0\0"
    kernel.close()
    ours.close()
    with (tree.root / "dev/uio0").open("rb") as file:
        os.dup2(file.fileno(), uio._file)  # a write fails, as where the device has no interrupt
        uio.wait(60)
    assert not uio.usable
    uio.close()


def test_memory(tree: Tree) -> None:
    home = tree.buffer(size=1 << 14)
    memory = DmaMemory(str(tree.root))
    assert memory.size == 1 << 14
    a, b, c = (memory.allocate(n) for n in (1 << 12, 130, 1 << 12))
    assert [x.address for x in (a, b, c)] == [MEMORY, MEMORY + 0x1000, MEMORY + 0x1100]
    b.array[:] = 7
    assert (tree.root / "dev/bitrill").read_bytes()[0x0FFF:0x1083] == bytes([0, *[7] * 130, 0])

    def synced(what: str) -> list[str]:
        names = ("sync_offset", "sync_size", "sync_direction", what)
        return [(home / name).read_text() for name in names]

    b.flush()
    assert synced("sync_for_device") == ["4096", "130", "1", "1"]
    assert not (home / "sync_for_cpu").exists()
    c.invalidate()
    assert synced("sync_for_cpu") == [str(0x1100), "4096", "2", "1"]
    a.close()
    assert memory.allocate(256).address == MEMORY
    with pytest.raises(LinkError, match=r"no 65536 bytes left of 16384: .* udmabuf0=65536\)"):
        memory.allocate(1 << 16)
    memory.close()


def test_memory_at_an_odd_place(tree: Tree) -> None:
    tree.buffer(address=MEMORY + 0x44)
    memory = DmaMemory(str(tree.root))
    assert [memory.allocate(n).address - MEMORY for n in (1, 1)] == [0x80, 0x100]


def test_the_overlays_own_buffer_comes_first(tree: Tree) -> None:
    tree.buffer("aaa", address=0x1000)
    assert DmaMemory(str(tree.root)).base == 0x1000
    tree.buffer("bitrill", parent="udmabuf")
    assert DmaMemory(str(tree.root)).base == MEMORY


def test_all_that_is_missing_is_said_at_once(tmp_path: Path) -> None:
    tree = Tree(tmp_path, state="unknown")
    (tmp_path / "dev/mem").unlink()
    tree.uio(address=0x4300_0000)  # somebody else's
    with pytest.raises(LinkError) as caught:
        linux.open_board(AXI, root=str(tmp_path))
    message = str(caught.value)
    for part in (
        "no bitstream is loaded (the FPGA manager's state is 'unknown'): load it with --load",
        "no UIO device has its registers at 0x40000000 (load the build's overlay bitrill.dts, then:"
        " modprobe uio_pdrv_genirq of_id=generic-uio)",
        "dev/mem: the kernel needs CONFIG_DEVMEM",
        "modprobe u-dma-buf udmabuf0=16777216",
    ):
        assert part in message
    assert "\n" not in message


def test_a_bitstream_that_the_kernel_does_not_know_of(build: Build, tmp_path: Path) -> None:
    tree = Tree(tmp_path, state="unknown")
    tree.buffer()
    with pytest.raises(
        LinkError, match=r"^no bitstream is loaded .* if it was loaded over JTAG, say --lo"
    ):
        linux.open_board(AXI, root=str(tmp_path))
    with pytest.raises(LinkError, match="IDENTITY reads 0x00000000"):  # so far it came
        linux.open_board(AXI, root=str(tmp_path), loaded=True)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dev/mem", r"no permission to open .*dev/mem: run this with sudo"),
        ("dev/bitrill", r'open .*dev/bitrill: run this with sudo, or .*SUBSYSTEM=="u-dma-buf"'),
        ("dev/uio0", r'open .*dev/uio0: run this with sudo, or .* \(udev rule: SUBSYSTEM=="uio"'),
    ],
)
def test_no_permission(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    tree.buffer()
    if "uio" in name:
        tree.uio()
    forbid(monkeypatch, name)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(LinkError, match=message):
        linux.open_board(AXI, root=str(tree.root))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dev/mem", r"and cannot map 0x40000000 of .*dev/mem: Input/output error"),
        ("dev/uio0", r"^cannot map .*dev/uio0: Input/output error"),
        ("dev/bitrill", r"^cannot open .*dev/bitrill: .*Input/output error"),
    ],
)
def test_devices_that_do_not_open(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    tree.buffer()
    if "uio" in name:
        tree.uio()
    forbid(monkeypatch, name, OSError(5, "Input/output error"))
    with pytest.raises(LinkError, match=message):
        linux.open_board(AXI, root=str(tree.root))


def test_a_buffer_that_says_nothing_of_its_size(tree: Tree) -> None:
    home = tree.buffer()
    (home / "size").write_text("much")
    with pytest.raises(LinkError, match=r"cannot open .*dev/bitrill: .*'much'"):
        DmaMemory(str(tree.root))


def test_no_permission_to_the_caches(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tree.buffer()
    buffer = DmaMemory(str(tree.root)).allocate(128)
    (home / "sync_offset").mkdir()
    with pytest.raises(LinkError, match=r"cannot write .*sync_offset: Is a directory"):
        buffer.flush()

    def refuse(*_: Any) -> None:
        raise PermissionError

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(LinkError, match=r"no permission to open .*sync_offset: run this with sudo"):
        buffer.flush()


def test_a_kernel_that_keeps_the_addresses(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.buffer()
    forbid(monkeypatch, "dev/mem")
    monkeypatch.setattr(os, "access", lambda *_: True)
    with pytest.raises(LinkError, match=r"protects 0x40000000 of .* iomem=relaxed"):
        linux.open_board(AXI, root=str(tree.root))


@pytest.mark.parametrize("said", [None, "raspberrypi,4-model-b\0", "xlnx,zynqmp\0"])
def test_another_computer_is_left_alone(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, said: str | None
) -> None:
    tree.buffer()
    compatible = tree.root / "proc/device-tree/compatible"
    compatible.unlink() if said is None else compatible.write_text(said)
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("it was opened"))
    with pytest.raises(LinkError, match=r"not a pynq-z1 \(its device tree lacks xlnx,zynq-7000"):
        linux.open_board(AXI, root=str(tree.root), loaded=True)
    monkeypatch.undo()
    if said and "zynqmp" in said:
        linux.check_here(AXI | {"family": "zynqmp"}, str(tree.root))
    with pytest.raises(LinkError, match="is of family 'ecp5', and does not run Linux"):
        linux.check_here(AXI | {"family": "ecp5"}, str(tree.root))


def test_an_overlay_of_another_build(tree: Tree) -> None:
    tree.buffer()
    tree.uio(size=2048)
    with pytest.raises(LinkError, match=r"dev/uio0 maps 2048 bytes, the network's registers take"):
        linux.open_board(AXI, root=str(tree.root))


def test_a_clock_that_cannot_be_set_is_said(
    build: Build, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.buffer()
    tree.uio()
    shell: Any = Shell(build, Seen(tree.root / "dev/bitrill"))  # type: ignore[arg-type]
    monkeypatch.setattr(linux, "Uio", lambda *_: shell)
    (tree.root / "dev/mem").unlink()
    transport = linux.open_board(AXI, root=str(tree.root))
    (note,) = transport.notes
    assert note.startswith("the clock was not set, and 100 MHz is assumed: there is no ")


def test_what_opened_is_closed_where_nothing_answers(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.buffer()
    closed: list[str] = []
    for kind in (Mapped, DmaMemory, DevMem):
        own = kind.close
        monkeypatch.setattr(
            kind, "close", lambda self, own=own: (closed.append(type(self).__name__), own(self))
        )
    with pytest.raises(LinkError, match="no Bitrill network at this address"):
        linux.open_board(AXI, root=str(tree.root))
    assert {"Mapped", "DmaMemory", "DevMem"} <= set(closed)


class Ps:
    """Registers of a processing system, and what was written to them."""

    def __init__(self, values: dict[int, int]):
        self.values, self.log = values, []

    def read(self, address: int) -> int:
        return self.values.get(address, 0)

    def write(self, address: int, value: int) -> None:
        self.values[address] = value
        self.log.append(address)


@pytest.mark.parametrize(
    ("crystal", "feedback", "asked", "made", "divisors"),
    [
        (Fraction(50), 20, Fraction(100), Fraction(100), 10),
        (Fraction(100, 3), 30, Fraction(100), Fraction(100), 10),  # not 150, as 50 MHz would give
        (Fraction(50), 32, Fraction(100), Fraction(100), 16),  # the PLL as a design tool sets it
        (Fraction(100, 3), 30, Fraction(150), Fraction(1000, 7), 7),
    ],
)
def test_the_clock_of_a_zynq_7000(
    crystal: Fraction, feedback: int, asked: Fraction, made: Fraction, divisors: int
) -> None:
    ps = Ps({IO_PLL: feedback << 12 | 0xF, FCLK0: 0x3F03F30, 0xF8008000: 0xF01, 0xF8000240: 0xF})
    assert zynq_setup.prepare("zynq7", ps, crystal, asked) == made
    clock = ps.values[FCLK0]
    assert (clock >> 8 & 63) * (clock >> 20 & 63) == divisors
    assert clock & 0x30 == 0
    assert ps.values[0xF8008000] == 0xF00
    assert ps.values[0xF8000240] == 0xE
    assert ps.values[0xF8000900] == 0xF
    assert ps.log.index(0xF8000008) < ps.log.index(FCLK0) < ps.log.index(0xF8000004)
    assert ps.values[0xF8000008] == 0xDF0D
    assert ps.values[0xF8000004] == 0x767B
    ps.log.clear()
    zynq_setup.prepare("zynq7", ps, crystal, asked)
    assert ps.log == [0xF8000008, 0xF8000004]  # nothing is disturbed that is right


def test_the_clock_of_an_ultrascale() -> None:
    ps = Ps({0xFF5E0020: 90 << 8 | 1 << 16, 0xFF5E00C0: 0x2, 0xFD380000: 0xB01, 0xFD615000: 0xA00})
    assert zynq_setup.prepare("zynqmp", ps, Fraction(100, 3), Fraction(200)) == Fraction(1500, 8)
    clock = ps.values[0xFF5E00C0]
    assert (clock >> 8 & 63) * (clock >> 16 & 63) == 8
    assert clock & 7 == 0
    assert clock >> 24 == 1
    assert ps.values[0xFD380000] == 0xB00
    assert ps.values[0xFD615000] == 0xA00
    ps.log.clear()
    zynq_setup.prepare("zynqmp", ps, Fraction(100, 3), Fraction(200))
    assert ps.log == []


def test_a_family_without_a_processing_system() -> None:
    with pytest.raises(DriverError, match="family 'ecp5' has no processing system to set up"):
        zynq_setup.prepare("ecp5", Ps({}), Fraction(25), Fraction(25))
