"""Training: its files, its interruption at any point, and its refusals."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from bitrill.errors import SpecError, StorageError, ToolError
from bitrill.train import train, training_loop
from support import shared_data

EPOCHS = 3
FILES = ("checkpoint.pt", "metrics.json", "model.onnx")


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("metrics.json", "model.onnx")}


def forbid_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(training_loop, "squared_hinge", refuse)


def test_a_run_leaves_its_files_and_learns(finished: Path):
    assert sorted(p.name for p in finished.iterdir()) == sorted(FILES)
    metrics = json.loads((finished / "metrics.json").read_text())
    assert metrics["name"] == "tfc_w1a1_digits"
    assert metrics["options"]["epochs"] == EPOCHS
    assert len(metrics["epochs"]) == EPOCHS
    assert metrics["epochs"][-1]["loss"] < metrics["epochs"][0]["loss"]
    assert metrics["accuracy"] == metrics["epochs"][-1]["accuracy"] > 0.5
    assert metrics["test_images"] == 360
    assert metrics["parameters"] == 64 * 64 * 3 + 64 * 10 + 3 * 2 * 64 + 2
    assert set(metrics["versions"]) == {"torch", "brevitas"}
    assert metrics["export"]["samples"] == training_loop.EXPORT_SAMPLES
    assert "golden model compared" in metrics["export"]["notes"][0]
    for name in ("metrics.json", "model.onnx"):
        data = (finished / name).read_bytes()
        assert os.fsencode(finished) not in data
        assert os.fsencode(Path.cwd()) not in data


def test_a_run_that_is_broken_off_goes_on_to_the_same_result(finished: Path, tmp_path: Path):
    seen: list[tuple[int, int]] = []

    def stop(epoch: int, epochs: int, batch: int, *_: Any) -> None:
        seen.append((epoch, batch))
        if epoch == 2 and batch == 7:
            raise KeyboardInterrupt

    (tmp_path / "model.onnx").write_text("of an older run")
    with pytest.raises(KeyboardInterrupt):
        train("tfc", epochs=EPOCHS, out=tmp_path, progress=stop)
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"]
    assert seen[0] == (1, 1)
    torch.manual_seed(123)  # the caller's numbers have no say
    again: list[int] = []
    result = train(
        "tfc", epochs=EPOCHS, out=tmp_path, resume=True, progress=lambda e, *_: again.append(e)
    )
    assert again[0] == 2
    assert contents(tmp_path) == contents(finished)
    assert result.model == tmp_path / "model.onnx"


def test_a_run_stopped_at_once_can_be_resumed(
    finished: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    for run in range(2):  # the second run begins anew
        with pytest.raises(KeyboardInterrupt):
            train("tfc", epochs=EPOCHS, out=tmp_path, progress=stop)
        lost = f"{tmp_path / 'checkpoint.pt'} of an earlier run is replaced: --resume would have"
        assert (lost in caplog.text) is (run == 1)
    train("tfc", epochs=EPOCHS, out=tmp_path, resume=True)
    assert contents(tmp_path) == contents(finished)


def test_a_finished_run_is_not_trained_again(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    forbid_training(monkeypatch)
    out = tmp_path / "copy"
    shutil.copytree(finished, out)
    inodes = {p.name: p.stat().st_ino for p in out.iterdir()}
    result = train("tfc", epochs=EPOCHS, out=out, resume=True)
    assert {p.name: p.stat().st_ino for p in out.iterdir()} == inodes  # nothing was rewritten
    assert result.accuracy == json.loads((finished / "metrics.json").read_text())["accuracy"]
    (out / "model.onnx").write_bytes(b"half")  # what is lost is exported again
    train("tfc", epochs=EPOCHS, out=out, resume=True)
    assert contents(out) == contents(finished)


def test_without_resume_a_run_begins_anew(finished: Path, tmp_path: Path):
    shutil.copy(finished / "checkpoint.pt", tmp_path)
    epochs: list[int] = []
    train("tfc", epochs=1, out=tmp_path, progress=lambda e, *_: epochs.append(e))
    assert epochs[0] == 1


def test_progress_counts_and_measures():
    calls: list[tuple] = []
    result = train("tfc", epochs=2, progress=lambda *a: calls.append(a))
    batches = calls[0][3]
    assert [c[:4] for c in calls[:batches]] == [(1, 2, b, batches) for b in range(1, batches + 1)]
    assert calls[batches][:4] == (1, 2, batches, batches)
    assert calls[0][5] is None
    assert calls[batches][5] == calls[batches + 1][5] == result.metrics["epochs"][0]["accuracy"]
    assert calls[-1][4] == result.metrics["epochs"][1]["loss"]
    assert (result.out, result.model) == (None, None)


def test_the_seed_decides_and_the_caller_keeps_his():
    torch.manual_seed(5)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    a, b = (train("tfc", epochs=1, seed=s).metrics["epochs"] for s in (1, 2))
    assert a != b
    assert torch.equal(before, torch.get_rng_state())
    assert torch.get_num_threads() == threads


def test_another_runs_checkpoint_is_refused(finished: Path):
    want = (
        r"checkpoint\.pt is another run's and cannot be resumed:"
        " recipe is 'tfc', not 'sfc'; acts is 1, not 2"
    )
    with pytest.raises(SpecError, match=want):
        train("sfc", acts=2, epochs=EPOCHS, out=finished, resume=True)
    with pytest.raises(SpecError, match="epochs is 3, not 4"):
        train("tfc", epochs=4, out=finished, resume=True)


class Hostile:
    """An object whose pickle would write a file when it is loaded."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_damaged_checkpoints_are_refused_and_run_nothing(finished: Path, tmp_path: Path):
    whole = (finished / "checkpoint.pt").read_bytes()
    state = torch.load(io.BytesIO(whole), weights_only=True)
    proof = tmp_path / "executed"

    def saved(value: Any) -> bytes:
        buffer = io.BytesIO()
        torch.save(value, buffer)
        return buffer.getvalue()

    lost = {k: v for k, v in state.items() if k != "optimizer"}
    network = dict(state["network"])
    network.pop(next(iter(network)))
    damaged = [
        b"",
        b"no checkpoint",
        whole[: len(whole) // 2],
        saved(3),
        saved({}),
        saved(lost),
        saved(state | {"network": network}),
        saved(state | {"rng": torch.zeros(3)}),
        saved(state | {"history": 3}),
        saved(Hostile(proof)),
    ]
    for data in damaged:
        (tmp_path / "checkpoint.pt").write_bytes(data)
        with pytest.raises(
            StorageError, match=r"checkpoint\.pt must be a whole checkpoint: .+"
        ) as caught:
            train("tfc", epochs=EPOCHS, out=tmp_path, resume=True)
        assert len(str(caught.value)) < 500
    assert not proof.exists()
    (tmp_path / "checkpoint.pt").write_bytes(saved(state | {"format": 99}))
    with pytest.raises(StorageError, match=r"checkpoint\.pt must have format 1, not 99"):
        train("tfc", epochs=EPOCHS, out=tmp_path, resume=True)


def test_a_loss_that_diverges_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    real = training_loop.squared_hinge
    calls = iter(range(10_000))
    monkeypatch.setattr(
        training_loop,
        "squared_hinge",
        lambda *a: real(*a) * (float("nan") if next(calls) == 4 else 1),
    )
    want = r"training diverged: the loss is nan in epoch 1, batch 5 of \d+; try another seed"
    with pytest.raises(ToolError, match=want) as caught:
        train("tfc", epochs=1, out=tmp_path)
    assert caught.value.exit_code == 4
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot write .*checkpoint\.pt: \w+"):
        train("tfc", epochs=1, out=tmp_path / "file")


def test_normalization_is_the_networks_own():
    plain = train("tfc", epochs=1).module[1]
    other = train("tfc", epochs=1, mean=0.25, std=0.125).module[1]
    x = torch.tensor([0.0, 0.25, 1.0])
    assert plain(x).tolist() == [-1, -0.5, 1]
    assert other(x).tolist() == [-2, 0, 6]


@pytest.mark.nightly
def test_tfc_binary_reaches_93_percent_on_mnist(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BITRILL_DATA", str(shared_data()))
    result = train("tfc", dataset="mnist")
    assert result.options.n_epochs <= 15
    assert result.accuracy >= 0.93
