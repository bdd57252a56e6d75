"""Finds the lanes of a matrix unit that read zero padding, for each window of the feature map.

A bipolar input has no code for 0. To make padding count as 0, the unit overrides the weights of
those lanes instead of the inputs (ADR 4).
"""

from dataclasses import dataclass
from math import prod

import numpy as np

from .matrix_protocols import FoldedMatrix


@dataclass(frozen=True, eq=False)
class Border:
    """Decides which lanes are outside of the feature map.

    A lane of group ``g`` is outside in beat ``b`` if, for some ``k``, ``taps[b, g, k]`` is set and
    the window is at one of ``places[k]`` (a spatial axis, and positions on it). ``group`` has the
    group of each lane; lanes of a group read the same tap in every beat.
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
