"""Build folders: read as written, void after an interrupt, refused if damaged."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from bitrill import flow, storage
from bitrill.errors import StorageError
from bitrill.ir import Stage, serialisation
from flow.helpers import refused

FILES = ("graph.json", "weights.npz", "top.v", "timing.json", "folding.json")


def test_a_build_is_read_as_it_was_written(whole: flow.Compiled) -> None:
    again = flow.load_build(whole.build.folder)
    assert serialisation.digest(again.graph) == serialisation.digest(whole.build.graph)
    assert again.predicted == whole.build.predicted
    assert again.graph.stage is Stage.FOLDED


def test_compiling_anew_voids_what_was_found_of_the_old_build(model: Path, build: Path) -> None:
    for name in ("verify.json", "synth.json"):
        (build / name).write_text("{}")
    flow.compile(model, out=build)
    assert sorted(p.name for p in build.iterdir()) == sorted(FILES)


@pytest.mark.parametrize("victim", ["top.v", "folding.json", "timing.json", *FILES[:2]])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_an_interrupted_compile_leaves_no_build(
    victim: str, error: BaseException, model: Path, build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def failing(source: str, target: Path) -> None:
        if Path(target).name == victim:
            raise error
        replace(source, target)

    monkeypatch.setattr(storage.os, "replace", failing)
    if isinstance(error, OSError):
        with refused(StorageError, f"cannot write {build / victim}: No space left on device"):
            flow.compile(model, out=build)
    else:
        with pytest.raises(KeyboardInterrupt):
            flow.compile(model, out=build)
    monkeypatch.undo()
    with refused(StorageError, f"{build} holds no finished build: graph.json is missing"):
        flow.load_build(build)
    assert {p.name for p in build.iterdir()} <= set(FILES)


@pytest.mark.parametrize("victim", ["graph.json", "weights.npz", "top.v", "timing.json"])
@pytest.mark.parametrize("keep", [0.0, 0.5])
def test_a_truncated_build_is_refused(build: Path, victim: str, keep: float) -> None:
    text = (build / victim).read_bytes()
    (build / victim).write_bytes(text[: int(len(text) * keep)])
    with pytest.raises(StorageError) as caught:
        flow.load_build(build)
    assert str(build) in str(caught.value)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda b: (b / "top.v").write_text("// Bitrill 0.1.0, graph 00\nendmodule\n"),
            "top.v was not written from the graph beside it; compile again",
        ),
        (
            lambda b: (b / "top.v").write_text((b / "top.v").read_text()[:-20]),
            "top.v is cut short; compile again",
        ),
        (lambda b: (b / "top.v").unlink(), "top.v: No such file or directory"),
        (lambda b: (b / "timing.json").write_text("{}"), "timing.json must hold ii and latency"),
        (lambda b: (b / "timing.json").write_text("[1]"), "timing.json must hold ii and latency"),
        (
            lambda b: (b / "timing.json").write_text('{"ii": "1/0", "latency": 1}'),
            "timing.json must hold ii and latency",
        ),
        (lambda b: (b / "graph.json").unlink(), "holds no finished build: graph.json is missing"),
        (shutil.rmtree, "must be a folder that `bitrill compile` left, and is not"),
    ],
)
def test_a_damaged_build_is_named(build: Path, damage, message: str) -> None:
    damage(build)
    with refused(StorageError, message):
        flow.load_build(build)


def test_a_graph_that_is_not_folded_is_no_build(build: Path) -> None:
    graph = flow.load_build(build).graph
    bare = tuple(n.replace(impl=None) for n in graph.nodes)
    serialisation.save(graph.replace(stage=Stage.INTEGER, nodes=bare, depths={}), build)
    with pytest.raises(Exception, match="the graph is integer, not folded"):
        flow.load_build(build)
