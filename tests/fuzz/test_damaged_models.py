"""1,300 damaged copies of a small model: refused in one line, or compiled to what they mean."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import onnx
import pytest
from bitrill.cli import main
from bitrill.frontend import load_model
from bitrill.lowering import to_integer
from fuzz.evaluator import Evaluator, Invalid, Unsure
from fuzz.victim import compare, inputs, judge, mutated, restructured, victim
from onnx import numpy_helper

N_BYTES, N_STRUCTURAL = 500, 150
THROUGH_CLI = [("bytes", s) for s in range(2000, 2015)] + [("parts", s) for s in range(2000, 2015)]


def damaged(kind: str, seed: int) -> bytes:
    if kind == "bytes":
        return mutated(victim().SerializeToString(), seed)
    return restructured(victim(), seed)


def test_the_model_itself_is_compiled_to_what_it_means(tmp_path: Path) -> None:
    assert judge(victim().SerializeToString(), tmp_path, samples=60) == "right"


@pytest.mark.parametrize("kind", ["bytes", "parts"])
def test_every_damage_is_refused_or_meant(kind: str, tmp_path: Path) -> None:
    count = N_BYTES if kind == "bytes" else N_STRUCTURAL
    wrong: list[str] = []
    seen: Counter[str] = Counter()
    for seed in range(count):
        try:
            seen[judge(damaged(kind, seed), tmp_path)] += 1
        except AssertionError as error:
            wrong.append(f"{kind} {seed}: {error}")
    assert wrong == []
    assert seen["unjudged"] <= count // 50
    assert seen["right"] >= count // 20  # the evaluator had something to judge
    assert seen["refused"] >= count // 2


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["bytes", "parts"])
def test_many_more(kind: str, tmp_path: Path) -> None:
    for seed in range(10_000, 20_000):
        judge(damaged(kind, seed), tmp_path)


def one_constant_changed(index: int) -> bytes:
    """The model with one added to one of its constants."""
    proto = victim()
    tensor = proto.graph.initializer[index]
    value = numpy_helper.to_array(tensor) + 1
    tensor.CopyFrom(numpy_helper.from_array(value.astype("float32"), tensor.name))
    return proto.SerializeToString()


def is_told_apart(graph_of: Path, means: bytes) -> bool:
    graph = to_integer(load_model(graph_of))
    try:
        for seed in range(60):
            compare(graph, Evaluator(means), inputs(graph.source.shape, seed))
    except (AssertionError, Unsure, Invalid):
        return True
    return False


def test_the_judge_sees_a_changed_constant(tmp_path: Path) -> None:
    """Each constant that is no width, zero point or weight decides something that is compared."""
    path = tmp_path / "net.onnx"
    path.write_bytes(victim().SerializeToString())
    names = [t.name for t in victim().graph.initializer]
    nodes = victim().graph.node
    parts = [i for n in nodes if n.op_type in ("BatchNormalization", "Sub", "Div") for i in n.input]
    indices = [names.index(i) for i in parts if i in names]
    assert len(indices) == 6
    assert [i for i in indices if not is_told_apart(path, one_constant_changed(i))] == []
    assert not is_told_apart(path, victim().SerializeToString())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda p: p.graph.node.append(p.graph.node[0]), "two writers"),
        (lambda p: p.graph.node.reverse(), "read before it is written"),
        (lambda p: p.opset_import.pop(0), "one version"),
        (lambda p: setattr(p.graph.node[3], "op_type", "Nothing"), "no operator Nothing"),
        (lambda p: setattr(p.graph.node[0], "domain", "other"), "an unknown domain"),
        (lambda p: setattr(p.graph.output[0], "name", "other"), "nothing writes the output"),
    ],
)
def test_the_evaluator_knows_what_means_nothing(change, why: str) -> None:  # pyright: ignore
    proto = onnx.ModelProto()
    proto.CopyFrom(victim())
    change(proto)
    with pytest.raises(Invalid, match=why):
        Evaluator(proto.SerializeToString()).run(inputs((2, 2), 0))


@pytest.mark.parametrize(("kind", "seed"), THROUGH_CLI)
def test_through_the_command_line(
    kind: str, seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "net.onnx", tmp_path / "build"
    path.write_bytes(damaged(kind, seed))
    code = main(["compile", str(path), "--out", str(out)])
    said = capsys.readouterr()
    if code == 0:
        assert judge(path.read_bytes(), tmp_path) == "right"
        assert (out / "graph.json").is_file()
        return
    assert code in (1, 4)
    assert said.out == ""
    lines = said.err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("bitrill: error: ")
    assert not out.exists()


def test_a_damaged_model_in_a_process_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(victim().SerializeToString()[:700])
    command = [sys.executable, "-m", "bitrill", "compile", str(path), "--out", str(tmp_path / "b")]
    command.append("--quiet")  # a busy machine would have lines of progress
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("bitrill: error: ")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["net.onnx"]
