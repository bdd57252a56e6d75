"""Histograms as bars of an inline SVG, and bars on a logarithmic axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log10

import numpy as np

SINGLE = 40
"""Distinct values up to which each has a bar of its own."""

BINS = 32
"""Bars of a histogram of more values."""


@dataclass(frozen=True)
class Bar:
    """One bar of a histogram: place and height in percent, what it counts, and whether it is 0."""

    x: float
    wide: float
    high: float
    title: str
    zero: bool = False


def ends(values: np.ndarray) -> tuple[int, int]:
    """Return the lowest and the highest value, between which a `histogram` runs."""
    return int(values.min()), int(values.max())


def histogram(values: np.ndarray) -> tuple[Bar, ...]:
    """Return the bars of integers, one a value if there are few."""
    lo, hi = ends(values)
    if hi - lo < SINGLE:
        counts = np.bincount((values - lo).reshape(-1), minlength=hi - lo + 1)
        spans = [(lo + k, lo + k) for k in range(len(counts))]
    else:
        counts, edges = np.histogram(values, BINS, (lo, hi + 1))
        cuts = np.ceil(edges).astype(int)
        spans = [(int(a), int(b) - 1) for a, b in pairwise(cuts)]
    most, wide = max(1, int(counts.max())), 100 / len(counts)
    bars = []
    for k, (n, (a, b)) in enumerate(zip(counts.tolist(), spans, strict=True)):
        span = f"{a}" if a == b else f"{a} to {b}"
        high = 100 * n / most if n == 0 or 100 * n > most else 1.0
        bars.append(
            Bar(round(k * wide, 2), round(wide, 2), round(high, 1), f"{span}: {n:,}", a <= 0 <= b)
        )
    return tuple(bars)


def log_places(values: Sequence[float]) -> list[float]:
    """Return lengths in percent on a logarithmic axis that begins at a tenth of the least."""
    positive = [v for v in values if v > 0]
    if not positive:
        return [0.0] * len(values)
    low = log10(min(positive)) - 1
    span = max(log10(max(positive)) - low, 1e-9)
    return [round(100 * (log10(v) - low) / span, 1) if v > 0 else 0.0 for v in values]
