"""Contents of tables apart from the design: one simulator for many weights, each still checked."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from bitrill.engines import Engine
from bitrill.ir import Graph
from bitrill.ops import MatVec
from bitrill.storage import write_text
from bitrill_hw.design.verilog import verilog as write
from bitrill_sim import Dut, kept, verify, verilator
from bitrill_sim.contents import separate
from bitrill_sim.tools import Command
from sim.data import frames
from support import nightly

ENGINES = ["verilator", *nightly("cocotb")]


def retrained(graph: Graph) -> Graph:
    """The network with other weights in its last layer, in the same order of sizes."""
    last = graph["fc1"]
    assert isinstance(last, MatVec)
    other = last.replace(weights=last.weights[::-1].copy())
    return graph.replace(nodes=tuple(other if n is last else n for n in graph.nodes))


@pytest.fixture
def pair(network: Graph, tmp_path: Path) -> list[tuple[Graph, Path]]:
    """Two networks of one structure, and their Verilog."""
    both = []
    for k, graph in enumerate((network, retrained(network))):
        path = tmp_path / f"{k}" / "top.v"
        write_text(path, write(graph))
        both.append((graph, path))
    return both


def test_what_is_left_depends_on_the_structure_alone(pair: list) -> None:
    first, second = (separate([path]) for _, path in pair)
    assert pair[0][1].read_text() != pair[1][1].read_text()
    assert first.sources == second.sources
    assert first.files.keys() == second.files.keys()
    assert first.files != second.files
    assert b"'h" not in first.sources[-1]


@pytest.mark.nightly
@pytest.mark.parametrize("engine", ENGINES)
def test_one_simulator_serves_both_and_finds_each_fault(
    pair: list, tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[str] = []
    run_all = verilator.run_all

    def counted(commands: Sequence[Command], *given: object, **named: object) -> None:
        built.extend(c.what for c in commands)
        run_all(commands, *given, **named)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(verilator, "run_all", counted)
    models = tmp_path / "models"
    for graph, path in pair:
        x = frames(graph, 40)
        verify(graph, path, x, engine=engine, work=path.parent, models=models).check()
    assert built.count("verilator") == 1
    # the other's words: the same simulator, and wrong results
    for graph, path in ((pair[0][0], pair[1][1]), (pair[1][0], pair[0][1])):
        x = frames(graph, 40)
        found = verify(graph, path, x, engine="verilator", work=tmp_path / "w", models=models)
        assert found.mismatches
    assert [p for p in models.iterdir() if p.is_dir()]


@pytest.mark.nightly
def test_words_that_are_missing_are_found(
    pair: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, path = pair[0]
    real = verilator.separate

    def without_files(sources: Sequence[Path]) -> object:
        return dataclasses.replace(real(sources), files={})

    monkeypatch.setattr(verilator, "separate", without_files)
    assert verify(graph, path, frames(graph, 40), work=tmp_path / "w").mismatches


def test_a_table_that_was_changed_is_simulated_as_it_stands(pair: list, tmp_path: Path) -> None:
    """Text that Bitrill does not write stays in the design, and its fault is found."""
    path = pair[0][1]
    text = path.read_text()
    end = text.rindex("words[0] = ")
    head, tail = text[:end], text[end:]
    at = tail.index("'h") + 2
    wrong = "f" if tail[at] != "f" else "0"
    changed = tmp_path / "changed.v"
    write_text(changed, f"{head}{tail[:at]}{wrong}{tail[at + 1 :]}")
    apart = separate([changed])
    assert len(apart.files) < len(separate([path]).files)
    assert b"words[0] = " in b"".join(apart.sources)


def test_other_verilog_stays_as_it_is(tmp_path: Path) -> None:
    text = "// mine\r\nmodule top(input a); endmodule\r\n"
    source = tmp_path / "x.v"
    source.write_bytes(text.encode())
    assert separate([source]).sources == (text.encode(),)


def test_old_simulators_are_removed_but_not_those_in_use(tmp_path: Path) -> None:
    for k, age in enumerate((10, 9000, 8000, 0)):
        folder = tmp_path / f"model-{k}"
        folder.mkdir()
        (folder / "x").write_bytes(b"0" * 1000)
        (tmp_path / f"model-{k}.log").touch()
        used = time.time() - age
        os.utime(folder, (used, used))
    kept.discard_old(tmp_path, most=3000)
    assert sorted(p.name for p in tmp_path.glob("model-?")) == ["model-0", "model-2", "model-3"]
    kept.discard_old(tmp_path, most=0)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "model-0",
        "model-0.log",
        "model-3",
        "model-3.log",
    ]


def test_simulators_are_kept_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BITRILL_CACHE", str(tmp_path / "mine"))
    assert kept.simulators(tmp_path / "work") == tmp_path / "mine" / "simulators"


def test_an_optimised_simulator_serves_a_short_run(
    relay: Dut, relay_graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verilator.CompiledModel, "level", lambda self, _: self.dut.level or "-O1")
    monkeypatch.setattr(verilator, "SHORT_RUN", 0)
    verify(relay_graph, relay, frames(relay_graph, 4), work=tmp_path, cycles=False).check()
    monkeypatch.setattr(verilator, "SHORT_RUN", 1 << 40)
    verify(relay_graph, relay, frames(relay_graph, 4), work=tmp_path, cycles=False).check()
    assert len(list(tmp_path.glob("model-????*/"))) == 1
