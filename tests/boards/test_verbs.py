"""The verbs build, flash and drive: one path from a model to frames, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from bitrill import flow
from bitrill.cli import main
from bitrill.errors import ToolError
from bitrill.ir import Graph
from bitrill_boards import manifest, toolchains, vectors
from bitrill_boards.driver import FrameTransport, LinkError, Network, opening
from bitrill_boards.flash import Loaded, loading
from boards.fakes import FakeToolchain
from boards.test_board import written
from frontend.onnx_models import save, small


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    net, out = small()
    return save(net.proto(out), tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def build(model: Path, tmp_path_factory: pytest.TempPathFactory) -> flow.Build:
    return flow.compile(model, out=tmp_path_factory.mktemp("verbs") / "b").build


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch) -> FakeToolchain:
    found = FakeToolchain()
    monkeypatch.setattr(toolchains, "load", lambda name: found)
    return found


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        code = main([str(a) for a in arguments])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return call


def refused(got: tuple[int, str, str], code: int, message: str) -> None:
    """One line on stderr that matches; nothing else."""
    assert got[:2] == (code, "")
    assert got[2].count("\n") == 1
    assert re.match(f"bitrill: error: {message}\n$", got[2]), got[2]


class Golden(FrameTransport):
    """A transport that is the golden model, behind a serial line of a board; ``fault``: a frame
    that comes back wrong."""

    align = 1

    def __init__(self, graph: Graph, folder: Path, fault: int | None = None):
        self.graph, self.fault = graph, fault
        self.net = Network.read(folder / "network.json")
        self.into, self.out = self.net.input.format(1), self.net.output.format(1)
        sizes = {"bytes_in": self.into.bytes, "bytes_out": self.out.bytes}
        self.device = SimpleNamespace(digest=self.net.digest, clock_hz=100_000_000, **sizes)

    def run(self, frames: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
        for k, frame in enumerate(frames):
            x = self.into.unpack(np.frombuffer(frame, np.uint8))
            y = self.graph.run(x.reshape(1, *self.graph.source.shape))
            data = bytearray(self.out.pack(y).tobytes())
            data[0] ^= k == self.fault
            yield bytes(data), 1000

    notes = ("the line is short",)

    def close(self) -> None: ...


def wired(monkeypatch: pytest.MonkeyPatch, build: flow.Build, fault: int | None = None) -> list:
    """A board at every port; what was asked to be opened."""
    asked: list[tuple[Any, ...]] = []

    def opened(folder: Path, kind: str | None, port: str | None) -> tuple[str, Golden]:
        asked.append((kind, port))
        return "uart", Golden(build.graph, folder, fault)

    monkeypatch.setattr(opening, "open_transport", opened)
    return asked


# one path


def test_from_a_model_to_frames_in_simulation(model: Path, tmp_path: Path, run: Run, chain) -> None:
    b = tmp_path / "b"
    assert run("compile", model, "--out", b)[0] == 0
    code, out, err = run("build", "ulx3s-85f", b)
    assert (code, err) == (0, "")
    bit = b / "boards" / "ulx3s-85f" / "bitrill.bit"
    assert f"bitstream: {bit}" in out
    assert "fmax: 123.46 MHz after routing" in out
    assert "recorded for the self-test: 1,000 frames" in out
    test = ("drive", "ulx3s-85f", b, "--transport", "simulation", "--self-test")
    code, out, err = run(*test)
    assert (code, err) == (0, "")
    assert out.startswith("mismatches: 0 of 1,000 frames (ulx3s-85f, simulation)\nhardware: ")
    code, out, _ = run(*test, "--samples", 20, "--json")
    value = json.loads(out)
    assert (code, value["ok"], value["samples"], value["mismatches"]) == (0, True, 20, 0)
    assert value["cycles_per_frame"] > float(flow.load_build(b).predicted.ii)
    assert (value["fps_wall"], value["system_share"], value["limit"]) == (None, None, "uart")
    wrong_record(bit.parent)
    code, out, err = run(*test, "--samples", 20)
    assert (code, err) == (1, "")
    assert out.startswith("mismatches: 1 of 20 frames (ulx3s-85f, simulation)\nfirst: frame 6\n")
    assert run(*test, "--samples", 6)[0] == 0
    code, out, _ = run(*test, "--json")
    assert (code, json.loads(out)["first_mismatch"]) == (1, 6)


def test_a_zynq_in_simulation(build: flow.Build, tmp_path: Path, run: Run, chain) -> None:
    assert run("build", "pynq-z2", build.folder, "--out", tmp_path, "--samples", 300)[0] == 0
    x = np.random.default_rng(1).normal(0, 2, (40, *build.graph.source.shape))
    np.save(tmp_path / "x.npy", x)
    base = ("drive", "pynq-z2", build.folder, "--from", tmp_path, "--transport", "simulation")
    code, out, err = run(*base, "--self-test")
    assert (code, err) == (0, "")
    assert out.startswith("mismatches: 0 of 300 frames (pynq-z2, simulation)\n")
    assert re.search(r"^roofline: \d.* images/s \(limit: core\)$", out, re.M)
    y = tmp_path / "y.npy"
    code, out, _ = run(*base, "--input", tmp_path / "x.npy", "--out", y)
    assert code == 0
    assert f"floats {y}, integers {tmp_path / 'y.int.npy'}" in out
    wanted = flow.run(build, x)
    assert (np.load(y) == wanted.floats).all()
    assert (np.load(tmp_path / "y.int.npy") == wanted.integers).all()


@pytest.mark.parametrize(("board", "bits"), [("zedboard", 32), ("kv260", 40)])
def test_a_shell_is_simulated_with_the_familys_addresses(
    build, tmp_path: Path, run: Run, chain, monkeypatch, board: str, bits: int
) -> None:
    asked: dict[str, Any] = {}

    def shell(*_: Any, **options: Any) -> Any:
        asked.update(options)
        raise LinkError("enough")

    monkeypatch.setattr("bitrill_boards.simulation.simulated_axi.SimulatedShell", shell)
    run("build", board, build.folder, "--out", tmp_path, "--samples", 2)
    base = ("drive", board, build.folder, "--from", tmp_path, "--transport", "simulation")
    refused(run(*base), 4, "enough")
    assert asked["address"] == bits


def wrong_record(folder: Path) -> None:
    """A frame is recorded otherwise than it is computed, and the manifest knows no better."""
    x, y = vectors.read(folder)
    y[6, ..., -1] += 1
    np.savez(folder / "vectors.npz", inputs=x, outputs=y)
    known = manifest.read(folder)
    files = known.files | manifest.hashes_of(folder, ["vectors.npz"])
    manifest.write(folder, dataclasses.replace(known, files=files))


@pytest.mark.parametrize("name", ["vectors.npz", "network.json"])
def test_a_changed_file(build, tmp_path: Path, run: Run, chain, name: str) -> None:
    run("build", "ulx3s-85f", build.folder, "--out", tmp_path, "--samples", 9)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes() + b" ")
    base = ("drive", "ulx3s-85f", build.folder, "--from", tmp_path, "--transport", "simulation")
    refused(run(*base), 4, f".*{name} was changed since it was built; build it again")


# boards


def test_a_board_at_a_port(build: flow.Build, tmp_path: Path, run: Run, chain, monkeypatch) -> None:
    run("build", "ulx3s-85f", build.folder, "--out", tmp_path, "--samples", 8)
    asked = wired(monkeypatch, build)
    base = ("drive", "ulx3s-85f", build.folder, "--from", tmp_path)
    code, out, _ = run(*base, "--port", "/dev/ttyX")
    assert (code, asked) == (0, [(None, "/dev/ttyX")])
    assert out.startswith("mismatches: 0 of 8 frames (ulx3s-85f, uart)\n")
    assert "hardware: 1,000.0 cycles a frame, 100,000 images/s" in out
    assert out.endswith("note: the line is short\n")
    assert re.search(r"^with host and link: [\d,]+ images/s$", out, re.M)
    assert re.search(r"^roofline: .* % of 8,333 images/s \(limit: uart\)$", out, re.M)
    wired(monkeypatch, build, fault=3)
    code, out, _ = run(*base, "--self-test")
    assert (code, out.splitlines()[1]) == (1, "first: frame 3")
    np.save(tmp_path / "x.npy", np.zeros((5, *build.graph.source.shape)))
    code, out, _ = run(*base, "--input", tmp_path / "x.npy", "--json")  # against the golden model
    assert (code, json.loads(out)["first_mismatch"]) == (1, 3)


def test_what_the_driver_refuses_is_one_line(build, tmp_path, run: Run, chain, monkeypatch) -> None:
    run("build", "ulx3s-85f", build.folder, "--out", tmp_path, "--samples", 2)

    def unplugged(*_: Any) -> Any:
        raise LinkError("there is no serial port /dev/x: is the cable plugged in?")

    monkeypatch.setattr(opening, "open_transport", unplugged)
    base = ("drive", "ulx3s-85f", build.folder, "--from", tmp_path)
    refused(run(*base), 4, r"there is no serial port /dev/x: is the cable plugged in\?")


def test_a_zynq_is_driven_on_the_board(build, tmp_path: Path, run: Run, chain, monkeypatch) -> None:
    run("build", "pynq-z2", build.folder, "--out", tmp_path, "--samples", 2)
    base = ("drive", "pynq-z2", build.folder, "--from", tmp_path)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    refused(
        run(*base),
        4,
        f"this computer is no pynq-z2: copy {tmp_path} to the board and run in it python3 -m"
        " bitrill_driver . --self-test; or give --transport simulation",
    )
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    asked = wired(monkeypatch, build)
    assert run(*base)[0] == 0
    assert asked == [(None, None)]


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was to be loaded."""
    asked: list[dict[str, Any]] = []

    def flash(told: dict[str, Any], bitstream: Path, **options: Any) -> Loaded:
        asked.append({"board": told["board"], "bitstream": bitstream.read_bytes(), **options})
        return Loaded(told["board"], bitstream.name, 0x41113043, 1.25, False)

    monkeypatch.setattr("bitrill_boards.flash.flash", flash)
    return asked


def test_flash_then_test(build, tmp_path: Path, run: Run, chain, loader, monkeypatch) -> None:
    run("build", "ulx3s-85f", build.folder, "--out", tmp_path, "--samples", 8)
    base = ("flash", "ulx3s-85f", build.folder, "--from", tmp_path)
    code, out, err = run(*base, "--cable", "ft232", "--xvc", "h:1", "--timeout", "9")
    assert (code, err) == (0, "")
    loaded = {k: v for k, v in loader[0].items() if k not in ("bitstream", "progress")}
    assert loaded == {"board": "ulx3s-85f", "cable": "ft232", "xvc": "h:1", "timeout": 9.0}
    assert out == (
        f"{tmp_path}/bitrill.bit: loaded into ulx3s-85f, IDCODE 0x41113043 in 1.2 s"
        " (until power-off)\n"
        f"now test it: bitrill drive ulx3s-85f {build.folder} --from {tmp_path} --self-test"
        " --port /dev/ttyUSB0\n"
    )
    run(*base)
    assert loader[1]["timeout"] == loading.TIMEOUT
    wired(monkeypatch, build)
    code, out, _ = run(*base, "--self-test", "--port", "p")
    assert (code, "mismatches: 0 of 8 frames (ulx3s-85f, uart)" in out) == (0, True)
    wired(monkeypatch, build, fault=0)
    code, out, _ = run(*base, "--self-test", "--port", "p", "--json")
    assert (code, json.loads(out)["self_test"]["mismatches"]) == (1, 1)


def test_flash_of_a_zynq_says_where_to_test(build, tmp_path, run: Run, chain, loader) -> None:
    run("build", "pynq-z2", build.folder, "--out", tmp_path, "--samples", 2)
    base = ("flash", "pynq-z2", build.folder, "--from", tmp_path)
    _, out, _ = run(*base)
    last = "python3 -m bitrill_driver . --self-test --loaded"
    assert out.endswith(f"now test it: copy {tmp_path} to the board, and in it: {last}\n")
    refused(
        run(*base, "--self-test", "--port", "x"),
        2,
        f"the self-test of pynq-z2 runs on the board: see {tmp_path}/README.md",
    )


def test_flash_needs_a_bitstream(build, tmp_path: Path, run: Run, chain, loader) -> None:
    run("build", "ulx3s-85f", build.folder, "--out", tmp_path, "--files-only")
    base = ("flash", "ulx3s-85f", build.folder, "--from", tmp_path)
    refused(
        run(*base),
        4,
        f"there is no bitstream in {tmp_path} yet: run bitrill build ulx3s-85f {build.folder} where"
        " the tools of open are installed",
    )
    (tmp_path / "bitrill.bit").write_bytes(b"by hand")
    code, out, _ = run(*base)
    assert code == 0
    assert out.startswith(f"{tmp_path}/bitrill.bit (made by hand): loaded into ulx3s-85f")
    assert loader.pop()["bitstream"] == b"by hand"
    run("build", "ulx3s-85f", build.folder, "--out", tmp_path, "--files-only")
    refused(run(*base), 4, "there is no bitstream in .* yet: .*")  # it was another build's
    refused(run(*base, "--self-test"), 2, "the self-test needs the board's serial port: --port .*")
    refused(run(*base, "--port", "x"), 2, "a port is for the self-test .*: add --self-test")
    refused(run(*base, "--timeout", "0"), 2, "the time limit must be above 0 and .*, not 0.0")
    assert loader == []


# wrong folders


BOTH = pytest.mark.parametrize("verb", ["flash", "drive"])


@BOTH
def test_a_network_compiled_since(
    verb: str, model, tmp_path, run: Run, chain, loader, monkeypatch
) -> None:
    b = tmp_path / "b"
    flow.compile(model, out=b)
    run("build", "ulx3s-85f", b, "--samples", 2)
    folder = b / "boards" / "ulx3s-85f"
    flow.compile(model, out=b)  # the same again: nothing is older
    wired(monkeypatch, flow.load_build(b))
    assert run(verb, "ulx3s-85f", b)[0] == 0
    flow.compile(model, out=b, top=1)
    refused(
        run(verb, "ulx3s-85f", b),
        4,
        f"the build in {folder} is older than the network: run bitrill build ulx3s-85f {b}",
    )


@BOTH
def test_a_build_of_another_model(verb: str, build, tmp_path: Path, run: Run, chain) -> None:
    net, out = small()
    other = flow.compile(save(net.proto(out), tmp_path, "other.onnx"), out=tmp_path / "b").build
    run("build", "ulx3s-85f", other.folder, "--out", tmp_path / "o")
    refused(
        run(verb, "ulx3s-85f", build.folder, "--from", tmp_path / "o"),
        4,
        rf"{tmp_path}/o was built of another network \(other\) than {build.folder}:"
        f" run bitrill build ulx3s-85f {build.folder}",
    )


@BOTH
def test_a_folder_of_another_board(verb: str, build, tmp_path: Path, run: Run, chain) -> None:
    run("build", "icebreaker", build.folder, "--out", tmp_path)
    base = (verb, "ulx3s-85f", build.folder, "--from", tmp_path)
    refused(run(*base), 4, f"{tmp_path} was built for icebreaker, not for ulx3s-85f: run .*")


@BOTH
def test_nothing_built_yet(verb: str, build, tmp_path: Path, run: Run) -> None:
    refused(
        run(verb, "zedboard", build.folder),
        4,
        f"{build.folder}/boards/zedboard holds no finished build for zedboard: run bitrill build"
        f" zedboard {build.folder}",
    )
    (tmp_path / "board.json").write_text("{}")
    base = (verb, "zedboard", build.folder, "--from", tmp_path)
    refused(run(*base), 4, f"{tmp_path}/board.json must have format 1, not None; build it again")


@pytest.mark.parametrize("verb", ["build", "flash", "drive"])
def test_boards_and_builds_that_are_not(verb: str, build, tmp_path: Path, run: Run) -> None:
    unknown = r"board must be one of those known, not 'ulx3' \(nearest: ulx3s-85f\)"
    refused(run(verb, "ulx3", build.folder), 2, unknown)
    refused(run(verb, "zedboard", tmp_path), 4, f"{tmp_path} holds no finished build: graph.json.*")
    path = written(tmp_path, "pynq-z2", ("^clock_mhz", "clok_mhz"))
    message = (
        rf"{path}: clok_mhz is not known \(did you mean clock_mhz\?\); clock_mhz is missing .*"
    )
    refused(run(verb, "mine", build.folder, "--boards", tmp_path), 2, message)
    missing = f"cannot read boards: {tmp_path}/no is not a folder"
    refused(run(verb, "mine", build.folder, "--boards", tmp_path / "no"), 4, missing)


def test_a_board_of_the_users(build: flow.Build, tmp_path: Path, run: Run, chain) -> None:
    written(tmp_path, "ulx3s-85f", ("^title = .*", 'title = "My board"'))
    base = ("build", "mine", build.folder, "--boards", tmp_path, "--out", tmp_path / "o")
    code, out, _ = run(*base)
    assert (code, out.splitlines()[0][:8]) == (0, "My board")


# tools, size, options


def test_build_without_tools(build, tmp_path: Path, run: Run, chain: FakeToolchain) -> None:
    def missing(_: Any) -> None:
        raise ToolError("magic is missing: pip install magic", missing=True)

    chain.act = missing
    base = ("build", "ulx3s-85f", build.folder, "--out", tmp_path)
    told = f"magic is missing: pip install magic; the files are in {tmp_path}"
    refused(run(*base), 3, told)
    code, out, _ = run(*base, "--json")
    assert (code, json.loads(out)["error"]) == (3, told)
    code, out, _ = run(*base, "--json", "--files-only")
    value = json.loads(out)
    assert (code, value["bitstream"], value["fmax_mhz"]) == (0, None, None)
    assert {"board", "bitstream", "fmax_mhz", "files", "folder", "toolchain", "used"} <= set(value)
    assert all(Path(f).is_file() for f in value["files"])
    assert "bitstream: none yet" in run(*base, "--files-only")[1]


def test_too_large_before_any_tool(build, tmp_path: Path, run: Run, chain, monkeypatch) -> None:
    from bitrill.flow import board_build
    from bitrill.resources.estimate import Resources

    monkeypatch.setattr(board_build, "used_by", lambda b: Resources(lcs=20_000))
    base = ("build", "ebaz4205", build.folder, "--out", tmp_path / "o")
    refused(
        run(*base),
        6,
        "[^ ]+ does not fit ebaz4205: lut 20,900 of 12,320 usable; it would fit arty-z7-20, kv260,"
        " pynq-z1, pynq-z2, ultra96-v2, zc706, zcu104, zedboard, or compile with a lower --fps",
    )
    assert not (tmp_path / "o").exists()
    assert chain.runs == 0
    assert run(*base, "--files-only")[0] == 0  # a person may know better
    monkeypatch.setattr(board_build, "used_by", lambda b: Resources(lcs=10**7))
    refused(run(*base), 6, ".*; it would fit no board known here, or compile with a lower --fps")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--self-test", "--input", "x.npy"], 2, "a self-test takes the recorded frames: .*"),
        (["--input", "empty.npy"], 2, "the data must hold at least one sample, not 0"),
        (["--samples", "0"], 2, "samples must be at least 1, not 0"),
        (["--out", "y.txt"], 2, "the output file must end in .npy, not 'y.txt'"),
        (["--transport", "usb"], 2, "--transport must be one of uart, pynq, .*, not 'usb'.*"),
        (["--transport", "simulation", "--port", "p"], 2, "a port is a board's: a simulation .*"),
        (["--input", "none.npy"], 4, "cannot read none.npy: No such file or directory"),
        (["--transport", "linux"], 4, "transport must be uart for ulx3s-85f, not 'linux'"),
    ],
)
def test_wrong_options_of_drive(
    build, tmp_path: Path, run: Run, chain, monkeypatch, arguments, code: int, message: str
) -> None:
    run("build", "ulx3s-85f", build.folder, "--out", tmp_path, "--samples", 2)
    monkeypatch.chdir(tmp_path)
    np.save("empty.npy", np.zeros((0, *build.graph.source.shape)))
    base = ("drive", "ulx3s-85f", build.folder, "--from", tmp_path)
    refused(run(*base, *arguments), code, message)


def test_an_input_of_another_shape(build, tmp_path: Path, run: Run, chain) -> None:
    run("build", "ulx3s-85f", build.folder, "--out", tmp_path, "--samples", 2)
    np.save(tmp_path / "x.npy", np.zeros((3, 7)))
    base = ("drive", "ulx3s-85f", build.folder, "--from", tmp_path)
    got = run(*base, "--input", tmp_path / "x.npy")
    refused(got, 2, r".*must have shape.*")


def test_other_weights(model: Path, tmp_path: Path, run: Run, chain, monkeypatch) -> None:
    """Written before the frames, whose outputs are those of the new weights."""
    build = flow.compile(model, out=tmp_path / "b", style="runtime").build
    with np.load(build.folder / "weights.npz") as file:
        arrays = {k: file[k] for k in file.files if k.endswith(".weights")}
    name = min(arrays)
    arrays[name] = np.roll(arrays[name], 1, axis=1)
    np.savez(tmp_path / "w.npz", **arrays)
    base = ("drive", "pynq-z2", build.folder, "--weights", tmp_path / "w.npz")
    run("build", "pynq-z2", build.folder, "--samples", 50)
    access: list[tuple[int, int]] = []
    graph = flow.with_weights(build, arrays)

    def opened(folder: Path, *_: Any) -> tuple[str, Golden]:
        found = Golden(graph, folder)
        found.write_weights = access.extend  # pyright: ignore
        return "linux", found

    monkeypatch.setattr("platform.machine", lambda: "armv7l")
    monkeypatch.setattr(opening, "open_transport", opened)
    assert run(*base)[0] == 0
    assert access == flow.register_writes(build, arrays)
    assert run(*base[:3])[0] == 1  # they are not those that were compiled
    run("build", "ulx3s-85f", build.folder, "--samples", 5)
    wired(monkeypatch, build)
    refused(run("drive", "ulx3s-85f", *base[2:]), 4, "weights can be written over AXI only: .*")


def test_python_has_the_same(build: flow.Build, tmp_path: Path, chain, monkeypatch) -> None:
    done = flow.build("ulx3s-85f", build, out=tmp_path, clock_mhz=Fraction(50), samples=4)
    assert done.manifest.clock == 50
    wired(monkeypatch, build)
    x = np.zeros((3, *build.graph.source.shape))
    driven = flow.drive("ulx3s-85f", build, x, source=tmp_path, port="p")
    assert driven.ok
    assert (driven.outputs.integers == flow.run(build, x).integers).all()
