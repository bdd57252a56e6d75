"""The verb `trace`: integers of every edge, and the waves of the design."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from bitrill import cli, flow
from bitrill.errors import SpecError, ToolError
from bitrill_sim import vcd
from flow.helpers import frames, refused


def test_every_edge_is_in_the_file(build: Path) -> None:
    x = frames(5)
    done = flow.trace(build, x, samples=3)
    graph = flow.load_build(build).graph
    golden = graph.trace(graph.source.quantize(x[:3]))
    assert done.files == (str(build / "trace.npz"),)
    with np.load(build / "trace.npz") as file:
        assert set(file.files) == set(golden) == set(done.edges)
        assert all((file[name] == v).all() for name, v in golden.items())
    assert (done.samples, done.mismatches, done.ok) == (3, None, True)
    value = done.to_json()
    assert value["samples"] == 3
    first = next(iter(golden.values()))
    edges = value["edges"]
    assert isinstance(edges, dict)
    assert edges["input"] == {
        "kind": "input",
        "shape": list(first.shape[1:]),
        "lowest": int(first.min()),
        "highest": int(first.max()),
    }


def test_integers_and_files_are_taken(build: Path, tmp_path: Path, capsys) -> None:
    graph = flow.load_build(build).graph
    x = graph.source.quantize(frames(2))
    np.save(tmp_path / "x.npy", x)
    command = ["trace", str(build), "--input", str(tmp_path / "x.npy"), "--out", str(tmp_path)]
    assert cli.main(command) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == ["edge", "kind", "shape", "lowest", "highest"]
    assert out.splitlines()[-1] == f"2 samples: {tmp_path / 'trace.npz'}"
    assert cli.main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == [str(tmp_path / "trace.npz")]


def test_compiling_again_removes_the_trace(build: Path, model: Path) -> None:
    flow.trace(build, frames(1))
    flow.load_build(build)
    flow.compile(model, out=build)
    assert not (build / "trace.npz").exists()


@pytest.mark.nightly
def test_waves_are_those_of_the_frames(whole: flow.Compiled, tmp_path: Path) -> None:
    file = tmp_path / "w" / "wave.vcd"
    done = flow.trace(whole.build, frames(2), wave=file, out=tmp_path / "t")
    assert (done.mismatches, done.files) == (0, (str(tmp_path / "t" / "trace.npz"), str(file)))
    lines = vcd.open_lines(file)
    header = vcd.read_header(lines)
    codes = [vcd.find(header, f"m_axis_t{k}") for k in ("valid", "ready", "data")]
    clock = vcd.find(header, "aclk")
    assert clock
    assert all(codes)
    valid, ready, data = map(str, codes)
    beats = [v[data] for v in vcd.edges(lines, clock, map(str, codes)) if v[valid] and v[ready]]
    assert len(beats) == 2 * whole.build.graph.producer(whole.build.graph.output).beats_out
    assert [p.name for p in file.parent.iterdir()] == ["wave.vcd"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"samples": 0}, SpecError, "samples must be at least 1, not 0"),
        ({"wave": "w.txt"}, SpecError, "the file of waves must end in .vcd, .fst or .saif, not 'w"),
        ({"wave": "w.fst"}, ToolError, "a .fst file needs vcd2fst: install GTKWave"),
    ],
)
def test_wrong_options_are_named(
    options: dict, error: type[Exception], message: str, whole: flow.Compiled, monkeypatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with refused(error, message):
        flow.trace(whole.build, frames(2), **options)


def test_no_frames_and_too_many_are_named(whole: flow.Compiled, monkeypatch) -> None:
    with refused(SpecError, "the input must hold at least one sample, not 0"):
        flow.trace(whole.build, frames(2)[:0])
    monkeypatch.setattr("bitrill.flow.tracing.MOST_ELEMENTS", 100)
    with refused(SpecError, "samples here, not 20: give samples"):
        flow.trace(whole.build, frames(20))
