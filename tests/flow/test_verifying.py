"""The verbs `verify` and `synth` around their tools, and packages that are missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from bitrill import flow
from bitrill.errors import SpecError, ToolError
from flow.helpers import frames, refused


class Simulated:
    """A fake of the simulators, which have their own tests."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        import bitrill_sim

        self.calls: list[tuple] = []
        monkeypatch.setattr(bitrill_sim, "verify", self)

    def __call__(self, graph, rtl, x, **options):
        self.calls.append((rtl, x, options))
        return self

    ok, cycles_exact = True, True
    samples, mismatches, engine = 5, 0, "verilator"

    def to_json(self) -> dict:
        return {"ok": True, "mismatches": 0}


def test_verify_leaves_its_value(build: Path, tmp_path: Path, monkeypatch) -> None:
    simulated = Simulated(monkeypatch)
    done = flow.verify(build, data="random", samples=5, stall=0.5, seed=3)
    assert (done.ok, done.mismatches, done.registers, done.accuracy) == (True, 0, None, None)
    assert done.to_json() == json.loads((build / "verify.json").read_text())
    rtl, x, options = simulated.calls[0]
    assert rtl == build / "top.v"
    assert len(x) == 5
    assert (options["engine"], options["stall"], options["seed"]) == ("verilator", 0.5, 3)
    flow.verify(build, data=frames(3), out=tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere" / "verify.json").is_file()
    assert simulated.calls[1][2]["work"] == tmp_path / "elsewhere" / "sim"


def test_layers_take_all_samples_and_the_whole_design_a_few(build: Path, monkeypatch) -> None:
    import bitrill_sim

    simulated, layers = Simulated(monkeypatch), []
    monkeypatch.setattr(
        bitrill_sim, "verify_layers", lambda graph, x, **o: layers.append((x, o)) or ()
    )
    done = flow.verify(build, samples=40, stall=0.5, by_layer=True)
    assert done.layers == ()
    assert [len(x) for x, _ in layers] == [40]
    assert [len(x) for _, x, _ in simulated.calls] == [16]
    assert (layers[0][1]["stall"], layers[0][1]["work"]) == (0.5, build / "sim")
    assert done.to_json() == {"ok": True, "mismatches": 0, "layers": []}


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
    with refused(SpecError, "part must be a known one, not 'ice40'"):
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
        parent, _, leaf = name.rpartition(".")
        if parent in sys.modules and hasattr(sys.modules[parent], leaf):
            monkeypatch.delattr(sys.modules[parent], leaf)
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with refused(ToolError, message) as caught:
        call(model, build, tmp_path)
    assert caught.value.exit_code == 3


def test_a_broken_import_of_our_own_is_a_bug_and_shows() -> None:
    from bitrill.flow.extras import extra

    with pytest.raises(ModuleNotFoundError), extra("hw", "compile"):
        import bitrill.nowhere  # noqa: F401  # pyright: ignore
