"""Memories that the host writes: what each of their words means.

An operator with writable constants describes them by `Table`; the register map and the hardware are
made from these descriptions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

Note = int | str | Mapping[str, int | str]


@dataclass(frozen=True, eq=False)
class Table:
    """A memory: ``bits``, uint8 0 or 1, ``[words, bits of a word]``.

    ``axes``: sizes of the axes of a word's bits by name, outermost first; ``notes``: what else
    ``registers.json`` tells a host about it; ``memory``: where it lies.
    """

    bits: np.ndarray
    axes: Mapping[str, int]
    notes: Mapping[str, Note] = field(default_factory=dict)
    memory: str = "distributed"
