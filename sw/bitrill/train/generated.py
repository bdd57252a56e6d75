"""Synthetic data sets for tasks whose public data sets are not available here.

Accuracy on them says nothing about the real task. Fixed seeds make each one the same every time.

``canvas``: noisy 24x24 images with one handwritten digit of 8x8 pixels at any position; the class
is ``9 * digit + cell``, where ``cell`` (0..8, row by row) is the 8x8 cell that holds its centre.
``tones``: stands in for keyword spotting. Ten frequency bands over 49 frames hold three tones, one
after the other, in noise; the class, of twelve "words", is the order of the tones.
``flows``: stands in for intrusion detection. 593 bits describe a connection; class 1 is an attack,
of four kinds. ``machine``: stands in for anomaly detection. 64 frequency bands of a sound that has
three causes; in class 1, rare in the training set, other causes make eight adjacent bands.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import datasets

Arrays = tuple[np.ndarray, np.ndarray]

SIDE, CELL = 24, 8
FRAMES, BANDS, WORDS = 49, 10, 12
BITS, KINDS, TELLING = 593, 4, 60
SOUNDS, CAUSES = 64, 3

SEEDS = {"train": 0, "test": 1}


def load(name: str, split: datasets.Split) -> Arrays:
    """Return inputs, float32 ``[N, *shape]``, and classes, int64 ``[N]``."""
    x, labels = GENERATED[name](split, np.random.default_rng(SEEDS[split]))
    return x.astype(np.float32), labels.astype(np.int64)


def canvas(split: datasets.Split, rng: np.random.Generator) -> Arrays:
    digits, labels = datasets.load("digits", split)
    x = rng.uniform(0, 0.3, (len(digits), 1, SIDE, SIDE))
    corners = rng.integers(0, SIDE - CELL + 1, (len(digits), 2))
    for image, digit, (row, column) in zip(x, digits, corners, strict=True):
        place = image[:, row : row + CELL, column : column + CELL]
        np.maximum(place, digit, out=place)
    rows, columns = ((corners + CELL // 2) // CELL).T
    return x, labels * (SIDE // CELL) ** 2 + rows * (SIDE // CELL) + columns


def tones(split: datasets.Split, rng: np.random.Generator) -> Arrays:
    count = 600 if split == "test" else 1200
    # a fixed seed: both splits must have the same classes
    orders = np.random.default_rng(WORDS).permuted(np.tile(np.arange(BANDS), (WORDS, 1)), axis=1)
    x, labels = (
        np.abs(rng.normal(0, 0.25, (count, 1, FRAMES, BANDS))),
        rng.integers(WORDS, size=count),
    )
    starts, lengths = rng.integers(0, 8, count), rng.integers(8, 14, count)
    for image, word, start, length in zip(x[:, 0], labels, starts, lengths, strict=True):
        for k, band in enumerate(orders[word, :3]):
            image[start + k * length : start + (k + 1) * length, band] += rng.uniform(0.3, 0.7)
    return x.clip(0, 1), labels


def flows(split: datasets.Split, rng: np.random.Generator) -> Arrays:
    """Draw connections of both classes, each of which has four kinds.

    A bit has the same probability in all kinds, except for `TELLING` bits of each kind, whose
    probabilities are drawn anew: these distinguish the classes.
    """
    # a fixed seed: both splits must have the same kinds
    count, fixed = 1000 if split == "test" else 2000, np.random.default_rng(BITS)
    # beta(0.5, 0.5): most bits are nearly always 0 or nearly always 1
    shares = np.tile(fixed.beta(0.5, 0.5, BITS), (2, KINDS, 1))
    telling = fixed.permuted(np.tile(np.arange(BITS), (2, KINDS, 1)), axis=2)[..., :TELLING]
    np.put_along_axis(shares, telling, fixed.uniform(size=telling.shape), 2)
    labels, kinds = rng.integers(2, size=count), rng.integers(KINDS, size=count)
    return rng.uniform(size=(count, BITS)) < shares[labels, kinds], labels


def machine(split: datasets.Split, rng: np.random.Generator) -> Arrays:
    count, odd = (600, 0.5) if split == "test" else (1200, 0.1)
    usual, other = np.random.default_rng(SOUNDS).normal(0, 0.1, (2, CAUSES, SOUNDS))
    causes, labels = rng.normal(size=(2, count, CAUSES)), rng.uniform(size=count) < odd
    x = causes[0] @ usual
    starts = rng.integers(0, SOUNDS - CELL + 1, count)[:, None] + np.arange(CELL)
    changed = np.take_along_axis(causes[1] @ other, starts, 1)
    kept = np.take_along_axis(x, starts, 1)
    np.put_along_axis(x, starts, np.where(labels[:, None], changed, kept), 1)
    return (0.5 + x + rng.normal(0, 0.02, x.shape)).clip(0, 1), labels


GENERATED: dict[str, Callable[[datasets.Split, np.random.Generator], Arrays]] = {
    "canvas": canvas,
    "tones": tones,
    "flows": flows,
    "machine": machine,
}
