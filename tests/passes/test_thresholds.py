"""Thresholds equal the real function at every integer; the oracle uses decimals of 120 digits."""

from __future__ import annotations

import decimal
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from bitrill.errors import UnsupportedError
from bitrill.exact import sqrt
from bitrill.ir import BIPOLAR, IntType, Stage, Tensor
from bitrill.ir.activation import Activation, Function, Quantizer
from bitrill.ops import Threshold
from bitrill.passes import level_places
from bitrill.passes.real_thresholds import smallest
from bitrill.passes.thresholding import threshold_of, to_thresholds
from bitrill.real import ROUNDINGS, Affine, Clip, Leaky
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import mlp

F = Fraction

LOG = IntType(0, 64, "log2")

MODES = {
    "ROUND": decimal.ROUND_HALF_EVEN,
    "HALF_EVEN": decimal.ROUND_HALF_EVEN,
    "CEIL": decimal.ROUND_CEILING,
    "FLOOR": decimal.ROUND_FLOOR,
    "UP": decimal.ROUND_UP,
    "DOWN": decimal.ROUND_DOWN,
    "HALF_UP": decimal.ROUND_HALF_UP,
    "HALF_DOWN": decimal.ROUND_HALF_DOWN,
}


def activation(function: Function, x: IntType, channels: int = 1) -> Activation:
    return Activation(
        name="act", inputs=("m",), operands=(Tensor((channels,), x),), function=function
    )


def thresholds(function: Function, x: IntType) -> Threshold:
    """Thresholds of every channel; the test fails if one is not exact."""
    node = activation(function, x, function.n_channels)
    found = threshold_of(node)
    every = np.repeat(x.values()[:, None], function.n_channels, axis=1)
    assert np.array_equal(found.eval(every), node.eval(every))
    return found


def line(scale, offset=0) -> Affine:
    return Affine((scale if not isinstance(scale, int) else F(scale),), (F(offset),))


def rounded(q: IntType, mode: str = "ROUND") -> Quantizer:
    return Quantizer(q, rounding=mode)  # pyright: ignore[reportArgumentType]


def test_halves_go_to_even():
    found = thresholds(Function((line(F(1, 2)),), rounded(IntType(0, 4))), IntType(-3, 12))
    # x/2 = 0.5 -> 0, 1.5 -> 2, 2.5 -> 2, 3.5 -> 4
    assert found.thresholds.tolist() == [[2, 3, 6, 7]]
    assert found.inverted.tolist() == [False]


@pytest.mark.parametrize(
    ("mode", "want"),
    [
        ("ROUND", [-2, -1, 2, 3]),
        ("HALF_EVEN", [-2, -1, 2, 3]),
        ("CEIL", [-3, -1, 1, 3]),
        ("FLOOR", [-2, 0, 2, 4]),
        ("UP", [-2, 0, 1, 3]),
        ("DOWN", [-3, -1, 2, 4]),
        ("HALF_UP", [-2, 0, 1, 3]),
        ("HALF_DOWN", [-3, -1, 2, 4]),
    ],
)
def test_every_rounding_mode_by_hand(mode, want):
    """v = x/2; q in -2..2. Halves come at odd x."""
    function = Function((line(F(1, 2)),), rounded(IntType(-2, 2), mode))
    assert thresholds(function, IntType(-9, 9)).thresholds.tolist() == [want]


def test_a_boundary_on_an_integer_by_an_irrational_batch_norm():
    root = sqrt(F(7))
    touch = Function((Affine((1 / root,), (-5 / root,)),), Quantizer(BIPOLAR))  # (x - 5)/sqrt 7
    assert thresholds(touch, IntType(-20, 20)).thresholds.tolist() == [[5]]
    beyond = Function((Affine((1 / root,), (-5 / root - F(1, 10**60),)),), Quantizer(BIPOLAR))
    assert thresholds(beyond, IntType(-20, 20)).thresholds.tolist() == [[6]]
    falling = Function((Affine((-1 / root,), (5 / root,)),), Quantizer(BIPOLAR))  # >= 0 up to 5
    found = thresholds(falling, IntType(-20, 20))
    assert (found.thresholds.tolist(), found.inverted.tolist()) == ([[6]], [True])


@pytest.mark.parametrize(
    ("x", "offset", "want"),
    [
        (5741, 8119, 5741),
        (2378, 3363, 2379),
    ],  # 2 * 5741**2 = 8119**2 + 1, 2 * 2378**2 = 3363**2 - 1
)
def test_a_root_beside_its_best_fraction(x, offset, want):
    """sqrt 2 * x misses the offset by some 1e-4, above and below."""
    function = Function((Affine((sqrt(F(2)),), (F(-offset),)),), Quantizer(BIPOLAR))
    assert thresholds(function, IntType(x - 50, x + 50)).thresholds.tolist() == [[want]]


def test_negative_slopes_turn_ties_too():
    found = thresholds(Function((line(F(-1, 2)),), rounded(IntType(0, 4))), IntType(-12, 3))
    # x = -1 -> 0.5 -> 0; -2 -> 1; -3 -> 1.5 -> 2; -5 -> 2.5 -> 2; -6 -> 3; -7 -> 3.5 -> 4
    assert found.thresholds.tolist() == [[-6, -5, -2, -1]]
    assert found.inverted.tolist() == [True]


def test_zero_slope_is_always_or_never():
    x = IntType(-3, 3)
    flat = Function((Affine((F(0),), (F(0), F(5, 2), F(-1), F(9))),), rounded(IntType(0, 3)))
    found = thresholds(flat, x)
    assert found.thresholds.tolist() == [[4, 4, 4], [-3, -3, 4], [4, 4, 4], [-3, -3, -3]]
    assert not found.inverted.any()


def test_clips_before_and_behind():
    x = IntType(-9, 9)
    relu = Function((line(1), Clip(F(0), None), line(F(-1), 2)), rounded(IntType(-3, 3)))
    found = thresholds(relu, x)  # 2 - max(x, 0): at most 2
    assert found.thresholds.tolist() == [[-9, 1, 2, 3, 4, 5]]
    both = Function((Clip(F(-1), F(1)), line(F(3, 2))), rounded(IntType(-4, 4)))
    found = thresholds(both, x)  # -1.5, 0, 1.5 rounded to even
    assert found.thresholds.tolist() == [[-9, -9, 0, 0, 1, 1, 10, 10]]


def test_a_clip_that_is_the_boundary():
    x = IntType(-5, 5)
    tie = Function((Clip(F(1, 2), None),), rounded(IntType(0, 2), "HALF_UP"))
    assert thresholds(tie, x).thresholds.tolist() == [[-5, 2]]
    tie = Function((Clip(None, F(1, 2)),), rounded(IntType(0, 2), "HALF_DOWN"))
    assert thresholds(tie, x).thresholds.tolist() == [[6, 6]]
    zero = Function((Clip(None, F(0)),), Quantizer(BIPOLAR))
    assert thresholds(zero, x).thresholds.tolist() == [[0]]


def test_levels_outside_the_operand_lie_at_its_ends():
    found = thresholds(Function((), rounded(IntType(0, 7))), IntType(2, 4))
    assert found.thresholds.tolist() == [[2, 2, 3, 4, 5, 5, 5]]


def test_one_channel_serves_all():
    node = activation(Function((line(F(1, 2)),), rounded(IntType(0, 1))), IntType(-4, 4), 3)
    assert threshold_of(node).thresholds.tolist() == [[2], [2], [2]]


def test_powers_of_two_by_the_logarithm():
    """x reaches 2**k where 2 * x**2 reaches 4**k: of integers never at a boundary."""
    found = thresholds(Function((), Quantizer(LOG)), IntType(-5, 100))
    assert found.thresholds.tolist() == [[1, 2, 3, 6, 12, 23, 46]]
    scaled = thresholds(Function((), Quantizer(LOG, (F(3),))), IntType(-5, 1000))
    want = [[next(x for x in range(1, 999) if 2 * x * x >= 9 * 4**k) for k in range(7)]]
    assert scaled.thresholds.tolist() == want
    assert thresholds(Function((line(-1),), Quantizer(LOG)), IntType(-50, 5)).inverted.all()


def test_a_logarithmic_boundary_that_is_met():
    """``x / sqrt(2)`` is ``2**(k - 1/2)`` at ``x = 2**k``: the boundary belongs to the greater."""
    half = Affine((1 / sqrt(F(2)),))
    found = thresholds(Function((half,), Quantizer(LOG)), IntType(0, 100))
    assert found.thresholds.tolist() == [[1, 2, 4, 8, 16, 32, 64]]
    less = Affine((1 / sqrt(F(2)),), (-F(1, 10**60),))
    found = thresholds(Function((less,), Quantizer(LOG)), IntType(0, 100))
    assert found.thresholds.tolist() == [[2, 3, 5, 9, 17, 33, 65]]


slopes = st.one_of(
    st.fractions(min_value=-4, max_value=4, max_denominator=64),
    st.sampled_from([F(0), F(1, 2), F(-1, 2), F(1), F(1, 3), F(1, 10**9), F(10**9)]),
)
places = st.fractions(min_value=-20, max_value=20, max_denominator=8)


@st.composite
def steps(draw):
    """A few affine steps, the first times ``sqrt(root)``, and clips between them."""
    root = draw(st.sampled_from([1, 1, 2, 3, 10]))
    found = [(draw(slopes), root, draw(places), None)]
    for _ in range(draw(st.integers(0, 2))):
        lo, hi = sorted((draw(places), draw(places)))
        clip = draw(st.sampled_from([(lo, hi), (F(0), None), (None, hi), (None, None)]))
        found.append((draw(slopes), 1, draw(places), clip))
    return found


def as_decimal(x: Fraction) -> Decimal:
    return Decimal(x.numerator) / Decimal(x.denominator)


def oracle(x: int, chain, scale: Fraction, zero: int, q: IntType, mode: str) -> int:
    """The function in decimals of 120 digits; x at which rounding could matter are not drawn."""
    v = Decimal(x)
    for slope, root, offset, clip in chain:
        if clip is not None:
            lo, hi = clip
            v = v if lo is None else max(v, as_decimal(lo))
            v = v if hi is None else min(v, as_decimal(hi))
        v = v * as_decimal(slope) * Decimal(root).sqrt() + as_decimal(offset)
    v = v / as_decimal(scale) + zero
    if q.coding.one_hot:
        bounds = [Decimal(1 << k) / Decimal(2).sqrt() for k in range(q.coding.planes)]
        return (1 << sum(v - b > -(Decimal(10) ** -90) for b in bounds)) >> 1
    nearest = (v * 2).quantize(Decimal(1), decimal.ROUND_HALF_EVEN) / 2
    if abs(v - nearest) < Decimal(10) ** -90:  # a tie but for the decimals' last digits
        v = nearest
    if q.coding.is_bipolar:
        return 1 if v >= 0 else -1
    return int(min(max(v, Decimal(q.lo)), Decimal(q.hi)).quantize(Decimal(1), MODES[mode]))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    steps(),
    st.sampled_from(ROUNDINGS),
    st.sampled_from([F(1), F(1, 2), F(-1, 4), F(1, 3)]),
    st.integers(-2, 2),
    st.sampled_from([BIPOLAR, IntType(0, 1), IntType(-2, 1), IntType(0, 15), IntType(-7, 7), LOG]),
    st.tuples(st.integers(-40, 0), st.integers(0, 40)),
)
def test_random_functions_at_every_integer(chain, mode, scale, zero, q, ends):
    function_steps = []
    for slope, root, offset, clip in chain:
        if clip is not None:
            function_steps.append(Clip(*clip))
        function_steps.append(Affine((slope * sqrt(F(root)),), (offset,)))
    zero = 0 if q == LOG else zero
    quantizer = Quantizer(q, (scale,), (F(zero),), mode)
    x = IntType(*ends)
    found = thresholds(Function(tuple(function_steps), quantizer), x)
    with decimal.localcontext() as context:
        context.prec = 120
        want = [oracle(int(v), chain, scale, zero, q, mode) for v in x.values()]
    assert found.eval(x.values()[:, None]).ravel().tolist() == want


def test_eight_bits_with_irrational_slopes_over_a_wide_range():
    x = IntType(-(1 << 20), 1 << 20)
    scale = F(float(np.float32(1 / 3)))
    function = Function(
        (Affine((1 / sqrt(F(900001)), -1 / sqrt(F(77))), (F(1, 9),)), Clip(F(0), None)),
        Quantizer(IntType(0, 255), (scale,)),
    )
    node = activation(function, x, 2)
    found = threshold_of(node)
    assert found.inverted.tolist() == [False, True]
    beside = np.unique(found.thresholds)
    beside = np.unique(np.concatenate([beside - 1, beside, beside + 1])).clip(x.lo, x.hi)
    every = np.repeat(beside[:, None], 2, axis=1)
    assert np.array_equal(found.eval(every), node.eval(every))


def test_levels_of_straight_lines_need_no_exact_decision(monkeypatch) -> None:
    """Neither irrational slopes nor boundaries that are met; the cost is that of a few arrays."""

    def decided(*_: object, **__: object) -> int:
        raise AssertionError

    x, scale = IntType(-(1 << 20), 1 << 20), (F(float(np.float32(1 / 3))),)
    irrational = Affine((1 / sqrt(F(900001)), -1 / sqrt(F(77))), (F(1, 9),))
    leaky = (irrational, Leaky((F(1, 8), F(1, 7))))
    met = (Affine((F(1, 1 << 13), F(-3, 1 << 9)), (F(1, 4),)),)
    cases = [
        Function((irrational, Clip(F(0), None)), Quantizer(IntType(0, 255), scale)),
        Function(leaky, Quantizer(IntType(-128, 127), scale)),
        *(Function(met, rounded(IntType(-128, 127), mode)) for mode in ("ROUND", "HALF_DOWN")),
    ]
    monkeypatch.setattr(level_places, "smallest", decided)
    for function in cases:
        found = threshold_of(activation(function, x, 2))
        assert len(np.unique(found.thresholds)) > 255


@pytest.mark.parametrize("answer", [-5, -4, 0, 3, 9, 10])
@pytest.mark.parametrize("guess", [-99, -5, -1, 0, 4, 9, 10, 99])
def test_a_wrong_guess_finds_the_same_place(guess, answer):
    asked = []

    def reached(t: int) -> bool:
        asked.append(t)
        return t >= answer

    assert smallest(reached, lo=-5, hi=10, guess=guess) == answer
    assert all(-5 <= t < 10 for t in asked)


def test_too_many_levels_are_refused_before_work():
    wide = activation(Function((), rounded(IntType(0, (1 << 17) - 1))), IntType(0, 1))
    with pytest.raises(UnsupportedError, match="act: a quantizer must have at most 16 bits, not"):
        threshold_of(wide)
    many = Function((Affine((F(1),) * 100),), rounded(IntType(0, (1 << 16) - 1)))
    with pytest.raises(UnsupportedError, match="4194304 levels over all channels, not 6553500"):
        threshold_of(activation(many, IntType(0, 1), 100))


def test_the_pass_leaves_no_real_function():
    graph = to_thresholds(mlp((12, 6, 5, 3), relu=True, quantizer=Quantizer(IntType(0, 3))))
    assert graph.stage is Stage.INTEGER
    assert [n.kind for n in graph] == ["matvec", "threshold"] * 2 + ["matvec"]
