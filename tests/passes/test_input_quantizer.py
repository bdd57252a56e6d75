"""Quantizing floats decides as the reals do, beside every level and at both ends of float64."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from bitrill.errors import UnsupportedError
from bitrill.exact import sqrt
from bitrill.ir import BIPOLAR, InputQuantizer, IntType
from bitrill.ir.activation import Function, Quantizer
from bitrill.passes.input_quantizer import float_of, input_quantizer, key_of
from bitrill.real import ROUNDINGS, Affine, Clip
from hypothesis import given, settings
from hypothesis import strategies as st

F = Fraction
LARGEST = np.finfo(np.float64).max
CORNERS = [0.0, -0.0, 5e-324, -5e-324, LARGEST, -LARGEST, 1.0, -1.0, 0.5, -0.5, 1e-300]


def check(function: Function) -> InputQuantizer:
    """The quantizer, after a check that it equals the function near all levels."""
    found = input_quantizer(function)
    for c in range(function.n_channels):
        finite = [float(v) for v in found.levels[c] if np.isfinite(v)]
        beside = [np.nextafter(v, s) for v in finite for s in (-np.inf, v, np.inf)]
        x = np.array([v for v in [*CORNERS, *beside] if np.isfinite(v)])
        want = [function(F(float(v)), c) for v in x]
        full = np.repeat(x[:, None], function.n_channels, axis=1)
        assert found(full)[:, c].tolist() == want
    return found


def test_keys_are_ordered_as_floats_are():
    values = [-LARGEST, -1.5, -5e-324, 0.0, 5e-324, 1.5, LARGEST]
    keys = [key_of(v) for v in values]
    assert keys == sorted(set(keys))
    assert [float_of(k) for k in keys] == values
    assert key_of(-0.0) == key_of(0.0) == 0
    assert float_of(keys[-1] + 1) == np.inf
    assert float_of(keys[0] - 1) == -np.inf


def test_the_level_of_a_bipolar_input():
    found = check(Function((Affine((F(2),), (F(-1),)),), Quantizer(BIPOLAR)))
    assert found.levels.tolist() == [[0.5]]
    assert found(np.array([0.5, np.nextafter(0.5, 0)])).tolist() == [1, -1]


def test_an_irrational_level_is_the_float_above_it():
    found = check(Function((Affine((F(1),), (-sqrt(F(2)),)),), Quantizer(BIPOLAR)))
    level = F(float(found.levels[0, 0]))
    assert level * level > 2 > F(float(np.nextafter(found.levels[0, 0], 0))) ** 2


def test_negative_slope_counts_from_the_other_end():
    found = check(Function((Affine((F(-1),)),), Quantizer(IntType(-1, 1))))
    assert found.inverted.tolist() == [True]
    assert found.levels.tolist() == [[-0.5, np.nextafter(0.5, 1)]]  # both halves go to 0


def test_constants_are_always_or_never():
    flat = Function((Affine((F(0),), (F(1), F(-9), F(9))),), Quantizer(IntType(0, 3)))
    found = check(flat)
    inf = np.inf
    assert found.levels.tolist() == [[-inf, inf, inf], [inf, inf, inf], [-inf, -inf, -inf]]


def test_clips_make_levels_unreachable():
    found = check(Function((Clip(F(0), F(1)),), Quantizer(IntType(-2, 2))))
    assert found.levels.tolist() == [[-np.inf, -np.inf, np.nextafter(0.5, 1), np.inf]]


def test_levels_beyond_float64():
    huge = Function((), Quantizer(IntType(-2, 2), (F(10) ** 400,)))
    assert check(huge).levels.tolist() == [[-np.inf, -np.inf, np.inf, np.inf]]
    tiny = Function((), Quantizer(IntType(-2, 2), (F(1, 10**400),)))
    assert check(tiny).levels.tolist() == [[0.0, 0.0, 5e-324, 5e-324]]


def test_powers_of_two_of_floats():
    found = check(Function((), Quantizer(IntType(0, 64, "log2"), (F(1, 4),))))
    squares = [8 * F(float(level)) ** 2 * 4 for level in found.levels[0]]
    assert all(s > 4**k for k, s in enumerate(squares))
    assert found(np.array([-1, 0.17, 0.18, 0.5, 100])).tolist() == [0, 0, 1, 2, 64]


def test_eight_bits_and_two_kinds_of_channels():
    scale = F(float(np.float32(0.0078431)))
    function = Function(
        (Affine((F(1), 1 / sqrt(F(3)), F(1)), (F(1, 7),)),), Quantizer(IntType(-128, 127), (scale,))
    )
    found = check(function)
    assert found.levels.shape == (3, 255)
    assert np.array_equal(found.levels[0], found.levels[2])
    assert not np.array_equal(found.levels[0], found.levels[1])


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    st.floats(-1e3, 1e3, width=32),
    st.floats(-10, 10, width=32),
    st.sampled_from([1, 2, 5]),
    st.sampled_from(ROUNDINGS),
    st.sampled_from([BIPOLAR, IntType(0, 3), IntType(-8, 7), IntType(0, 4, "log2")]),
    st.sampled_from([F(1), F(-3, 7), F(float(np.float32(0.1)))]),
)
def test_random_functions_beside_their_levels(slope, offset, root, mode, q, scale):
    steps = (Affine((F(slope) * sqrt(F(root)),), (F(offset),)),)
    check(Function(steps, Quantizer(q, (scale,), rounding=mode)))


def test_too_many_levels_are_refused():
    with pytest.raises(UnsupportedError, match="input: a quantizer must have at most 16 bits, not"):
        input_quantizer(Function((), Quantizer(IntType(0, 1 << 20))))
