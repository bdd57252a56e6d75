"""Frames for the small network, and refusals by their exact words."""

from __future__ import annotations

import re

import numpy as np
import pytest


def frames(n: int, seed: int = 0) -> np.ndarray:
    """Random floats in the shape of the small network's input."""
    return np.random.default_rng(seed).normal(0, 2, (n, 1, 2, 3))


def refused(error: type[Exception], message: str):
    """Expect an error whose text holds ``message``."""
    return pytest.raises(error, match=re.escape(message))
