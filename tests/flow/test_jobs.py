"""`verify` by layers and by spans of samples: here, in processes, and on a cluster."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import branching
import pytest
from bitrill import cli, flow
from bitrill.errors import SpecError, ToolError
from bitrill.flow.builds import write_build
from bitrill.jobs import open_executor
from bitrill.progress import silent
from bitrill.timing.predict import predict
from bitrill_hw.design.verilog import verilog
from flow.helpers import refused
from jobs import functions


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build whose two layers have two results and two operands."""
    twice = branching.join("sum", *[("input", branching.PIXELS)] * 2, gains=(1, -2))
    graph = branching.network(twice)
    assert [n.kind for n in graph] == ["fork", "add"]
    folder = tmp_path_factory.mktemp("jobs") / "b"
    write_build(folder, graph, verilog(graph), predict(graph))
    return folder


@pytest.fixture(scope="module")
def alone(built: Path) -> flow.Verified:
    """The result of two processes here, which build the simulators of all tests."""
    return flow.verify(built, samples=40, stall=0.3, by_layer=True, jobs=2)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a scheduler with two worker processes, which listen on 127.0.0.1 alone."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    ) as started:
        yield started.scheduler_address


def same(one: flow.Verified, other: flow.Verified) -> None:
    assert one.ok
    assert other.ok
    assert (one.samples, one.measured) == (other.samples, other.measured)
    assert one.layers is not None
    assert other.layers is not None
    kept = [[(r.layer, r.samples, r.mismatches) for r in v.layers or ()] for v in (one, other)]
    assert kept[0] == kept[1]


def test_layers_are_simulated_alone_and_then_the_whole(built: Path, alone: flow.Verified) -> None:
    assert alone.ok
    assert alone.layers is not None
    assert [(r.layer, r.samples) for r in alone.layers] == [("input_fork", 40), ("sum", 40)]
    assert (alone.samples, alone.cycles_exact) == (16, True)
    assert json.loads((built / "verify.json").read_text()) == alone.to_json()


@pytest.mark.usefixtures("alone")
def test_processes_share_the_samples(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--samples", "40", "--stall", "0.3", "--jobs", "2", "--json")
    code = cli.main(["verify", str(built), *arguments])
    value = json.loads(capsys.readouterr().out)
    assert (code, value["samples"], value["mismatches"], value["cycles_exact"]) == (0, 40, 0, True)
    assert sorted(p.name for p in (built / "sim").glob(".*")) == []


def test_a_cluster_gives_the_same(built: Path, alone: flow.Verified, cluster: str) -> None:
    same(alone, flow.verify(built, samples=40, stall=0.3, by_layer=True, dask=cluster))


def test_a_worker_that_dies_is_no_harm(cluster: str, tmp_path: Path) -> None:
    with open_executor(dask=cluster) as executor:
        assert executor.workers == 2
        results = executor.run(functions.dies_once, str(tmp_path), range(4), silent)
        assert dict(results) == {k: k for k in range(4)}
        assert (tmp_path / "died").exists()
        with pytest.raises(ToolError, match="the tool failed") as caught:
            list(executor.run(functions.refuses, None, [1], silent))
        assert caught.value.missing


@pytest.mark.parametrize(
    ("address", "error", "message"),
    [
        ("nowhere", SpecError, "dask must be a scheduler's address, such as tcp://127.0.0.1:8786"),
        ("tcp://127.0.0.1:9", ToolError, "no dask scheduler answers at tcp://127.0.0.1:9 ("),
    ],
)
def test_an_address_that_does_not_answer_is_one_line(
    address: str, error: type[Exception], message: str, built: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("bitrill.jobs.cluster.ANSWER_SECONDS", 0.5)
    with refused(error, message):
        flow.verify(built, samples=2, dask=address)
