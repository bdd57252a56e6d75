"""The page of two builds: every change in words, nothing where nothing changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitrill import flow
from bitrill.errors import StorageError
from bitrill.ops import MatVec
from bitrill.report.answers import Answers
from bitrill.report.diff_page import DiffPage, pairs
from report.test_build_page import HOSTILE, Parts, page


@pytest.fixture(scope="module")
def faster(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> flow.Build:
    """The small network, unrolled."""
    folder = tmp_path_factory.mktemp("faster") / "b"
    return flow.compile(small_model, out=folder, style="unrolled", part="portable").build


def diff(a: flow.Build, b: flow.Build) -> DiffPage:
    return DiffPage(page(a), page(b), ("old", HOSTILE))


def test_nothing_changed(small_compiled: flow.Compiled) -> None:
    same = diff(small_compiled.build, small_compiled.build)
    assert {layer.state for layer in same.layers} == {"the same"}
    assert {f.change for f in same.figures} == {"the same"}
    assert same.sentences()[1:] == [
        "All figures are the same.",
        "Both builds are the same network with the same folding.",
    ]


def test_another_folding(small_compiled: flow.Compiled, faster: flow.Build) -> None:
    found = diff(small_compiled.build, faster)
    changed = {layer.name: layer.changes for layer in found.layers if layer.state == "changed"}
    matrix = [n for n in faster.graph.nodes if isinstance(n, MatVec)][-1]
    assert "style folded → unrolled" in changed[matrix.name]
    cycles = {f.name: f for f in found.figures}["cycles a frame"]
    assert (cycles.before, cycles.after) == (small_compiled.build.predicted.ii, faster.predicted.ii)
    assert cycles.verdict == "better"
    parts = Parts(found.html())
    assert parts.tags["script"] == 1
    assert HOSTILE in parts.text
    assert all(load.startswith("a href=#") for load in parts.loads)


def test_other_weights_are_counted(small_compiled: flow.Compiled) -> None:
    build = small_compiled.build
    node = next(n for n in build.graph.nodes if isinstance(n, MatVec))
    weights = node.weights.copy()
    place = np.unravel_index(np.argmax(np.abs(weights)), weights.shape)
    weights[place] = 0 if not node.weight_type.coding.is_bipolar else -weights[place]
    nodes = [n.replace(weights=weights, reach=n.y.type) if n is node else n for n in build.graph]
    other = flow.Build(build.folder, build.graph.replace(nodes=tuple(nodes)), build.predicted)
    changes = {layer.name: layer.changes for layer in diff(build, other).layers}
    assert f"1 of {weights.size} weights" in changes[node.name]


def test_layers_without_a_common_name_are_paired_by_kind(small_compiled: flow.Compiled) -> None:
    graph = small_compiled.build.graph
    renamed = graph.replace(nodes=tuple(n.replace(name=f"new_{n.name}") for n in graph.nodes))
    assert pairs(graph, renamed) == {f"new_{n.name}": n.name for n in graph.nodes}


def test_answers_that_turned(small_compiled: flow.Compiled) -> None:
    frames, labels = np.zeros((4, 1, 4, 4), np.int64), np.array([0, 1, 1, 0])
    pages = [
        page(small_compiled.build, answers=Answers("digits", frames, labels, np.array(decided)))
        for decided in ([0, 1, 0, 1], [1, 1, 1, 1])
    ]
    found = DiffPage(pages[0], pages[1], ("a", "b"))
    assert found.turned is not None
    assert [(words, n) for words, n, _ in found.turned] == [
        ("became wrong", 1),
        ("became right", 1),
    ]
    assert found.figures[0].change == "the same"


def test_report_of_two_builds(
    small_compiled: flow.Compiled, faster: flow.Build, tmp_path: Path
) -> None:
    done = flow.report(faster, diff=small_compiled.build, out=tmp_path / "diff.html")
    assert done.shows == f"{small_compiled.build.folder.name} to b"
    assert Parts(done.file.read_text()).tags["svg"] > 2
    with pytest.raises(StorageError, match="must be the folder of a build or of a search"):
        flow.report(faster, diff=tmp_path / "none")
