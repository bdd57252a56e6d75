"""Loading a bitstream over a virtual JTAG cable: openFPGALoader itself, and simulated chips."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bitrill.errors import SpecError, ToolError
from bitrill_boards.flash import Loaded, flash
from boards.flash import bitfiles
from boards.flash.bitfiles import manifest, written
from boards.flash.jtag import ArmPort, Cable, Chip, Ecp5, Gowin, Xilinx
from boards.flash.tools import need_openfpgaloader

Z7020, Z7010, U85, U25, N9 = 0x13727093, 0x13722093, 0x41113043, 0x41111043, 0x1100481B


@pytest.fixture(autouse=True)
def _has_the_tool() -> None:
    need_openfpgaloader()


@pytest.fixture
def cable(request: pytest.FixtureRequest) -> Callable[..., Cable]:
    """Makes cables that are closed at the test's end."""

    def made(*chips: Chip, **more: Any) -> Cable:
        c = Cable(*chips, **more)
        request.addfinalizer(c.close)
        return c

    return made


def load(board: str, bitstream: Path, c: Cable, **more) -> Loaded:
    return flash(manifest(board), bitstream, xvc=c.address, **{"timeout": 600.0, **more})


@pytest.mark.parametrize("size", [20_000, 4_045_564 - 60], ids=["short", "whole"])
def test_a_zynq_gets_its_bitstream_bit_for_bit(tmp_path: Path, cable, size: int) -> None:
    raw = bitfiles.xilinx("7z020clg400", size=size)
    chip, told = Xilinx(Z7020), []
    loaded = load(
        "pynq-z2",
        written(tmp_path, "bitrill.bit", raw),
        cable(ArmPort(0x4BA00477), chip),
        progress=lambda *told_now: told.append(told_now),
    )
    data = bitfiles.xilinx_data(raw)
    assert chip.taken[: len(data)] == data
    assert chip.done
    assert (loaded.board, loaded.bitstream, loaded.lasting) == ("pynq-z2", "bitrill.bit", False)
    assert loaded.idcode is not None
    assert loaded.idcode & 0x0FFFFFFF == Z7020 & 0x0FFFFFFF
    assert told[-1] == ("load sram", 100, 100)


def test_a_board_that_the_tool_does_not_list(tmp_path: Path, cable) -> None:
    raw = bitfiles.xilinx("7z010clg400", idcode=Z7010)
    chip = Xilinx(Z7010)
    load("ebaz4205", written(tmp_path, "b.bit", raw), cable(ArmPort(0x4BA00477), chip))
    data = bitfiles.xilinx_data(raw)
    assert chip.taken[: len(data)] == data


def test_an_ecp5_gets_its_bitstream_bit_for_bit(tmp_path: Path, cable) -> None:
    raw = bitfiles.ecp5()
    chip = Ecp5(U85)
    assert load("ulx3s-85f", written(tmp_path, "b.bit", raw), cable(chip)).idcode == U85
    assert chip.taken.lstrip(b"\xff") == bitfiles.ecp5_data(raw).lstrip(b"\xff")


def test_a_gowin_gets_its_bitstream_bit_for_bit(tmp_path: Path, cable) -> None:
    raw = bitfiles.gowin()
    chip = Gowin(N9)
    load("tang-nano-9k", written(tmp_path, "b.fs", raw), cable(chip))
    assert chip.taken == bitfiles.gowin_data(raw)


def test_the_board_s_chip_among_others(tmp_path: Path, cable) -> None:
    """A second FPGA in the chain, in front of the board's, or behind it."""
    raw = bitfiles.xilinx("7z020clg400")
    path, data = written(tmp_path, "b.bit", raw), bitfiles.xilinx_data(raw)
    for order in (1, -1):
        own, other = Xilinx(Z7020), Xilinx(Z7010)
        load("pynq-z2", path, cable(*(ArmPort(0x4BA00477), own, other)[::order]))
        assert data in own.taken
        assert not other.taken


STARTS = r"took the bitstream but did not start \(DONE stays low\): .*load it again"


@pytest.mark.parametrize(
    ("board", "name", "raw", "chip"),
    [
        ("pynq-z2", "b.bit", bitfiles.xilinx("7z020clg400"), lambda: Xilinx(Z7020, starts=False)),
        ("ulx3s-85f", "b.bit", bitfiles.ecp5(), lambda: Ecp5(U85, starts=False)),
        ("ulx3s-85f", "b.bit", bitfiles.ecp5(), lambda: Ecp5(U85, damaged=True)),
        ("tang-nano-9k", "b.fs", bitfiles.gowin(), lambda: Gowin(N9, starts=False)),
    ],
    ids=["zynq", "ecp5", "ecp5-crc", "gowin"],
)
def test_a_chip_that_does_not_start(tmp_path: Path, cable, board: str, name, raw, chip) -> None:
    made = chip()
    with pytest.raises(ToolError, match=f"^{board} {STARTS}"):
        load(board, written(tmp_path, name, raw), cable(made))
    assert made.taken  # it got all of it


@pytest.mark.parametrize(
    ("board", "name", "raw", "chips", "found", "own"),
    [
        (
            "pynq-z2",
            "b.bit",
            bitfiles.xilinx("7z020clg400"),
            lambda: (ArmPort(0x4BA00477), Xilinx(Z7010)),
            "ARM cortex A9 (IDCODE 0x4ba00477), xc7z010 (IDCODE 0x03722093)",
            "xc7z020clg400-1 of pynq-z2 (IDCODE 0x03727093)",
        ),
        (
            "colorlight-i5",
            "b.bit",
            bitfiles.ecp5("LFE5U-25F-6CABGA381", U25),
            lambda: (Ecp5(0x21111043),),
            "LFE5U-12 (IDCODE 0x21111043)",
            "LFE5U-25F-6BG381C of colorlight-i5 (IDCODE 0x41111043)",
        ),
        (
            "pynq-z2",
            "b.bit",
            bitfiles.xilinx("7z020clg400"),
            lambda: (Xilinx(0x12345677),),
            "an unknown chip (IDCODE 0x12345677)",
            "xc7z020clg400-1 of pynq-z2",
        ),
    ],
    ids=["zynq", "ecp5", "unknown"],
)
def test_another_chip(tmp_path: Path, cable, board, name, raw, chips, found, own) -> None:
    made = chips()
    with pytest.raises(ToolError, match=re.escape(f"the cable leads to {found}, not to the {own}")):
        load(board, written(tmp_path, name, raw), cable(*made))
    assert not made[-1].taken  # nothing was sent


def test_two_chips_of_the_board_s_kind(tmp_path: Path, cable) -> None:
    raw = bitfiles.xilinx("7z020clg400")
    with pytest.raises(ToolError, match=r"leads to 2 chips like that of pynq-z2: connect only one"):
        load("pynq-z2", written(tmp_path, "b.bit", raw), cable(Xilinx(Z7020), Xilinx(Z7020)))


def test_a_bitstream_for_another_part_goes_nowhere(tmp_path: Path, cable) -> None:
    c = cable(ArmPort(0x4BA00477), Xilinx(Z7020))
    path = written(tmp_path, "b.bit", bitfiles.xilinx("7a35tcsg324", idcode=0x0362D093))
    with pytest.raises(SpecError, match=r"b\.bit is for another chip \(part 7a35tcsg324\) than"):
        load("pynq-z2", path, c)
    assert c.clocks == 0


def test_a_cable_by_its_host_s_name(tmp_path: Path, cable) -> None:
    c = cable(Ecp5(U85))
    port = c.address.rpartition(":")[2]
    path = written(tmp_path, "b.bit", bitfiles.ecp5())
    loaded = flash(manifest("ulx3s-85f"), path, xvc=f"localhost:{port}", timeout=600)
    assert loaded.idcode == U85
    assert c.clocks > 0


@pytest.mark.parametrize("hangs_after", [0, 80_000], ids=["at once", "half-way"])
def test_a_cable_that_hangs(tmp_path: Path, cable, hangs_after: int) -> None:
    path = written(tmp_path, "b.bit", bitfiles.xilinx("7z020clg400"))
    for timeout in (0.5, 5, 50):  # until it comes so far, which takes its time on a busy machine
        c = cable(ArmPort(0x4BA00477), Xilinx(Z7020), hangs_after=hangs_after)
        message = rf"the cable hangs: it sent nothing for {timeout} s"
        with pytest.raises(ToolError, match=message):
            load("pynq-z2", path, c, timeout=timeout)
        if c.clocks >= hangs_after:
            break
    assert c.clocks >= hangs_after


def test_a_server_that_takes_more_at_once_than_the_tool_can(tmp_path: Path, cable) -> None:
    """openFPGALoader's XVC client cuts what is longer than 65,536 bits."""
    c = cable(Gowin(N9), vectors=32768)
    path = written(tmp_path, "b.fs", bitfiles.gowin())
    with pytest.raises(ToolError, match=r"offers vectors of 32,768 bytes, .* fails above 16,384"):
        load("tang-nano-9k", path, c)


def test_nobody_at_the_address(tmp_path: Path) -> None:
    path = written(tmp_path, "b.bit", bitfiles.xilinx("7z020clg400"))
    with pytest.raises(ToolError, match=r"no cable answers at 127\.0\.0\.1:1: is the XVC server"):
        flash(manifest("pynq-z2"), path, xvc="127.0.0.1:1")


def test_no_chip_behind_the_cable(tmp_path: Path, cable) -> None:
    path = written(tmp_path, "b.bit", bitfiles.xilinx("7z020clg400"))
    with pytest.raises(ToolError, match=r"no chip answers: is pynq-z2 powered|could not find"):
        load("pynq-z2", path, cable())


def test_what_was_built_is_what_is_loaded(tmp_path: Path, cable) -> None:
    raw = bitfiles.ecp5()
    path = written(tmp_path, "b.bit", raw)
    told = manifest("ulx3s-85f") | {"bitstream_sha256": hashlib.sha256(raw).hexdigest()}
    c = cable(Ecp5(U85))
    flash(told, path, xvc=c.address, timeout=600)
    path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    with pytest.raises(SpecError, match=r"b\.bit was changed since it was built: build ulx3s-85f"):
        flash(told, path, xvc=c.address, timeout=600)
