"""Tests of multiply-add-shift: it equals the thresholds, is the smallest, refuses uneven steps."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from bitrill.arith.multiply_shift import rising
from bitrill.ir import BIPOLAR, IntType, Tensor
from bitrill.ops import Requantize, Threshold


def threshold(x: IntType, out: IntType, limits: np.ndarray, inverted: tuple[int, ...]) -> Threshold:
    channels = len(limits)
    return Threshold(
        name="act",
        inputs=("x",),
        operands=(Tensor((channels,), x),),
        thresholds=np.clip(limits, x.lo, x.hi + 1),
        out=out,
        inverted=np.isin(np.arange(channels), inverted),
    )


def equal(op: Threshold, found: Requantize) -> bool:
    """Whether two functions agree for every value of every channel."""
    x = np.repeat(op.x.type.values()[:, None], op.x.channels, 1)
    return bool((op.eval(x) == found.eval(x)).all())


def even(rng: np.random.Generator, x: IntType, levels: int, channels: int) -> np.ndarray:
    """Thresholds of an affine function and a rounding, as a quantized network has."""
    step = rng.uniform(0.3, (x.hi - x.lo) / levels * 1.5, channels)
    first = rng.uniform(x.lo, x.hi, channels)
    return np.ceil(first[:, None] + step[:, None] * np.arange(levels)).astype(int)


@pytest.mark.parametrize("seed", range(12))
def test_even_steps_are_found_exactly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = (IntType(0, 300), IntType(-200, 99), IntType(-60, 500))[seed % 3]
    out = (IntType(0, 15), IntType(-4, 3), IntType(0, 2))[seed // 3 % 3]
    op = threshold(x, out, even(rng, x, out.n_values - 1, 6), (1, 4))
    found = op.requantized
    assert found is not None
    assert equal(op, found)


def smallest_shift(op: Threshold) -> int | None:
    """The smallest shift of one channel, by trying all rising gains and offsets; shifts up to 5."""
    x = op.x.type.values()
    want = op.eval(x[:, None])[:, 0]
    for shift in range(6):
        gain = np.arange((3 << shift) + 1)[:, None, None]
        offset = np.arange(-(36 << shift), (5 << shift) + 1)[:, None]
        y = ((gain * x + offset) >> shift).clip(op.out.lo, op.out.hi)
        if (y == want).all(-1).any():
            return shift
    return None


@pytest.mark.parametrize("limits", [[2, 5, 8], [1, 3, 6], [0, 4, 13], [3, 4, 6], [5, 5, 5]])
def test_no_smaller_shift_would_do(limits: list[int]) -> None:
    op = threshold(IntType(0, 12), IntType(0, 3), np.array([limits]), ())
    found = op.requantized
    assert found is not None
    assert equal(op, found)
    assert found.shift == smallest_shift(op)


@pytest.mark.parametrize("limits", [[1, 2, 9], [4, 4, 6], [2, 9, 10]])
def test_uneven_steps_are_refused(limits: list[int]) -> None:
    op = threshold(IntType(0, 12), IntType(0, 3), np.array([limits]), ())
    assert op.requantized is None
    assert smallest_shift(op) is None


def test_always_and_never() -> None:
    limits = np.array([[0, 0, 0], [13, 13, 13], [0, 0, 13], [0, 6, 13]])
    op = threshold(IntType(0, 12), IntType(-1, 2), limits, (3,))
    found = op.requantized
    assert found is not None
    assert equal(op, found)


def test_bipolar_results_stay_thresholds() -> None:
    assert threshold(IntType(0, 12), BIPOLAR, np.array([[5]]), ()).requantized is None


def test_wide_accumulators() -> None:
    """Every threshold's sides, with steps as wide as a layer's of many columns."""
    x = IntType(-(1 << 16), 1 << 16)
    op = threshold(x, IntType(0, 63), even(np.random.default_rng(1), x, 63, 3), (2,))
    found = op.requantized
    assert found is not None
    at = np.concatenate([op.thresholds.T + d for d in (-1, 0)]).clip(x.lo, x.hi)
    assert (op.eval(at) == found.eval(at)).all()


def test_a_steep_channel_beside_a_flat_one_is_refused() -> None:
    """The shift of the flat one gives the steep one an offset beyond 64 bits."""
    k = np.arange(1, 256)
    limits = np.array([np.full(255, 1 << 28), 3001 * k])
    assert threshold(IntType(-(1 << 30), 1 << 30), IntType(0, 255), limits, ()).requantized is None


def test_a_sum_of_more_than_48_bits_is_refused() -> None:
    x = IntType(-(1 << 28), 1 << 28)
    limits = even(np.random.default_rng(1), x, 63, 1)
    assert threshold(x, IntType(0, 63), limits, ()).requantized is None


def slopes_of_every_pair(t: list[int], lo: int, hi: int) -> tuple[Fraction, Fraction | None]:
    """The interval of slopes, from each pair of a reached and a missed threshold by itself."""
    below, above = [Fraction(-1)], []
    for k, a in enumerate(t):
        for j, b in enumerate(t):
            n, d = k - j, a - b + 1
            if a > hi or b <= lo:
                continue
            if d > 0:
                below.append(Fraction(n, d))
            elif d < 0:
                above.append(Fraction(n, d))
    return max(below), min(above, default=None)


@pytest.mark.parametrize("seed", range(60))
def test_slopes_are_those_of_every_pair(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lo, hi = -int(rng.integers(1, 200)), int(rng.integers(1, 200))
    x = IntType(lo, hi)
    noise = 0 if seed % 2 else 2
    t = even(rng, x, 12, 1)[0] + rng.integers(-noise, noise + 1, 12)
    t = np.sort(t.clip(lo, hi + 1))
    below, above = slopes_of_every_pair(t.tolist(), lo, hi)
    (found,) = rising(t[None], np.zeros(1, bool), x).slopes()
    if above is not None and below >= above:
        assert found[1] is not None
        assert found[0] >= found[1]
    else:
        assert found == (below, above)


def test_16_bits_take_memory_in_proportion_to_the_levels() -> None:
    x = IntType(-(1 << 20), 1 << 20)
    levels = (1 << 16) - 1
    limits = np.ceil(-600_000 + 19.3 * np.arange(levels))[None].astype(int)
    op = threshold(x, IntType(0, levels), limits, ())
    tracemalloc.start()
    found = op.requantized
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found is not None
    assert peak < 1000 * levels
    at = np.concatenate([op.thresholds.T + d for d in (-1, 0)]).clip(x.lo, x.hi)
    assert (op.eval(at) == found.eval(at)).all()
