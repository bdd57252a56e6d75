"""The page of a search: front, all trials, the weight of keys; reading the folder of a search."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bitrill import flow
from bitrill.errors import SpecError, StorageError
from bitrill.report.drawing_axes import axis
from bitrill.report.importance import importance
from bitrill.report.search_page import SearchPage, ShownTrial
from report.test_build_page import HOSTILE, Parts

FRONT: dict[str, Any] = {
    "name": HOSTILE,
    "objectives": ["accuracy", "lcs"],
    "trials": 4,
    "finished": 3,
    "failed": 1,
    "pruned": 0,
    "running": 1,
    "seconds_left": None,
    "reasons": {f"diverged {HOSTILE}": 1},
    "front": [
        {
            "number": 2,
            "accuracy": 0.9,
            "validation": 0.875,
            "lcs": 1234,
            "ramb18": 1,
            "dsp": 0,
            "fps": 1e6,
            "latency_ns": 500.0,
            "energy_nj": 12.5,
            "params": {HOSTILE: "int4", "width": 8},
            "folder": None,
        }
    ],
}


def trials(n: int) -> tuple[ShownTrial, ...]:
    """Trials whose LUTs follow from one key alone."""
    return tuple(
        ShownTrial(
            k,
            "complete",
            {"bits": k % 3, HOSTILE: k * 7 % 5},
            {"accuracy": k / n, "lcs": 100 + k % 3},
            "",
            k == n - 1,
            None,
            None,
        )
        for k in range(n)
    )


def page(*made: ShownTrial) -> SearchPage:
    objectives = ("accuracy", "lcs")
    return SearchPage(HOSTILE, objectives, 30, len(made), 0, 0, {HOSTILE: 2}, made, True, "1.0")


def test_every_trial_is_a_point_and_a_line() -> None:
    found = page(*trials(30))
    parts = Parts(found.html())
    assert parts.tags["script"] == 1
    assert parts.tags["circle"] == 30
    assert len(found.lines) == 30
    assert [line.trial.front for line in found.lines] == [False] * 29 + [True]
    assert HOSTILE in parts.text
    assert [load for load in parts.loads if load == "a href=#trial-29"] == ["a href=#trial-29"]
    assert all(load.startswith("a href=#") for load in parts.loads)


def test_a_key_that_decides_alone_has_all_the_weight() -> None:
    shares = dict(page(*trials(30)).importance)
    assert shares["bits"][1] == 1.0
    assert (shares[HOSTILE][1] or 0) < 0.1


def test_importance_is_unknown_where_nothing_varies() -> None:
    assert importance([1, 2] * 5, [3.0] * 10) is None
    assert importance([1] * 10, [float(k) for k in range(10)]) is None
    assert importance([1, 2], [1.0, 2.0]) is None
    assert importance(list(range(60)), [float(k) for k in range(60)]) == pytest.approx(
        0.97, abs=0.02
    )


def test_axes_are_logarithmic_where_numbers_span_far() -> None:
    far = axis("x", [1, 10, 100, None])
    assert far.logarithmic
    assert far.places == (0.0, 0.5, 1.0, None)
    near = axis("x", [10, 20, 30])
    assert (near.logarithmic, near.places) == (False, (0.0, 0.5, 1.0))
    assert axis("x", ["b", "a", "b"]).places == (1.0, 0.0, 1.0)
    assert axis("x", [True, False]).marks == ((0.0, "False"), (1.0, "True"))


def test_a_search_without_trials_has_a_page() -> None:
    assert "No trial has met every constraint" in Parts(page().html()).text


def search(folder: Path, **changes: object) -> Path:
    (folder / "front.json").write_text(json.dumps(FRONT | changes))
    return folder


def test_report_of_a_front_whose_storage_is_elsewhere(tmp_path: Path) -> None:
    done = flow.report(search(tmp_path))
    parts = Parts(done.file.read_text())
    assert (done.file, done.shows) == (tmp_path / "report.html", HOSTILE)
    assert "only its front is shown" in parts.text
    assert all(word in parts.text for word in ("87.5\u00a0%", "90\u00a0%", "1,234", "int4"))
    assert parts.tags["script"] == 1


def test_report_of_a_search_with_its_trials(tmp_path: Path) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=f"sqlite:///{tmp_path / 'search.db'}",
        study_name="s",
        directions=["maximize", "minimize"],
    )
    for k in range(3):
        figures = {"accuracy": k / 4, "lcs": 100 * k}
        study.add_trial(
            optuna.create_trial(
                values=list(figures.values()),
                params={"width": k},
                distributions={"width": optuna.distributions.IntDistribution(0, 9)},
                user_attrs={"ended": {"figures": figures, "reason": ""}},
            )
        )
    flow.report(search(tmp_path, name="s"))
    parts = Parts((tmp_path / "report.html").read_text())
    assert parts.tags["circle"] == 3
    assert "only its front" not in parts.text


@pytest.mark.parametrize(
    "changes", [{"objectives": ["beauty"]}, {"front": [1]}, {"front": None}, {"trials": "many"}]
)
def test_a_damaged_front_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(StorageError, match=r"front\.json is not the front of a search"):
        flow.report(search(tmp_path, **changes))


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "search.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StorageError, match=r"search\.db"):
        flow.report(search(tmp_path))


def test_a_search_takes_no_data(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="diff, data and activity must stand beside a build"):
        flow.report(search(tmp_path), data="digits")
