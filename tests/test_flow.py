"""The verbs as functions: what they leave, what they give, what they refuse and how."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from bitrill import flow, storage
from bitrill.errors import FitError, SpecError, StorageError, ToolError, UnsupportedError
from bitrill.flow import data
from bitrill.flow import steps as build_module
from bitrill.ir import IntType, Stage, serialisation
from bitrill.timing import predict
from bitrill.timing.fifo_depths import fifo_bits
from frontend.onnx_models import Net, save, small
from support import HANG_SECONDS

FILES = ("graph.json", "weights.npz", "top.v", "timing.json", "folding.json")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    net, out = small()
    return save(net.proto(out), tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def whole(model: Path, tmp_path_factory: pytest.TempPathFactory) -> flow.Compiled:
    return flow.compile(model, out=tmp_path_factory.mktemp("whole") / "b")


@pytest.fixture
def build(whole: flow.Compiled, tmp_path: Path) -> Path:
    """A copy of a build, to damage."""
    return Path(shutil.copytree(whole.build.folder, tmp_path / "b"))


def frames(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 2, (n, 1, 2, 3))


def refused(error: type[Exception], message: str):
    return pytest.raises(error, match=re.escape(message))


# compile


def test_compile_leaves_five_files_and_says_so(whole: flow.Compiled) -> None:
    folder = whole.build.folder
    assert sorted(p.name for p in folder.iterdir()) == sorted(FILES)
    value = whole.json()
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


def test_a_build_is_read_as_it_was_written(whole: flow.Compiled) -> None:
    again = flow.load_build(whole.build.folder)
    assert serialisation.digest(again.graph) == serialisation.digest(whole.build.graph)
    assert again.predicted == whole.build.predicted
    assert again.graph.stage is Stage.FOLDED


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
        (shutil.rmtree, "must be a folder that `bitrill compile` left, and is none"),
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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"style": "x"},
            "style must be 'folded' or 'unrolled' or 'runtime' or 'streamed', not 'x'",
        ),
        ({"clock_mhz": 0}, "the clock must be above 0 and at most 2000 MHz, not 0"),
        ({"clock_mhz": -1.0}, "the clock must be above 0 and at most 2000 MHz, not -1.0"),
        ({"fps": 0}, "the rate must be above 0 and at most 1e12 frames a second, not 0"),
        ({"fps": 1e13}, "the rate must be above 0 and at most 1e12 frames a second, not 1e+13"),
        ({"part": "xc7z021"}, r"part must be one of those known here, not 'xc7z021'"),
        ({"raw_input": "uint8"}, "a raw input must have both a type and a scale"),
        ({"input_scale": "1/255"}, "a raw input must have both a type and a scale"),
        (
            {"raw_input": "uint17", "input_scale": "1"},
            "the raw input must be uint1..uint16 or int1..int16, not 'uint17'",
        ),
        ({"raw_input": "float", "input_scale": "1"}, "int1..int16, not 'float'"),
        (
            {"raw_input": "uint8", "input_scale": "x"},
            "the input scale must be a number such as 1/255, not 'x'",
        ),
        ({"raw_input": "uint8", "input_scale": "1/0"}, "such as 1/255, not '1/0'"),
        ({"raw_input": "uint8", "input_scale": "nan"}, "such as 1/255, not 'nan'"),
        ({"raw_input": "uint8", "input_scale": "0"}, "the input scale must be above zero, not 0"),
        ({"raw_input": "uint8", "input_scale": "-1/2"}, "must be above zero, not -1/2"),
    ],
)
def test_wrong_options_are_named(options: dict, message: str, model: Path, tmp_path: Path) -> None:
    with refused(SpecError, message):
        flow.compile(model, out=tmp_path / "b", **options)
    assert not (tmp_path / "b").exists()


def test_raw_types_span_their_bits() -> None:
    assert build_module.parse_raw_input("uint8") == IntType(0, 255)
    assert build_module.parse_raw_input("int3") == IntType(-4, 3)
    assert build_module.parse_raw_input("uint1") == IntType(0, 1)
    assert build_module.parse_scale("0.5") == Fraction(1, 2)


def test_a_folding_that_does_not_divide_is_named(model: Path, tmp_path: Path) -> None:
    node = flow.inspect(model).layers[0].name
    path = tmp_path / "folding.json"
    path.write_text(json.dumps({node: {"pe": 2}, "nowhere": {"pe": 1}}))
    with pytest.raises(SpecError) as caught:
        flow.compile(model, out=tmp_path / "b", folding=path)
    assert "PE must divide 5 rows, not 2" in str(caught.value)
    assert "nowhere" in str(caught.value)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("[]", SpecError, "must map node names to {pe, simd, style, memory}"),
        ('{"a": 1}', SpecError, "must map node names to {pe, simd, style, memory}"),
        ("{", StorageError, "must be JSON"),
        (None, StorageError, "No such file"),
    ],
)
def test_a_bad_folding_file_is_named(
    text: str | None, error: type[Exception], message: str, model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "folding.json"
    if text is not None:
        path.write_text(text)
    with refused(error, message):
        flow.compile(model, out=tmp_path / "b", folding=path)


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with refused(StorageError, f"cannot read {tmp_path / 'no.onnx'}: No such file or directory"):
        flow.compile(tmp_path / "no.onnx", out=tmp_path / "b")
    with refused(StorageError, f"cannot read {tmp_path}: it is a folder, not a model file"):
        flow.compile(tmp_path, out=tmp_path / "b")


def test_a_rate_is_exact_until_it_is_printed() -> None:
    assert build_module.exact_number(Fraction(64)) == 64
    assert build_module.exact_number(Fraction(129, 2)) == "129/2"


# inspect


def test_inspect_counts_what_is_there(model: Path) -> None:
    found = flow.inspect(model)
    assert [g.stage for g in found.stages] == list(Stage)
    value = found.json()
    rows = [layer for layer in value["layers"] if layer["kind"] == "matvec"]
    assert [r["parameters"] for r in rows] == [30, 15]
    assert [r["operations"] for r in rows] == [60, 30]
    assert [r["weight_bits"] for r in rows] == [120, 45]
    assert value["total"]["operations"] == 90
    assert list(value["stages"]) == ["imported", "integer", "folded"]
    assert value["ii"] == int(found.ii)


def test_inspect_gives_every_reason(tmp_path: Path) -> None:
    net = Net(1, 6)
    out = net.node("Erf", net.node("Sin", net.quant("x")))
    with pytest.raises(UnsupportedError) as caught:
        flow.inspect(save(net.proto(out), tmp_path))
    assert len(caught.value.reasons) >= 2
    assert any("Sin" in r for r in caught.value.reasons)
    assert any("Erf" in r for r in caught.value.reasons)


# run


def test_run_quantizes_floats_and_takes_integers(whole: flow.Compiled) -> None:
    x = frames(30)
    graph = whole.build.graph
    q = graph.source.quantize(x)
    outputs = flow.run(whole.build, x)
    assert np.array_equal(outputs.integers, graph.run(q))
    assert np.array_equal(flow.run(whole.build, q).integers, outputs.integers)
    assert np.array_equal(outputs.floats, graph.sink.dequantize(outputs.integers))
    assert (outputs.integers.dtype, outputs.floats.dtype) == (np.int64, np.float64)


def test_run_leaves_floats_and_integers(whole: flow.Compiled, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", frames(7).astype(np.float32))
    outputs = flow.run(whole.build.folder, tmp_path / "x.npy", out=tmp_path / "y.npy")
    assert np.array_equal(np.load(tmp_path / "y.npy"), outputs.floats)
    assert np.array_equal(np.load(tmp_path / "y.int.npy"), outputs.integers)


def test_run_may_write_over_its_own_input(whole: flow.Compiled, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", frames(7))
    outputs = flow.run(whole.build, tmp_path / "x.npy", out=tmp_path / "x.npy")
    assert np.array_equal(np.load(tmp_path / "x.npy"), outputs.floats)


def test_run_of_no_frames_gives_none(whole: flow.Compiled, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", frames(0))
    assert flow.run(whole.build, tmp_path / "x.npy").integers.shape == (0, 3)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((4, 6)), "input must have shape [N, 1, 2, 3], not [4, 6]"),
        (np.float64(1), "input must have shape [N, 1, 2, 3], not []"),
        (np.zeros((0, 6)), "input must have shape [N, 1, 2, 3], not [0, 6]"),
        (np.full((2, 1, 2, 3), 99), "input must hold values of int4[-8..7], not 99..99"),
        (np.full((2, 1, 2, 3), np.nan), "input must be finite, and holds NaN or infinity"),
        (np.full((1, 1, 2, 3), "a"), "input must hold integers (quantize floats first), not <U1"),
    ],
)
def test_a_wrong_input_is_named(whole: flow.Compiled, x: np.ndarray, message: str) -> None:
    with refused(SpecError, message):
        flow.run(whole.build, x)


def npy(array: np.ndarray, *, pickled: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=pickled)
    return buffer.getvalue()


def archive() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, x=np.zeros(3))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (None, StorageError, "No such file or directory"),
        (b"", StorageError, "must be a whole .npy array of numbers"),
        (b"hello", StorageError, "must be a whole .npy array of numbers"),
        (npy(np.zeros((3, 6)))[:-1], StorageError, "must be a whole .npy array of numbers"),
        (npy(np.zeros((3, 6)))[:40], StorageError, "must be a whole .npy array of numbers"),
        (
            npy(np.zeros((1, 6))).replace(b"(1, 6), }   ", b"(10000000,)}"),
            StorageError,
            "must be a whole .npy array of numbers",
        ),
        (
            npy(np.array([{}], dtype=object), pickled=True),
            StorageError,
            "must be a whole .npy array of numbers",
        ),
        (archive(), StorageError, "must be a whole .npy array of numbers"),
        (npy(np.array(["a"])), SpecError, "must hold integers or floats, not <U1"),
        (npy(np.array([True])), SpecError, "must hold integers or floats, not bool"),
        (npy(np.array([1j])), SpecError, "must hold integers or floats, not complex128"),
    ],
)
def test_a_bad_array_file_is_named(
    content: bytes | None, error: type[Exception], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.npy"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error) as caught:
        data.read_array(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_the_output_file_must_be_an_array(whole: flow.Compiled, tmp_path: Path) -> None:
    with refused(SpecError, "the output file must end in .npy, not 'y.csv'"):
        flow.run(whole.build, frames(1), out=tmp_path / "y.csv")


# data


def test_random_inputs_hold_both_ends_and_follow_the_seed(whole: flow.Compiled) -> None:
    graph = whole.build.graph
    x = data.random_inputs(graph, 50, 3)
    assert x.shape == (50, 1, 2, 3)
    assert (x[0] == -8).all()
    assert (x[1] == 7).all()
    assert np.array_equal(x, data.random_inputs(graph, 50, 3))
    assert not np.array_equal(x, data.random_inputs(graph, 50, 4))
    assert data.random_inputs(graph, 1, 0).shape == (1, 1, 2, 3)


@pytest.mark.parametrize(
    ("name", "count", "message"),
    [
        ("cifar", None, "data must be one of digits, mnist, fashion, cifar10, random or a .npy"),
        ("random", 0, "samples must be at least 1, not 0"),
        ("digits", None, "digits has 64 values a sample, and the model takes 6"),
        ("cifar10", None, "cifar10 has 3072 values a sample, and the model takes 6"),
    ],
)
def test_wrong_data_is_named(
    whole: flow.Compiled, name: str, count: int | None, message: str
) -> None:
    with refused(SpecError, message):
        data.samples(whole.build.graph, name, count, 0)


def test_data_from_a_file_is_cut_to_the_count(whole: flow.Compiled, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", frames(9))
    path = str(tmp_path / "x.npy")
    assert len(data.samples(whole.build.graph, path, 4, 0).x) == 4
    assert len(data.samples(whole.build.graph, path, None, 0).x) == 9
    np.save(tmp_path / "x.npy", frames(0))
    with refused(SpecError, "the data must hold at least one sample, not 0"):
        data.samples(whole.build.graph, path, None, 0)


def test_a_raw_design_takes_a_data_set_on_its_grid(whole: flow.Compiled) -> None:
    source = whole.build.graph.source
    raw = source.__class__(shape=source.shape, tensor=source.tensor, raw_scale="1/16")
    graph = whole.build.graph.replace(source=raw)
    x = (np.arange(-3, 3) / 16).astype(np.float32).reshape(1, 1, 2, 3)
    assert data.on_grid(graph, x).reshape(-1).tolist() == [-3, -2, -1, 0, 1, 2]
    with refused(SpecError, "the data must be multiples of the input scale 1/16, and are not"):
        data.on_grid(graph, x + np.float32(0.01))


# verify, synth, extras


class Simulated:
    """Stands in for the simulators, which have tests of their own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        import bitrill_sim

        self.calls: list[tuple] = []
        monkeypatch.setattr(bitrill_sim, "verify", self)

    def __call__(self, graph, rtl, x, **options):
        self.calls.append((rtl, x, options))
        return self

    def to_json(self) -> dict:
        return {"ok": True, "mismatches": 0}


def test_verify_leaves_its_value(build: Path, tmp_path: Path, monkeypatch) -> None:
    simulated = Simulated(monkeypatch)
    value = flow.verify(build, data="random", samples=5, stall=0.5, seed=3)
    assert value == json.loads((build / "verify.json").read_text())
    rtl, x, options = simulated.calls[0]
    assert rtl == build / "top.v"
    assert len(x) == 5
    assert (options["engine"], options["stall"], options["seed"]) == ("verilator", 0.5, 3)
    flow.verify(build, data=frames(3), out=tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere" / "verify.json").is_file()
    assert simulated.calls[1][2]["work"] == tmp_path / "elsewhere" / "sim"


def test_a_slow_engine_takes_a_hundred_samples(build: Path, monkeypatch) -> None:
    simulated = Simulated(monkeypatch)
    np.save(build / "x.npy", frames(150))
    flow.verify(build, data=str(build / "x.npy"), engine="cocotb")
    flow.verify(build, data=str(build / "x.npy"))
    assert [len(x) for _, x, _ in simulated.calls] == [100, 150]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "vcs"}, "engine must be one of verilator, cocotb, icarus, amaranth, not 'vcs'"),
        ({"stall": 1.0}, "stall must be at least 0 and below 1, not 1.0"),
        ({"stall": -0.1}, "stall must be at least 0 and below 1, not -0.1"),
    ],
)
def test_wrong_verification_is_named(whole: flow.Compiled, options: dict, message: str) -> None:
    with refused(SpecError, message):
        flow.verify(whole.build, **options)


def test_wrong_synthesis_is_named(whole: flow.Compiled) -> None:
    with refused(SpecError, "check must be a number of samples, not -1"):
        flow.synth(whole.build, check=-1)
    with refused(SpecError, "part must be one of those known here, not 'ice40'"):
        flow.synth(whole.build, part="ice40")


@pytest.mark.parametrize(
    ("package", "call", "message"),
    [
        (
            "onnx",
            lambda m, b, t: flow.inspect(m),
            "reading a model needs the package onnx: pip install 'bitrill[onnx]'",
        ),
        (
            "amaranth",
            lambda m, b, t: flow.compile(m, out=t / "b"),
            "compile needs amaranth, which is not installed: pip install 'bitrill[hw]'",
        ),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    package: str, call, message: str, model: Path, build: Path, tmp_path: Path, monkeypatch
) -> None:
    ours = ("bitrill_hw", "bitrill_sim", "bitrill.frontend", package)
    for name in [n for n in sys.modules if n.startswith(ours)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with refused(ToolError, message) as caught:
        call(model, build, tmp_path)
    assert caught.value.exit_code == 3


def test_a_broken_import_of_our_own_is_a_bug_and_shows() -> None:
    from bitrill.flow.extras import extra

    with pytest.raises(ModuleNotFoundError), extra("hw", "compile"):
        import bitrill.nowhere  # noqa: F401  # pyright: ignore


@pytest.mark.parametrize("interval", [2, 6])
def test_a_rate_is_kept_and_the_folding_can_be_given_back(
    model: Path, tmp_path: Path, interval: int
) -> None:
    done = flow.compile(
        model, out=tmp_path / "b", fps=50e6 / interval, clock_mhz=50, part="xc7z020"
    )
    assert done.solution is not None
    value = done.json()
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
