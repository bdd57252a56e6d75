"""A sample of the damaged models that `fuzz.mutants` counts, and that it counts each kind."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import pytest
from fuzz import mutants
from fuzz.mutants import FAULTS, again, damaged, outcome, run
from fuzz.victims import VICTIMS

SAMPLE = 12

FOUND = [
    ("branching", "bytes", 220),
    ("branching", "parts", 139),
    ("branching", "parts", 3033),
    ("arranging", "parts", 126),
    ("arranging", "parts", 146),
    ("integers", "bytes", 356),
    ("integers", "parts", 72),
    ("last", "parts", 657),
    ("qdq", "bytes", 1369),
    ("qdq", "parts", 838),
]
"""Mutants by which a fault was found once."""


@pytest.mark.parametrize(("victim", "kind", "seed"), FOUND)
def test_what_was_found_once(victim: str, kind: str, seed: int, tmp_path: Path) -> None:
    what, why = outcome(damaged(victim, kind, seed), tmp_path)
    assert what not in FAULTS, why


@pytest.mark.parametrize("kind", ["bytes", "parts"])
@pytest.mark.parametrize("victim", VICTIMS)
def test_damage_is_refused_or_meant(victim: str, kind: str, tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    for seed in range(SAMPLE):
        what, why = outcome(damaged(victim, kind, seed), tmp_path)
        assert what not in FAULTS, f"{victim} {kind} {seed}: {what} {why}"
        seen[what] += 1
    assert seen["refused"]


@pytest.mark.parametrize("victim", VICTIMS)
def test_the_models_themselves_are_judged(victim: str, tmp_path: Path) -> None:
    assert outcome(VICTIMS[victim]().SerializeToString(), tmp_path) == ("right", "")


@pytest.mark.parametrize(
    ("error", "what"),
    [(AssertionError("y"), "silent"), (KeyError("y"), "traceback"), (MemoryError(), "large")],
)
def test_faults_are_told_apart(
    error: Exception, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise error

    monkeypatch.setattr(mutants, "judge", fail)
    assert outcome(b"", tmp_path)[0] == what


def test_a_mutant_that_takes_long_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import signal

    def forever(*_: object, **__: object) -> str:
        end = time.process_time() + 5
        while time.process_time() < end:
            pass
        return "right"

    monkeypatch.setattr(mutants, "judge", forever)
    monkeypatch.setattr(mutants, "SECONDS", 0.05)
    before = signal.signal(signal.SIGPROF, mutants._out_of_time)
    try:
        assert outcome(b"", tmp_path) == ("slow", "")
    finally:
        signal.signal(signal.SIGPROF, before)


def test_a_run_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str, int, int]] = []

    def judged(*block: str | int) -> tuple[Counter[str], list[str]]:
        asked.append(block)  # pyright: ignore[reportArgumentType]
        return Counter(refused=int(block[3]) - 1, slow=1), [f"{block}: slow"]

    monkeypatch.setattr(mutants, "_run_block", judged)
    state = tmp_path / "state.json"
    count = 4 * len(VICTIMS)
    total = run(count, state)
    assert total["mutants"] == count
    assert len(asked) == len(json.loads(state.read_text())) == 2 * len(VICTIMS)
    assert len(total["faults"]) == len(asked)  # pyright: ignore[reportArgumentType]
    assert run(count, state) == total
    assert len(asked) == 2 * len(VICTIMS)


def test_faults_are_judged_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str | int, ...]] = []

    def judged(*block: str | int) -> tuple[Counter[str], list[str]]:
        asked.append(block)
        still = ["qdq parts 7: slow"] if block[0] == "qdq" else []
        return Counter(["slow" if still else "right"]), still

    monkeypatch.setattr(mutants, "_run_block", judged)
    state = tmp_path / "state.json"
    faults = ["dense bytes 12: silent a: b", "qdq parts 7: slow"]
    state.write_text(json.dumps({"dense bytes 0 500": {"seen": {}, "faults": faults}}))
    total = again(state)
    assert asked == [("dense", "bytes", 12, 1), ("qdq", "parts", 7, 1)]
    assert total == {"mutants": 2, "seen": {"right": 1, "slow": 1}, "faults": faults[1:]}


@pytest.mark.nightly
def test_blocks_of_processes_hold_no_fault(tmp_path: Path) -> None:
    assert run(1200, tmp_path / "state.json")["faults"] == []
