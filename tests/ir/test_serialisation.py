"""Graphs to files and back: the same bytes each time, anything else refused."""

from __future__ import annotations

import copy
import io
import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from bitrill import exact
from bitrill.errors import StageError, StorageError
from bitrill.ir import IntType, Stage, serialisation
from bitrill.ir.activation import Activation, Function, Quantizer
from bitrill.ir.serialisation import digest, load, save
from bitrill.real import Affine, Clip
from support import HANG_SECONDS, ROOT, integer_mlp


def net():
    return integer_mlp(12, 6, 4, 3, levels=2, seed=3)


def imported():
    """A graph that holds every class that may stand in one, roots included."""
    graph = net()
    fc = graph.nodes[0]
    root = exact.sqrt(Fraction(2))
    function = Function(
        (Affine((root,) * 6, (Fraction(1, 3),)), Clip(Fraction(0), None)),
        Quantizer(IntType(0, 2), (Fraction(1, 2),), (Fraction(0),), "FLOOR"),
    )
    act = Activation(name="act", inputs=("fc0",), operands=(fc.y,), function=function)
    sink = graph.sink.__class__(
        shape=(6,), edge="act", tensor=act.y, scale=(Fraction(1, 7),), offset=(root + 1,)
    )
    return graph.replace(stage=Stage.IMPORTED, nodes=(fc, act), sink=sink)


@pytest.mark.parametrize("make", [net, imported])
def test_what_was_saved_is_loaded(make, tmp_path: Path) -> None:
    graph = make()
    save(graph, tmp_path)
    again = load(tmp_path)
    assert digest(again) == digest(graph)
    x = np.random.default_rng(0).choice([-1, 1], (20, 1, 12))
    assert np.array_equal(again.run(x), graph.run(x))
    assert str(again) == str(graph)
    floats = [graph.sink.dequantize(graph.run(x)), again.sink.dequantize(again.run(x))]
    assert np.array_equal(*floats)


def test_saving_again_gives_the_same_bytes(tmp_path: Path) -> None:
    save(net(), tmp_path / "a")
    save(load(tmp_path / "a"), tmp_path / "b")
    for name in ("graph.json", "weights.npz"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_bytes_do_not_depend_on_the_hash_seed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "from support import integer_mlp; from bitrill.ir.serialisation import save\n"
        "save(integer_mlp(12, 6, 4, 3, levels=2, seed=3), Path(sys.argv[1]))"
    )
    for seed in ("1", "2"):
        command = [sys.executable, "-c", code, str(tmp_path / seed), str(ROOT / "tests")]
        env = os.environ | {"PYTHONHASHSEED": seed}
        subprocess.run(command, check=True, env=env, timeout=HANG_SECONDS)
    for name in ("graph.json", "weights.npz"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_every_part_counts_in_the_digest() -> None:
    graph = net()
    fc, act = graph.nodes[:2]
    flipped = fc.weights.copy()
    flipped[0, 0] *= -1
    others = [
        graph.replace(name="x"),
        graph.replace(depths={"fc0": 2}),
        graph.replace(nodes=(fc.replace(weights=flipped), *graph.nodes[1:])),
        graph.replace(nodes=(fc, act.replace(inverted=~act.inverted), *graph.nodes[2:])),
    ]
    assert len({digest(g) for g in [graph, *others]}) == 5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(net(), tmp_path)
    return tmp_path


def refusal(folder: Path) -> str:
    with pytest.raises(StorageError) as caught:
        load(folder)
    return str(caught.value)


@pytest.mark.parametrize("name", ["graph.json", "weights.npz"])
@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9])
def test_a_truncated_file_is_refused(folder: Path, name: str, keep: float) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: int(len(data) * keep)])
    text = refusal(folder)
    assert "must be JSON" in text or "holds a damaged graph" in text


@pytest.mark.parametrize("name", ["graph.json", "weights.npz"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert refusal(folder) == f"cannot read {folder / name}: No such file or directory"


@pytest.mark.parametrize("value", [{"schema": 1}, {}, [], 1, None])
def test_another_schema_is_refused(folder: Path, value) -> None:
    (folder / "graph.json").write_text(json.dumps(value))
    assert "must have schema 2, not " in refusal(folder)


def edit(folder: Path, change, *, sign: bool = False) -> None:
    """Change ``graph.json``; ``sign``: give the change its right digest, as a forger would."""
    value = json.loads((folder / "graph.json").read_text())
    change(value)
    if sign:
        del value["digest"]
        with np.load(folder / "weights.npz") as file:
            value["digest"] = serialisation._digest(value, {k: file[k] for k in file.files})
    (folder / "graph.json").write_text(json.dumps(value))


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v["graph"].update(name="other"),
        lambda v: v.update(digest="0" * 64),
        lambda v: v.pop("digest"),
        lambda v: v["graph"]["sink"].update(shape=[4]),
        lambda v: v["graph"]["nodes"].reverse(),
    ],
)
def test_an_edited_file_is_refused(folder: Path, change) -> None:
    edit(folder, change)
    assert "its digest does not match its content" in refusal(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v["graph"].pop("class"),
        lambda v: v["graph"].pop("source"),
        lambda v: v["graph"].update(extra=1),
        lambda v: v["graph"]["nodes"][0]["weights"].update(array="nowhere"),
        lambda v: v["graph"]["nodes"][0]["weights"].update(dtype="O"),
        lambda v: v["graph"]["nodes"][0]["weights"].update(dtype="no"),
        lambda v: v["graph"]["stage"].update(enum="boiled"),
        lambda v: v["graph"]["sink"]["scale"].__setitem__(0, {"real": "1/0"}),
        lambda v: v["graph"]["sink"]["scale"].__setitem__(0, {"real": 5}),
        lambda v: v["graph"].update(nodes=3),
        lambda v: v.update(graph=[]),
        lambda v: v.pop("graph"),
    ],
)
def test_a_damaged_structure_is_refused(folder: Path, change) -> None:
    edit(folder, change, sign=True)
    text = refusal(folder)
    assert "holds a damaged graph" in text
    assert "digest" not in text


def test_a_changed_weight_is_refused(folder: Path) -> None:
    with np.load(folder / "weights.npz") as file:
        arrays = {name: file[name] for name in file.files}
    arrays["fc0.weights"][0, 0] *= -1
    np.savez_compressed(folder / "weights.npz", **arrays)
    assert "its digest does not match its content" in refusal(folder)


def test_pickled_arrays_are_never_loaded(folder: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **{"fc0.weights": np.array([{}], dtype=object)})
    (folder / "weights.npz").write_bytes(buffer.getvalue())
    assert "holds a damaged graph" in refusal(folder)


def test_a_foreign_object_is_named(tmp_path: Path) -> None:
    node = copy.copy(net().nodes[0])
    object.__setattr__(node, "impl", 1j)
    with pytest.raises(StageError, match="impl holds a complex, which graphs cannot hold"):
        save(net().replace(nodes=(node,)), tmp_path)


def test_an_unknown_operator_is_named(folder: Path) -> None:
    edit(folder, lambda v: v["graph"]["nodes"][0].update({"class": "os.system"}), sign=True)
    text = refusal(folder)
    assert "holds a graph that cannot be read: operator class 'os.system' is not known" in text


def test_the_schema_is_stated(folder: Path) -> None:
    value = json.loads((folder / "graph.json").read_text())
    assert value["schema"] == serialisation.SCHEMA == 2
    assert len(value["digest"]) == 64
