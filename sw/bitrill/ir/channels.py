"""Channels of operators: which ones a result is made of, and which values each can have.

`bitrill.passes.drop_channels` asks operators for these to take channels out of a network.
"""

from dataclasses import dataclass

import numpy as np

from .types import Tensor


@dataclass(frozen=True, eq=False)
class Ranges:
    """Lowest and highest value of each channel of an edge, at all its places; int64 ``[C]``."""

    lo: np.ndarray
    hi: np.ndarray

    def __post_init__(self) -> None:
        for end in ("lo", "hi"):
            object.__setattr__(self, end, getattr(self, end).astype(np.int64))

    @staticmethod
    def of(tensor: Tensor) -> "Ranges":
        """Return the range of the edge's type for every channel."""
        n, t = tensor.channels, tensor.type
        return Ranges(np.full(n, t.lo, np.int64), np.full(n, t.hi, np.int64))

    @property
    def constant(self) -> np.ndarray:
        """Whether each channel has one value alone, bool ``[C]``."""
        return self.lo == self.hi

    def with_value(self, value: int) -> "Ranges":
        """Return the ranges that hold ``value`` besides."""
        return Ranges(np.minimum(self.lo, value), np.maximum(self.hi, value))

    def times(self, gain: int | np.ndarray) -> "Ranges":
        """Return the ranges of the channels times a number."""
        a, b = self.lo * gain, self.hi * gain
        return Ranges(np.minimum(a, b), np.maximum(a, b))

    def less(self, offset: np.ndarray, gain: int) -> "Ranges":
        """Return the ranges of ``(x - offset) / gain``, integers for a gain above 0."""
        return Ranges((self.lo - offset) // gain, (self.hi - offset) // gain)


@dataclass(frozen=True, eq=False)
class Wiring:
    """The operand channels that each channel of a result is made of, by an operator's own rule.

    ``sources``: int64 ``[C, k]``; channels of several operands are numbered one after the other.
    ``variants``: int64 ``[C]``; two channels of equal sources and variants are equal. None where
    equal sources are enough.
    """

    sources: np.ndarray
    variants: np.ndarray | None = None


def channelwise(n: int, variants: np.ndarray | None = None) -> tuple[Wiring]:
    """Return the wiring of an operator whose every channel is made of the channel of its number."""
    return (Wiring(np.arange(n)[:, None], variants),)


def alike(*parameters: np.ndarray) -> np.ndarray:
    """Return a number for each channel, equal where all ``parameters`` ``[C, ..]`` are."""
    rows = np.concatenate([p.reshape(len(p), -1).astype(np.int64) for p in parameters], axis=1)
    return np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)


def product_ranges(weights: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> Ranges:
    """Return the ranges of ``weights @ x``, one a row; ``lo``, ``hi``: of each weight's x.

    They are ``[cols]``, or ``[rows, cols]`` where each row has operands of its own.
    """
    up, down = np.maximum(weights, 0), np.minimum(weights, 0)
    return Ranges((up * lo + down * hi).sum(1), (up * hi + down * lo).sum(1))
