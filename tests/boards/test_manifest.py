"""The manifest of a board's folder: what it says, and which files are refused as one."""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from bitrill import flow
from bitrill.errors import StorageError
from bitrill.ir.serialisation import digest
from bitrill_boards import manifest
from bitrill_boards.board import find
from bitrill_boards.project import Project, ToolchainResult
from frontend.onnx_models import save, small


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> flow.Build:
    folder = tmp_path_factory.mktemp("manifest")
    net, out = small()
    return flow.compile(save(net.proto(out), folder), out=folder / "b", part="portable").build


def project(build: flow.Build, board: str, folder: Path) -> Project:
    found = find(board)
    return Project(
        found,
        build.graph,
        build.predicted,
        build.verilog,
        folder,
        found.toolchains[0],
        Fraction(200, 3),
    )


def test_it_says_what_a_host_must_know(build: flow.Build, tmp_path: Path) -> None:
    (tmp_path / "top.v").write_bytes(b"module top;")
    value = manifest.of(project(build, "pynq-z2", tmp_path), ["top.v"]).to_json()
    keys = {
        "format",
        "board",
        "title",
        "family",
        "part",
        "idcode",
        "toolchain",
        "link",
        "baud",
        "base",
        "register_bits",
        "clock_mhz",
        "crystal_mhz",
        "network",
        "geometry",
        "roofline",
        "registers",
        "bitstream",
        "bitstream_sha256",
        "fmax_mhz",
        "used",
        "flash",
        "files",
    }
    assert set(value) == keys
    assert (value["link"], value["base"], value["baud"]) == ("axi", 0x40000000, None)
    assert (value["clock_mhz"], value["crystal_mhz"]) == ("200/3", "50")
    assert value["register_bits"] == 12
    assert value["network"]["digest"] == digest(build.graph)
    assert value["registers"]["DIGEST_LOW"] == 8
    # 6 values of 4 bits, 3 sums
    t = build.graph.edges[build.graph.output]
    assert value["geometry"] == {
        "words_in": 1,
        "words_out": 1,
        "bytes_in": 3,
        "bytes_out": -(-3 * t.type.bits // 8),
    }
    assert value["files"] == {"top.v": hashlib.sha256(b"module top;").hexdigest()}
    assert value["bitstream"] is None
    assert (value["roofline"]["limit"], value["roofline"]["core_fps"]) == (
        "core",
        float(Fraction(200_000_000, 3) / build.predicted.ii),
    )
    small_one = manifest.of(project(build, "ulx3s-85f", tmp_path), []).to_json()
    assert (small_one["link"], small_one["base"], small_one["baud"]) == ("uart", None, 1_000_000)
    assert small_one["registers"] == {}
    assert small_one["roofline"]["limit"] == "uart"
    assert small_one["roofline"]["system_fps"] == 100_000 / (3 + 9)


def test_what_was_written_is_read(build: flow.Build, tmp_path: Path) -> None:
    (tmp_path / "a.bit").write_bytes(b"bits")
    plain = manifest.of(project(build, "ulx3s-85f", tmp_path), [])
    made = plain.with_made(tmp_path, ToolchainResult("a.bit", 111.119, {"lut": (1, 2)}))
    manifest.write(tmp_path, made)
    got = manifest.read(tmp_path)
    assert got == made
    assert (got.fmax_mhz, got.used, got.clock) == (111.12, {"lut": [1, 2]}, Fraction(200, 3))
    assert got.bitstream_sha256 == got.files["a.bit"] == hashlib.sha256(b"bits").hexdigest()
    first = (tmp_path / "board.json").read_bytes()
    manifest.write(tmp_path, made)
    assert (tmp_path / "board.json").read_bytes() == first


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, r"board\.json must have format 1, not 2; build it again"),
        ({"clock_mhz": "0"}, r"is damaged \(clock_mhz\)"),
        ({"crystal_mhz": "0/1"}, r"is damaged \(crystal_mhz\)"),
        ({"clock_mhz": 100}, r"is damaged \(clock_mhz\)"),
        ({"link": "usb"}, r"is damaged \(link\)"),
        ({"network": {"name": "x"}}, r"is damaged \(network\)"),
        ({"bitstream": "../../etc/passwd"}, r"is damaged \(bitstream\)"),
        ({"bitstream": "/etc/passwd"}, r"is damaged \(bitstream\)"),
        ({"files": {"../x": "0"}}, r"is damaged \(files\)"),
        ({"idcode": "1"}, r"is damaged \(idcode\)"),
        ({"more": 1}, r"is damaged \(more\)"),
        ({"title": ..., "part": ...}, r"is damaged \(title, part\)"),
    ],
)
def test_a_damaged_one_is_refused(
    build: flow.Build, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    value = manifest.of(project(build, "ulx3s-85f", tmp_path), []).to_json() | change
    value = {k: v for k, v in value.items() if v is not ...}
    (tmp_path / "board.json").write_text(json.dumps(value))
    with pytest.raises(StorageError, match=message):
        manifest.read(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [("[]", r"must have format 1, not None"), ("{", r"board\.json must be JSON")],
)
def test_a_foreign_one_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "board.json").write_text(text)
    with pytest.raises(StorageError, match=message):
        manifest.read(tmp_path)


def test_a_folder_without_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"holds no finished board build: board\.json is missi"):
        manifest.read(tmp_path)


def test_changed_files_are_refused(build: flow.Build, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    made = manifest.of(project(build, "ulx3s-85f", tmp_path), ["a"])
    manifest.require(tmp_path, made, ["a"])
    with pytest.raises(StorageError, match=r"board\.json does not list b; build it again"):
        manifest.require(tmp_path, made, ["b"])
    (tmp_path / "a").write_bytes(b"b")
    with pytest.raises(StorageError, match=r"/a was changed since it was built; build it again"):
        manifest.require(tmp_path, made, ["a"])
    (tmp_path / "a").unlink()
    with pytest.raises(StorageError, match=r"cannot read .*/a: No such file"):
        manifest.require(tmp_path, made, ["a"])
