"""Counters of a Zynq's shell: of both edges always, of each layer with ``build --counters``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from bitrill import flow
from bitrill.timing.event_graph import EventGraph
from bitrill_boards.driver.registers import LAYER, OFFSETS
from bitrill_boards.driver.summary import summary
from bitrill_boards.driver.waits import waits
from boards.verbs.helpers import Run, refused


@pytest.fixture(scope="module")
def counted(small_compiled: flow.Compiled, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("counted") / "pynq-z2"
    options = {"out": folder, "samples": 20, "files_only": True}
    flow.build("pynq-z2", small_compiled.build, counters=True, **options)  # pyright: ignore
    return folder


def test_the_folder_has_counters_of_each_layer(small_compiled, counted: Path) -> None:
    build = small_compiled.build
    assert re.search(r"^module top\(.*\bwatch\b", (counted / "top.v").read_text(), re.MULTILINE)
    registers = json.loads((counted / "board.json").read_text())["registers"]
    names = [f"{n.name}_{word}" for n in build.graph.nodes for word in LAYER]
    assert registers == OFFSETS | {name: 0x100 + 4 * k for k, name in enumerate(names)}
    layers = json.loads((counted / "network.json").read_text())["layers"]
    assert layers == [n.name for n in build.graph.nodes]


def test_a_board_without_registers_has_none(build: flow.Build, tmp_path: Path, run: Run) -> None:
    words = ("build", "icebreaker", build.folder, "--out", tmp_path / "b", "--counters")
    refused(run(*words), 2, "--counters needs a board with a Zynq, .*, not icebreaker")
    assert not (tmp_path / "b").exists()


def test_who_waits_is_told() -> None:
    counters = {"CYCLES": 200, "IN_STALLED": 100, "OUT_STALLED": 1}
    told = waits(counters, ("fc0", "fc1"))
    assert told == {"in_stalled": 0.5, "out_stalled": 0.005}
    values = {"BEATS": 5, "STALLED": 20, "STARVED": 60, "BLOCKED": 0}
    counters |= {f"0_{name}": n for name, n in values.items()}
    counters |= {f"1_{name}": n - 1 for name, n in values.items()}
    told = waits(counters, ("fc0", "fc1"))
    assert told["slowest"] == "fc1"
    assert told["layers"]["fc0"] == {"beats": 5, "stalled": 20, "starved": 60, "blocked": 0}
    measured = {"frames": 1, "fps_wall": 1.0, "cycles_per_frame": None, **told}
    assert summary(measured).endswith(
        "memory waited for the network 50.0% of the time, the network for memory 0.5%;"
        " slowest layer: fc1"
    )
    assert waits({}, ()) == {}


@pytest.mark.nightly
def test_a_simulated_board_names_its_slowest_layer(small_compiled, counted: Path) -> None:
    build = small_compiled.build
    done = flow.drive("pynq-z2", build, source=counted, transport="simulation")
    assert done.ok
    events = EventGraph(build.graph, build.graph.depths)
    stream = events.slowest.anchor.stream
    slowest = next(name for (name, _), k in events.streams.items() if k == stream)
    rates = done.rates
    assert rates.slowest == slowest
    assert rates.in_stalled is not None
    assert rates.out_stalled is not None
    assert rates.in_stalled > 0.3
    assert rates.out_stalled < 0.1
    assert json.loads(json.dumps(done.to_json()))["slowest"] == slowest
