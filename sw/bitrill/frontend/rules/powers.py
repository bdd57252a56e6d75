"""Rules for powers: constants to an exponent, exactly; data to a small whole one."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from ...exact import Real, Surd, sign, sqrt
from ..symbolic import Call, Const, Data, Known, RefusedError, brief, check_exact
from . import activations
from .elementwise import inverse, whole_numbers
from .table import rule


@rule("Pow", inputs=2)
@rule("Reciprocal", inputs=1)
@rule("Sqrt", inputs=1)
def power(call: Call) -> Known:
    """Raise constants to a power, roots kept exact; data to a small whole one."""
    base = call.value(0)
    if isinstance(base, Data):
        if call.node.op != "Pow":
            raise RefusedError("its base must be a constant, not data")
        return activations.powered(call, base)
    like = "any" if call.node.op == "Pow" and call.opset >= 12 else "floats"
    numbers = call.exact(0, "its base", like=like)
    exponent = {"Sqrt": Fraction(1, 2), "Reciprocal": Fraction(-1)}.get(call.node.op)
    if exponent is None:
        exponent = call.number(1, "its exponent", like=like)
    whole = isinstance(base, Const) and base.array.dtype == np.int64
    powers = WHOLE if whole else EVERY
    if isinstance(exponent, Surd) or exponent not in powers:
        known = "1 or 2, as its base is integers" if whole else "-1, -0.5, 0.5, 1 or 2"
        raise RefusedError(f"its exponent must be {known}, not {brief(exponent)}")
    out = np.empty(numbers.shape, object)
    out.reshape(-1)[:] = [powers[exponent](v) for v in numbers.reshape(-1)]
    check_exact(out.reshape(-1).tolist())
    return whole_numbers(out) if whole else Const(out)


def _root(v: Real) -> Real:
    if sign(v) < 0:
        raise RefusedError(f"a square root must be of a number of at least 0, not {brief(v)}")
    return sqrt(v)


WHOLE: dict[Fraction, Callable[[Real], Real]] = {
    Fraction(1): lambda v: v,
    Fraction(2): lambda v: v * v,
}
EVERY = WHOLE | {
    Fraction(-1): inverse,
    Fraction(1, 2): _root,
    Fraction(-1, 2): lambda v: inverse(_root(v)),
}
