"""Quantizing floats, compared with each level, at the levels and just beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bitrill_boards.driver import DriverError, Network
from bitrill_boards.driver.quantizer import BatchQuantizer

RNG = np.random.default_rng(7)
EVEN = np.arange(255) / 255 + 0.5 / 255
UP, DOWN = EVEN.copy(), EVEN.copy()
UP[100] += 0.9 / 255
DOWN[100] -= 0.9 / 255
LEVELS = {
    "one up": UP[None],
    "one down": DOWN[None],
    "one": np.array([[0.3]]),
    "few": np.array([[-1.0, 0.0, 0.1]]),
    "even": EVEN[None],
    "nearly even": np.sort(EVEN + RNG.normal(0, 0.05 / 255, 255))[None],
    "not even": np.sort(RNG.normal(0, 1, 100))[None],
    "powers": 2.0 ** np.arange(-20, 20)[None],
    "twice": np.repeat(np.arange(20.0), 2)[None],
    "all the same": np.zeros((1, 20)),
    "never": np.append(np.arange(20.0), np.inf)[None],
    "many": np.arange(1000)[None] * 0.1,
    "far from zero": 1e6 + np.arange(300)[None] * 0.25,
    "tiny": 1e-40 * np.arange(1, 60)[None],
    "channels": np.arange(31) * np.array([[0.1], [1.0], [77.0]]) + np.array([[0.0], [-9.0], [1e3]]),
    "channels, few": np.array([[0.0, 1.0], [2.0, 3.0], [-5.0, 5.0]]),
    "channels, not even": np.sort(RNG.normal(0, 1, (3, 40))),
    "channels, one": np.array([[0.0], [1.0], [-1.0]]),
}


def plainly(x: np.ndarray, levels: np.ndarray, inverted: np.ndarray) -> np.ndarray:
    """The result of comparing with every level in float64, which holds narrower floats."""
    n = (x.astype(np.float64)[..., None] >= levels).sum(-1)
    return np.where(inverted, levels.shape[-1] - n, n)


def beside(levels: np.ndarray, dtype: Any) -> np.ndarray:
    """Floats ``[N, 3]``: the levels, their neighbours, and numbers far away."""
    finite = levels.astype(dtype).ravel()
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        finite = np.zeros(1, dtype)
    big = np.finfo(dtype).max
    pool = [finite, np.nextafter(finite, dtype(-np.inf)), np.nextafter(finite, dtype(np.inf))]
    pool.append(RNG.uniform(finite.min() - 1, finite.max() + 1, 1000).astype(dtype))
    pool.append(np.array([0, -0.0, big, -big, np.finfo(dtype).tiny], dtype))
    x = np.concatenate(pool)
    x = x[np.isfinite(x)]
    return np.stack([x, RNG.permutation(x), x[::-1]], axis=1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", LEVELS)
@pytest.mark.parametrize("inverts", [False, True])
def test_each_step_is_the_models(name: str, dtype: Any, inverts: bool) -> None:
    levels = LEVELS[name]
    inverted = np.array([inverts, not inverts, inverts][: len(levels)])
    if not inverts:
        inverted[:] = False
    with np.errstate(over="ignore"):
        x = beside(levels, dtype)
    n = BatchQuantizer(levels, inverted)(x)
    assert n.dtype.kind in "ub"
    assert n.dtype.itemsize <= 2
    assert (n == plainly(x, levels, inverted)).all()


def test_what_is_guessed() -> None:
    """Else the test above would compare searching with searching."""
    from bitrill_boards.driver import quantizer

    guessed = {k for k, v in LEVELS.items() if quantizer._guess(v) is not None}
    assert guessed >= {"even", "nearly even", "many", "far from zero", "channels", "tiny"}
    assert not guessed & {
        "one",
        "one up",
        "one down",
        "not even",
        "powers",
        "all the same",
        "never",
    }


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_what_no_step_can_be_told_of(value: float, dtype: Any) -> None:
    x = np.zeros((3, 4), dtype)
    x[1, 2] = value
    with pytest.raises(DriverError, match="images must be finite, but hold NaN or infinity"):
        BatchQuantizer([[0.0]], [False])(x)


def test_no_images() -> None:
    assert BatchQuantizer([[0.0]], [False])(np.zeros((0, 4))).shape == (0, 4)


CODINGS = [
    ("integer", False, 0, 8),
    ("integer", True, -128, 8),
    ("integer", True, -7, 4),
    ("integer", False, 3, 5),
    ("bipolar", False, -1, 1),
    ("integer", False, 0, 1),
    ("log2", False, 0, 4),
]


@pytest.mark.parametrize(("coding", "signed", "lo", "bits"), CODINGS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_packed_as_their_integers(
    coding: str, signed: bool, lo: int, bits: int, dtype: Any
) -> None:
    steps = min((1 << bits) - 1, ((1 << bits - 1) - 1 if signed else (1 << bits) - 1) - lo)
    steps = {"bipolar": 1, "log2": 12}.get(coding, steps)
    edge = {
        "shape": [3, 5, 7],
        "edge": [5, 7, 3],
        "channels": "first",
        "bits": bits,
        "signed": signed,
        "coding": coding,
        "lo": lo,
        "hi": 1 << 20,
    }
    levels = np.linspace(-1, 1, steps)[None] + np.array([[0.0], [0.1], [-0.2]])
    quantizer = {
        "levels": [[v.hex() for v in row] for row in levels.tolist()],
        "inverted": [False, True, False],
    }
    net = Network(
        {
            "format": 2,
            "name": "n",
            "digest": "00",
            "interval": "1",
            "latency": 1,
            "input": {**edge, "quantizer": quantizer},
            "output": {**edge, "scale": [], "offset": []},
        }
    )
    form = net.input.format(8)
    # more than one part
    x = RNG.uniform(-1.5, 1.5, (3000, 3, 5, 7)).astype(dtype)
    wanted = form.pack(net.integers(x))
    assert (net.pack(x, form) == wanted).all()
    back = net.input.to_model(form.unpack(wanted)).astype(np.int32)
    assert (net.pack(back, form) == wanted).all()
    first = plainly(x[:, 1], levels[1], np.array(True))  # a channel by itself
    values = {
        "bipolar": 2 * first - 1,
        "log2": np.where(first > 0, 1 << np.maximum(first - 1, 0), 0),
    }
    assert (back[:, 1] == values.get(coding, first + lo)).all()
