"""Loading on a Zynq's own Linux: the kernel's files, in a folder that stands in for ``/``."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from bitrill_boards.driver import fpga_manager
from bitrill_boards.driver.driver_errors import DriverError
from boards.flash import bitfiles
from boards.flash.bitfiles import written

PART = "xc7z020clg400-1"


class Kernel:
    """``/sys/class/fpga_manager/fpga0``, simulated: what ``firmware`` (a pipe) is told is loaded
    from ``/lib/firmware`` at once."""

    def __init__(self, root: Path, state: str = "operating"):
        self.root, self.manager, self.state = root, root / fpga_manager.MANAGER, state
        self.manager.mkdir(parents=True)
        (self.manager / "state").write_text("unknown\n")
        (self.manager / "flags").write_text("20\n")
        self.loaded, self.flags = b"", ""
        os.mkfifo(self.manager / "firmware")
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        name = (self.manager / "firmware").read_text()
        self.flags = (self.manager / "flags").read_text()
        self.loaded = (self.root / "lib/firmware" / name).read_bytes()
        (self.manager / "state").write_text(self.state + "\n")


def load(monkeypatch: pytest.MonkeyPatch, kernel: Kernel, raw: bytes) -> None:
    """A write to the real file returns when the kernel is done; to a pipe, earlier: wait."""
    start = fpga_manager._start

    def started(manager: str) -> None:
        start(manager)
        threads = [t for t in threading.enumerate() if t.name.endswith("(_run)")]
        for t in threads:
            t.join(10)

    monkeypatch.setattr(fpga_manager, "_start", started)
    path = written(kernel.root, "bitrill.bit", raw)
    fpga_manager.load(path, PART, root=str(kernel.root))


def test_the_kernel_gets_the_words_turned_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = bitfiles.xilinx("7z020clg400")
    kernel = Kernel(tmp_path)
    load(monkeypatch, kernel, raw)
    wanted = np.frombuffer(bitfiles.xilinx_data(raw), ">u4")
    assert (np.frombuffer(kernel.loaded, "<u4") == wanted).all()
    assert kernel.flags == "0"
    assert not list((tmp_path / "lib/firmware").iterdir())  # nothing is left behind


def test_a_state_other_than_operating(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(tmp_path, state="write complete error")
    with pytest.raises(DriverError, match="state must be operating after loading, not 'write comp"):
        load(monkeypatch, kernel, bitfiles.xilinx("7z020clg400"))
    assert not list((tmp_path / "lib/firmware").iterdir())


def test_another_part_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(tmp_path)
    with pytest.raises(DriverError, match=r"is for part 7z010clg400, this board has xc7z020clg400"):
        load(monkeypatch, kernel, bitfiles.xilinx("7z010clg400"))
    assert not kernel.loaded


def test_no_manager(tmp_path: Path) -> None:
    path = written(tmp_path, "b.bit", bitfiles.xilinx("7z020clg400"))
    with pytest.raises(
        DriverError, match=r"there is no .*fpga0: this is not a Zynq, or its kernel"
    ):
        fpga_manager.load(path, PART, root=str(tmp_path))
    (tmp_path / fpga_manager.MANAGER).mkdir(parents=True)
    with pytest.raises(DriverError, match=r"has no file firmware: this kernel loads only through"):
        fpga_manager.load(path, PART, root=str(tmp_path))


def test_the_kernel_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each error of writing the kernel's file is reported."""
    manager = tmp_path / fpga_manager.MANAGER
    manager.mkdir(parents=True)
    (manager / "state").write_text("write init error\n")
    (manager / "firmware").symlink_to("/dev/full")
    path = written(tmp_path, "b.bit", bitfiles.xilinx("7z020clg400"))
    words = r"refused the bitstream: No space left on device \(state: write init error;"
    with pytest.raises(DriverError, match=words):
        fpga_manager.load(path, PART, root=str(tmp_path))


@pytest.mark.parametrize("name", ["lib/firmware/bitrill.bin", f"{fpga_manager.MANAGER}/firmware"])
def test_only_root_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    manager = tmp_path / fpga_manager.MANAGER
    manager.mkdir(parents=True)
    (manager / "firmware").write_text("")
    path = written(tmp_path, "b.bit", bitfiles.xilinx("7z020clg400"))
    real = open

    def refused(file, *more, **named):
        if str(file).endswith(name):
            raise PermissionError(13, "Permission denied")
        return real(file, *more, **named)

    monkeypatch.setattr("builtins.open", refused)
    with pytest.raises(DriverError, match=f"no permission to write .*{name}: .* needs root"):
        fpga_manager.load(path, PART, root=str(tmp_path))


def test_no_bitstream(tmp_path: Path) -> None:
    with pytest.raises(DriverError, match=r"cannot read .*b\.bit: No such file"):
        fpga_manager.load(tmp_path / "b.bit", PART, root=str(tmp_path))
    (tmp_path / "b.bit").write_bytes(b"\0\1")
    with pytest.raises(DriverError, match=r"b\.bit is not a Xilinx \.bit file"):
        fpga_manager.load(tmp_path / "b.bit", PART, root=str(tmp_path))
