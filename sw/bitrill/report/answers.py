"""Answers of a network to labelled frames: confusion matrix, and the frames that are wrong."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .images import image_uri

SHOWN = 48
"""Wrong frames that are shown."""

CLASSES = 24
"""Classes up to which the whole confusion matrix is shown."""

PAIRS = 12
"""Confused pairs that are listed."""


@dataclass(frozen=True)
class Wrong:
    """A frame that was answered wrongly; ``image`` is a data URI, None for what is no image."""

    number: int
    label: int
    answer: int
    image: str | None


@dataclass(frozen=True, eq=False)
class Answers:
    """Classes of labelled frames.

    ``data``: name of the data set; ``frames``: int64 ``[N, ..]``; ``labels``, ``decided``: ``[N]``.
    """

    data: str
    frames: np.ndarray
    labels: np.ndarray
    decided: np.ndarray

    @property
    def right(self) -> int:
        """Frames that were answered rightly."""
        return int((self.labels == self.decided).sum())

    @property
    def accuracy(self) -> float:
        return self.right / len(self.labels)

    @cached_property
    def matrix(self) -> np.ndarray:
        """Frames of each class (rows) with each answer (columns)."""
        n = int(max(self.labels.max(), self.decided.max())) + 1
        counts = np.zeros((n, n), np.int64)
        np.add.at(counts, (self.labels, self.decided), 1)
        return counts

    @property
    def shown_matrix(self) -> list[list[tuple[int, float]]] | None:
        """Counts and their shares of their rows; None for too many classes."""
        if len(self.matrix) > CLASSES:
            return None
        sums = np.maximum(self.matrix.sum(1, keepdims=True), 1)
        shares = self.matrix / sums
        return [
            list(zip(row.tolist(), share.tolist(), strict=True))
            for row, share in zip(self.matrix, shares, strict=True)
        ]

    @property
    def confused(self) -> list[tuple[int, int, int]]:
        """Label, answer and number of frames of the pairs that are confused most."""
        wrong = self.matrix - np.diag(np.diag(self.matrix))
        order = np.argsort(-wrong, axis=None, kind="stable")[:PAIRS]
        pairs = [(*divmod(int(k), len(wrong)), int(wrong.flat[k])) for k in order]
        return [p for p in pairs if p[2]]

    @property
    def wrong(self) -> list[Wrong]:
        """The first wrong frames."""
        numbers = np.flatnonzero(self.labels != self.decided)[:SHOWN].tolist()
        return [
            Wrong(k, int(self.labels[k]), int(self.decided[k]), image_uri(self.frames[k]))
            for k in numbers
        ]
