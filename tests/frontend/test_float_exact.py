"""The float evaluator knows which of its results are exact, against fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from frontend.float_exact import grid
from frontend.float_numbers import Num, add, div, matmul, mul, total


def test_the_grid_is_the_last_bit() -> None:
    assert grid(np.array([0.75, 0.0, -4.0])) == -2
    assert grid(np.array([12.0, 8.0])) == 2
    assert grid(np.zeros(3)) == np.inf
    assert grid(np.array([5e-324])) == -1074
    assert grid(np.array([1.0, np.inf])) == -np.inf


@pytest.mark.parametrize("op", [add, mul, div, matmul, total])
def test_what_has_no_error_is_exact(op: object) -> None:
    rng = np.random.default_rng(0)
    exact = 0
    for _ in range(300):
        a, b = (rng.integers(-99, 99, 4) * 2.0 ** rng.integers(-40, 40) for _ in range(2))
        b = np.where(b == 0, 1.0, b) + (1e-9 if rng.random() < 0.1 else 0.0)
        b = b if op is not div or rng.random() < 0.7 else b * 0 + 2.0 ** rng.integers(-9, 9)
        x, y = ([Fraction(v) for v in t] for t in (a, b))
        if op is total:
            got, want = total(Num.of(a * b), 0), [sum(map(Fraction, a * b))]
        elif op is matmul:
            got = matmul(Num.of(a[None]), Num.of(b[:, None]))
            want = [sum(p * q for p, q in zip(x, y, strict=True))]
        else:
            got = op(Num.of(a), Num.of(b))  # pyright: ignore[reportCallIssue]
            how = {add: Fraction.__add__, mul: Fraction.__mul__, div: Fraction.__truediv__}[op]  # pyright: ignore[reportArgumentType]
            want = [how(p, q) for p, q in zip(x, y, strict=True)]
        for v, e, w in zip(got.v.reshape(-1), got.e.reshape(-1), want, strict=True):
            assert abs(Fraction(v) - w) <= Fraction(e)
        exact += not got.e.any()
    assert exact > 40
