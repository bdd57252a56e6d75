"""How much of the spread of a figure the values of one key explain, alone."""

from collections.abc import Sequence

import numpy as np

GROUPS = 6
"""Groups of equal size that many different numbers are put into."""

FEWEST = 8
"""Trials below which nothing is said."""


def importance(keys: Sequence[object], figures: Sequence[float]) -> float | None:
    """Return the share, 0 to 1, of a figure's variance between the groups that a key makes.

    It is Kelley's epsilon squared, ``1 - (within / (n - k)) / (whole / (n - 1))``: the correlation
    ratio without the share that k groups of chance would explain. None for too few trials, or
    where either does not vary.
    """
    y = np.asarray(figures, float)
    groups = _groups(keys)
    n, k = len(y), int(groups.max()) + 1 if len(groups) else 0
    whole = float(((y - y.mean()) ** 2).sum()) if n else 0.0
    if n < FEWEST or not 1 < k < n or whole == 0:
        return None
    parts = (y[groups == g] for g in range(k))
    within = sum(float(((part - part.mean()) ** 2).sum()) for part in parts)
    return max(0.0, 1 - within / (n - k) / (whole / (n - 1)))


def _groups(keys: Sequence[object]) -> np.ndarray:
    """Return the number of each value's group."""
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in keys)
    if not numbers or len(set(map(str, keys))) <= GROUPS:
        return np.unique([str(v) for v in keys], return_inverse=True)[1]
    order = np.argsort(np.argsort([float(str(v)) for v in keys], kind="stable"), kind="stable")
    return order * GROUPS // len(keys)
