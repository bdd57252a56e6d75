"""A uniform quantizer node of a QONNX network: the relation of its floats and integers.

`executor` makes it from a `Quant` or `BipolarQuant`; `oracle` uses it to compare.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import onnx

from ..errors import MismatchError, UnsupportedError
from ..real import ROUNDING_NAMES, Rounding, round_real
from .bounds import Value
from .scalars import Index, element


@dataclass(frozen=True)
class QuantNode:
    """A quantizer node with integers q in ``lo..hi``, worth ``(q - zero) * scale``."""

    name: str
    input: str
    output: str
    scale: np.ndarray
    zero: np.ndarray
    lo: int
    hi: int
    rounding: Rounding | None
    """None for a bipolar quantizer, whose integers are -1 and +1."""

    def decode(self, y: np.ndarray) -> np.ndarray:
        """Return the int64 integers of floats; `MismatchError` if a float has none."""
        scale = self.scale.astype(np.float64)
        q = np.rint(y / scale + self.zero)
        # a float is on the grid if it is the nearest one to its integer's product, or next to that
        off = np.abs(y - (q - self.zero) * scale) > 2.0**-22 * np.abs(y)
        wild = (q < self.lo) | (q > self.hi) | ((q == 0) & (self.rounding is None))
        if np.any(off | wild | ~np.isfinite(y)):
            first = tuple(int(i) for i in np.argwhere(off | wild | ~np.isfinite(y))[0])
            raise MismatchError(
                f"{self.name}: {float(y[first])!r} at {list(first)} is none of the values"
                f" {self.lo}..{self.hi} times {float(np.ravel(scale)[0])!r}"
            )
        return q.astype(np.int64)

    def encode(self, q: np.ndarray) -> np.ndarray:
        """Return the float32 numbers of integers, as qonnx computes them."""
        return (q.astype(np.float32) - self.zero) * self.scale

    def exact(self, q: int, index: Index) -> Fraction:
        """Return the real number of an integer."""
        return (q - element(self.zero, index)) * element(self.scale, index)

    def decide(self, x: Value, index: Index, *, exact: bool = False) -> tuple[int, int]:
        """Return the least and largest integer that x may become, in float32 or ``exact``."""
        v = x
        if self.rounding is not None:
            v = x / Value.of(element(self.scale, index)) + Value.of(element(self.zero, index))
        ends = (v.lo, v.hi) if exact else (v.low, v.high)
        if element(self.scale, index) < 0 and self.rounding is None:
            raise UnsupportedError(f"{self.name}: a bipolar scale must be positive")
        return self._decide(ends[0]), self._decide(ends[1])

    def _decide(self, v: Fraction) -> int:
        if self.rounding is None:
            return 1 if v >= 0 else -1
        return round_real(min(max(v, Fraction(self.lo)), Fraction(self.hi)), self.rounding)


def with_known_rounding(node: onnx.NodeProto) -> onnx.NodeProto:
    """Return a quantizer node with qonnx's name of its rounding mode."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    for given in copy.attribute:
        if given.name == "rounding_mode":
            mode = given.s.decode(errors="replace").upper()
            if mode not in ROUNDING_NAMES:
                known = ", ".join(ROUNDING_NAMES)
                name = node.name or node.output[0]
                raise UnsupportedError(f"{name}: rounding {mode} is none of {known}")
            given.s = ROUNDING_NAMES[mode].encode()
    return copy
