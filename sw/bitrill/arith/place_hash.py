"""A small hash of a weight's place, which says which of few numbers it is (HashNet, Chen 2015).

Row and column are mixed to `MIXED` bits u by exclusive ors (fixed, drawn once), and bit k of the
hash is ``u[k] ^ u[k+13] ^ (u[k+1] & u[k+4]) ^ (u[k+7] & u[k+10])``, one LUT of six inputs. Lanes of
a power of two of rows and columns have places that differ in fixed bits alone, so all lanes share
the mixed bits of the step, and each complements its own.
"""

import numpy as np

MIXED = 16
"""Bits of the mix, and of a row or column; their numbers count modulo it."""

BITS = 8
"""Bits of the hash."""

_TAPS = (0, 13, 1, 4, 7, 10)
"""The mixed bits that bit 0 of the hash reads: two that are added, and two products of two."""


def _masks(seed: int) -> np.ndarray:
    """Return which bits of a number each mixed bit adds, bool ``[MIXED, MIXED]``."""
    return np.random.default_rng(seed).random((MIXED, MIXED)) < 0.5


ROW_MASKS, COLUMN_MASKS = _masks(163), _masks(164)
"""Which bits of a row and of a column are mixed.

With these, no two of 256 rows agree in more than an eighth of the last four bits of their hashes;
with most seeds some agree in a quarter or in half.
"""


def mixed(rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    """Return the mixed bits of places, uint8 ``[*shape, MIXED]``; both broadcast to ``shape``."""

    def part(numbers: np.ndarray, masks: np.ndarray) -> np.ndarray:
        bits = numbers[..., None] >> np.arange(MIXED) & 1
        return (bits @ masks.T.astype(np.int64)) & 1

    return (part(rows, ROW_MASKS) ^ part(cols, COLUMN_MASKS)).astype(np.uint8)


def taps(k: int) -> tuple[int, ...]:
    """Return the mixed bits that bit ``k`` of the hash reads."""
    return tuple((k + tap) % MIXED for tap in _TAPS)


def place_codes(rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    """Return the hash of places, int64 of `BITS` bits, shaped as rows and columns broadcast."""
    u = mixed(rows, cols)
    codes = np.zeros(u.shape[:-1], np.int64)
    for k in range(BITS):
        a, b, c, d, e, f = (u[..., tap] for tap in taps(k))
        codes |= (a ^ b ^ (c & d) ^ (e & f)).astype(np.int64) << k
    return codes


def hashed_values(weights: np.ndarray) -> np.ndarray | None:
    """Return the value of each hash, int64 ``[2**BITS]``, if it says each of ``weights``.

    ``weights``: int64 ``[rows, cols]``. None if two weights of one hash differ.
    """
    n_rows, n_cols = weights.shape
    if max(n_rows, n_cols) > 1 << MIXED:
        return None
    codes = place_codes(np.arange(n_rows)[:, None], np.arange(n_cols))
    book = np.full(1 << BITS, weights.flat[0])
    book[codes.ravel()] = weights.ravel()
    return book if (book[codes] == weights).all() else None
