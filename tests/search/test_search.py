"""A search end to end: shared steps trained once, a front whose points compile again."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from bitrill import cli, flow
from search.spaces import BITS, space


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
    done: flow.Searched, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from bitrill.search import toml

    tables = space()
    path = tmp_path / "s.toml"
    (tmp_path / "recipe.toml").write_text(toml.text(tables["recipe"]))
    text = toml.text({k: v for k, v in tables.items() if k != "recipe"})
    path.write_text(f'recipe = "recipe.toml"\n{text}')
    out = tmp_path / "s"
    code = cli.main(["search", str(path), "--trials", "1", "--out", str(out), "--json"])
    value = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (value["trials"], value["failed"]) == (1, 0)
    (point,) = value["front"]
    assert set(point) >= {"number", "accuracy", "lcs", "ramb18", "fps", "latency_ns", "energy_nj"}
    assert point["params"][BITS] in ("int2", "int3", "int4")
