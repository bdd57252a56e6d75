"""Converts between a model's arrays and the order of a stream, whose channels are innermost."""

from __future__ import annotations

import numpy as np

from .driver_errors import DriverError

FIRST, LAST, FLAT = "first", "last", "flat"
"""The axis that has the channels of a model's array: the first one (NCHW without N), the last one,
or none; then the stream has the array's elements in the array's own order."""


def to_stream(x: np.ndarray, edge: tuple[int, ...], channels: str) -> np.ndarray:
    """Convert the model's ``[N, *shape]`` to the stream's ``[N, *edge]``."""
    if channels != FIRST:
        return x.reshape(-1, *edge)
    return np.moveaxis(x.reshape(-1, edge[-1], *edge[:-1]), 1, -1)


def to_model(y: np.ndarray, shape: tuple[int, ...], channels: str) -> np.ndarray:
    """Convert the stream's ``[N, *edge]`` to the model's ``[N, *shape]``."""
    if channels == FIRST:
        y = np.moveaxis(y, -1, 1)
    return y.reshape(-1, *shape)


def known(channels: object) -> str:
    """Return ``channels``, if it is one of the three; raise `DriverError` otherwise."""
    if channels not in (FIRST, LAST, FLAT):
        raise DriverError(
            f"network.json: channels must be {FIRST}, {LAST} or {FLAT}, not {channels!r}"
        )
    return str(channels)
