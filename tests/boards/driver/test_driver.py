"""The driver against the golden model: exact quantizing, whole batches, refusals, self-test."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitrill import flow
from bitrill.flow import Build
from bitrill_boards import driver as package
from bitrill_boards.describe import describe
from bitrill_boards.driver import Driver, DriverError, FrameTransport, Network
from boards.driver.shell_model import network_of


@dataclass
class Device:
    digest: bytes
    clock_hz: int
    bytes_in: int
    bytes_out: int


class Golden(FrameTransport):
    """A transport that is the golden model, with frames in units of 8 bytes, as in memory."""

    align = 8

    def __init__(self, build: Build, fault: int | None = None):
        self.graph = build.graph
        self.net = Network(describe(build.graph, build.predicted))
        self.into, self.out = self.net.input.format(8), self.net.output.format(8)
        self.device = Device(self.net.digest, 100_000_000, self.into.bytes, self.out.bytes)
        self.fault, self.seen = fault, 0

    def run(self, frames: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
        for frame in frames:
            x = self.into.unpack(np.frombuffer(frame, np.uint8))
            y = self.graph.run(x.reshape(1, *self.graph.source.shape)).reshape(1, -1)
            data = bytearray(self.out.pack(y).tobytes())
            if self.seen == self.fault:
                data[0] ^= 1
            self.seen += 1
            yield bytes(data), 64

    def close(self) -> None:
        self.seen = -1


def near_levels(build: Build, n: int) -> np.ndarray:
    """Floats at the quantizer's levels, one step below and above, and random ones."""
    q = build.graph.source.quantizer
    assert q is not None
    levels = q.levels.ravel()
    pool = np.concatenate([levels, np.nextafter(levels, -np.inf), np.nextafter(levels, np.inf)])
    rng = np.random.default_rng(0)
    pool = np.concatenate([pool, rng.normal(0, 2, 100)])
    return rng.choice(pool, (n, *build.graph.source.shape))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_floats_are_quantized_as_the_model_does(build: Build, dtype: Any) -> None:
    x = near_levels(build, 200).astype(dtype)
    wanted = build.graph.source.flatten(build.graph.source.quantize(x))
    assert (network_of(build).integers(x) == wanted).all()


def test_a_batch_gives_what_the_golden_model_gives(build: Build) -> None:
    x = near_levels(build, 100)  # more than one batch
    with Driver(network_of(build), Golden(build)) as driver:
        integers, floats = driver.run(x)
        wanted = flow.run(build, x)
        assert (integers == wanted.integers).all()
        assert (floats == wanted.floats).all()
        again, _ = driver.run(build.graph.source.quantize(x))
        assert (again == integers).all()
        report = driver.report()
    assert report["frames"] == 200
    assert report["cycles_per_frame"] == 64
    assert report["fps_hardware"] == 100e6 / 64
    assert report["roofline"] == float(build.predicted.ii) / 64


def test_nothing_to_do(build: Build) -> None:
    driver = Driver(network_of(build), Golden(build))
    integers, floats = driver.run(np.zeros((0, *build.graph.source.shape)))
    assert integers.shape == floats.shape == (0, *build.graph.sink.shape)
    assert driver.report() == {"frames": 0}


def test_the_self_test_sees_one_wrong_bit(build: Build) -> None:
    x = build.graph.source.quantize(near_levels(build, 20))
    wanted = build.graph.run(x)
    assert Driver(network_of(build), Golden(build)).self_test(x, wanted) == 0
    assert Driver(network_of(build), Golden(build, fault=7)).self_test(x, wanted) == 1


def test_weights_over_a_link_that_carries_frames_alone(build: Build) -> None:
    driver = Driver(network_of(build), Golden(build))
    with pytest.raises(DriverError, match="weights can be written only over AXI"):
        driver.write_weights([])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"digest": b"another!"}, r"the board holds another network \(616e6f7468657221\) than"),
        ({"bytes_in": 3}, "a frame in must have 8 bytes, the board's has 3"),
        ({"bytes_out": 1}, "a frame out must have 8 bytes, the board's has 1"),
    ],
)
def test_another_build_is_refused(build: Build, change: dict[str, Any], message: str) -> None:
    transport = Golden(build)
    transport.device.__dict__.update(change)
    with pytest.raises(DriverError, match=message):
        Driver(network_of(build), transport)


def test_images_that_do_not_fit(build: Build) -> None:
    net = network_of(build)
    shape = build.graph.source.shape
    hi = build.graph.source.tensor.type.hi
    with pytest.raises(DriverError, match=r"images must have shape \[N, .*\], not \[2, 3, 4, 5\]"):
        net.integers(np.zeros((2, 3, 4, 5)))
    with pytest.raises(DriverError, match=rf"images must hold integers .*{hi}, not 0\.\.{hi + 1}"):
        net.integers(np.arange(2).repeat(np.prod(shape)).reshape(2, *shape) * (hi + 1))
    with pytest.raises(DriverError, match="must be finite, but hold NaN or infinity"):
        net.integers(np.full((1, *shape), np.nan))
    with pytest.raises(DriverError, match="must hold floats or integers, not complex128"):
        net.integers(np.zeros((1, *shape), complex))


def test_a_file_of_another_format(tmp_path: Path, build: Build) -> None:
    path = tmp_path / "network.json"
    path.write_text(json.dumps(describe(build.graph, build.predicted) | {"format": 1}))
    with pytest.raises(DriverError, match=r"network\.json must have format 2, not 1: build again"):
        Network.read(path)


FOLDER = Path(str(package.__file__)).parent
FILES = sorted(FOLDER.glob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_the_driver_needs_numpy_alone(file: Path) -> None:
    """It is copied to boards: nothing of it imports the rest of Bitrill, or what is newer than
    Python 3.8; pyserial and pynq are imported where they are used."""
    tree = ast.parse(file.read_text(), feature_version=(3, 8))
    names = {f.stem for f in FILES}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            assert node.level == 1
            assert node.module in names or {a.name for a in node.names} <= names, ast.unparse(node)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            found = (
                [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            )
            for name in found:
                top = str(name).partition(".")[0]
                at_top = node in tree.body
                allowed = {"numpy", *sys.stdlib_module_names} - {"tomllib"}
                assert top in (allowed if at_top else allowed | {"serial", "pynq"}), name


NEWER = {"removeprefix", "removesuffix", "bit_count", "is_relative_to", "pairwise", "cache"}
"""Names of the standard library that Python 3.8 has not."""


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_the_driver_runs_on_python_3_8(file: Path) -> None:
    """What its syntax alone does not tell: annotations are never evaluated, nothing newer is
    called."""
    tree = ast.parse(file.read_text())
    nodes = list(ast.walk(tree))
    if any(isinstance(n, ast.FunctionDef | ast.AnnAssign) for n in nodes):
        assert "from __future__ import annotations" in ast.unparse(tree)
    for n in nodes:
        assert not (isinstance(n, ast.Attribute) and n.attr in NEWER), n.attr
        if isinstance(n, ast.Call):
            assert not {"strict", "slots", "kw_only"} & {str(k.arg) for k in n.keywords}
        if isinstance(n, ast.Call) and ast.unparse(n.func) == "isinstance":
            assert not any(isinstance(m, ast.BinOp) for m in ast.walk(n.args[1]))
        if isinstance(n, ast.With):
            assert not isinstance(n.items[0].context_expr, ast.Tuple)
