"""Constants are quantized just as the exact definition says, at and around every boundary."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from bitrill.exact import sqrt
from bitrill.frontend.rules.quantized_constants import quantize_array
from bitrill.ir import BIPOLAR, IntType
from bitrill.ir.activation import Quantizer
from bitrill.real import ROUNDINGS

TYPES = [BIPOLAR, IntType(-4, 3), IntType(-3, 3), IntType(0, 6), IntType(0, 0)]


def around(values: np.ndarray) -> np.ndarray:
    """Each value, and its neighbours in its precision."""
    up = np.nextafter(values, values.dtype.type(np.inf))
    down = np.nextafter(values, values.dtype.type(-np.inf))
    return np.concatenate([down, values, up])


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_equals_the_definition(rounding: str, dtype: type) -> None:
    rng = np.random.default_rng(0)
    for type_ in TYPES:
        for scale in (
            Fraction(1),
            Fraction(float(np.float32(0.1))),
            Fraction(-1, 3),
            sqrt(Fraction(2)),
        ):
            for zero in (Fraction(0), Fraction(2), Fraction(-1)):
                grid = (np.arange(-24, 25) / 4 - float(zero)) * float(scale)
                x = around(grid.astype(dtype))
                x = np.concatenate([x, rng.normal(0, 3, 20).astype(dtype)])
                q = Quantizer(type_, (scale,), (zero,), rounding)  # type: ignore[arg-type]
                want = [q(Fraction(float(v)), 0) for v in x]
                s, z = np.array([scale], object), np.array([zero], object)
                got = quantize_array(x, s, z, type_, rounding)  # type: ignore[arg-type]
                assert got.tolist() == want


def test_each_row_has_its_own_scale_and_zero_point() -> None:
    rng = np.random.default_rng(1)
    x = np.round(rng.normal(0, 2, (6, 50)) * 4).astype(np.float32) / 8
    scale = np.array([[Fraction(k, 8)] for k in range(1, 7)], object)
    zero = np.array([[Fraction(k % 3)] for k in range(6)], object)
    got = quantize_array(x, scale, zero, IntType(-8, 7), "HALF_UP")
    for r in range(6):
        q = Quantizer(IntType(-8, 7), (scale[r, 0],), (zero[r, 0],), "HALF_UP")
        assert got[r].tolist() == [q(Fraction(float(v)), 0) for v in x[r]]


def test_extremes() -> None:
    x = np.array([1e300, -1e300, 5e-324, -5e-324, 0.0, -0.0])
    tiny = np.array([Fraction(1, 1 << 900)], object)
    zero = np.array([Fraction(0)], object)
    assert quantize_array(x, tiny, zero, IntType(-4, 3), "UP").tolist() == [3, -4, 1, -1, 0, 0]
    assert quantize_array(x, -tiny, zero, BIPOLAR, "ROUND").tolist() == [-1, 1, -1, 1, 1, 1]
    large = np.array([Fraction(1 << 900)], object)
    assert quantize_array(x, large, zero, IntType(-4, 3), "UP").tolist() == [3, -4, 1, -1, 0, 0]


def test_large_arrays_are_cut_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    from bitrill.frontend.rules import quantized_constants

    x = np.random.default_rng(2).normal(0, 2, (7, 13)).astype(np.float32)
    scale, zero = (np.array([[Fraction(k)] for k in v], object) for v in (range(1, 8), range(7)))
    want = quantize_array(x, scale, zero, IntType(-8, 7), "ROUND")
    monkeypatch.setattr(quantized_constants, "_CHUNK", 10)
    assert np.array_equal(quantize_array(x, scale, zero, IntType(-8, 7), "ROUND"), want)
