"""Lanes of a matrix unit that read padding: which of them, at which places of the feature map.

In one bit no code means 0, so a border that counts 0 forces weights there instead of inputs.
"""

from dataclasses import dataclass
from math import prod

import numpy as np

from .shapes import FoldedMatrix


@dataclass(frozen=True, eq=False)
class Border:
    """The rule by which lanes lie outside of the feature map.

    A lane of group ``g`` is outside in beat ``b`` where, for some ``k``, the window stands at one
    of ``places[k]`` (its axis of space, the places on it) and ``taps[b, g, k]`` is set. ``group``:
    of each lane; lanes of a group lie in the same tap in every beat.
    """

    places: tuple[tuple[int, tuple[int, ...]], ...]
    taps: np.ndarray
    group: tuple[int, ...]

    @property
    def groups(self) -> int:
        """Groups of lanes."""
        return self.taps.shape[1]


def border(op: FoldedMatrix) -> Border:
    """The border of a matrix whose ``inside`` is set."""
    inside = op.inside or ()
    sizes = tuple(taps.shape[1] for taps in inside)
    columns = np.unravel_index(np.arange(op.cols) * prod(sizes) // op.cols, sizes)
    places: list[tuple[int, tuple[int, ...]]] = []
    outside: list[np.ndarray] = []
    for axis, taps in enumerate(inside):
        for kind in np.unique(taps, axis=0):
            if not kind.all():
                at = np.flatnonzero((taps == kind).all(1))
                places.append((axis, tuple(at.tolist())))
                outside.append(~kind[columns[axis]])
    lanes = np.stack(outside).reshape(-1, op.folded.simd)  # [kind and beat, lane]
    distinct, group = np.unique(lanes, axis=1, return_inverse=True)
    taps = distinct.reshape(len(places), op.synapse_fold, -1).transpose(1, 2, 0)
    return Border(tuple(places), taps, tuple(group.tolist()))
