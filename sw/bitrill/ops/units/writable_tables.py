"""Tables and types of weights that the host writes."""

from __future__ import annotations

import numpy as np

from ...ir import IntType, Note, Table


def start_words(starts: np.ndarray, width: int, pe: int) -> np.ndarray:
    """Return the table of the values that sums start from, ``[rows / pe, bits]``.

    ``starts``: int64 ``[rows]``; a word's bits are ``[plane][row]``, ``width`` planes.
    """
    codes = (starts[:, None] >> np.arange(width)) & 1
    words = codes.reshape(-1, pe, width).transpose(0, 2, 1)
    return words.reshape(len(words), -1)


def starts_table(words: np.ndarray, pe: int) -> dict[str, Table]:
    """Return the writable table of `start_words`."""
    axes = {"plane": words.shape[1] // pe, "row": pe}
    return {"starts": Table(words.astype(np.uint8), axes)}


def free_type(t: IntType) -> IntType:
    """Return the type of all weights that ``t``'s bits can hold; a ternary type stays as it is."""
    return IntType.of(t.coding.whole())


def type_note(t: IntType) -> Note:
    """Return the entry of ``registers.json`` that describes the type of weights."""
    return {"coding": t.coding.word, "bits": t.bits, "lo": t.lo, "hi": t.hi}
