"""Random operators over space, as in `test_sweep`, also against the oracles."""

from __future__ import annotations

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, IntType, Operator
from bitrill.ops import SumPool
from bitrill_hw.design.build import component
from ops.suite import STALLS, check, suite_of
from ops.test_depthwise import depthwise
from ops.test_maxpool import maxpool
from ops.test_pad import pad
from ops.test_sweep import divisor
from ops.test_window import window

VALUES = [BIPOLAR, *(IntType(*r) for r in ((0, 1), (-1, 0), (-1, 1), (0, 3), (-3, 4)))]
WEIGHTS = [BIPOLAR, *(IntType(*r) for r in ((-1, 1), (-4, 3), (0, 3)))]


def random_operator(rng: np.random.Generator) -> Operator:
    """Any kind, frame, geometry and folding; some do not fit (`SpecError`)."""
    axes = 1 if rng.random() < 0.2 else 2
    sizes = tuple(rng.integers(1, 8, axes).tolist())
    channels = int(rng.integers(1, 5))
    lanes, shape = divisor(rng, channels), (*sizes, channels)
    kernel, stride = (tuple(int(rng.integers(1, min(4, n) + 1)) for n in sizes) for _ in range(2))
    dilation = tuple(rng.integers(1, 4, axes).tolist())
    t = VALUES[rng.integers(len(VALUES))]
    match rng.integers(7):
        case 0 | 1:
            return window(shape, kernel, stride, lanes, "folded", dilation, t)
        case 2:
            return window(shape, kernel, stride, lanes, "parallel", dilation, t)
        case 3:
            return maxpool(shape, kernel, stride, lanes, t)
        case 4:
            return maxpool(shape, kernel, stride, lanes, t, of=SumPool)
        case 5:
            pads = tuple(rng.integers(0, 3, 2 * axes).tolist())
            return pad(shape, pads, int(rng.integers(-5, 6)), lanes, t)
    weights, memory = WEIGHTS[rng.integers(len(WEIGHTS))], ("distributed", "block")
    taps, places = int(rng.integers(1, 10)), (int(rng.integers(1, 4)),)
    return depthwise(channels, taps, lanes, weights, t, places, memory[rng.integers(2)])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "seeds",
    [
        range(60),
        *(pytest.param(range(n, n + 400), marks=pytest.mark.nightly) for n in range(60, 2060, 400)),
    ],
    ids=str,
)
def test_random_operators(seeds: range) -> None:
    fit = 0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        try:
            op = random_operator(rng)
        except SpecError:
            continue
        fit += 1
        suite = suite_of(op.kind)()
        x = np.asarray(suite.frames(op))[-5:]
        stall = str(rng.choice(STALLS))
        told = [suite.oracle(op, frame) for frame in x.tolist()]
        assert op.eval(x).astype(np.int64).tolist() == told, f"seed {seed}: {op}"
        try:
            check(op, component(op), x, stall)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, {stall}: {op}") from error
    assert fit > len(seeds) // 2
