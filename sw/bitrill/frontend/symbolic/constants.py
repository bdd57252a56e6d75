"""Constants of a model as the importer sees them, and bounded exact arithmetic on them.

Scales, biases and batch norm are computed without rounding, as fractions or as `Surd` (fractions
times square roots). Exact numbers can grow, so `WorkLimit` and `check_exact` refuse a model that
asks for too many or too long ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...exact import Real, Surd
from ...ir import IntType
from ..reader import limits
from .refusal import RefusedError


@dataclass(frozen=True, eq=False)
class Const:
    """Known numbers: floats as they are in the file, int64, or exact reals (object arrays).

    ``batch`` is True at the elements that stand for the batch size (from Shape), if the model
    leaves that open.
    """

    array: np.ndarray
    batch: np.ndarray | None = None

    @property
    def depends_on_batch(self) -> bool:
        """Whether an element stands for a batch size that the model leaves open."""
        return self.batch is not None and bool(self.batch.any())

    @property
    def marks(self) -> np.ndarray:
        """``batch`` as an array of the numbers' shape, all False if nothing is marked."""
        return np.zeros(self.array.shape, bool) if self.batch is None else self.batch

    def each(self, f: Callable[[np.ndarray], np.ndarray]) -> "Const":
        """Apply ``f``, which only moves or picks elements, to the numbers and to their marks."""
        marks = None if self.batch is None else np.asarray(f(self.batch))
        return Const(np.asarray(f(self.array)), marks)


@dataclass(frozen=True, eq=False)
class Quantized:
    """``integers * scale``: int64, and exact reals (an object array) that broadcast to them."""

    integers: np.ndarray
    scale: np.ndarray
    type: IntType


def check_floats(value: object, what: str) -> None:
    """Refuse a constant of integers where the operator computes with real data."""
    if isinstance(value, Const) and value.array.dtype.kind in "iu":
        raise RefusedError(
            f"{what} must be floats, as its data are, not integers: DequantizeLinear or Cast makes"
            " floats of them"
        )


def check_integers(value: object, what: str) -> None:
    """Refuse a constant of floats where the operator computes with integers."""
    if not isinstance(value, Const) or value.array.dtype.kind not in "iu":
        raise RefusedError(f"{what} must be integers, as its data are, not floats")


class WorkLimit:
    """Counts the exact arithmetic done for one model, so that no file asks for hours of it."""

    def __init__(self) -> None:
        self.done = 0

    def spend(self, n: int) -> None:
        """Count ``n`` numbers; refuse above the limits."""
        self.done += n
        if n > limits.EXACT_ELEMENTS:
            raise RefusedError(
                f"parameters computed in the graph must have at most {limits.EXACT_ELEMENTS}"
                f" elements, not {n}"
            )
        if self.done > limits.EXACT_WORK:
            raise RefusedError(
                f"parameters computed in the graph must have at most {limits.EXACT_WORK}"
                " elements together"
            )


def check_exact(values: list[Real]) -> None:
    """Refuse numbers that have grown too long."""
    for v in values:
        terms = v.terms if isinstance(v, Surd) else ((1, v),)
        bits = max(
            max(d.bit_length(), q.numerator.bit_length(), q.denominator.bit_length())
            for d, q in terms
        )
        if bits > limits.EXACT_BITS or len(terms) > limits.EXACT_TERMS:
            raise RefusedError(
                f"parameters computed in the graph must have at most {limits.EXACT_BITS} bits"
                f" and {limits.EXACT_TERMS} square roots"
            )
        if any(q and abs(_exponent(d, q)) > limits.EXACT_EXPONENT for d, q in terms):
            raise RefusedError(
                f"parameters must be 0 or between 2**-{limits.EXACT_EXPONENT} and"
                f" 2**{limits.EXACT_EXPONENT} in size"
            )


def _exponent(d: int, q: Fraction) -> int:
    """Return the binary logarithm of ``q * sqrt(d)``, within one or two."""
    return q.numerator.bit_length() - q.denominator.bit_length() + d.bit_length() // 2


def exact_array(value: Const | Quantized, work: WorkLimit) -> np.ndarray:
    """Return the exact numbers of a constant, an object array of its shape."""
    if isinstance(value, Quantized):
        work.spend(value.integers.size)
        return as_objects(to_fractions(value.integers) * value.scale, value.integers.shape)
    if value.depends_on_batch:
        raise RefusedError("numbers must not depend on the size of the batch")
    work.spend(value.array.size)
    return to_fractions(value.array)


def to_fractions(array: np.ndarray) -> np.ndarray:
    """Return floats and integers as the rationals that they are, in an object array."""
    if array.dtype == object:
        return array
    out = np.empty(array.shape, object)
    flat = out.reshape(-1)
    flat[:] = [Fraction(v) for v in array.reshape(-1).tolist()]
    return out


def as_objects(value: object, shape: tuple[int, ...]) -> np.ndarray:
    """Return a result of object arithmetic as an array: numpy unwraps those without axes."""
    if isinstance(value, np.ndarray):
        return value
    out = np.empty(shape, object)
    out[()] = value
    return out
