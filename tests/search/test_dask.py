"""A search on a dask cluster: the same trials as here."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from bitrill import flow
from search.spaces import space

pytestmark = pytest.mark.nightly


def test_the_workers_of_a_cluster_do_the_trials(tmp_path: Path) -> None:
    from distributed import LocalCluster

    tables = space()
    (tmp_path / "net.py").write_text(
        "from torch import nn\n"
        "def make(width=8):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(),"
        " nn.Linear(width, 10))\n"
    )
    tables["recipe"]["model"] = {"module": f"{tmp_path / 'net.py'}:make"}
    tables["space"] = {"model.arguments.width": {"low": 4, "high": 12}}
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    ) as cluster:
        there = flow.search(tables, out=tmp_path / "there", dask=cluster.scheduler_address)
    here = flow.search(tables, out=tmp_path / "here")
    assert there.standing.finished == 4
    assert there.standing.failed == 0
    assert there.standing.front == here.standing.front
