"""Writable and streamed networks: bit for bit and to the cycle, in every engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitrill.errors import MismatchError, SimulationTimeout
from bitrill.ir import Graph
from bitrill.lowering import to_folded
from bitrill.runtime.register_map import register_map, writes
from bitrill.storage import write_text
from bitrill.timing.predict import predict
from bitrill_hw.design.verilog import verilog
from bitrill_sim import Engine, verify
from bitrill_sim.access import OUTPUTS, PATIENCE, Master
from sim.data import frames
from support import integer_mlp, nightly, optional_tool

FOLDING = {"fc0": {"pe": 4, "simd": 12}}


def network(style: Any, seed: int = 0) -> Graph:
    """A network 24-8-6-3, whose first layer has words of 48 bits."""
    return to_folded(integer_mlp(24, 8, 6, 3, levels=2, seed=seed), folding=FOLDING, style=style)


def retrained(graph: Graph, style: Any) -> Graph:
    other = network(style, seed=4)
    fields = ("weights", "thresholds", "inverted") if style == "runtime" else ("weights",)
    return graph.replace(
        nodes=tuple(
            n.replace(**{f: getattr(other[n.name], f) for f in fields if hasattr(n, f)})
            for n in graph.nodes
        )
    )


def accesses(graph: Graph) -> np.ndarray:
    found = [a for w in register_map(graph) for a in writes(graph[w.node], w)]
    return np.array(found, np.uint32)


@pytest.fixture(scope="module")
def texts(work: Path) -> dict[str, Path]:
    """Verilog of both styles."""
    found = {}
    for style in ("runtime", "streamed"):
        found[style] = work / f"{style}.v"
        write_text(found[style], verilog(network(style)))
    return found


@pytest.mark.parametrize("style", ["runtime", "streamed"])
@pytest.mark.parametrize(
    ("engine", "stall"),
    [
        ("verilator", 0.4),
        ("amaranth", 0.4),
        *nightly(("verilator", 0), ("cocotb", 0.4), ("icarus", 0.4)),
    ],
)
def test_other_weights_in_every_engine(
    engine: Engine, style: str, stall: float, texts: dict[str, Path], work: Path
) -> None:
    if engine == "icarus":
        optional_tool("iverilog")
    made = network(style)
    graph = retrained(made, style)
    x = frames(graph, 30)
    assert (graph.run(x) != made.run(x)).any(axis=-1).sum() > 10
    report = verify(
        graph,
        texts[style],
        x,
        engine=engine,
        stall=stall,
        work=work,
        made=made,
        access=accesses(graph) if style == "runtime" else accesses(graph)[:0],
    )
    report.check()
    assert report.ok
    assert report.cycles_exact


@pytest.mark.parametrize("style", ["runtime", "streamed"])
def test_time_is_that_of_folded_nodes(style: str) -> None:
    assert predict(network(style)) == predict(network("folded"))


@pytest.mark.parametrize("engine", ["verilator", "amaranth", *nightly("cocotb")])
def test_what_goes_wrong_with_registers_is_told(
    engine: Engine, texts: dict[str, Path], work: Path
) -> None:
    """An address that nothing is at; a bit that no table has."""
    graph = network("runtime")
    first = int(accesses(graph)[0, 0])
    for access, kind, text in (
        ((0x18, 1), "refused", "an access to a register gets an error response (access 0)"),
        ((first + 4, 1 << 31), "readback", "a register returns other data than was written"),
    ):
        report = verify(
            graph,
            texts["runtime"],
            frames(graph, 2),
            engine=engine,
            work=work,
            access=np.array([access], np.uint32),
            keep=work / "kept",
        )
        assert not report.ok
        assert [v.kind for v in report.violations] == [kind]
        assert text in str(report.violations[0])


def test_registers_that_never_answer_are_told(texts: dict[str, Path], work: Path) -> None:
    graph, mute = network("runtime"), work / "mute.v"
    text, n = re.subn(r"axi__bvalid <= .*;", "axi__bvalid <= 1'h0;", texts["runtime"].read_text())
    assert n == 3
    write_text(mute, text)
    with pytest.raises(SimulationTimeout, match=r"is never answered \(access 0\)"):
        verify(graph, mute, frames(graph, 2), access=accesses(graph), work=work)


def test_a_master_waits_for_so_long() -> None:
    master = Master(np.array([(0, 1)]))
    quiet: dict[str, int] = {**dict.fromkeys(OUTPUTS, 0)}
    cycles = 1
    while master.observe(master.drive(), quiet):
        cycles += 1
    assert (cycles, list(master.violations)) == (PATIENCE + 1, ["silent"])


def test_a_wrong_weight_is_a_mismatch(texts: dict[str, Path], work: Path, tmp_path: Path) -> None:
    """The golden model has other weights in the last layer than were written."""
    made = network("runtime")
    graph = retrained(made, "runtime")
    fc2: Any = graph["fc2"]
    wrong = graph.replace(nodes=(*graph.nodes[:-1], fc2.replace(weights=-fc2.weights)))
    with pytest.raises(MismatchError, match="samples differ; first: sample 0, layer fc2"):
        verify(
            wrong,
            texts["runtime"],
            frames(graph, 10),
            made=made,
            access=accesses(graph),
            work=work,
            keep=tmp_path,
        ).check()
