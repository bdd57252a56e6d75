"""The driver on PYNQ: a fake module of that name has the memory and registers of the model."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from bitrill.flow import Build
from bitrill_boards.driver import Driver, Folder, LinkError, connect
from bitrill_boards.driver import pynq as ours
from boards.driver.shell_model import Memory, Shell
from boards.driver.tree import AXI, BASE, FCLK0, Tree, folder


class Allocated(np.ndarray):
    """A fake of PYNQ's allocated buffer: an array with an address."""

    model: Any

    @staticmethod
    def of(model: Any, old: bool) -> Allocated:
        self = model.array.view(Allocated)
        self.model = model
        self.flush, self.invalidate, self.freebuffer = model.flush, model.invalidate, model.close
        setattr(self, "physical_address" if old else "device_address", model.address)
        return self


class Pynq(SimpleNamespace):
    """The part of PYNQ that the driver uses. ``fails``: the name of the member that raises."""

    def __init__(self, build: Build, *, old: bool = False, fails: str = ""):
        self.memory = Memory()
        self.shell = Shell(build, self.memory)
        self.log: list[tuple[Any, ...]] = []
        self.old, self.fails = old, fails

    def _does(self, *what: Any) -> None:
        if what[0] == self.fails:
            raise RuntimeError("Root permissions required.")
        self.log.append(what)

    def Overlay(self, path: str) -> None:  # noqa: N802
        self._does("Overlay", Path(path).name)

    def Bitstream(self, path: str) -> Any:  # noqa: N802
        return SimpleNamespace(download=lambda: self._does("Bitstream", Path(path).name))

    def MMIO(self, base: int, size: int) -> Any:  # noqa: N802
        self._does("MMIO", base, size)
        return self.shell

    def allocate(self, shape: tuple[int, ...], dtype: Any) -> Allocated:
        self._does("allocate", *shape)
        assert dtype is np.uint8
        return Allocated.of(self.memory.allocate(*shape), self.old)


@pytest.fixture
def place(build: Build, tmp_path: Path) -> Path:
    """A board's folder; the tree of a Zynq's Linux beside it."""
    Tree(tmp_path / "root", feedback=20)
    return folder(tmp_path / "pynq-z1", build, AXI)


def use(monkeypatch: pytest.MonkeyPatch, pynq: Any) -> Any:
    monkeypatch.setitem(sys.modules, "pynq", pynq)
    return pynq


def opened(place: Path, **more: Any) -> Driver:
    return connect(place, "pynq", root=str(place.parent / "root"), **more)


@pytest.mark.parametrize("old", [False, True])
def test_images(build: Build, place: Path, monkeypatch: pytest.MonkeyPatch, old: bool) -> None:
    pynq = use(monkeypatch, Pynq(build, old=old))
    (place / "bitrill.hwh").touch()
    x = np.random.default_rng(0).integers(-8, 8, (500, *build.graph.source.shape))
    with opened(place) as driver:
        assert (driver.run(x)[0] == build.graph.run(x)).all()
        assert driver.report()["limit"] == "port"
        assert driver.report()["system"] == driver.report()["fps_hardware"] / 2.5e6
    assert pynq.log[:2] == [("Overlay", "bitrill.bit"), ("MMIO", BASE, 4096)]
    assert pynq.log[2:] == [("allocate", -(-500 * 8 // 128) * 128)] * 4
    assert not pynq.memory.buffers
    tree = place.parent / "root/dev/mem"
    with tree.open("rb") as file:  # the clock by arithmetic of our own
        file.seek(FCLK0)
        clock = int.from_bytes(file.read(4), "little")
    assert (clock >> 8 & 63) * (clock >> 20 & 63) == 10


def test_another_computer_is_left_alone(
    build: Build, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pynq = use(monkeypatch, Pynq(build))
    (place.parent / "root/proc/device-tree/compatible").unlink()
    with pytest.raises(LinkError, match="this computer is not a pynq-z1"):
        opened(place)
    assert pynq.log == []


def test_what_is_loaded(build: Build, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pynq = use(monkeypatch, Pynq(build))
    opened(place).close()
    assert pynq.log[0] == ("Bitstream", "bitrill.bit")  # there is no .hwh
    pynq.log.clear()
    opened(place, loaded=True).close()
    assert pynq.log[0][0] == "MMIO"


@pytest.mark.parametrize(
    ("fails", "message"),
    [
        ("Bitstream", r"PYNQ cannot load .*bitrill\.bit: Root permissions required\.: run this as"),
        ("MMIO", "PYNQ cannot map the registers at 0x40000000: Root permissions"),
        ("allocate", "PYNQ cannot allocate 128 bytes: Root permissions"),
    ],
)
def test_what_pynq_cannot_do(
    build: Build, place: Path, monkeypatch: pytest.MonkeyPatch, fails: str, message: str
) -> None:
    use(monkeypatch, Pynq(build, fails=fails))
    with pytest.raises(LinkError, match=message):
        opened(place).run(np.zeros((1, *build.graph.source.shape), int))


def test_registers_that_are_not_there(
    build: Build, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Pynq(build))
    with opened(place) as driver, pytest.raises(LinkError, match="there is no register at 0x10000"):
        driver.write_weights([(0, 0)])
    with pytest.raises(LinkError, match="there is no register at 0x2"):
        ours.PynqRegisters(SimpleNamespace(read=None), 4096).read(2)


def test_no_pynq(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynq", None)
    with pytest.raises(LinkError, match=r"PYNQ is not installed for this Python: .* \(sudo -i\)"):
        ours.open_board(Folder(place))
