"""The verb `compile`: what it leaves, that it repeats, what it does for a rate and a part."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bitrill import flow
from bitrill.errors import FitError, SpecError
from bitrill.ir import Stage, serialisation
from bitrill.timing import predict
from bitrill.timing.fifo_depths import fifo_bits
from flow.helpers import frames, refused
from support import HANG_SECONDS

FILES = ("graph.json", "weights.npz", "top.v", "timing.json", "folding.json", "digests.json")


def test_compile_leaves_six_files_and_says_so(whole: flow.Compiled) -> None:
    folder = whole.build.folder
    assert sorted(p.name for p in folder.iterdir()) == sorted(FILES)
    value = whole.to_json()
    assert set(value.pop("boards")) == {b.name for b in flow.boards().boards}
    predicted = predict.predict(whole.build.graph)
    assert value == {
        "nodes": len(whole.build.graph.nodes),
        "ii": int(predicted.ii),
        "latency": predicted.latency,
        "fifo_bits": fifo_bits(whole.build.graph),
        "block_memory": {"ramb18": 0, "bits": 0},
        "fps": 100e6 / float(predicted.ii),
        "clock_mhz": 100.0,
        "assumed": True,
        "files": [str(folder / name) for name in FILES],
    }
    on_disk = json.loads((folder / "timing.json").read_text())
    assert on_disk["ii"] == str(predicted.ii)
    assert on_disk["latency"] == predicted.latency
    assert on_disk["depths"] == dict(whole.build.graph.depths)


def test_the_folding_that_was_left_gives_the_same_build(
    whole: flow.Compiled, model: Path, tmp_path: Path
) -> None:
    flow.compile(model, out=tmp_path / "b", folding=whole.build.folder / "folding.json")
    for name in FILES:
        assert (tmp_path / "b" / name).read_bytes() == (whole.build.folder / name).read_bytes()


def test_two_compilations_are_byte_for_byte_the_same(model: Path, tmp_path: Path) -> None:
    found = []
    for seed, place in (("1", "here"), ("2", "there/below")):
        (tmp_path / place).mkdir(parents=True)
        shutil.copy(model, tmp_path / place / "net.onnx")
        subprocess.run(
            [sys.executable, "-m", "bitrill", "compile", "net.onnx", "--out", "b", "--json"],
            cwd=tmp_path / place,
            env=os.environ | {"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            timeout=HANG_SECONDS,
        )
        found.append({p.name: p.read_bytes() for p in (tmp_path / place / "b").iterdir()})
    assert found[0] == found[1]
    assert not [n for n, text in found[0].items() if str(tmp_path).encode() in text]


def test_top_gives_decisions(model: Path, tmp_path: Path, whole: flow.Compiled) -> None:
    top = flow.compile(model, out=tmp_path / "b", top=2)
    x = frames(40)
    scores = flow.run(whole.build, x).floats
    assert flow.run(top.build, x).integers.tolist() == [
        sorted(range(3), key=lambda c, s=s: (-s[c], c))[:2] for s in scores
    ]


def test_checkpoints_are_readable(model: Path, tmp_path: Path) -> None:
    flow.compile(model, out=tmp_path / "b", checkpoints=True)
    folders = sorted((tmp_path / "b" / "checkpoints").iterdir())
    assert len(folders) > 5
    stages = [serialisation.load(f).stage for f in folders]
    assert (stages[0], stages[-1]) == (Stage.IMPORTED, Stage.FOLDED)


@pytest.mark.parametrize("interval", [2, 6])
def test_a_rate_is_kept_and_the_folding_can_be_given_back(
    model: Path, tmp_path: Path, interval: int
) -> None:
    done = flow.compile(
        model, out=tmp_path / "b", fps=50e6 / interval, clock_mhz=50, part="xc7z020"
    )
    assert done.solution is not None
    value = done.to_json()
    assert value["fps"] >= 50e6 / interval
    assert value["solution"]["interval"] == value["ii"] <= interval
    assert value["solution"]["limits"]
    again = flow.compile(model, out=tmp_path / "c", folding=tmp_path / "b" / "folding.json")
    assert (tmp_path / "b" / "top.v").read_text() == (tmp_path / "c" / "top.v").read_text()
    assert again.solution is None


def test_a_part_alone_gives_the_fastest(model: Path, tmp_path: Path) -> None:
    done = flow.compile(model, out=tmp_path / "b", part="xc7z100")
    assert done.build.predicted.ii == 1


def test_what_the_folding_says_stands_beside_a_rate(model: Path, tmp_path: Path) -> None:
    first = next(n for n in flow.compile(model, out=tmp_path / "a").build.graph if n.y.channels > 1)
    told = {first.name: {"pe": 1}}
    done = flow.compile(model, out=tmp_path / "b", fps=1000, folding=told)
    assert done.build.graph[first.name].folded.pe == 1


def test_a_wrong_folding_is_told_beside_a_rate(model: Path, tmp_path: Path) -> None:
    with refused(SpecError, "folding: node 'nothing' does not exist"):
        flow.compile(model, out=tmp_path / "b", fps=1000, folding={"nothing": {"pe": 1}})


def test_a_rate_out_of_reach(model: Path, tmp_path: Path) -> None:
    words = r"the rate needs a frame every 0 cycles, and .* takes 1 with all its lanes: 100,000,000"
    with pytest.raises(FitError, match=words):
        flow.compile(model, out=tmp_path / "b", fps=3e8)
    assert not (tmp_path / "b").exists()
