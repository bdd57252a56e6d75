"""Random operators on random frames, from seeds."""

from __future__ import annotations

import numpy as np
import pytest
from bitrill.ir import BIPOLAR, IntType, Operator
from bitrill_hw.design.build import component
from ops.suite import STALLS, check
from ops.test_argmax import argmax
from ops.test_convert import convert
from ops.test_matvec import TERNARY, matvec
from ops.test_threshold import threshold

WEIGHTS = [BIPOLAR, TERNARY, *(IntType(*r) for r in ((-2, 1), (-7, 7), (0, 3), (-128, 127)))]
VALUES = [
    BIPOLAR,
    *(IntType(*r) for r in ((0, 1), (0, 6), (-2, 1), (0, 15), (-8, 7), (-128, 127), (-1, 0))),
]
MOST_STEPS = 60


def divisor(rng: np.random.Generator, n: int) -> int:
    return int(rng.choice([d for d in range(1, n + 1) if n % d == 0]))


def random_operator(rng: np.random.Generator) -> Operator:
    """Any kind, shape, type and folding that simulates quickly."""
    kind = rng.choice(["matvec", "matvec", "threshold", "convert", "argmax"])
    x = VALUES[rng.integers(len(VALUES))]
    if kind == "matvec":
        rows, cols = (int(n) for n in rng.integers(1, 25, 2))
        pe, simd = divisor(rng, rows), divisor(rng, cols)
        while rows // pe * (cols // simd) > MOST_STEPS:
            pe, simd = divisor(rng, rows), divisor(rng, cols)
        weight = WEIGHTS[rng.integers(len(WEIGHTS))]
        memory, vectors = rng.choice(["block", "distributed"]), (2,) if rng.random() < 0.3 else ()
        seed = int(rng.integers(1 << 30))
        return matvec(
            rows, cols, pe, simd, weight, x, memory=str(memory), vectors=vectors, seed=seed
        )
    if kind == "threshold":
        channels, lo = int(rng.integers(1, 9)), int(rng.integers(-9, 5))
        out = BIPOLAR if rng.random() < 0.3 else IntType(lo, lo + int(rng.integers(1, 18)))
        inverted = tuple(np.flatnonzero(rng.random(channels) < 0.4))
        style, pe = str(rng.choice(["parallel", "search"])), divisor(rng, channels)
        return threshold(x, out, pe, style, channels=channels, inverted=inverted)
    if kind == "convert":
        size = int(rng.choice([12, 24, 30, 36, 60]))
        return convert(size, divisor(rng, size), divisor(rng, size), x)
    channels = int(rng.integers(1, 9))
    k = int(rng.integers(1, channels + 1))
    return argmax(x, channels, k, scaled=bool(rng.random() < 0.5))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "seeds",
    [
        range(30),
        *(pytest.param(range(n, n + 100), marks=pytest.mark.nightly) for n in range(30, 1030, 100)),
    ],
    ids=str,
)
def test_random_operators(seeds: range) -> None:
    for seed in seeds:
        rng = np.random.default_rng(seed)
        op = random_operator(rng)
        x = rng.choice(op.x.type.values(), (8, *op.x.shape))
        x[0], x[1] = op.x.type.hi, op.x.type.lo
        stall = str(rng.choice(STALLS))
        try:
            check(op, component(op), x, stall)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, {stall}: {op}") from error
