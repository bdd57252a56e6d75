"""Drawn data sets are the same every time, and hold what their classes say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from bitrill.compress import measures, topologies
from bitrill.compress.module_training import LOSSES, Training
from bitrill.compress.sources import DataSource
from bitrill.compress.state import State
from bitrill.train import datasets, generated
from bitrill.train.generated import GENERATED
from torch import nn


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [
        ("canvas", (1, 24, 24), 90),
        ("tones", (1, 49, 10), 12),
        ("flows", (593,), 2),
        ("machine", (64,), 2),
    ],
)
def test_shapes_and_classes(name: str, shape: tuple[int, ...], classes: int) -> None:
    data = DataSource(name=name).load(Path())
    assert (data.shape, data.classes) == (shape, classes)
    assert 0 <= float(data.x_test.min()) < float(data.x_test.max()) <= 1
    x, labels = generated.load(name, "test")
    assert np.array_equal(x, data.x_test)
    assert np.array_equal(labels, generated.load(name, "test")[1])
    assert not np.array_equal(x[:100], generated.load(name, "train")[0][:100])


def test_each_digit_lies_in_its_cell() -> None:
    x, labels = generated.load("canvas", "test")
    digits, classes = datasets.load("digits", "test")
    assert np.array_equal(labels // 9, classes)
    for image, digit, label in zip(x[:40, 0], digits[:40, 0], labels, strict=False):
        windows = np.lib.stride_tricks.sliding_window_view(image, (8, 8))
        fits = (windows >= digit - 1e-6).all((2, 3)) & (
            np.where(digit > 0.3, np.abs(windows - digit), 0).max((2, 3)) < 1e-6
        )
        (top, left), *others = np.argwhere(fits)
        assert not others
        assert label % 9 == (top + 4) // 8 * 3 + (left + 4) // 8


@pytest.mark.parametrize(("name", "chance"), [("tones", 1 / 12), ("flows", 1 / 2)])
def test_the_nearest_mean_says_more_than_chance(name: str, chance: float) -> None:
    (x, labels), (x_test, labels_test) = (generated.load(name, s) for s in ("train", "test"))
    means = np.stack([x[labels == c].mean(0).ravel() for c in range(labels.max() + 1)])
    distances = ((x_test.reshape(len(x_test), 1, -1) - means) ** 2).sum(2)
    right = (distances.argmin(1) == labels_test).mean()
    assert chance + 0.2 < right < 1


def test_errors_tell_anomalies_and_training_looks_at_the_others() -> None:
    x, labels = torch.rand(40, 6), torch.arange(40) % 2
    exact = nn.Identity()
    assert measures.separation(exact, x, labels) == 0.5, "all errors are equal"
    wrong = x.clone()
    wrong[labels == 1] += 0.1

    class Lookup(nn.Module):
        def forward(self, _: torch.Tensor) -> torch.Tensor:
            return wrong

    assert measures.separation(Lookup(), x, labels) == 1
    assert measures.separation(Lookup(), x, 1 - labels) == 0
    assert float(LOSSES["rebuilding"](wrong, x, labels)) == 0
    assert float(LOSSES["rebuilding"](x + 1, x, labels)) == pytest.approx(6)


def test_an_autoencoder_learns_to_tell_anomalies() -> None:
    data = DataSource(name="machine").load(Path())
    torch.manual_seed(0)
    module = topologies.make("autoencoder", data.shape, data.classes, 72)
    state = State(module, data, Path(), lambda _: module, measure=measures.of_loss("rebuilding"))
    state.fit(Training(loss="rebuilding", epochs=6, batch=50, learning_rate=0.01))
    assert state.accuracy() > 0.8


def test_every_drawn_set_has_a_name_of_its_own() -> None:
    assert not set(GENERATED) & set(datasets.DATASETS)
