"""A board's folder: whole, the same each time, and nothing half-written whatever happens."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from bitrill import flow
from bitrill.errors import BitrillError, FitError, SpecError, StorageError, TimingError, ToolError
from bitrill_boards import board_folder, manifest, toolchains, vectors
from bitrill_boards.board import every, find
from bitrill_boards.project import Project
from boards.fakes import BITSTREAM, FakeToolchain
from frontend.onnx_models import save, small


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> flow.Build:
    folder = tmp_path_factory.mktemp("making")
    net, out = small()
    return flow.compile(save(net.proto(out), folder), out=folder / "b", part="portable").build


Act = Callable[[Project], None]


def fake(monkeypatch: pytest.MonkeyPatch, act: Act | None = None) -> FakeToolchain:
    chain = FakeToolchain(act)
    monkeypatch.setattr(toolchains, "load", lambda name: chain)
    return chain


def contents(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def test_the_folder_is_whole(build: flow.Build, tmp_path: Path, monkeypatch) -> None:
    fake(monkeypatch)
    seen: list[str] = []
    done = flow.build(
        "ulx3s-85f", build, out=tmp_path, samples=7, progress=lambda what, *_: seen.append(what)
    )
    found = contents(tmp_path)
    assert found["bitrill.bit"] == BITSTREAM
    assert found["top.v"] == build.verilog.read_bytes()
    assert found["pins.txt"] == b"LFE5U-85F-6BG381C 100\n"
    assert {"board.json", "network.json", "vectors.npz", "README.md", "report.txt"} < set(found)
    assert {"bitrill_c/bitrill.h", "bitrill_c/bitrill.c"} < set(found)
    read = manifest.read(tmp_path)
    assert read == done.manifest
    assert set(read.files) == set(found) - {"board.json"}
    manifest.require(tmp_path, read, read.files)
    assert {"recording frames", "writing files", "routing"} <= set(seen)
    assert done.to_json()["fmax_mhz"] == 123.46
    assert done.to_json()["bitstream"] == str(tmp_path / "bitrill.bit")


def test_the_same_build_gives_the_same_bytes(build: flow.Build, tmp_path, monkeypatch) -> None:
    fake(monkeypatch)
    flow.build("ulx3s-85f", build, out=tmp_path / "a")
    flow.build("ulx3s-85f", build, out=tmp_path / "other" / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "other" / "b")


def test_the_readme_tells_both_parts(build: flow.Build, tmp_path: Path, monkeypatch) -> None:
    fake(monkeypatch)
    flow.build("ulx3s-85f", build, out=tmp_path, files_only=True)
    text = (tmp_path / "README.md").read_text()
    for words in (
        "for Radiona ULX3S 85F",
        "## Bitstream by magic",
        "bitrill flash ulx3s-85f",
        "python3 -m bitrill_driver . --port /dev/ttyUSB0 --self-test",
        find("ulx3s-85f").status,
        "6 values of 4 bits",
        "| `pins.txt` |",
    ):
        assert words in text
    flow.build("pynq-z2", build, out=tmp_path, files_only=True)
    text = (tmp_path / "README.md").read_text()
    assert "python3 -m bitrill_driver . --self-test --load" in text
    assert (
        "6 values of 4 bits, dense, low bits first: 3 bytes; in memory 1 words of 8 bytes" in text
    )


def test_the_driver_runs_from_the_folder_alone(build: flow.Build, tmp_path, monkeypatch) -> None:
    """The driver imports nothing of Bitrill."""
    fake(monkeypatch)
    flow.build("ulx3s-85f", build, out=tmp_path, samples=5)
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('bitrill', 'bitrill_boards')))\n"
        "import numpy as np, bitrill_driver as d\n"
        "n = d.Network.read('network.json'); v = np.load('vectors.npz')\n"
        "print(d.__file__, n.integers(v['inputs']).shape, v['outputs'].shape)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(str(tmp_path / "bitrill_driver"))
    assert done.stdout.endswith("(5, 6) (5, 3)\n")


# vectors


def test_vectors_are_corners_then_noise_and_golden(build: flow.Build, tmp_path: Path) -> None:
    graph = build.graph
    x = vectors.frames(graph, 50, 1)
    assert x.shape == (50, *graph.source.shape)
    t = graph.source.tensor.type
    flat = x.reshape(50, -1)
    assert (flat[0] == t.lo).all()
    assert (flat[1] == t.hi).all()
    assert flat[2].tolist() == [t.lo, t.hi] * 3
    assert flat[3].tolist() == [t.hi, t.lo] * 3
    (tmp_path / "vectors.npz").write_bytes(vectors.recorded(graph, x))
    got, wanted = vectors.read(tmp_path)
    assert (got == x).all()
    assert got.dtype == np.int8
    assert (wanted == graph.run(x)).all()
    assert vectors.recorded(graph, x) == vectors.recorded(graph, x.copy())


def test_given_frames_come_first(build: flow.Build, tmp_path: Path, monkeypatch) -> None:
    fake(monkeypatch)
    x = np.random.default_rng(3).normal(0, 2, (6, *build.graph.source.shape))
    np.save(tmp_path / "x.npy", x)
    flow.build("ulx3s-85f", build, out=tmp_path / "o", data=str(tmp_path / "x.npy"), samples=9)
    got, wanted = vectors.read(tmp_path / "o")
    assert len(got) == 9
    assert (wanted[:6] == flow.run(build, x).integers).all()
    flow.build("ulx3s-85f", build, out=tmp_path / "o", data=x, samples=4)
    assert len(vectors.read(tmp_path / "o")[0]) == 4


def test_a_thousand_unless_told(build: flow.Build, tmp_path: Path, monkeypatch) -> None:
    fake(monkeypatch)
    assert flow.build("ulx3s-85f", build, out=tmp_path).to_json()["samples"] == 1000
    with pytest.raises(SpecError, match="samples must be at least 1, not 0"):
        flow.build("ulx3s-85f", build, out=tmp_path, samples=0)


def test_damaged_vectors_are_refused(build: flow.Build, tmp_path: Path) -> None:
    path = tmp_path / "vectors.npz"
    whole = vectors.recorded(build.graph, vectors.frames(build.graph, 5, 0))
    for data in (b"", b"no", whole[:-30]):
        path.write_bytes(data)
        with pytest.raises(StorageError, match=r"vectors\.npz must hold recorded frames"):
            vectors.read(tmp_path)
    np.savez(path, inputs=np.zeros((2, 6)), outputs=np.zeros((1, 3)))
    with pytest.raises(StorageError, match="must hold an output for each of its frames"):
        vectors.read(tmp_path)
    path.unlink()
    with pytest.raises(StorageError, match=r"cannot read .*vectors\.npz"):
        vectors.read(tmp_path)


# failures of tools


def raising(error: BaseException) -> Act:
    def act(project: Project) -> None:
        (project.folder / "half").mkdir()
        (project.folder / "half" / "written").write_text("x")
        (project.folder / "bitrill.tmp").write_text("x")
        (project.folder / "work").mkdir(exist_ok=True)
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ToolError("magic is missing", missing=True), 3),
        (ToolError("magic failed", log="l"), 4),
        (TimingError("too slow", fmax_mhz=3, used={"lut": (1, 2)}), 5),
        (FitError("too large"), 6),
    ],
)
def test_without_a_bitstream_the_folder_is_whole(
    build: flow.Build, tmp_path: Path, monkeypatch, error: BitrillError, code: int
) -> None:
    fake(monkeypatch)
    flow.build("ulx3s-85f", build, out=tmp_path)  # a bitstream that must not stay
    fake(monkeypatch, raising(error))
    with pytest.raises(type(error)) as caught:
        flow.build("ulx3s-85f", build, out=tmp_path)
    assert str(caught.value) == f"{error}; the files are in {tmp_path}"
    assert caught.value.exit_code == code
    assert caught.value.details == error.details | {"folder": str(tmp_path)}
    read = manifest.read(tmp_path)
    assert (read.bitstream, read.fmax_mhz) == (None, error.details.get("fmax_mhz"))
    assert read.used == ({"lut": [1, 2]} if code == 5 else None)
    manifest.require(tmp_path, read, read.files)
    assert not (tmp_path / "bitrill.bit").exists()


def test_an_interrupt_leaves_no_manifest_and_nothing_of_the_tools(
    build: flow.Build, tmp_path: Path, monkeypatch
) -> None:
    fake(monkeypatch)
    flow.build("ulx3s-85f", build, out=tmp_path)
    (tmp_path / "mine.txt").write_text("a person's")
    fake(monkeypatch, raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        flow.build("ulx3s-85f", build, out=tmp_path)
    left = {p.name for p in tmp_path.iterdir()}
    assert "mine.txt" in left
    assert not left & {"board.json", "bitrill.bit", "report.txt", "half", "bitrill.tmp"}
    fake(monkeypatch)
    flow.build("ulx3s-85f", build, out=tmp_path)  # as though nothing had been
    assert manifest.read(tmp_path).bitstream == "bitrill.bit"


def test_another_toolchains_files_go(build: flow.Build, tmp_path: Path, monkeypatch) -> None:
    chain = fake(monkeypatch)
    flow.build("pynq-z2", build, out=tmp_path)
    (tmp_path / "mine.txt").write_text("a person's")
    monkeypatch.setattr(chain, "files", lambda project: {"other.tcl": "exit\n"})
    flow.build("pynq-z2", build, out=tmp_path, toolchain="vivado-ps7", files_only=True)
    left = set(contents(tmp_path))
    assert {"other.tcl", "mine.txt"} <= left
    assert not left & {"pins.txt", "bitrill.bit", "report.txt"}


def test_files_only_runs_no_tool(build: flow.Build, tmp_path: Path, monkeypatch) -> None:
    chain = fake(monkeypatch)
    done = flow.build("ulx3s-85f", build, out=tmp_path, files_only=True)
    assert chain.runs == 0
    assert done.to_json()["bitstream"] is None
    assert done.to_json()["fmax_mhz"] is None


# what is asked for


def test_clocks(build: flow.Build, tmp_path: Path, monkeypatch) -> None:
    fake(monkeypatch)

    def clock(board: str, mhz: object) -> Fraction:
        done = flow.build(board, build, out=tmp_path, clock_mhz=mhz, files_only=True)  # pyright: ignore
        return done.manifest.clock

    assert clock("ulx3s-85f", None) == 100
    assert clock("ulx3s-85f", "200/3") == Fraction(200, 3)
    assert clock("ulx3s-85f", 66.6) == Fraction("66.6")
    assert clock("zc706", None) == Fraction(1000, 7)  # what the processor's PLL gives
    for wrong in ("fast", "1/0", "nan"):
        with pytest.raises(SpecError, match="the clock must be MHz such as 100 or 200/3, not"):
            clock("ulx3s-85f", wrong)
    for wrong in (0, -5, 3000):
        with pytest.raises(SpecError, match="the clock must be above 0 and at most 2000 MHz"):
            clock("ulx3s-85f", wrong)


def test_a_toolchain_of_another_board(build: flow.Build, tmp_path: Path) -> None:
    accepted = "toolchain must be one of vivado, vivado-ps7, openxc7 for pynq-z2, not"
    with pytest.raises(SpecError, match=f"{accepted} 'open'; did you mean 'openxc7'"):
        flow.build("pynq-z2", build, out=tmp_path, toolchain="open")
    with pytest.raises(SpecError, match=f"{accepted} 'gcc'"):
        flow.build("pynq-z2", build, out=tmp_path, toolchain="gcc")
    with pytest.raises(SpecError, match=r"toolchain must be one of vivado, .*, open, not 'gcc'"):
        toolchains.load("gcc")
    assert not list(tmp_path.iterdir())


def test_the_builds_own_folder_is_kept(build: flow.Build) -> None:
    before = contents(build.folder)
    with pytest.raises(
        StorageError, match="is the build itself: the board's files must go elsewhere"
    ):
        flow.build("ulx3s-85f", build, out=build.folder)
    assert contents(build.folder) == before


@pytest.mark.parametrize("board", [b.name for b in every()])
def test_every_boards_own_toolchain_writes_its_files(
    build: flow.Build, tmp_path: Path, board: str
) -> None:
    done = flow.build(board, build, out=tmp_path, samples=3, files_only=True)
    read = manifest.read(tmp_path)
    manifest.require(tmp_path, read, read.files)
    assert len(set(done.manifest.files) - set(board_folder.driver_files())) >= 6
    for name, data in contents(tmp_path).items():
        assert str(tmp_path).encode() not in data, name
    assert json.loads((tmp_path / "network.json").read_text())["format"] == 2
