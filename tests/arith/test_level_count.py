"""Counting levels in floating point equals comparing with every threshold."""

from __future__ import annotations

import numpy as np
import pytest
from bitrill.arith import level_count
from bitrill.arith.level_count import LevelCount
from bitrill.ir import IntType


def compared(limits: np.ndarray, inverted: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The definition."""
    n = (x[..., None] >= limits).sum(-1)
    return np.where(inverted, limits.shape[1] - n, n)


def beside(limits: np.ndarray, x: IntType) -> np.ndarray:
    """Both sides of every threshold, and the ends, ``[n, C]``."""
    ends = np.array([[x.lo], [x.hi]]).repeat(len(limits), 1)
    return np.concatenate([limits.T - 1, limits.T, ends]).clip(x.lo, x.hi)


def steps(rng: np.random.Generator, x: IntType, channels: int, levels: int) -> np.ndarray:
    """Evenly spaced thresholds, some beyond both ends."""
    gap = rng.uniform(0.2, 1.5, channels) * (x.hi - x.lo) / levels
    first = rng.uniform(x.lo - gap, x.hi, channels)
    limits = np.ceil(first[:, None] + gap[:, None] * np.arange(levels)).astype(np.int64)
    return limits.clip(x.lo, x.hi + 1)


@pytest.mark.parametrize("levels", [1, 2, 3, 7, 15, 255])
@pytest.mark.parametrize("bits", [3, 9, 15, 22, 23, 30])
@pytest.mark.parametrize("few", [0, 1 << 30])
def test_even_steps(monkeypatch, levels: int, bits: int, few: int) -> None:
    monkeypatch.setattr(level_count, "FEW", few)
    rng = np.random.default_rng(bits)
    x = IntType(-(1 << bits) + 3, (1 << bits) - 1)
    limits, inverted = steps(rng, x, 9, levels), np.arange(9) % 4 == 1
    at = beside(limits, x)
    count = LevelCount(limits, inverted, x)
    assert (count(at) == compared(limits, inverted, at)).all()
    assert (count(at.astype(np.float64)) == count(at)).all()
    if bits == 9:
        every = np.arange(x.lo, x.hi + 1)[:, None].repeat(9, 1).astype(np.float32)
        assert (count(every) == compared(limits, inverted, every)).all()


@pytest.mark.parametrize("few", [0, 1 << 30])
def test_uneven_steps(monkeypatch, few: int) -> None:
    monkeypatch.setattr(level_count, "FEW", few)
    rng = np.random.default_rng(0)
    x = IntType(-300, 500)
    for levels in (2, 5, 40):
        limits = np.sort(rng.integers(x.lo, x.hi + 2, (6, levels)), 1)
        inverted = rng.random(6) < 0.5
        at = rng.integers(x.lo, x.hi + 1, (4, 50, 6))
        want = compared(limits, inverted, at)
        assert (LevelCount(limits, inverted, x)(at) == want).all()
