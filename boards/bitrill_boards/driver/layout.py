"""Converts between a model's arrays and the order of a stream, whose channels are innermost."""

from __future__ import annotations

import numpy as np


def to_stream(x: np.ndarray, edge: tuple[int, ...], channel_last: bool) -> np.ndarray:
    """Convert the model's ``[N, *shape]`` to the stream's ``[N, *edge]``."""
    if channel_last or len(edge) == 1:
        return x.reshape(-1, *edge)
    return np.moveaxis(x.reshape(-1, edge[-1], *edge[:-1]), 1, -1)


def to_model(y: np.ndarray, shape: tuple[int, ...], channel_last: bool) -> np.ndarray:
    """Convert the stream's ``[N, *edge]`` to the model's ``[N, *shape]``."""
    if y.ndim > 2 and not channel_last:
        y = np.moveaxis(y, -1, 1)
    return y.reshape(-1, *shape)
