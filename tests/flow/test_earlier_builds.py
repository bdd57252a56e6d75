"""A build folder of an earlier version is read, as long as the form of ``graph.json`` is the same.

``earlier_build.json`` holds a build of revision b34c8b7: its files as JSON, frames, and what the
golden model of that revision gave for them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitrill import flow
from bitrill.errors import StorageError
from flow.helpers import refused

SAVED: dict[str, Any] = json.loads(Path(__file__).with_name("earlier_build.json").read_text())


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """The build folder, with only the ends of its Verilog."""
    for name in ("graph.json", "timing.json", "folding.json"):
        (tmp_path / name).write_text(json.dumps(SAVED[name]))
    arrays = {name: np.array(a["values"], a["dtype"]) for name, a in SAVED["weights.npz"].items()}
    np.savez_compressed(tmp_path / "weights.npz", **arrays)
    digest = SAVED["graph.json"]["digest"]
    (tmp_path / "top.v").write_text(f"// Bitrill 0.1.0, graph {digest}\nendmodule\n")
    return tmp_path


def test_an_earlier_build_is_read(earlier: Path) -> None:
    build = flow.load_build(earlier)
    assert [node.kind for node in build.graph] == ["matvec", "threshold"]
    outputs = flow.run(build, np.array(SAVED["input"]))
    assert outputs.integers.tolist() == SAVED["integers"]
    assert outputs.floats.tolist() == SAVED["floats"]
    timing = SAVED["timing.json"]
    assert (str(build.predicted.ii), build.predicted.latency) == (timing["ii"], timing["latency"])


def test_its_folding_is_the_one_that_was_written(earlier: Path) -> None:
    from bitrill.folding.fold import folding_of

    assert folding_of(flow.load_build(earlier).graph) == SAVED["folding.json"]


def test_a_build_in_another_form_is_refused_with_what_to_do(earlier: Path) -> None:
    value = SAVED["graph.json"] | {"schema": 1}
    (earlier / "graph.json").write_text(json.dumps(value))
    message = "graph.json must have schema 2, not 1: another version wrote it; compile again"
    with refused(StorageError, message):
        flow.load_build(earlier)
