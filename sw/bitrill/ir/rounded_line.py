"""Counting of evenly spaced levels: a line, rounded down."""

import numpy as np

BLOCK = 1 << 15
"""Values that pass through all steps at once, as many as caches hold."""

SHORT = 128
"""Channels below which rows of a map are handled whole."""


def rounded_line(x: np.ndarray, gain: np.ndarray, offset: np.ndarray, most: int) -> np.ndarray:
    """Return ``gain * x + offset``, rounded down, within ``0 .. most``: float32 ``[.., C]``.

    Computed in the dtype of ``gain``, ``[C]`` or one number.
    """
    # whole rows of a map at once: numpy's inner loops would be as short as there are channels
    row = x.shape[-2] if x.ndim > 2 and len(gain) < SHORT else 1
    gain, offset = np.tile(gain, row), np.tile(offset, row)
    y = np.empty(x.shape, np.float32)
    flat = np.ascontiguousarray(x).reshape(-1, len(gain))
    out = y.reshape(flat.shape)
    rows = max(1, BLOCK // len(gain))
    block = np.empty((min(rows, len(flat)), len(gain)), gain.dtype)
    for start in range(0, len(flat), rows):
        n = block[: len(flat) - start]
        np.copyto(n, flat[start : start + rows])
        with np.errstate(over="ignore"):  # then it lies beyond all levels
            n *= gain
        n += offset
        np.clip(n, 0, most, out=n)
        np.floor(n, out=n)
        out[start : start + rows] = n
    return y
