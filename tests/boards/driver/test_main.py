"""The package copied to a board: run as people run it there, with numpy and nothing of Bitrill."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitrill.flow import Build
from bitrill_boards import driver as package
from bitrill_boards.driver import __main__ as command
from boards.driver.line_model import Board
from boards.driver.tree import AXI, UART, Tree, folder
from support import HANG_SECONDS, ROOT

BLOCK = """
import sys, runpy
class Block:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names | {"numpy", "serial", "pynq", "bitrill_driver"}:
            raise ImportError(f"{name} is not on a board")
sys.meta_path.insert(0, Block())
sys.argv[0] = "bitrill_driver"
runpy.run_module("bitrill_driver", run_name="__main__")
"""


@pytest.fixture
def copied(build: Build, tmp_path: Path) -> Path:
    """A board's folder with the driver in it."""
    place = folder(tmp_path / "ulx3s-85f", build, UART)
    source = Path(str(package.__file__)).parent
    shutil.copytree(source, place / "bitrill_driver", ignore=shutil.ignore_patterns("__pycache__"))
    return place


def run(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BLOCK, *arguments],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        env={"PATH": os.environ["PATH"], "OPENBLAS_NUM_THREADS": "1"},
        check=False,
    )


def test_the_self_test_on_a_board(build: Build, copied: Path) -> None:
    with Board(build) as port:
        done = run(copied, ".", "--port", port, "--self-test")
    assert done.stderr == ""
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "ulx3s-85f: net at 25 MHz"
    assert lines[1] == "self-test: 50 of 50 frames bit-exact"
    assert lines[2].startswith("50 frames, ")
    assert lines[3].startswith("hardware: 99.00 cycles a frame, 252,525 frames a second, 21.2% of")


def test_images_in_and_out(build: Build, copied: Path) -> None:
    x = np.random.default_rng(5).normal(0, 2, (20, *build.graph.source.shape))
    np.save(copied / "X.npy", x)
    with Board(build) as port:
        done = run(copied, ".", "--port", port, "--input", "X.npy", "--out", "Y.npy")
    assert (done.returncode, done.stderr) == (0, "")
    wanted = build.graph.run(build.graph.source.quantize(x))
    assert (np.load(copied / "Y.int.npy") == wanted).all()
    floats = build.graph.sink.dequantize(wanted).astype(np.float32)
    assert (np.load(copied / "Y.npy") == floats).all()
    assert not list(copied.glob("*.part"))


def test_the_example_of_the_documentation(
    build: Build, copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "docs" / "driver.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    x = np.random.default_rng(5).normal(0, 2, (20, *build.graph.source.shape))
    np.save(copied / "X.npy", x)
    monkeypatch.chdir(copied)
    monkeypatch.setitem(sys.modules, "bitrill_driver", package)
    found: dict[str, Any] = {}
    with Board(build) as port:
        exec(code.replace("/dev/ttyUSB0", port), found)
    assert (found["integers"] == build.graph.run(build.graph.source.quantize(x))).all()
    assert "cycles_per_frame" in capsys.readouterr().out


def test_what_is_missing_on_a_board(build: Build, copied: Path) -> None:
    folder(copied, build, AXI)
    Tree(copied / "root", state="unknown")
    done = run(copied, ".", "--self-test", "--root", "root")
    assert done.returncode == 4
    assert done.stdout == ""
    assert done.stderr.startswith("error: no bitstream is loaded (the FPGA manager's state is 'unk")
    assert done.stderr.count("\n") == 1
    assert "modprobe u-dma-buf" in done.stderr


@contextmanager
def attached(build: Build, **faults: Any) -> Iterator[list[str]]:
    with Board(build, **faults) as port:
        yield ["--port", port]


def test_a_wrong_bitstream_is_seen(
    build: Build, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with attached(build, flip=7) as port:
        assert command.main([str(copied), *port, "--self-test"]) == 1
    assert (
        "self-test: 1 of 50 frames are WRONG: flash the bitstream again" in capsys.readouterr().out
    )


def test_vectors_of_another_network(
    build: Build, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with np.load(copied / "vectors.npz") as file:
        np.savez(copied / "vectors.npz", inputs=file["inputs"], outputs=file["outputs"][..., :2])
    with attached(build) as port:
        assert command.main([str(copied), *port, "--self-test"]) == 4
    assert "recorded outputs must have shape [50, 3], not [50, 2]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "Y.npy"], "--out needs --input"),
        (["--input", "X.npy", "--out", "Y.txt"], "--out must end in .npy, not 'Y.txt'"),
        ([], "nothing to do: say --self-test, --input X.npy or --load"),
        (["--transport", "usb", "--self-test"], "invalid choice: 'usb'"),
    ],
)
def test_wrong_usage(
    copied: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        command.main([str(copied), *arguments])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_files_that_cannot_be_read_or_written(
    build: Build, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([str(copied), "--input", str(copied / "no.npy")]) == 4
    assert "cannot read " in capsys.readouterr().err
    (copied / "X.npy").write_text("no array")
    assert command.main([str(copied), "--input", str(copied / "X.npy")]) == 4
    assert "cannot read " in capsys.readouterr().err
    np.save(copied / "X.npy", np.zeros((1, *build.graph.source.shape)))
    with attached(build) as port:
        out = ["--input", str(copied / "X.npy"), "--out", str(copied / "no" / "Y.npy")]
        assert command.main([str(copied), *port, *out]) == 4
    assert "cannot write " in capsys.readouterr().err


def test_the_bitstream_alone(
    copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([str(copied), "--load"]) == 2
    assert "loaded from the host: bitrill flash" in capsys.readouterr().err
    (copied / "board.json").write_text(json.dumps(AXI))
    loaded: list[Any] = []
    monkeypatch.setattr(
        "bitrill_boards.driver.fpga_manager.load", lambda *a, **more: loaded.append((*a, more))
    )
    assert command.main([str(copied), "--load", "--root", "/r"]) == 0
    assert loaded == [(str(copied / "bitrill.bit"), AXI["part"], {"root": "/r"})]


def test_an_interrupt_is_no_trace(
    copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "connect", interrupted)
    assert command.main([str(copied), "--self-test"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_summary() -> None:
    assert package.summary({"frames": 0}) == "no frames"
    report = {
        "frames": 10_000,
        "cycles_per_frame": 13.4,
        "fps_hardware": 7.46e6,
        "fps_wall": 1e6,
        "fps_core": 1e8 / 13,
        "roofline": 13 / 13.4,
        "system": 0.97,
        "fps_system": 7.7e6,
        "limit": "port",
    }
    assert package.summary(report).splitlines() == [
        "10,000 frames, 1,000,000 a second, host included",
        "hardware: 13.40 cycles a frame, 7,460,000 frames a second, 97.0% of the core's peak of"
        " 7,692,308",
        "roofline: 97.0% of the 7,700,000 frames a second that the board's memory port allows",
    ]
