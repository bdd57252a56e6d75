"""Folders of another network or board, unknown boards, and boards of the user's own."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from bitrill import flow
from bitrill_boards import manifest
from boards.test_board import written
from boards.verbs.helpers import Run, refused, wired
from frontend.onnx_models import save, small

BOTH = pytest.mark.parametrize("verb", ["flash", "drive"])


@BOTH
def test_a_network_compiled_since(
    verb: str, model, tmp_path, run: Run, chain, loader, monkeypatch
) -> None:
    b = tmp_path / "b"
    flow.compile(model, out=b, part="portable")
    run("build", "ulx3s-85f", b, "--samples", 2)
    folder = b / "boards" / "ulx3s-85f"
    flow.compile(model, out=b, part="portable")  # the same again: nothing is older
    wired(monkeypatch, flow.load_build(b))
    assert run(verb, "ulx3s-85f", b)[0] == 0
    flow.compile(model, out=b, part="portable", top=1)
    refused(
        run(verb, "ulx3s-85f", b),
        4,
        f"the build in {folder} is older than the network: run bitrill build ulx3s-85f {b}",
    )


@BOTH
def test_a_build_of_another_model(verb: str, build, tmp_path: Path, run: Run, chain) -> None:
    net, out = small()
    other = flow.compile(
        save(net.proto(out), tmp_path, "other.onnx"), out=tmp_path / "b", part="portable"
    ).build
    run("build", "ulx3s-85f", other.folder, "--out", tmp_path / "o")
    refused(
        run(verb, "ulx3s-85f", build.folder, "--source", tmp_path / "o"),
        4,
        rf"{tmp_path}/o was built of another network \(other\) than {build.folder}:"
        f" run bitrill build ulx3s-85f {build.folder}",
    )


@BOTH
def test_a_folder_of_another_board(verb: str, build, tmp_path: Path, run: Run, chain) -> None:
    run("build", "icebreaker", build.folder, "--out", tmp_path)
    base = (verb, "ulx3s-85f", build.folder, "--source", tmp_path)
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
    base = (verb, "zedboard", build.folder, "--source", tmp_path)
    refused(run(*base), 4, f"{tmp_path}/board.json must have format 1, not None; build it again")


@pytest.mark.parametrize("verb", ["build", "flash", "drive"])
def test_boards_and_builds_that_are_not(verb: str, build, tmp_path: Path, run: Run) -> None:
    unknown = r"board must be a known one, not 'ulx3' \(nearest: ulx3s-85f\)"
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


@BOTH
@pytest.mark.parametrize(
    ("key", "value"),
    [("flash", {"board": "another"}), ("geometry", {}), ("baud", 9600), ("part", "LFE5U-25F")],
)
def test_a_manifest_that_somebody_wrote(
    verb: str, key: str, value: object, build, tmp_path: Path, run: Run, chain, loader
) -> None:
    run("build", "ulx3s-85f", build.folder, "--out", tmp_path, "--samples", 2)
    path = tmp_path / "board.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    message = rf"{path} is not what Bitrill writes for ulx3s-85f and this network \({key}\); build"
    refused(run(verb, "ulx3s-85f", build.folder, "--source", tmp_path), 4, f"{message} it again")
    assert not loader


def test_a_network_file_that_somebody_wrote(build, tmp_path: Path, run: Run, chain) -> None:
    run("build", "ulx3s-85f", build.folder, "--out", tmp_path, "--samples", 2)
    network = json.loads((tmp_path / "network.json").read_text())
    (tmp_path / "network.json").write_text(json.dumps(network | {"latency": 1}))
    known = manifest.read(tmp_path)
    files = known.files | manifest.hashes_of(tmp_path, ["network.json"])
    manifest.write(tmp_path, dataclasses.replace(known, files=files))
    refused(
        run("drive", "ulx3s-85f", build.folder, "--source", tmp_path),
        4,
        f"{tmp_path}/network.json is not what Bitrill writes for this network; build it again",
    )
