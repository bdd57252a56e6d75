"""Build folders: read as written, whole after an interrupt, refused if damaged."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bitrill import flow, provenance, storage
from bitrill.errors import FitError, SpecError, StorageError
from bitrill.flow import build_files, builds, verilog_file
from bitrill.ir import Stage, serialisation
from flow.helpers import refused

FILES = ("graph.json", "weights.npz", "top.v", "timing.json", "folding.json", "digests.json")


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


@pytest.mark.parametrize("victim", FILES)
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
@pytest.mark.parametrize("new", [True, False])
def test_a_compile_that_fails_leaves_what_was_there(
    victim: str,
    error: BaseException,
    new: bool,
    model: Path,
    build: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (build / "verify.json").write_text("{}")
    before = content(build)
    out = tmp_path / "new" if new else build
    replace = os.replace

    def failing(source: str, target: Path) -> None:
        if Path(target).name == victim:
            raise error
        replace(source, target)

    monkeypatch.setattr(storage.os, "replace", failing)
    if isinstance(error, OSError):
        with refused(StorageError, f"cannot write {out / victim}: No space left on device"):
            flow.compile(model, out=out)
    else:
        with pytest.raises(KeyboardInterrupt):
            flow.compile(model, out=out)
    monkeypatch.undo()
    assert sorted(tmp_path.iterdir()) == [build]
    assert content(build) == before
    flow.load_build(build)


@pytest.mark.parametrize("victim", range(len(FILES)))
def test_a_compile_that_was_killed_between_two_renames_is_finished_by_the_next_reader(
    victim: int, model: Path, build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (build / "verify.json").write_text("{}")
    (build / "sim").mkdir()
    replace, moved = os.replace, 0

    class Killed(BaseException):
        pass

    def kill(source: Path, target: Path) -> None:
        nonlocal moved
        if Path(source).parent.name == ".ready":
            moved += 1
            if moved > victim:
                raise Killed
        replace(source, target)

    monkeypatch.setattr(storage.os, "replace", kill)
    with pytest.raises(Killed):
        flow.compile(model, out=build, top=2)
    monkeypatch.undo()
    assert (build / ".ready" / "digests.json").is_file()
    assert flow.load_build(build).graph.sink.shape == (2,)
    assert sorted(p.name for p in build.iterdir()) == sorted((*FILES, "sim"))


def content(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda p: p.write_text(""), "cannot write a build to {}: it is not a folder"),
        (lambda p: p.symlink_to("nowhere"), "cannot write a build to {}: it is not a folder"),
        (
            lambda p: (p.mkdir(), (p / "thesis.tex").touch(), (p / "graph.json").touch()),
            "{} is neither a build nor empty (it holds graph.json, thesis.tex): give a folder",
        ),
        (
            lambda p: (p.mkdir(), [(p / f"{k}").touch() for k in range(5)]),
            "{} is neither a build nor empty (it holds 0, 1, 2 and 2 more): give a folder",
        ),
    ],
)
def test_a_build_replaces_nothing_else(prepare, message: str, tmp_path: Path) -> None:
    prepare(tmp_path / "out")
    with refused(StorageError, message.format(tmp_path / "out")):
        flow.compile("no model is looked for", out=tmp_path / "out")


def test_a_build_goes_into_an_empty_folder_and_one_of_checkpoints(
    model: Path, tmp_path: Path
) -> None:
    with pytest.raises(FitError):
        flow.compile(model, out=tmp_path, checkpoints=True, fps=1e9)
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoints"]
    flow.compile(model, out=tmp_path)
    with refused(StorageError, "cannot write a build to"):
        flow.compile(model, out=tmp_path / "top.v" / "b")


@pytest.mark.parametrize("victim", ["graph.json", "weights.npz", "top.v", "timing.json"])
@pytest.mark.parametrize("keep", [0.0, 0.5])
def test_a_truncated_build_is_refused(build: Path, victim: str, keep: float) -> None:
    text = (build / victim).read_bytes()
    (build / victim).write_bytes(text[: int(len(text) * keep)])
    with pytest.raises(StorageError) as caught:
        flow.load_build(build)
    assert str(build) in str(caught.value)


CHANGED = "was changed since it was compiled; compile again"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        *((lambda b, n=n: (b / n).write_bytes(b"{}"), f"{n} {CHANGED}") for n in FILES),
        *((lambda b, n=n: append(b / n), f"{n} {CHANGED}") for n in FILES),
        (lambda b: (b / "top.v").unlink(), "top.v: No such file or directory; compile again"),
        (lambda b: (b / "graph.json").unlink(), "holds no finished build: graph.json is missing"),
        (shutil.rmtree, "must be a folder that `bitrill compile` wrote, and is not"),
        (lambda b: (b / "registers.json").touch(), "registers.json is not a file of this build"),
        (lambda b: replace(b / "top.v", lambda p: p.mkdir()), "top.v: Is a directory"),
        (lambda b: replace(b / "top.v", os.mkfifo), "top.v: it is a pipe, no file"),
        (
            lambda b: (b / "top.v").rename(b.parent / "t") and (b / "top.v").symlink_to("../t"),
            "top.v is a link to ../t, but a build must have its own files",
        ),
        (
            lambda b: ((b / "sim").mkdir(), (b / "sim" / "x").symlink_to("/etc")),
            "sim/x is a link to /etc, but a build must have its own files",
        ),
        (lambda b: (b / "boards").symlink_to("/tmp"), "boards is a link to /tmp"),
    ],
)
def test_a_damaged_build_is_named(build: Path, damage, message: str) -> None:
    damage(build)
    with refused(StorageError, message):
        flow.load_build(build)


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")


def replace(path: Path, make) -> None:
    path.unlink()
    make(path)


def forge(build: Path, name: str, change: Callable[[str], str]) -> None:
    """Change a file, and the digests with it: what somebody does who means it."""
    path = build / name
    path.write_text(change(path.read_text()))
    files = {n: (build / n).read_bytes() for n in FILES if n != "digests.json"}
    shutil.rmtree(build)
    build_files.install(build, files)


WRITTEN = "is not what this version of Bitrill writes for its graph; compile again"


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("timing.json", lambda text: text.replace('"latency": ', '"latency": 1')),
        ("timing.json", lambda _: "[1]"),
        ("folding.json", lambda _: "{}"),
    ],
)
@pytest.mark.parametrize("digests", [True, False])
def test_what_follows_from_the_graph_is_compared_with_it(
    build: Path, name: str, change, digests: bool
) -> None:
    forge(build, name, change)
    if not digests:
        (build / "digests.json").unlink()
    with refused(StorageError, f"{name} {WRITTEN}"):
        flow.load_build(build)


TAMPERED = {
    "verify": lambda b: flow.verify(b, samples=2),
    "synth": flow.synth,
    "build": lambda b: flow.build("icebreaker", b, files_only=True, samples=2),
    "export-ip": lambda b: flow.export_ip(b),
}


@pytest.mark.parametrize("verb", TAMPERED)
@pytest.mark.parametrize("digests", [True, False])
def test_foreign_verilog_is_never_run(build: Path, verb: str, digests: bool) -> None:
    text = 'initial $system("touch tampered");\nendmodule\n'
    forge(build, "top.v", lambda top: top.removesuffix("endmodule\n") + text)
    if not digests:
        (build / "digests.json").unlink()
    assert flow.run(build, np.zeros((1, 1, 2, 3))).integers.shape[0] == 1
    with refused(StorageError, f"top.v {WRITTEN}"):
        TAMPERED[verb](build)


def test_a_build_from_another_computer_is_read_and_compared_once(
    build: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BITRILL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(provenance, "_HERE", set())
    written = []
    monkeypatch.setattr(
        builds, "write_verilog", lambda *a: written.append(1) or verilog_file.write_verilog(*a)
    )
    for _ in range(2):
        flow.load_build(build).checked_verilog()
    assert written == [1]


def test_what_is_no_part_of_a_build_is_named(build: Path, caplog) -> None:
    (build / "notes.txt").touch()
    flow.load_build(build)
    assert caplog.messages == [f"{build} holds notes.txt, which is not part of a build"]


def test_a_graph_that_is_not_folded_is_no_build(build: Path) -> None:
    graph = flow.load_build(build).graph
    bare = tuple(n.replace(impl=None) for n in graph.nodes)
    (build / "digests.json").unlink()
    serialisation.save(graph.replace(stage=Stage.INTEGER, nodes=bare, depths={}), build)
    with pytest.raises(Exception, match="the graph is integer, not folded"):
        flow.load_build(build)


def test_cells_of_another_family_are_refused(model: Path, tmp_path: Path) -> None:
    whole = flow.compile(model, out=tmp_path / "b")
    words = "made of cells of xc7, and ulx3s-85f has those of ecp5: .* or with --part portable"
    with pytest.raises(SpecError, match=words):
        flow.build("ulx3s-85f", whole.build, files_only=True)
    with pytest.raises(SpecError, match="made of cells of xc7, and lfe5u-25f"):
        flow.synth(whole.build, part="lfe5u-25f")
