"""Checks of parameters that operators share: read-only arrays, divisors, styles, number kinds."""

from __future__ import annotations

import copy
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ..errors import SpecError
from .impl import Impl
from .operator import Operator

Op = TypeVar("Op", bound=Operator)


def frozen_array(
    value: ArrayLike, *, name: str, ndim: int, dtype: DTypeLike = np.int64
) -> np.ndarray:
    """``value`` as a read-only C-ordered array; integers only, unless ``dtype`` is bool."""
    given = np.asarray(value)
    if given.dtype.kind not in "iub":
        raise SpecError(f"{name} must hold integers, not {given.dtype}")
    if given.ndim != ndim or 0 in given.shape:
        raise SpecError(f"{name} must be a non-empty array of {ndim} axes, not {given.shape}")
    out = np.array(given, dtype=dtype, order="C")
    out.setflags(write=False)
    return out


def unchecked(op: Op, impl: Impl) -> Op:
    """Return a copy of ``op`` at a legal ``impl``; nothing is copied or checked again.

    Only for operators that cache nothing that follows from ``impl``.
    """
    twin = copy.copy(op)
    object.__setattr__(twin, "impl", impl)
    return twin


def freeze(op: Operator, field: str, *, ndim: int, dtype: DTypeLike = np.int64) -> np.ndarray:
    """Make an array parameter of ``op`` read-only, as `frozen_array` does, and return it."""
    array = frozen_array(getattr(op, field), name=f"{op.name}: {field}", ndim=ndim, dtype=dtype)
    object.__setattr__(op, field, array)
    return array


def freeze_channels(op: Operator, *fields: str) -> None:
    """Make array parameters of ``op`` read-only that hold one integer for each channel of x."""
    for field in fields:
        n = len(freeze(op, field, ndim=1))
        if n != op.x.channels:
            raise SpecError(f"{op.name}: {field} must have {op.x.channels} entries, not {n}")


def must_divide(*, name: str, what: str, value: int, of: str, total: int) -> None:
    """Raise unless ``value`` is a divisor of ``total``; the message offers the nearest ones."""
    if value >= 1 and total % value == 0:
        return
    legal = [d for d in range(1, total + 1) if total % d == 0]
    below = max((d for d in legal if d < value), default=legal[0])
    above = min((d for d in legal if d > value), default=legal[-1])
    near = f"{below} or {above}" if below != above else f"{below}"
    raise SpecError(f"{name}: {what} must divide {total} {of}, not {value} (nearest: {near})")


def must_be_style(op: Operator, impl: Impl) -> None:
    """Raise unless the style is one of the operator's."""
    if impl.style not in op.styles:
        raise SpecError(
            f"{op.name}: the style of {op.kind} must be {' or '.join(map(repr, op.styles))},"
            f" not {impl.style!r}"
        )


def must_be_numbers(op: Operator) -> None:
    """Raise if an operand is logarithmic: its bits are exponents, which ``op`` cannot take.

    Operators that multiply by shifts, or only move elements, can.
    """
    logarithmic = [str(t.type) for t in op.operands if not t.type.coding.addable]
    if logarithmic:
        raise SpecError(f"{op.name}: operands of {op.kind} must be integers, not {logarithmic[0]}")
