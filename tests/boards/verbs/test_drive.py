"""The verb `drive`: boards at a port, wrong options, other weights."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitrill import flow
from bitrill_boards.driver import LinkError, opening
from boards.verbs.helpers import Golden, Run, refused, wired


def test_a_board_at_a_port(build: flow.Build, tmp_path: Path, run: Run, chain, monkeypatch) -> None:
    run("build", "ulx3s-85f", build.folder, "--out", tmp_path, "--samples", 8)
    asked = wired(monkeypatch, build)
    base = ("drive", "ulx3s-85f", build.folder, "--source", tmp_path)
    code, out, _ = run(*base, "--port", "/dev/ttyX")
    assert (code, asked) == (0, [(None, "/dev/ttyX")])
    assert out.startswith("mismatches: 0 of 8 frames (ulx3s-85f, uart)\n")
    assert "hardware: 1,000.0 cycles a frame, 100,000 images/s" in out
    assert out.endswith("note: the line is short\n")
    assert re.search(r"^with host and link: [\d,]+ images/s$", out, re.M)
    assert re.search(r"^roofline: .* % of 8,333 images/s \(limited by: uart\)$", out, re.M)
    wired(monkeypatch, build, fault=3)
    code, out, _ = run(*base, "--self-test")
    assert (code, out.splitlines()[1]) == (1, "first mismatch: frame 3")
    np.save(tmp_path / "x.npy", np.zeros((5, *build.graph.source.shape)))
    code, out, _ = run(*base, "--input", tmp_path / "x.npy", "--json")  # against the golden model
    assert (code, json.loads(out)["first_mismatch"]) == (1, 3)


def test_what_the_driver_refuses_is_one_line(build, tmp_path, run: Run, chain, monkeypatch) -> None:
    run("build", "ulx3s-85f", build.folder, "--out", tmp_path, "--samples", 2)

    def unplugged(*_: Any) -> Any:
        raise LinkError("there is no serial port /dev/x: is the cable plugged in?")

    monkeypatch.setattr(opening, "open_transport", unplugged)
    base = ("drive", "ulx3s-85f", build.folder, "--source", tmp_path)
    refused(run(*base), 4, r"there is no serial port /dev/x: is the cable plugged in\?")


def test_a_zynq_is_driven_on_the_board(build, tmp_path: Path, run: Run, chain, monkeypatch) -> None:
    run("build", "pynq-z2", build.folder, "--out", tmp_path, "--samples", 2)
    base = ("drive", "pynq-z2", build.folder, "--source", tmp_path)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    refused(
        run(*base),
        4,
        f"this computer is not a pynq-z2: copy {tmp_path} to the board and run python3 -m"
        " bitrill_driver . --self-test in it; or give --transport simulation",
    )
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    asked = wired(monkeypatch, build)
    assert run(*base)[0] == 0
    assert asked == [(None, None)]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--self-test", "--input", "x.npy"], 2, "a self-test uses the recorded frames: .*"),
        (["--input", "empty.npy"], 2, "the data must hold at least one sample, not 0"),
        (["--samples", "0"], 2, "samples must be at least 1, not 0"),
        (["--out", "y.txt"], 2, "the output file must end in .npy, not 'y.txt'"),
        (["--transport", "usb"], 2, "--transport must be one of uart, pynq, .*, not 'usb'.*"),
        (["--transport", "simulation", "--port", "p"], 2, "a simulation has no port"),
        (["--input", "none.npy"], 4, "cannot read none.npy: No such file or directory"),
        (["--transport", "linux"], 2, "transport must be uart for ulx3s-85f, not 'linux'"),
    ],
)
def test_wrong_options_of_drive(
    build, tmp_path: Path, run: Run, chain, monkeypatch, arguments, code: int, message: str
) -> None:
    run("build", "ulx3s-85f", build.folder, "--out", tmp_path, "--samples", 2)
    monkeypatch.chdir(tmp_path)
    np.save("empty.npy", np.zeros((0, *build.graph.source.shape)))
    base = ("drive", "ulx3s-85f", build.folder, "--source", tmp_path)
    refused(run(*base, *arguments), code, message)


def test_a_transport_of_another_kind_of_board(build, run: Run, chain) -> None:
    """It is wrong usage, whether or not anything was built for the board."""
    got = run("drive", "iCEBreaker", build.folder, "--transport", "pynq")
    refused(got, 2, "transport must be uart for icebreaker, not 'pynq'")
    got = run("drive", "pynq-z2", build.folder, "--transport", "linux", "--port", "p")
    refused(got, 2, "port is for serial lines only: transport linux has none")


def test_an_input_of_another_shape(build, tmp_path: Path, run: Run, chain) -> None:
    run("build", "ulx3s-85f", build.folder, "--out", tmp_path, "--samples", 2)
    np.save(tmp_path / "x.npy", np.zeros((3, 7)))
    base = ("drive", "ulx3s-85f", build.folder, "--source", tmp_path)
    got = run(*base, "--input", tmp_path / "x.npy")
    refused(got, 2, r".*must have shape.*")


def test_other_weights(model: Path, tmp_path: Path, run: Run, chain, monkeypatch) -> None:
    """Written before the frames, whose outputs are those of the new weights."""
    build = flow.compile(model, out=tmp_path / "b", part="portable", style="runtime").build
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
    refused(run("drive", "ulx3s-85f", *base[2:]), 4, "weights can be written only over AXI: .*")
