"""The two edges of a design: floats in, floats out, and every message about a wrong array."""

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, InputQuantizer, IntType, Sink, Source, Tensor

UP = np.nextafter(0.5, 1)
DOWN = np.nextafter(0.5, 0)


def source(**changes) -> Source:
    quantizer = InputQuantizer(np.array([[0.5]]), np.array([False]), BIPOLAR)
    given = {"shape": (2, 2), "tensor": Tensor((4,), BIPOLAR), "quantizer": quantizer}
    return Source(**(given | changes))


def test_a_level_decides_at_the_very_float() -> None:
    x = np.array([[[DOWN, 0.5], [UP, -0.0]]])
    assert source().quantize(x).tolist() == [[[-1, 1], [1, -1]]]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_float_type_is_compared_exactly(dtype: type) -> None:
    # 0.1 lies between two float32: the level's own rounding must not decide
    levels = np.array([[0.1, 0.3]])
    q = InputQuantizer(levels, np.array([False]), IntType(0, 2))
    base = np.array([0.1, 0.3], dtype)
    x = np.concatenate([np.nextafter(base, dtype(0)), base, np.nextafter(base, dtype(1))])
    want = [sum(float(v) >= level for level in levels[0]) for v in x]
    assert q(x[None]).tolist() == [want]


def test_channels_have_their_own_levels_and_directions() -> None:
    levels = np.array([[0.0, 1.0], [2.0, 3.0]])
    q = InputQuantizer(levels, np.array([False, True]), IntType(-1, 1))
    x = np.array([[[-0.5, 1.5], [0.0, 2.0], [1.0, 3.0]]])
    assert q(x).tolist() == [[[-1, 1], [0, 0], [1, -1]]]


def test_flatten_gives_the_edge_its_shape() -> None:
    x = np.array([[[1, -1], [-1, 1]]])
    assert source().flatten(x).tolist() == [[1, -1, -1, 1]]
    assert source().flatten(x.astype(np.int8)).shape == (1, 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: source().flatten(np.ones((3, 4), int)),
            "input must have shape [N, 2, 2], not [3, 4]",
        ),
        (lambda: source().flatten(np.int64(3)), "input must have shape [N, 2, 2], not []"),
        (
            lambda: source().flatten(np.ones((1, 2, 2))),
            "input must hold integers (quantize floats first), not float64",
        ),
        (
            lambda: source().flatten(np.array([[[1, 1], [1, 2]]])),
            "input must hold values of bipolar (-1 and 1 alone), not 1..2",
        ),
        (
            lambda: source().quantize(np.full((1, 2, 2), np.nan)),
            "input must be finite, but holds NaN or infinity",
        ),
        (
            lambda: source().quantize(np.full((1, 2, 2), -np.inf)),
            "input must be finite, but holds NaN or infinity",
        ),
        (lambda: source().quantize(np.ones((1, 3))), "input must have shape [N, 2, 2], not [1, 3]"),
        (
            lambda: source(quantizer=None, raw_scale="1").quantize(np.ones((1, 2, 2))),
            "input must hold integers of bipolar: the design takes raw integers",
        ),
    ],
)
def test_a_wrong_array_is_named(call, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        call()
    assert message in str(caught.value)


def test_outputs_are_scaled_per_channel() -> None:
    sink = Sink(
        shape=(2,), edge="fc", tensor=Tensor((2,), IntType(0, 9)), scale=(2, 3), offset=(1, -1)
    )
    y = sink.dequantize(np.array([[1, 2], [0, 9]]))
    assert y.dtype == np.float64
    assert y.tolist() == [[3, 5], [1, 26]]
    assert str(sink) == "output 2 from fc, scaled"


def test_decisions_stay_what_they_are() -> None:
    sink = Sink(shape=(1,), edge="top", tensor=Tensor((1,), IntType(0, 9)))
    assert sink.dequantize(np.array([[7]])).tolist() == [[7.0]]
    assert str(sink) == "output 1 from top, decisions"


def test_a_source_prints_how_it_is_fed() -> None:
    assert str(source()) == "input 2x2 as 4 bipolar, quantized from floats"
    raw = source(quantizer=None, raw_scale="1/255")
    assert str(raw) == "input 2x2 as 4 bipolar, raw, times 1/255"
