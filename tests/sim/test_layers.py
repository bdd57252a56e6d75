"""Every layer alone on the golden model's integers: right layers pass, a planted fault is found."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import bitrill_hw.design.alone as alone
import branching
import numpy as np
import pytest
from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out
from bitrill.errors import SpecError, StageError
from bitrill.ir import Graph, Operator, Stage
from bitrill.lowering import to_folded, to_integer
from bitrill_sim import LayerReport, layers, verify_layers
from frontend.onnx_models import Net, imported
from sim.data import frames
from support import integer_mlp, nightly

KINDS = {"pad", "window", "matvec", "threshold", "fork", "add", "maxpool"}


def small_cnn(folder: Path) -> Graph:
    """A convolution of 3x3 with padding, one of 1x1 with a bypass, pooling and a dense layer."""
    net = Net(1, 2, 4, 4)
    quant = {"scale": 0.5, "bits": 3.0}
    x = net.conv(net.quant("x", 0.5, bits=3.0), 4, 2, 3, 3, seed=1, quant=quant, pads=[1, 1, 1, 1])
    x = net.quant(net.node("Relu", net.norm(x, 4)), 0.5, bits=2.0, signed=0)
    y = net.quant(net.conv(x, 4, 4, 1, 1, seed=2, quant=quant), 0.5, bits=3.0)
    x = net.node("MaxPool", net.node("Add", x, y), kernel_shape=[2, 2], strides=[2, 2])
    x = net.dense(net.node("Reshape", x, net.shape_const(1, -1)), 16, 3, seed=3, scale=0.3)
    return to_folded(to_integer(imported(net.proto(x), folder)))


@pytest.fixture(scope="module")
def cnn(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    graph = small_cnn(tmp_path_factory.mktemp("cnn"))
    assert {n.kind for n in graph} == KINDS
    return graph


class Wrong(wiring.Component):
    """A component with a fault in one result: in every third beat its lowest bit is turned.

    ``silent``: instead, nothing comes after the third beat.
    """

    def __init__(self, core: Any, *, result: str = "o", silent: bool = False):
        self.core, self.result, self.silent = core, result, silent
        super().__init__(core.signature)

    def elaborate(self, _) -> Module:
        m = Module()
        m.submodules.core = core = self.core
        for name, member in self.signature.members.items():
            source, sink = getattr(self, name), getattr(core, name)
            if member.flow is Out:
                source, sink = sink, source
            m.d.comb += [
                sink.payload.eq(source.payload),
                sink.valid.eq(source.valid),
                source.ready.eq(sink.ready),
            ]
        beat, wrong, right = Signal(2), getattr(self, self.result), getattr(core, self.result)
        last = 3 if self.silent else 2
        with m.If(wrong.valid & wrong.ready):
            m.d.sync += beat.eq(Mux(beat == last, 0, beat + 1))
        if self.silent:
            with m.If(beat == last):
                m.d.comb += [wrong.valid.eq(0), right.ready.eq(0)]
        else:
            m.d.comb += wrong.payload.eq(right.payload ^ (beat == last))
        return m


def reweighted(op: Operator) -> Operator:
    """The operator with two weights of a row exchanged, or a threshold that is always reached."""
    if op.kind == "threshold":
        limits = np.array(op.thresholds)
        limits[0, 0] = op.x.type.lo
        return op.replace(thresholds=limits)
    weights = np.array(op.weights)
    row = next(r for r in range(len(weights)) if weights[r, 0] != weights[r, 1])
    weights[row, [0, 1]] = weights[row, [1, 0]]
    return op.replace(weights=weights)


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[[Collection[str]], None]:
    """Plant a fault in the hardware of layers: in constants where there are some."""
    component = alone.component

    def planted(names: Collection[str]) -> None:
        def made(op: Operator) -> Any:
            if op.name not in names:
                return component(op)
            constants = op.kind in ("matvec", "threshold")
            return component(reweighted(op)) if constants else Wrong(component(op))

        monkeypatch.setattr(alone, "component", made)

    return planted


def wrong(reports: Collection[LayerReport]) -> list[str]:
    return [r.layer for r in reports if not r.ok]


def test_right_layers_pass_under_stalls(cnn: Graph, tmp_path: Path) -> None:
    reports = verify_layers(cnn, frames(cnn, 2), engine="amaranth", stall=0.3, work=tmp_path)
    assert [(r.layer, r.kind) for r in reports] == [(n.name, n.kind) for n in cnn]
    assert wrong(reports) == []
    assert {r.samples for r in reports} == {2}


def test_a_fault_in_every_layer_is_found_in_every_layer(
    cnn: Graph, tmp_path: Path, plant: Any
) -> None:
    plant([n.name for n in cnn])
    x = frames(cnn, 4)[2:]
    golden = cnn.trace(x)
    for r in verify_layers(cnn, x, engine="amaranth", work=tmp_path):
        assert not r.ok
        assert 0 < r.mismatches <= 2
        assert r.first is not None
        assert r.first.layer == r.layer
        assert r.first.expected == golden[r.layer][r.first.sample][r.first.index]
        assert r.first.seen != r.first.expected


@pytest.mark.parametrize("k", [7, *nightly(*range(7), 8, 9)])
def test_a_fault_in_one_layer_is_found_in_that_layer(
    k: int, cnn: Graph, tmp_path: Path, plant: Any
) -> None:
    """The layers behind it get the golden model's integers, and are right."""
    name = cnn.nodes[k].name
    plant([name])
    assert wrong(verify_layers(cnn, frames(cnn, 4)[2:], engine="amaranth", work=tmp_path)) == [name]


@pytest.mark.parametrize("network", ["half the channels", *nightly("three ways", "two upsampled")])
def test_layers_of_several_operands_and_results(network: str, tmp_path: Path) -> None:
    graph = branching.NETWORKS[network]()
    assert any(len(n.operands) > 1 for n in graph)
    assert any(len(n.results) > 1 for n in graph)
    for stall in (0.0, 0.5):
        reports = verify_layers(
            graph, frames(graph, 3), engine="amaranth", stall=stall, work=tmp_path
        )
        assert wrong(reports) == []


def test_a_wrong_second_result_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, component = branching.NETWORKS["half the channels"](), alone.component

    def made(op: Operator) -> Any:
        return Wrong(component(op), result="o1") if op.name == "apart" else component(op)

    monkeypatch.setattr(alone, "component", made)
    reports = verify_layers(graph, frames(graph, 3), engine="amaranth", work=tmp_path)
    assert wrong(reports) == ["apart"]
    assert reports[0].first is not None
    assert (reports[0].first.layer, graph["apart"].outputs) == ("apart_1", ("apart", "apart_1"))


def test_a_layer_that_hangs_is_named(
    cnn: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    component = alone.component

    def made(op: Operator) -> Any:
        return Wrong(component(op), silent=True) if op.kind == "maxpool" else component(op)

    monkeypatch.setattr(alone, "component", made)
    reports = verify_layers(cnn, frames(cnn, 2), engine="amaranth", work=tmp_path)
    assert wrong(reports) == [n.name for n in cnn if n.kind == "maxpool"]
    (report,) = (r for r in reports if not r.ok)
    assert (report.mismatches, report.samples) == (2, 2)
    assert report.first is not None
    assert report.first.seen is None
    assert re.fullmatch(
        rf"{report.layer}: stream . (gave|took) beat \d of frame . never.*", report.hung or ""
    )
    value = report.to_json()
    assert value["hung"] == report.hung
    assert value["ok"] is False


@pytest.mark.parametrize("style", ["runtime", "streamed"])
def test_weights_that_change_are_those_of_the_graph(style: Any, tmp_path: Path) -> None:
    graph = to_folded(integer_mlp(12, 6, 3, levels=2), style=style)
    other = to_folded(integer_mlp(12, 6, 3, levels=2, seed=4), style=style)
    reports = verify_layers(other, frames(graph, 4), engine="amaranth", stall=0.3, work=tmp_path)
    assert wrong(reports) == []


def test_groups_of_samples_are_one_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plant: Any
) -> None:
    graph = to_folded(integer_mlp(12, 6, 3, levels=2))
    plant(["act0"])
    x = frames(graph, 7)
    whole = verify_layers(graph, x, engine="amaranth", work=tmp_path)
    monkeypatch.setattr(layers, "GROUP_ELEMENTS", 2 * sum(t.size for t in graph.edges.values()))
    cut = verify_layers(graph, x, engine="amaranth", work=tmp_path)
    assert wrong(cut) == ["act0"]
    for a, b in zip(whole, cut, strict=True):
        assert (a.layer, a.samples, a.mismatches) == (b.layer, b.samples, b.mismatches)
        assert a.first == b.first


def test_wrong_arguments_are_named(cnn: Graph, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="input must have at least one sample, and has none"):
        verify_layers(cnn, frames(cnn, 2)[:0], work=tmp_path)
    with pytest.raises(SpecError, match=r"engine must be one of verilator, .*, not 'spice'"):
        verify_layers(cnn, frames(cnn, 2), engine="spice", work=tmp_path)  # pyright: ignore
    with pytest.raises(StageError, match="the graph is integer, not folded"):
        verify_layers(cnn.replace(stage=Stage.INTEGER), frames(cnn, 2), work=tmp_path)
