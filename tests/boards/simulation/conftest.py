"""Networks behind the shell of Zynq boards, whose simulators all tests of a session share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from bitrill import flow
from bitrill.lowering import to_folded
from boards.simulation.shells import Case, wire
from sim.test_runtime import network
from support import integer_mlp, shared_model

FOLDING = {"fc0": {"pe": 4, "simd": 25}, "fc1": {"pe": 2, "simd": 4}, "fc2": {"pe": 5, "simd": 6}}


@pytest.fixture(scope="session")
def shells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which all workers of a session share compiled simulators."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shells"


@pytest.fixture(scope="session")
def odd(shells: Path) -> Case:
    """Frames of 150 bits in, in beats of 25, and of 200 out: both end within a word of 64."""
    graph = to_folded(integer_mlp(150, 8, 6, 40, levels=2), folding=FOLDING)
    return Case(graph, shells / "odd", address=40)


@pytest.fixture(scope="session")
def fast(shells: Path) -> Case:
    """A network with a word a cycle, in and out."""
    return Case(wire(64), shells / "fast")


@pytest.fixture(scope="session")
def trained(shells: Path, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The trained network of MNIST."""
    model = shared_model("TFC_1W1A.onnx")
    build = flow.compile(model, out=tmp_path_factory.mktemp("trained"), part="portable").build
    return Case(build.graph, shells / "trained", top=build.verilog)


@pytest.fixture(scope="session")
def runtime(shells: Path) -> Case:
    """A network with writable weights."""
    return Case(network("runtime"), shells / "runtime")
