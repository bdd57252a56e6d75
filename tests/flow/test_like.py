"""`compile --like`: a network that was trained again keeps the structure, and its simulator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitrill import flow
from bitrill.errors import FitError, SpecError
from bitrill.lowering import probe
from bitrill.ops import Convert
from bitrill_sim import verilator
from bitrill_sim.contents import separate
from bitrill_sim.tools import Command
from flow.helpers import refused
from frontend.onnx_models import Net, save

FOLDING = ({"pe": 2, "simd": 3}, {"pe": 1, "style": "parallel"}, {"pe": 1, "simd": 4})
"""Choices for both matrices and what is between."""


def trained(folder: Path, seed: int, *, scale: float = 0.3, rows: int = 40, **given: Any) -> Path:
    """A network 6-40-3 with drawn weights; ``scale``: of the first ones' integers."""
    rng = np.random.default_rng(seed)
    net = Net(1, 1, 2, 3)
    x = net.node("Reshape", "x", net.shape_const(1, -1))
    x = net.dense(net.quant(x, 0.25), 6, rows, seed=seed, scale=scale, **given)
    gamma = rng.uniform(0.5, 2, rows)
    parts = [net.const(v) for v in (gamma, rng.normal(0, 1, rows), rng.normal(0, 1, rows))]
    x = net.node("BatchNormalization", x, *parts, net.const(np.ones(rows)), epsilon=1e-3)
    x = net.quant(net.node("Relu", x), 0.4, bits=2.0, signed=0)
    x = net.dense(x, rows, 3, seed=seed + 1, scale=0.5, bits=3.0)
    return save(net.proto(x), folder, f"net{seed}_{rows}.onnx")


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> flow.Compiled:
    folder = tmp_path_factory.mktemp("earlier")
    model = trained(folder, 1)
    graph = flow.compile(model, out=folder / "plain").build.graph
    names = [n.name for n in graph.nodes if not isinstance(n, Convert)]
    chosen = dict(zip(names, FOLDING, strict=True))
    return flow.compile(model, out=folder / "b", folding=chosen)


def test_a_network_that_was_trained_again_needs_no_new_simulator(
    earlier: flow.Compiled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BITRILL_CACHE", str(tmp_path / "cache"))
    commands: list[str] = []
    run_all = verilator.run_all

    def counted(given: Sequence[Command], *more: Any, **named: Any) -> None:
        commands.extend(c.what for c in given)
        run_all(given, *more, **named)

    monkeypatch.setattr(verilator, "run_all", counted)
    assert flow.verify(earlier.build, samples=20, out=tmp_path / "first").ok
    assert "verilator" in commands
    commands.clear()
    again = flow.compile(trained(tmp_path, 5), out=tmp_path / "b", like=earlier.build.folder)
    assert again.build.graph != earlier.build.graph
    assert again.build.predicted == earlier.build.predicted
    done = flow.verify(again.build, samples=20)
    assert done.ok
    assert done.cycles_exact
    assert commands == []
    first, second = (separate([b.build.verilog]) for b in (earlier, again))
    assert first.sources == second.sources
    assert first.files != second.files


def test_widths_are_kept_where_less_would_do(earlier: flow.Compiled, tmp_path: Path) -> None:
    """Weights a quarter as large still have the bits of the earlier ones, and so have sums."""
    model = trained(tmp_path, 1, scale=1.2)
    plain = flow.compile(model, out=tmp_path / "plain").build.graph
    kept = flow.compile(model, out=tmp_path / "b", like=earlier.build.folder).build
    first = earlier.build.graph.nodes[0]
    assert plain.nodes[0].y.type.bits < first.y.type.bits == kept.graph.nodes[0].y.type.bits
    assert {e: t.type.bits for e, t in kept.graph.edges.items()} == {
        e: t.type.bits for e, t in earlier.build.graph.edges.items()
    }
    assert flow.load_build(kept.folder).graph.edges == kept.graph.edges
    x = probe(plain)
    assert np.array_equal(plain.run(x), kept.graph.run(x))


def test_every_layer_that_does_not_fit_is_named(earlier: flow.Compiled, tmp_path: Path) -> None:
    wide = trained(tmp_path, 1, bits=6.0, scale=0.1)
    name = earlier.build.graph.nodes[0].name
    with pytest.raises(FitError, match=rf"does not fit the structure of .*: {name} has weights "):
        flow.compile(wide, out=tmp_path / "b", like=earlier.build.folder)
    other = trained(tmp_path, 1, rows=41)
    with pytest.raises(FitError) as caught:
        flow.compile(other, out=tmp_path / "b", like=earlier.build.folder)
    assert len(caught.value.details["problems"]) == 3
    for node in earlier.build.graph.nodes:
        named = f"{node.name} is {node.kind} (" in str(caught.value)
        assert named is not isinstance(node, Convert)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("more", [{"fps": 100.0}, {"part": "xc7z020"}, {"style": "unrolled"}])
def test_a_structure_cannot_be_asked_for_twice(
    earlier: flow.Compiled, tmp_path: Path, more: dict[str, Any]
) -> None:
    message = "a build to be like has its own folding and part: give no rate, part or style"
    with refused(SpecError, message):
        flow.compile(trained(tmp_path, 2), out=tmp_path / "b", like=earlier.build.folder, **more)


def test_the_part_is_that_of_the_cells(earlier: flow.Compiled, tmp_path: Path) -> None:
    again = flow.compile(trained(tmp_path, 2), out=tmp_path / "b", like=earlier.build.folder)
    assert again.part == earlier.part
    plain = flow.compile(trained(tmp_path, 1), out=tmp_path / "p", part="portable")
    again = flow.compile(trained(tmp_path, 1), out=tmp_path / "q", like=plain.build.folder)
    assert again.part is None
