"""Random models of the accepted operators are right or refused; the judge sees what is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import UnsupportedError
from frontend import onnx_models
from frontend.attributes.outcomes import rules
from fuzz import random_models
from fuzz.random_models import block, network, outcome, run

SEEDS = 40

NEVER = ("DynamicQuantizeLinear",)
"""Its scale is taken from each frame: refused whatever stands around it."""

AT_THE_END = ("QLinearSoftmax",)
"""Accepted only as the last operator, of integers: the table of attributes has its cases."""

SELDOM = ("Reciprocal", "Sqrt", "Swish", "Gelu", "Mish")
"""Accepted on constants alone, or one of many functions of late opsets."""


def test_random_models_are_right_or_refused() -> None:
    found = block(0, SEEDS)
    assert found["faults"] == []
    assert sum(dict(found["seen"]).values()) == SEEDS
    assert dict(found["seen"])["equal"] > SEEDS // 5


@pytest.mark.nightly
def test_a_thousand_random_models(tmp_path: Path) -> None:
    found = run(10_000, 1000, tmp_path / "state.json")
    assert found["faults"] == []
    seen = {k for k in rules() if ".".join(filter(None, k)) in dict(found["operators"])}  # pyright: ignore[reportCallIssue, reportArgumentType]
    assert {op for _, op in {*rules()} - seen} <= {*NEVER, *AT_THE_END, *SELDOM}


def test_every_accepted_operator_may_be_drawn() -> None:
    files = [*Path(__file__).parent.glob("random_*.py"), Path(onnx_models.__file__)]
    written = "".join(p.read_text() for p in files)
    lacking = {op for _, op in rules() if f'"{op}"' not in written}
    assert lacking == {*NEVER, *AT_THE_END}


def test_a_seed_is_a_model() -> None:
    assert network(3) == network(3)
    assert network(3) != network(4)


def accepted(folder: Path) -> int:
    return next(seed for seed in range(99) if outcome(seed, folder)[0] == "equal")


def test_a_wrong_value_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = accepted(tmp_path)
    right = random_models.outputs_of
    monkeypatch.setattr(
        random_models, "outputs_of", lambda *a: [y + np.ones_like(y) for y in right(*a)]
    )
    assert outcome(seed, tmp_path)[0] == "wrong"


@pytest.mark.parametrize(
    ("error", "what"),
    [(KeyError("t"), "wrong"), (UnsupportedError("conv 'c3': 17 is 2.5 (so)"), "refused")],
)
def test_a_crash_is_wrong_and_a_refusal_is_counted(
    error: Exception, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(random_models, "load_model", fail)
    got, why = outcome(0, tmp_path)
    assert got == what
    assert what == "wrong" or why == "conv '_': # is # "


def test_a_run_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random_models, "BLOCK", 2)
    first = run(0, 3, tmp_path / "state.json")
    assert sum(dict(first["seen"]).values()) == 3  # pyright: ignore[reportCallIssue, reportArgumentType]
    monkeypatch.setattr(random_models.subprocess, "run", None)
    assert run(0, 3, tmp_path / "state.json") == first
