"""A search end to end: shared steps trained once, a front whose points compile again."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from bitrill import cli, flow
from bitrill.cli import live
from bitrill.errors import SpecError
from bitrill.search import toml
from search.spaces import hardware, model, space


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> flow.Searched:
    return flow.search(space(), out=tmp_path_factory.mktemp("search") / "s")


def test_all_trials_are_done_and_none_beats_the_front(done: flow.Searched) -> None:
    now = done.standing
    assert (now.trials, now.finished, now.failed, now.pruned) == (4, 4, 0, 0)
    assert done.ok
    every = [json.loads(p.read_text()) for p in (done.folder / "trials").glob("*/trial.json")]
    assert len(every) == 4
    points = {(-t["figures"]["accuracy"], t["figures"]["lcs"]) for t in every}
    front = [(-p.validation, p.lcs) for p in now.front if p.validation is not None]
    assert front == [
        p
        for p in sorted(points)
        if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in points)
    ]
    assert json.loads((done.folder / "front.json").read_text()) == json.loads(
        json.dumps(done.to_json())
    )


def test_steps_that_trials_share_are_trained_once(done: flow.Searched) -> None:
    trained = [p.name.partition("-")[0] for p in (done.folder / "trained").iterdir()]
    distinct = {tuple(p.params.values()) for p in done.standing.front}
    assert trained.count("1") == 1
    assert len(distinct) <= trained.count("2") <= 4


def test_a_point_compiles_again_to_the_same_bytes(done: flow.Searched, tmp_path: Path) -> None:
    point = done.standing.front[0]
    folder = done.folder / str(point.folder)
    again = flow.compress(folder / "recipe.toml", out=tmp_path / "c")
    assert again.model is not None
    assert again.model.read_bytes() == (folder / "model.onnx").read_bytes()
    assert again.accuracy == point.accuracy
    words = shlex.split(json.loads((folder / "trial.json").read_text())["compile"])
    built: dict[str, Any] = {}
    for name in ("folding.json", None):
        given = dict(zip(words[3::2], words[4::2], strict=True))
        given["--out"] = str(tmp_path / f"b-{name}")
        given["--folding"] = str(folder / str(name))
        if name is None:
            del given["--folding"]
        assert cli.main(["compile", str(folder / "model.onnx"), *sum(given.items(), ())]) == 0
        build = flow.load_build(tmp_path / f"b-{name}")
        built[str(name)] = build.verilog.read_bytes()
        assert (build.resources.lcs, build.resources.bram18) == (point.lcs, point.ramb18)
    assert built["folding.json"] == built["None"], "the folding is the one that was searched for"


def test_the_command_line_tells_the_front(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = hardware(model(tmp_path), 2)
    path = tmp_path / "s.toml"
    named = {key: value for key, value in tables.items() if key != "model"}
    path.write_text(f'model = "{Path(tables["model"]).name}"\n{toml.text(named)}')
    assert cli.main(["search", str(path), "--out", str(tmp_path / "s"), "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["trials"], value["finished"], value["failed"]) == (2, 2, 0)
    keys = {"number", "accuracy", "lcs", "ramb18", "fps", "latency_ns", "energy_nj", "params"}
    assert all(set(point) >= keys for point in value["front"])
    file = tmp_path / "s" / "front.json"
    half = {**value, "trials": 4, "seconds_left": 83.2}
    states = [json.dumps(half), json.dumps(value)]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr(live.time, "sleep", lambda _: file.write_text(states.pop(0)))
    file.write_text(states.pop(0))
    assert cli.main(["search", "--show", str(tmp_path / "s")]) == 0
    first, _, last = capsys.readouterr().out.removeprefix(live.CLEAR).partition("folder: ")
    assert "trials: 2 of 4" in first
    assert "time left: 1 min 23 s" in first
    assert "trials: 2 of 2" in last


def test_show_of_another_folder_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["search", "--show", str(tmp_path)]) == 4
    assert "front.json: No such file or directory" in capsys.readouterr().err
    (tmp_path / "front.json").write_text("[1]")
    assert cli.main(["search", "--show", str(tmp_path)]) == 4
    assert "is not the front of a search, or was changed" in capsys.readouterr().err
    assert cli.main(["search"]) == 2
    assert "either a space to search or --show" in capsys.readouterr().err


@pytest.mark.nightly
def test_a_group_trains_shortly_and_the_better_half_in_full(tmp_path: Path) -> None:
    tables = space()
    tables["search"] |= {"short": 0.5, "keep": 0.5, "trials": 8, "group": 4}
    now = flow.search(tables, out=tmp_path / "s", jobs=2).standing
    assert (now.finished, now.failed, now.pruned) == (8, 0, 4)
    assert now.reasons == {"not among the best 0.5 of its group after short training": 4}


@pytest.mark.nightly
def test_what_cannot_meet_the_constraints_is_not_trained(tmp_path: Path) -> None:
    tables = space(constraints={"lcs": 1})
    done = flow.search(tables, out=tmp_path / "s")
    assert (done.standing.pruned, done.ok) == (4, False)
    assert all(r.startswith("before any training: lcs ") for r in done.standing.reasons)
    assert not list((tmp_path / "s" / "trained").iterdir())


@pytest.mark.nightly
def test_a_training_that_diverges_is_a_failed_trial(tmp_path: Path) -> None:
    tables = space(space={"training.learning_rate": [0.01, 1e3], "step.1.optimizer": ["sgd"]})
    now = flow.search(tables, out=tmp_path / "s").standing
    (reason,) = now.reasons
    assert re.match(r"step 1 \(train\): training diverged: .* is no finite number", reason)
    assert now.failed == now.reasons[reason] < 4


@pytest.mark.nightly
def test_a_pattern_without_a_layer_is_told_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(
        SpecError, match=r"space: 'hidden' matches no layer \(layers: 1, 4, 7, 10\)"
    ):
        flow.search(space(space={"step.2.layers.hidden.acts": [2]}), out=tmp_path / "s")
    assert not (tmp_path / "s").exists()
