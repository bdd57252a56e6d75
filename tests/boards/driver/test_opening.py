"""Opening a board's folder as a driver, and refusals of folders that are no board's."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from bitrill.flow import Build
from bitrill_boards.driver import DriverError, Folder, connect, fpga_manager, linux, opening, pynq
from boards.driver.line_model import CYCLES, Board
from boards.driver.tree import AXI, UART, folder


@pytest.fixture
def axi(build: Build, tmp_path: Path) -> Path:
    return folder(tmp_path / "pynq-z1", build, AXI)


@pytest.fixture
def uart(build: Build, tmp_path: Path) -> Path:
    return folder(tmp_path / "ulx3s-85f", build, UART)


def test_images_over_a_serial_line(build: Build, uart: Path) -> None:
    x = np.random.default_rng(0).integers(-8, 8, (40, *build.graph.source.shape))
    told: list[tuple[str, int, int]] = []
    with Board(build) as port, connect(uart, port=port) as driver:
        assert (driver.run(x, lambda *a: told.append(a))[0] == build.graph.run(x)).all()
        assert driver.report()["cycles_per_frame"] == CYCLES
        assert "system" not in driver.report()
        driver.roofline = {"system_fps": 100.0, "limit": "uart"}
        assert driver.report()["system"] == driver.report()["fps_wall"] / 100
    assert told == [("frames", n, 40) for n in (16, 32, 40)]


def test_another_network_on_the_board(build: Build, uart: Path) -> None:
    with Board(build, digest=b"another!") as port, pytest.raises(DriverError, match="another netw"):
        connect(uart, port=port)


def test_the_transport_that_is_there(axi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    opened: Any = SimpleNamespace()
    monkeypatch.setattr(pynq, "open_board", lambda *_, **__: asked.append("pynq") or opened)
    monkeypatch.setattr(linux, "open_board", lambda *_, **__: asked.append("linux") or opened)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert opening.open_transport(axi) == ("linux", opened)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert opening.open_transport(axi) == ("pynq", opened)
    assert opening.open_transport(axi, "linux") == ("linux", opened)
    assert asked == ["linux", "pynq", "linux"]


def test_the_bitstream_first(axi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[Any] = []
    monkeypatch.setattr(
        fpga_manager, "load", lambda path, part, *, root: log.append((Path(path).name, part, root))
    )
    monkeypatch.setattr(linux, "open_board", lambda *_, **more: log.append(more))
    opening.open_transport(axi, "linux", load=True, root="/r")
    assert log == [("bitrill.bit", AXI["part"], "/r"), {"root": "/r", "loaded": False}]


def test_requests_that_fit_no_board(axi: Path, uart: Path) -> None:
    with pytest.raises(DriverError, match="must be pynq or linux for pynq-z1, not 'uart'"):
        connect(axi, "uart")
    with pytest.raises(DriverError, match="must be uart for ulx3s-85f, not 'pynq'"):
        connect(uart, "pynq")
    with pytest.raises(
        DriverError, match="port is for serial lines only: transport linux has none"
    ):
        connect(axi, "linux", port="/dev/ttyUSB0")
    with pytest.raises(DriverError, match="on a serial line is loaded from the host: bitrill fla"):
        connect(uart, load=True)


@pytest.mark.parametrize(
    ("ports", "message"),
    [
        ([], "there is no serial port: is the cable plugged in"),
        (["/dev/ttyUSB1", "/dev/ttyUSB0"], "--port: there are /dev/ttyUSB0, /dev/ttyUSB1"),
    ],
)
def test_which_port(
    uart: Path, monkeypatch: pytest.MonkeyPatch, ports: list[str], message: str
) -> None:
    from serial.tools import list_ports

    monkeypatch.setattr(list_ports, "comports", lambda: [SimpleNamespace(device=p) for p in ports])
    with pytest.raises(DriverError, match=message):
        connect(uart)
    monkeypatch.setattr(list_ports, "comports", lambda: [SimpleNamespace(device="/dev/ttyACM0")])
    assert opening.only_port() == "/dev/ttyACM0"


def test_no_pyserial(uart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "serial.tools", None)
    with pytest.raises(DriverError, match="a serial port needs pyserial: pip install pyserial"):
        connect(uart)
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(DriverError, match="a serial port needs pyserial: pip install pyserial"):
        connect(uart, port="/dev/null")


def test_folders_that_are_none(axi: Path, tmp_path: Path) -> None:
    with pytest.raises(DriverError, match=r"is no board's folder, or not whole: board\.json is mi"):
        Folder(tmp_path / "nothing")
    for text, message in (
        ("{", r"cannot read .*board\.json: Expecting"),
        ("[]", r"board\.json must hold a JSON object"),
        ("{}", r"board\.json must have link axi or uart, not None"),
        (json.dumps(UART | {"baud": None}), r"board\.json lacks baud: build the folder again"),
        (json.dumps({"link": "axi"}), r"board\.json lacks board, family, part, base, clock_mhz"),
    ):
        (axi / "board.json").write_text(text)
        with pytest.raises(DriverError, match=message):
            Folder(axi)


def test_a_folder_that_lacks_a_part(axi: Path) -> None:
    (axi / "board.json").write_text(json.dumps(AXI | {"bitstream": None}))
    f = Folder(axi)
    with pytest.raises(DriverError, match="has no bitstream: the tools did not run, or failed"):
        _ = f.bitstream
    (axi / "bitrill.bit").touch()  # made by hand
    assert f.bitstream == str(axi / "bitrill.bit")
    (axi / "network.json").unlink()
    with pytest.raises(DriverError, match=r"network\.json is missing \(bitrill build BOARD"):
        f.network()
    (axi / "vectors.npz").write_bytes(b"PK\3\4")
    with pytest.raises(DriverError, match=r"cannot read .*vectors\.npz: "):
        f.vectors()
    (axi / "vectors.npz").unlink()
    with pytest.raises(DriverError, match=r"cannot read .*vectors\.npz: .*No such file"):
        f.vectors()
