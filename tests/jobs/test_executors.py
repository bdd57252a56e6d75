"""Executors: every item is done, whatever becomes of workers, and nothing is left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from bitrill.errors import SpecError, ToolError
from bitrill.jobs import SERIAL, marked, open_executor
from bitrill.jobs.pool import Pool
from bitrill.progress import silent
from jobs import functions
from support import HANG_SECONDS


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + HANG_SECONDS
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def runs(pid: int) -> bool:
    """Whether a process runs; one that nobody waits for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def pids(folder: Path, n: int) -> list[int]:
    until(lambda: sum(p.suffix == "" for p in folder.iterdir()) == n)
    return [int(v) for p in folder.iterdir() if p.suffix == "" for v in p.read_text().split()]


def test_one_job_is_done_here_in_order() -> None:
    with open_executor() as executor:
        assert executor is SERIAL
        assert list(executor.run(functions.scaled, 3, [1, 2], silent)) == [(0, 3), (1, 6)]


def test_processes_do_every_item_and_tell_of_it() -> None:
    told: list[str] = []
    with open_executor(2) as executor:
        assert executor.workers == 2
        results = executor.run(functions.scaled, 3, range(5), lambda what, *_: told.append(what))
        assert dict(results) == {k: 3 * k for k in range(5)}
    assert sorted(told) == [f"scaling {k}" for k in range(5)]
    assert list(Pool(2).run(functions.scaled, 3, [], silent)) == []


def test_a_dead_workers_item_is_done_by_another(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    results = Pool(2).run(functions.dies_once, str(tmp_path), range(5), silent)
    assert dict(results) == {k: k for k in range(5)}
    assert caplog.messages == [
        "2: a worker process was ended by SIGKILL; another one does its work"
    ]


def test_an_item_that_ends_every_worker_is_named() -> None:
    with pytest.raises(
        ToolError,
        match=r"^1: 3 worker processes ended, the last one ended with exit code 7; if memory is"
        r" short, fewer jobs at once take less$",
    ):
        list(Pool(2).run(functions.dies_always, None, range(3), silent))


def test_an_error_is_raised_as_it_was_and_ends_the_others() -> None:
    with pytest.raises(ToolError) as caught:
        list(Pool(2).run(functions.fails, None, range(2), silent))
    assert str(caught.value) == "the tool failed"
    assert caught.value.missing
    assert caught.value.details == {"tool": "t"}
    assert "in fails" in caught.value.__notes__[0]
    with pytest.raises(RuntimeError, match="OddError: 1 and 2"):
        list(Pool(1).run(functions.odd, None, [0], silent))


def test_who_stops_asking_leaves_no_process(tmp_path: Path) -> None:
    results = Pool(2).run(functions.sleeps, str(tmp_path), range(2), silent)
    with pytest.raises(KeyboardInterrupt):
        for _ in _interrupted(results, lambda: len(pids(tmp_path, 2)) == 4):
            pass
    every = [int(v) for p in tmp_path.iterdir() if not p.suffix for v in p.read_text().split()]
    assert len(every) == 4
    assert not [pid for pid in every if runs(pid)]
    assert len(list(tmp_path.glob("*.clean"))) == 2


def _interrupted(results, ready: Callable[[], bool]):
    """Ask for results, interrupted as soon as the items are being done."""

    def stop(*_: object) -> None:
        if ready():
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise KeyboardInterrupt

    former = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.3, 0.1)
    try:
        yield from results
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    code = (
        "from bitrill.jobs.pool import Pool; from bitrill.progress import silent\n"
        "from jobs import functions\n"
        f"list(Pool(1).run(functions.sleeps, {str(tmp_path)!r}, [0], silent))"
    )
    path = os.pathsep.join(p for p in sys.path if p)
    parent = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path})
    try:
        every = pids(tmp_path, 1)
    finally:
        parent.kill()
        parent.wait()
    until(lambda: not any(map(runs, every)))
    assert (tmp_path / "0.clean").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jobs": 0}, "jobs must be at least 1, not 0"),
        (
            {"jobs": 2, "dask": "tcp://127.0.0.1:1"},
            "a dask cluster has workers of its own: give jobs or dask, not both",
        ),
        (
            {"dask": "here"},
            "dask must be a scheduler's address, such as tcp://127.0.0.1:8786, not 'here'",
        ),
    ],
)
def test_wrong_executors_are_named(options: dict, message: str) -> None:
    with pytest.raises(SpecError) as caught, open_executor(**options):
        pass
    assert str(caught.value) == message


def test_a_folder_is_known_by_its_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BITRILL_CACHE", str(tmp_path / "cache"))
    with marked(tmp_path / "sim") as place:
        assert place.here() == tmp_path / "sim"
    assert list((tmp_path / "sim").iterdir()) == []
    assert place.here() == tmp_path / "cache" / "simulators"
