"""Trackers: what train, compress and search tell them, and what a failing one may not do."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from bitrill import flow
from bitrill.errors import SpecError, ToolError
from bitrill.tracking import TrackedRun, tracked
from search.spaces import hardware, model


class Recorder:
    """A tracker that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def on_start(self, name: str, parameters: Mapping[str, object]) -> None:
        self.told.append((name, dict(parameters)))

    def on_step(self, step: int, figures: Mapping[str, object]) -> None:
        self.told.append((step, dict(figures)))

    def on_end(
        self, figures: Mapping[str, object], files: Sequence[Path], error: str | None
    ) -> None:
        self.told.append((dict(figures), [path.name for path in files], error))


def test_search_tells_each_trial(tmp_path: Path) -> None:
    track = Recorder()
    tables = hardware(model(tmp_path), 2)
    done = flow.search(tables, out=tmp_path / "s", track=track)
    (name, about), *steps, (last, files, error) = track.told
    assert (name, about["trials"], about["sampler"]) == ("search search", 2, "random")
    assert [(k, figures["trial"]) for k, figures in steps] == [(1, 0), (2, 1)]
    assert last["lcs"] == steps[-1][1]["lcs"] > 0
    assert (files, error) == (["front.json"], None)
    again = flow.search(show=tmp_path / "s")
    assert again.standing == done.standing
    assert again.ended


@pytest.mark.nightly
def test_train_tells_each_epoch_and_compress_each_step(tmp_path: Path) -> None:
    track = Recorder()
    flow.train("tfc", out=tmp_path / "t", epochs=2, track=track)
    (name, about), *steps, (last, files, error) = track.told
    assert (name, about["epochs"], error) == ("train tfc", 2, None)
    assert [k for k, _ in steps] == [1, 2]
    assert all(figures["accuracy"] > 0.1 and figures["loss"] > 0 for _, figures in steps)
    assert last["accuracy"] > 0.1
    assert files == ["model.onnx", "metrics.json"]
    from search.spaces import RECIPE

    track = Recorder()
    flow.compress(RECIPE, out=tmp_path / "c", track=track)
    _, *steps, (last, files, error) = track.told
    assert [(k, figures["kind"]) for k, figures in steps] == [(1, "train"), (2, "quantize")]
    assert last["lcs"] == steps[1][1]["lcs"]
    assert files == ["model.onnx", "steps.json"]


def stub(monkeypatch: pytest.MonkeyPatch, name: str) -> list[tuple[Any, ...]]:
    """A module of a tracker's name whose functions keep their arguments."""
    told: list[tuple[Any, ...]] = []

    class Anything(types.ModuleType):
        def __getattr__(self, attribute: str) -> Any:
            if attribute.startswith("__"):
                raise AttributeError(attribute)

            def call(*given: Any, **named: Any) -> Any:
                told.append((attribute, *given, *sorted(named.items())))
                return module

            call.update = lambda given: told.append(("summary", given))  # type: ignore[attr-defined]
            return call

    module = Anything(name)
    monkeypatch.setitem(sys.modules, name, module)
    return told


def test_mlflow_gets_a_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = stub(monkeypatch, "mlflow")
    (tmp_path / "f").touch()
    with tracked("mlflow", "train x", {"epochs": 2}) as run:
        run.step({"loss": 0.5, "accuracy": None, "kind": "train", "good": True})
        run.files = [tmp_path / "f", tmp_path / "not there"]
    assert told == [
        ("start_run", ("run_name", "train x")),
        ("log_params", {"epochs": "2"}),
        ("log_metrics", {"loss": 0.5}, ("step", 1)),
        ("log_metrics", {"loss": 0.5}),
        ("log_artifact", str(tmp_path / "f")),
        ("end_run", "FINISHED"),
    ]


def test_wandb_gets_a_run_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    told = stub(monkeypatch, "wandb")

    def stopped() -> None:
        with tracked("wandb", "compress", {"a": 1}) as run:
            run.step({"lcs": 7})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert told == [
        ("init", ("config", {"a": 1}), ("name", "compress")),
        ("log", {"lcs": 7.0}, ("step", 1)),
        ("summary", {"lcs": 7.0}),
        ("finish", ("exit_code", 1)),
    ]


def test_a_tracker_that_fails_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    class Fails(Recorder):
        def on_step(self, step: int, figures: Mapping[str, object]) -> None:
            raise ConnectionError("no route\nto host")

    track = Fails()
    with tracked(track, "x", {}) as run:
        run.step({"loss": 1})
        run.step({"loss": 2})
    assert caplog.messages == ["the tracker failed, and is told nothing more: no route"]
    assert track.told == [("x", {}), ({}, [], "no route")]


def test_without_a_tracker_nothing_is_told() -> None:
    with tracked(None, "x", {}) as run:
        run.step({"loss": 1})
    assert isinstance(run, TrackedRun)
    assert run.tracker is None


def test_a_tracker_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ToolError, match="tracking needs mlflow, which is not installed: pip inst"):
        tracked("mlflow", "x", {}).__enter__()
    with pytest.raises(SpecError, match=r"track must be one of mlflow, wandb, not 'mlflo'; did"):
        tracked("mlflo", "x", {}).__enter__()

    class Fails(Recorder):
        def on_start(self, name: str, parameters: Mapping[str, object]) -> None:
            raise ConnectionError("no server")

    with pytest.raises(ToolError, match="the tracker does not start: no server"):
        tracked(Fails(), "x", {}).__enter__()
