"""Real functions: rounding modes, clips, quantizers, against definitions of their own."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from bitrill.errors import SpecError, StageError
from bitrill.exact import sign, sqrt
from bitrill.ir import BIPOLAR, Impl, IntType, Tensor
from bitrill.ir.activation import Activation, Function, Quantizer
from bitrill.real import ROUNDINGS, Affine, Clip, append_step, round_real, zip_channels

F = Fraction

# QONNX's resolve_rounding_mode, on numbers that float64 holds
DEFINITIONS = {
    "ROUND": np.round,
    "HALF_EVEN": np.round,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "UP": lambda x: np.sign(x) * np.ceil(np.abs(x)),
    "DOWN": lambda x: np.sign(x) * np.floor(np.abs(x)),
    "HALF_UP": lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5),
    "HALF_DOWN": lambda x: np.sign(x) * np.ceil(np.abs(x) - 0.5),
}


@pytest.mark.parametrize("mode", ROUNDINGS)
def test_rounding_is_numpys_where_floats_are_exact(mode):
    x = np.arange(-40, 41) / 8
    x = np.concatenate([x, x + 1000, x - 1001, x * 2**-30])
    want = DEFINITIONS[mode](x).astype(int)
    assert [round_real(F(float(v)), mode) for v in x] == want.tolist()


@pytest.mark.parametrize("mode", ROUNDINGS)
@pytest.mark.parametrize("n", [-3, -1, 0, 2, 3])
def test_rounding_beside_halves_and_integers_by_less_than_a_float(mode, n):
    tiny = 1 / (F(10) ** 40 * sqrt(F(2)))  # irrational, far below float64's resolution
    for place in (F(n), F(2 * n + 1, 2)):
        for side in (-1, 1):
            # the definition, a coarse step to the same side: no boundary lies in between
            want = int(DEFINITIONS[mode](np.array(float(place) + side / 8)))
            assert round_real(place + side * tiny, mode) == want


@pytest.mark.parametrize("x", [F(1, 3), F(7, 5), sqrt(F(2)), sqrt(F(2)) * 4, F(-1), F(0), F(99)])
def test_a_logarithmic_quantizer_is_nearest_by_the_ratio(x):
    """Of two powers the one whose ratio to x is smaller, the greater one where they are equal."""
    q = Quantizer(IntType(0, 16, "log2"))(x, 0)
    assert q in (0, 1, 2, 4, 8, 16)
    if q:
        assert q == 16 or sign(2 * q * q - x * x) > 0
        assert sign(2 * x * x - q * q) >= 0
    else:
        assert sign(x) <= 0 or sign(1 - 2 * x * x) > 0


def test_a_logarithmic_quantizer_has_no_zero_point():
    with pytest.raises(SpecError, match="zero point of a logarithmic quantizer must be 0"):
        Quantizer(IntType(0, 4, "log2"), zero=(F(1),))


def test_modes_are_qonnxs():
    assert set(ROUNDINGS) == set(DEFINITIONS)
    with pytest.raises(
        SpecError, match=r"rounding must be one of ROUND, HALF_EVEN, .*not .NEAREST"
    ):
        Quantizer(BIPOLAR, rounding="NEAREST")  # pyright: ignore[reportArgumentType]


def test_quantizer_clamps_before_it_rounds():
    q = Quantizer(IntType(0, 3), (F(1, 2),), (F(1),))
    assert [q(F(v), 0) for v in (-9, F(-1, 2), 0, F(1, 4), F(3, 4), 1, 9)] == [0, 0, 1, 2, 2, 3, 3]
    assert q.meaning(F(3), 0) == 1
    assert q.meaning(F(1), 0) == 0


def test_bipolar_takes_zero_as_plus_one():
    q = Quantizer(BIPOLAR, (F(3), F(-3)))
    assert [q(F(v), 0) for v in (-1, 0, 1)] == [-1, 1, 1]
    assert [q(F(v), 1) for v in (-1, 0, 1)] == [1, 1, -1]
    assert Quantizer(BIPOLAR)(-sqrt(F(2)) / 10**50, 0) == -1


def test_scale_zero_is_refused():
    with pytest.raises(SpecError, match="a quantizer's scale must not be zero"):
        Quantizer(BIPOLAR, (F(1), F(0)))


def test_clip():
    relu = Clip(F(0), None)
    assert [relu(F(v), 0) for v in (-1, 0, 2)] == [0, 0, 2]
    six = Clip(None, F(6))
    assert [six(F(v), 0) for v in (-7, 6, 7)] == [-7, 6, 6]
    assert Clip(F(1), F(1))(F(5), 0) == 1
    with pytest.raises(SpecError, match=r"a clip must have lo <= hi, not 1\.\.0"):
        Clip(F(1), F(0))


def test_affine_chains_channel_by_channel():
    inner = Affine((F(2), F(-3)), (F(1),))
    outer = Affine((F(5),), (F(0), F(7)))
    both = inner.then(outer)
    for c in (0, 1):
        for x in (F(-2), F(0), F(9, 4)):
            assert both(x, c) == outer(inner(x, c), c)
    assert append_step((inner,), outer) == (both,)
    assert append_step((Clip(F(0), None),), outer) == (Clip(F(0), None), outer)
    assert append_step((inner,), Clip(F(0), None)) == (inner, Clip(F(0), None))
    with pytest.raises(SpecError, match=r"channels must agree, not \[2, 3\]"):
        zip_channels(lambda a, b: a + b, (F(1),) * 2, (F(1),) * 3)
    assert [inner(F(v), c) for c, v in enumerate((4, 5))] == [9, -14]


def activation(**changes) -> Activation:
    function = Function((Affine((F(1), F(-1)), (F(0),)),), Quantizer(IntType(0, 3)))
    given = {
        "name": "act",
        "inputs": ("m",),
        "operands": (Tensor((2,), IntType(-5, 5)),),
        "function": function,
    }
    return Activation(**given | changes)


def test_activation_is_its_function_on_each_channel():
    x = np.array([[[-5, -5], [1, 1]], [[2, -2], [5, 0]]])
    y = activation(operands=(Tensor((2, 2), IntType(-5, 5)),)).eval(x)
    assert y.tolist() == [[[0, 3], [1, 0]], [[2, 2], [3, 0]]]


def test_activation_has_channels_of_its_operand():
    with pytest.raises(SpecError, match="act: the function must have 3 channels, not 2"):
        activation(operands=(Tensor((3,), IntType(0, 1)),))


def test_activation_is_not_for_hardware():
    with pytest.raises(
        StageError, match="act: activation must become integer operators before it is folded"
    ):
        activation(impl=Impl())
    with pytest.raises(StageError, match="act: activation must become integer operators"):
        activation().schedule()
    for lanes in ("lanes_in", "lanes_out"):
        with pytest.raises(StageError, match="act: activation must become integer operators"):
            getattr(activation(), lanes)
