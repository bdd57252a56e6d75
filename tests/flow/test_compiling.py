"""The verb `compile`: what it leaves, that it repeats, what it does for a rate and a part."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from bitrill import flow
from bitrill.errors import FitError, SpecError
from bitrill.flow import import_and_fold
from bitrill.ir import INTERVAL, Stage, serialisation
from bitrill.lowering import to_integer
from bitrill.parts.devices import DEFAULT_PART, part_of
from bitrill.resources.estimate import Resources, network_resources
from bitrill.timing import predict
from bitrill.timing.fifo_depths import fifo_bits
from flow.helpers import frames, refused
from networks import mlp
from support import HANG_SECONDS

FILES = ("graph.json", "weights.npz", "top.v", "timing.json", "folding.json", "digests.json")


@pytest.fixture(scope="module")
def whole(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> flow.Compiled:
    """A build as it comes without options."""
    return flow.compile(small_model, out=tmp_path_factory.mktemp("default") / "b")


def test_compile_leaves_six_files_and_says_so(whole: flow.Compiled) -> None:
    folder = whole.build.folder
    assert sorted(p.name for p in folder.iterdir()) == sorted(FILES)
    value = whole.to_json()
    assert set(value.pop("boards")) == {b.name for b in flow.boards().boards}
    predicted = predict.predict(whole.build.graph)
    assert value.pop("solution")["interval"] <= INTERVAL
    assert value == {
        "nodes": len(whole.build.graph.nodes),
        "ii": int(predicted.ii),
        "latency": predicted.latency,
        "latency_ns": 10.0 * predicted.latency,
        "fifo_bits": fifo_bits(whole.build.graph),
        "block_memory": {"ramb18": 0, "bits": 0},
        "part": DEFAULT_PART,
        "part_assumed": True,
        "fits": True,
        "resources": asdict(whole.resources),
        "fps": 100e6 / float(predicted.ii),
        "clock_mhz": 100.0,
        "assumed": True,
        "dropped_channels": {"matmul4": 1},
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
    flow.compile(model, out=tmp_path / "c", folding=tmp_path / "b" / "folding.json")
    assert (tmp_path / "b" / "top.v").read_text() == (tmp_path / "c" / "top.v").read_text()


def test_a_part_is_assumed_and_said(model: Path, tmp_path: Path) -> None:
    default = flow.compile(model, out=tmp_path / "b")
    assert default.assumed
    assert default.made_for == f"{DEFAULT_PART} (assumed)"
    named = flow.compile(model, out=tmp_path / "c", part=DEFAULT_PART, fps=100e6 / INTERVAL)
    assert not named.assumed
    assert (tmp_path / "b" / "top.v").read_text() == (tmp_path / "c" / "top.v").read_text()


def test_portable_logic_is_asked_for(model: Path, tmp_path: Path) -> None:
    done = flow.compile(model, out=tmp_path / "b", part="portable")
    assert done.part is None
    assert done.to_json()["part"] is None
    assert {n.folded.primitives for n in done.build.graph.nodes} == {"portable"}
    assert "CARRY4" not in (tmp_path / "b" / "top.v").read_text()


def test_what_the_assumed_part_does_not_hold_is_slower_or_made_all_the_same(tmp_path: Path) -> None:
    wide = to_integer(mlp((256, 300, 300, 10), seed=1))
    part = dataclasses.replace(part_of(DEFAULT_PART), lcs=2000)
    folded, solution = import_and_fold.fold_for(
        wide, 100.0, import_and_fold.usual_goals(wide, part)
    )
    assert solution.interval > INTERVAL
    assert not part.excess(sum(network_resources(folded).values(), Resources()))
    none = dataclasses.replace(part, lcs=10)
    folded, solution = import_and_fold.fold_for(
        wide, 100.0, import_and_fold.usual_goals(wide, none)
    )
    assert solution.interval <= INTERVAL
    assert {n.folded.primitives for n in folded.nodes if n.kind == "matvec"} == {part.family}


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
