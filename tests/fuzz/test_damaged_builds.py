"""Damaged builds are refused by name, or told in a warning and read as they were."""

from __future__ import annotations

from pathlib import Path

import pytest
from bitrill import flow
from fuzz.damaged_builds import DAMAGES, Judge

SOME, MANY = 120, 3000


@pytest.fixture
def judge(small_model: Path, small_compiled: flow.Compiled, tmp_path: Path) -> Judge:
    other = flow.compile(small_model, out=tmp_path / "other", part="portable", top=1).build.folder
    return Judge(small_compiled.build.folder, other, tmp_path / "work")


def test_no_damaged_build_is_accepted_in_silence(judge: Judge) -> None:
    for seed in range(SOME):
        judge.judge(seed)
    assert judge.wrong == []
    assert {kind for kind, _ in judge.ended} == set(DAMAGES)
    assert sum(n for (_, end), n in judge.ended.items() if end == "refused") > SOME * 0.9


@pytest.mark.nightly
def test_none_of_many(judge: Judge) -> None:
    for seed in range(10_000, 10_000 + MANY):
        judge.judge(seed)
    assert judge.wrong == []
