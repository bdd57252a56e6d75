"""The way from a model to frames: build, flash and drive, in simulation and in Python."""

from __future__ import annotations

import dataclasses
import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitrill import flow
from bitrill_boards import manifest, vectors
from bitrill_boards.driver import LinkError
from boards.verbs.helpers import Run, refused, wired


@pytest.mark.nightly  # the README's session does the same
def test_from_a_model_to_frames_in_simulation(model: Path, tmp_path: Path, run: Run, chain) -> None:
    b = tmp_path / "b"
    assert run("compile", model, "--out", b, "--part", "portable")[0] == 0
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
    assert out.startswith("mismatches: 1 of 20 frames (ulx3s-85f, simulation)\n")
    assert out.splitlines()[1] == "first mismatch: frame 6"
    assert run(*test, "--samples", 6)[0] == 0
    code, out, _ = run(*test, "--json")
    assert (code, json.loads(out)["first_mismatch"]) == (1, 6)


@pytest.mark.nightly
def test_a_zynq_in_simulation(build: flow.Build, tmp_path: Path, run: Run, chain) -> None:
    assert run("build", "pynq-z2", build.folder, "--out", tmp_path, "--samples", 300)[0] == 0
    x = np.random.default_rng(1).normal(0, 2, (40, *build.graph.source.shape))
    np.save(tmp_path / "x.npy", x)
    base = ("drive", "pynq-z2", build.folder, "--source", tmp_path, "--transport", "simulation")
    code, out, err = run(*base, "--self-test")
    assert (code, err) == (0, "")
    assert out.startswith("mismatches: 0 of 300 frames (pynq-z2, simulation)\n")
    assert re.search(r"^roofline: \d.* images/s \(limited by: core\)$", out, re.M)
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
    base = ("drive", board, build.folder, "--source", tmp_path, "--transport", "simulation")
    refused(run(*base), 4, "enough")
    assert asked["address"] == bits


def wrong_record(folder: Path) -> None:
    """Change a recorded frame, and the manifest's digest with it."""
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
    base = ("drive", "ulx3s-85f", build.folder, "--source", tmp_path, "--transport", "simulation")
    refused(run(*base), 4, f".*{name} was changed since it was built; build it again")


def test_python_has_the_same(build: flow.Build, tmp_path: Path, chain, monkeypatch) -> None:
    done = flow.build("ulx3s-85f", build, out=tmp_path, clock_mhz=Fraction(50), samples=4)
    assert done.manifest.clock == 50
    wired(monkeypatch, build)
    x = np.zeros((3, *build.graph.source.shape))
    driven = flow.drive("ulx3s-85f", build, x, source=tmp_path, port="p")
    assert driven.ok
    assert (driven.outputs.integers == flow.run(build, x).integers).all()
