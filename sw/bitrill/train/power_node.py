"""A logarithmic quantizer node of a QONNX network: converts between its floats and integers.

`onnx_execution` makes it from a `LogQuant`; `oracle` uses it to compare.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..errors import MismatchError
from .bounds import POW_ROUNDINGS, TINY, Value, gamma
from .scalars import Index, element


@dataclass(frozen=True)
class PowerNode:
    """A `LogQuant` node: integers q of 0, 1, 2, 4, .. ``2**(2**bits - 2)``, each ``q * scale``.

    ``x >= scale * 2**(k - 1/2)`` becomes at least ``2**k``.
    """

    name: str
    input: str
    output: str
    scale: np.ndarray
    """One scale, or one for each channel."""
    bits: int

    @property
    def values(self) -> list[int]:
        """The integers, ascending."""
        return [0, *(1 << k for k in range((1 << self.bits) - 1))]

    def decode(self, y: np.ndarray) -> np.ndarray:
        """Return the int64 integers of floats; `MismatchError` if a float has none."""
        q = y / self.scale.astype(np.float64)
        nearest = np.rint(np.where(np.isfinite(q), q, -1)).astype(np.int64)
        # a product of two floats is rounded once, the quotient once more
        off = np.abs(q - nearest) > 2.0**-22 * np.abs(q)
        wild = off | ~np.isin(nearest, self.values) | ~np.isfinite(y)
        if np.any(wild):
            first = tuple(int(i) for i in np.argwhere(wild)[0])
            raise MismatchError(
                f"{self.name}: {float(y[first])!r} at {list(first)} is none of the values 0 and"
                f" 1, 2, 4 .. {self.values[-1]} times {float(np.ravel(self.scale)[0])!r}"
            )
        return nearest

    def encode(self, q: np.ndarray) -> np.ndarray:
        """Return the float32 numbers of integers, as the function computes them."""
        return q.astype(np.float32) * self.scale

    def exact(self, q: int, index: Index) -> Fraction:
        """Return the real number of an integer."""
        return q * element(self.scale, index)

    def decide(self, x: Value, index: Index, *, exact: bool = False) -> tuple[int, int]:
        """Return the least and largest integer that x may become, in float32 or ``exact``."""
        v = x / Value.of(element(self.scale, index))
        if exact:
            return self._decide(v.lo), self._decide(v.hi)
        # the other side rounds the bounds, which are powers, too: let the number move instead
        slack = gamma(POW_ROUNDINGS) * max(abs(v.low), abs(v.high)) + TINY
        return self._decide(v.low - slack), self._decide(v.high + slack)

    def _decide(self, v: Fraction) -> int:
        """Decide by ``2 * v * v >= 4**k``, which is ``v >= 2**(k - 1/2)`` without a root."""
        reached = [q for q in self.values[1:] if v > 0 and 2 * v * v >= q * q]
        return reached[-1] if reached else 0
