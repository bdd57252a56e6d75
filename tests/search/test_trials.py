"""Trials in a storage: none lost and none done twice, whoever is stopped, killed or beside."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import optuna
import pytest
from bitrill.errors import SpecError, StorageError
from bitrill.jobs.pool import Pool
from bitrill.search.loop import SearchRun
from bitrill.search.trial_storage import Trials, open_trials
from search import stubs
from search.spaces import hardware
from support import nightly


@pytest.fixture(autouse=True)
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "log"
    path.touch()
    monkeypatch.setenv(stubs.LOG, str(path))
    return path


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"no answer reads it")
    return {**hardware(path, 14), "search": {**hardware(path, 14)["search"], "group": 4}}


def rows(search: SearchRun) -> list[tuple[Any, ...]]:
    """Every trial of a search: number, state, values, parameters."""
    trials = open_trials(search.space, search.out, search.count, identity(search)).all()
    return [(t.number, t.state.name, t.values, t.params) for t in trials]


def identity(search: SearchRun) -> dict[str, Any]:
    return {**search.space.to_json(), "source": ""}


class Stops:
    """Answers that are interrupted after some."""

    def __init__(self, after: int):
        self.left = after

    def __call__(self, *given: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return stubs.answer(*given)


@pytest.mark.parametrize("sampler", ["random", *nightly("tpe", "nsga2", "nsga3")])
def test_a_search_that_is_stopped_often_ends_as_one_that_is_not(
    sampler: str, tables: dict[str, Any], tmp_path: Path, log: Path
) -> None:
    tables["search"]["sampler"] = sampler
    whole = stubs.search(tables, tmp_path / "whole")
    whole.run()
    once = log.read_text().splitlines()
    assert len(once) == 14
    log.write_text("")
    for after in (1, 0, 2, 3, 4):
        with pytest.raises(KeyboardInterrupt):
            stubs.search(tables, tmp_path / "stopped", Stops(after)).run()
    stopped = stubs.search(tables, tmp_path / "stopped")
    stopped.run()
    assert rows(stopped) == rows(whole)
    assert sorted(log.read_text().splitlines()) == sorted(once), "none is done twice"
    assert (stopped.out / "front.json").read_text() == (whole.out / "front.json").read_text()


@pytest.mark.nightly
def test_more_trials_later_are_the_trials_of_a_longer_search(
    tables: dict[str, Any], tmp_path: Path
) -> None:
    stubs.search(tables, tmp_path / "a", count=7).run()
    longer = stubs.search(tables, tmp_path / "a", count=14)
    longer.run()
    whole = stubs.search(tables, tmp_path / "b")
    whole.run()
    assert rows(longer) == rows(whole)


def opened(tables: dict[str, Any], out: Path) -> Trials:
    search = stubs.search(tables, out)
    return open_trials(search.space, out, search.count, identity(search))


def test_two_processes_claim_different_groups(tables: dict[str, Any], tmp_path: Path) -> None:
    one, two = opened(tables, tmp_path), opened(tables, tmp_path)
    claims = [each.number for k in range(4) for each in (one, two)[k % 2].group(4)]
    assert claims == list(range(14))
    assert one.group(4) == two.group(4) == []
    assert one.release() == two.release() == 14, "both run"


def test_trials_of_a_dead_process_are_done_by_another(
    tables: dict[str, Any], tmp_path: Path
) -> None:
    host = opened(tables, tmp_path).owner.partition(":")[0]
    dead = opened(tables, tmp_path)
    dead.owner = f"{host}:1:0:0000"  # the first process started at another time
    assert [t.number for t in dead.group(4)] == [0, 1, 2, 3]
    elsewhere = opened(tables, tmp_path)
    elsewhere.owner = "another machine:7:7:0000"
    elsewhere.group(4)
    ours = opened(tables, tmp_path)
    assert ours.release() == 4, "a process elsewhere may be slow"
    assert [t.number for t in ours.group(4)] == [0, 1, 2, 3]


def test_a_process_elsewhere_without_signs_of_life_is_gone(
    tables: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bitrill.search.trial_storage.GONE_SECONDS", 100)
    now = [0.0]
    monkeypatch.setattr("bitrill.search.trial_storage.time.monotonic", lambda: now[0])
    other, ours = opened(tables, tmp_path), opened(tables, tmp_path)
    other.owner = "another machine:7:7:0000"
    other.group(4)
    for now[0], running in ((0, 4), (99, 4), (100, 4)):
        assert ours.release() == running
    other.study.set_user_attr(f"alive {other.owner}", 1.0)
    for now[0], running in ((150, 4), (250, 4), (251, 0)):
        assert ours.release() == running


def test_what_goes_wrong_in_a_trial_is_kept_with_its_reason(
    tables: dict[str, Any], tmp_path: Path
) -> None:
    search = stubs.search(tables, tmp_path / "s", stubs.wrong_at_times)
    now = search.run()
    clocks = Counter(params["hardware.clock_mhz"] for *_, params in rows(search))
    assert (now.finished, now.pruned, now.failed) == (14, clocks[100], clocks[200])
    assert now.reasons == {
        "too fast": clocks[100],
        "training diverged: the loss is no finite number": clocks[200],
    }
    assert {p.params["hardware.clock_mhz"] for p in now.front} == {50}


@pytest.mark.nightly
def test_constraints_keep_points_off_the_front(tables: dict[str, Any], tmp_path: Path) -> None:
    tables["constraints"] = {"lcs": 50_000, "fps": 1e6}
    now = stubs.search(tables, tmp_path / "s").run()
    assert now.front
    assert all(p.lcs <= 50_000 and p.fps >= 1e6 for p in now.front)


def test_a_search_over_another_space_is_refused(tables: dict[str, Any], tmp_path: Path) -> None:
    stubs.search(tables, tmp_path / "s", count=1).run()
    tables["space"]["hardware.clock_mhz"] = [50, 100]
    with pytest.raises(SpecError, match=r"another space: space\.hardware\.clock_mhz was \[50, 100"):
        stubs.search(tables, tmp_path / "s").run()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nonsense", "storage must be a URL such as postgresql://"),
        ("sqlite:////no/such/folder/x.db", "does not answer: unable to open database file"),
        ("postgresql+nodriver://u:secret@h/x", "'postgresql\\+nodriver' needs a driver|driver"),
    ],
)
def test_a_storage_that_is_none_is_one_line(
    url: str, told: str, tables: dict[str, Any], tmp_path: Path
) -> None:
    tables["search"]["storage"] = url
    with pytest.raises(Exception, match=told) as caught:
        stubs.search(tables, tmp_path / "s").run()
    assert type(caught.value).__module__ == "bitrill.errors"
    assert "secret" not in str(caught.value)


def test_a_storage_of_another_version_is_told(tables: dict[str, Any], tmp_path: Path) -> None:
    stubs.search(tables, tmp_path / "s", count=1).run()
    with sqlite3.connect(tmp_path / "s" / "search.db") as database:
        database.execute("update alembic_version set version_num = 'v99'")
    with pytest.raises(StorageError, match="is of another version of optuna"):
        stubs.search(tables, tmp_path / "s").run()
    (tmp_path / "s" / "search.db").write_bytes(b"no database, but some text of that length" * 99)
    with pytest.raises(StorageError, match="does not answer: file is not a database"):
        stubs.search(tables, tmp_path / "s").run()


@pytest.mark.nightly
def test_two_hundred_trials_on_three_workers_one_of_them_killed(
    tables: dict[str, Any], tmp_path: Path, log: Path
) -> None:
    search = stubs.search(tables, tmp_path / "s", stubs.dies_once, Pool(3), count=200)
    now = search.run()
    assert log.with_suffix(".died").exists()
    assert (now.trials, now.finished, now.failed, now.pruned) == (200, 200, 0, 0)
    done = Counter(log.read_text().splitlines())
    assert len(done) == 200
    assert sorted(done.values())[-2:] == [1, 2], "the killed worker's trial is done again"
    alone = stubs.search(tables, tmp_path / "alone", count=200)
    alone.run()
    assert rows(search) == rows(alone)
    assert json.loads((search.out / "front.json").read_text())["finished"] == 200
    assert optuna.trial.TrialState.COMPLETE.name == rows(search)[199][1]
