"""Other weights for a build, by `bitrill.flow` and by the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitrill import flow
from bitrill.cli import main
from bitrill.errors import FitError, SpecError, StorageError
from bitrill.flow import Build
from bitrill.flow.weights import writable
from bitrill.ir import Graph, IntType, serialisation
from bitrill.lowering import to_folded
from bitrill.runtime.register_map import register_map, writes
from bitrill.timing.predict import predict
from flow.helpers import refused
from folding.test_writable import layered
from frontend.onnx_models import save, small
from support import integer_mlp


def build(style: Any, seed: int = 0, **more: Any) -> Build:
    graph = to_folded(integer_mlp(24, 8, 6, 3, levels=2, seed=seed), style=style, **more)
    return Build(Path("none"), graph, predict(graph))


def arrays(graph: Graph) -> dict[str, np.ndarray]:
    """The arrays of ``weights.npz``."""
    return serialisation.to_parts(graph)[1]


def test_the_weights_of_another_build_are_taken() -> None:
    one, two = build("runtime"), build("runtime", seed=7)
    graph = flow.with_weights(one, arrays(two.graph))
    x = np.random.default_rng(0).choice([-1, 1], (40, *graph.source.shape))
    assert (graph.run(x) == two.graph.run(x)).all()
    assert (graph.run(x) != one.graph.run(x)).any()
    assert flow.register_writes(one, arrays(two.graph)) == flow.register_writes(two)


def test_writes_are_those_of_the_nodes_that_are_named() -> None:
    one, two = build("runtime"), build("runtime", seed=7)
    every = flow.register_writes(one)
    assert every == [a for w in register_map(one.graph) for a in writes(one.graph[w.node], w)]
    assert every == sorted(every)
    new = {"act0.thresholds": two.graph["act0"].thresholds}  # pyright: ignore
    (window,) = (w for w in register_map(one.graph) if w.node == "act0")
    changed = flow.with_weights(one, new)
    assert flow.register_writes(one, new) == [*writes(changed["act0"], window)]
    assert flow.register_writes(one, {}) == []


def test_streamed_weights_are_no_registers() -> None:
    one, two = build("streamed"), build("streamed", seed=7)
    weights = {k: v for k, v in arrays(two.graph).items() if k.endswith("weights")}
    assert flow.register_writes(one, weights) == []
    graph = flow.with_weights(one, weights)
    assert (graph["fc1"].weights == two.graph["fc1"].weights).all()  # pyright: ignore
    assert list(writable(one.graph)) == ["fc0.weights", "fc1.weights", "fc2.weights"]


def wrong(name: str, change: Any) -> dict[str, Any]:
    array = arrays(build("runtime").graph)[name].astype(np.int64).copy()
    return {name: change(array)}


def put(array: np.ndarray, row: int, column: int, value: int) -> np.ndarray:
    array[row, column] = value
    return array


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "shape": (
        wrong("fc0.weights", lambda w: w.T),
        r"fc0.weights must have shape \[8, 24\], not \[24, 8\]",
    ),
    "reals": (wrong("fc0.weights", lambda w: w / 2), "fc0.weights must hold integers, not float64"),
    "values": (
        wrong("fc1.weights", lambda w: put(w, 2, 3, 0)),
        r"fc1.weights must be values of bipolar, not 0 \(row 2, column 3\)",
    ),
    "range": (
        wrong("act0.thresholds", lambda t: put(t, 1, 1, 26)),
        r"act0.thresholds must be in 0..25, not 26 \(row 1, column 1\)",
    ),
    "order": (
        wrong("act0.thresholds", lambda t: t[:, ::-1]),
        r"act0.thresholds must ascend, not go from \d+ to \d+ \(row \d, column 0\)",
    ),
    "flags": ({"act1.inverted": np.full(6, 2)}, "act1.inverted must be 0 or 1 for each channel"),
    "name": (
        {"fc0.weigths": np.zeros(1, int)},
        r"fc0.weigths does not exist \(did you mean fc0.weights\?\)",
    ),
    "no such name": ({"x": 1}, r"x does not exist \(there are fc0.weights, act0.thresholds, .*\)"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_wrong_weights_are_refused(fault: str) -> None:
    weights, message = FAULTS[fault]
    with pytest.raises(SpecError, match=f"^weights: {message}$"):
        flow.with_weights(build("runtime"), weights)


def test_all_that_is_wrong_is_told_at_once() -> None:
    weights = FAULTS["shape"][0] | FAULTS["order"][0] | FAULTS["flags"][0]
    with pytest.raises(SpecError, match=r"weights: 3 problems: fc0.*; act0.*; act1") as caught:
        flow.register_writes(build("runtime"), weights)
    assert len(caught.value.details["problems"]) == 3


def test_constants_must_be_as_compiled() -> None:
    one = build("runtime", folding={"fc0": {"style": "folded"}})
    flow.with_weights(one, arrays(one.graph))
    with pytest.raises(SpecError, match=r"fc0.weights must be as compiled: it cannot be written"):
        flow.with_weights(one, FAULTS["shape"][0])


def test_builds_of_constants_take_no_weights() -> None:
    with pytest.raises(SpecError, match="there must be nodes of style 'runtime' or 'streamed'"):
        flow.with_weights(build("folded"), {"fc0.weights": 1})


def test_integers_are_checked_against_all_of_their_bits() -> None:
    told = {"fc": {"coding": "integer"}}
    graph = to_folded(layered(IntType(-8, 7), IntType(0, 3)), folding=told, style="runtime")
    one = Build(Path("none"), graph, predict(graph))
    w = graph["fc"].weights.copy()  # pyright: ignore
    assert np.abs(w).max() <= 2
    t = graph["fc"].weight_type  # pyright: ignore
    flow.with_weights(one, {"fc.weights": put(w, 0, 0, t.hi)})
    with pytest.raises(SpecError, match=f"fc.weights must be values of .*, not {t.hi + 1}"):
        flow.with_weights(one, {"fc.weights": put(w, 0, 0, t.hi + 1)})


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY"])
def test_files_that_hold_no_arrays_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "w.npz"
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"w.npz must be a .npz file of arrays, and is not"):
        flow.read_weights(path)


def run(*arguments: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    code = main([*map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    net, out = small()
    return save(net.proto(out), tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize("style", ["runtime", "streamed"])
def test_other_weights_from_the_command_line(
    style: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``compile`` twice to the same bytes, ``verify --weights`` with a file."""
    one, two = tmp_path / "one", tmp_path / "two"
    for out in (one, two):
        code, value = run("compile", model, "--out", out, "--style", style, capsys=capsys)
        assert code == 0
    names = [Path(file).name for file in value["files"]]
    assert ("registers.json" in names) is (style == "runtime")
    for name in names:
        assert (one / name).read_bytes() == (two / name).read_bytes()
    old = flow.read_weights(one)
    new = {
        name: array[::-1] if name.endswith("weights") or style == "runtime" else array
        for name, array in old.items()
    }
    assert any((array != old[name]).any() for name, array in new.items())
    np.savez(tmp_path / "new.npz", allow_pickle=False, **new)
    code, value = run(
        "verify",
        one,
        "--weights",
        tmp_path / "new.npz",
        "--samples",
        40,
        "--stall",
        0.2,
        capsys=capsys,
    )
    words = 0
    if style == "runtime":
        described = json.loads((one / "registers.json").read_text())
        words = sum(t["words"] * t["registers"] for n in described["nodes"] for t in n["tables"])
    assert (code, value["mismatches"], value["registers"]) == (0, 0, words)
    assert value["predicted"] == value["measured"]
    code, _ = run("verify", one, "--weights", tmp_path / "none.npz", capsys=capsys)
    assert code == 4
    # compiled anew without registers, nothing of them is left
    run("compile", model, "--out", one, capsys=capsys)
    assert not (one / "registers.json").exists()


def test_rates_are_checked_against_the_default_folding(model: Path, tmp_path: Path) -> None:
    words = r"in style runtime takes \d+ cycles a frame: [\d,]+ frames/s at 100 MHz, not 90,000,000"
    with pytest.raises(FitError, match=words):
        flow.compile(model, out=tmp_path / "b", style="runtime", fps=9e7)


def test_the_weights_of_a_damaged_build_are_refused(whole: flow.Compiled, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(whole.build.folder, tmp_path / "b"))
    assert set(flow.read_weights(copy)) == set(flow.read_weights(copy / "weights.npz"))
    (copy / "weights.npz").write_bytes((copy / "weights.npz").read_bytes() + b" ")
    with refused(StorageError, "weights.npz was changed since it was compiled; compile again"):
        flow.read_weights(copy)
