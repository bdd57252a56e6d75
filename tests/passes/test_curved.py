"""Thresholds and tables of curved functions equal mpmath's 60 digits at every change of value."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from bitrill.errors import UnsupportedError
from bitrill.exact import sqrt
from bitrill.functions import Combined, Elementary
from bitrill.ir import BIPOLAR, IntType, Operator, Tensor
from bitrill.ir.activation import Activation, Function, Quantizer
from bitrill.ops import Lookup, Threshold
from bitrill.passes.curved import Runs
from bitrill.passes.thresholding import integer_forms
from bitrill.real import Affine, Clip, Leaky
from bitrill.steps import Step

F = Fraction
mpmath = pytest.importorskip("mpmath")
mp = mpmath.mp.clone()
mp.dps = 60

Chain = tuple[Step, ...]


def gate(*steps: Step) -> Chain:
    return (Combined("mul", (), steps),)


HALF = Affine((F(1, 2),), (F(1, 2),))
CUBIC = Combined(
    "add", (), (Combined("mul", (), (Combined("mul", (), ()),)), Affine((F("0.044715"),)))
)

CHAINS: dict[str, tuple[Chain, Callable[[Any], Any]]] = {
    "sigmoid": ((Elementary("sigmoid"),), lambda x: 1 / (1 + mp.exp(-x))),
    "tanh": ((Elementary("tanh"),), mp.tanh),
    "erf": ((Elementary("erf"),), mp.erf),
    "softplus": ((Elementary("softplus"),), lambda x: mp.log1p(mp.exp(x))),
    "selu": (
        (Elementary("elu"), Leaky((F(5, 3),)), Affine((F(21, 20),))),
        lambda x: mp.mpf(21) / 20 * (x if x >= 0 else mp.mpf(5) / 3 * mp.expm1(x)),
    ),
    "silu": (gate(Elementary("sigmoid")), lambda x: x / (1 + mp.exp(-x))),
    "gelu": (
        gate(Affine((sqrt(F(1, 2)),)), Elementary("erf"), HALF),
        lambda x: x * (1 + mp.erf(x / mp.sqrt(2))) / 2,
    ),
    "gelu of tanh": (
        gate(CUBIC, Elementary("tanh of sqrt(2 / pi) times"), HALF),
        lambda x: x * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3))) / 2,
    ),
    "mish": (
        gate(Elementary("softplus"), Elementary("tanh")),
        lambda x: x * mp.tanh(mp.log1p(mp.exp(x))),
    ),
    "hard swish": (
        gate(Affine((F(1, 6),), (F(1, 2),)), Clip(F(0), F(1))),
        lambda x: x * min(max(x / 6 + mp.mpf(1) / 2, 0), 1),
    ),
    "square": ((Combined("mul", (), ()),), lambda x: x * x),
    "abs": ((Leaky((F(-1),)),), abs),
}


def activation(function: Function, x: IntType, channels: int = 1) -> Activation:
    return Activation(
        name="act", inputs=("m",), operands=(Tensor((channels,), x),), function=function
    )


def evaluated(ops: list[Operator], x: np.ndarray) -> np.ndarray:
    for op in ops:
        x = op.eval(x)
    return x


def changes(ops: list[Operator]) -> np.ndarray:
    """Both sides of every threshold, or every value of a table's operand."""
    first, x = ops[0], ops[0].x.type
    if isinstance(first, Threshold):
        near = np.concatenate([first.thresholds.reshape(-1), first.thresholds.reshape(-1) - 1])
        return np.clip(near, x.lo, x.hi)[:, None]
    return x.values()[:, None]


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize(
    ("bits", "out_bits", "reach"), [(8, 4, 5), (12, 8, 9), (24, 5, -7)], ids=str
)
def test_every_change_is_where_mpmath_has_it(name: str, bits: int, out_bits: int, reach: int):
    """Operands have 8 to 24 bits and span some units; scales rise and fall."""
    steps, f = CHAINS[name]
    x = IntType(-(1 << bits - 1), (1 << bits - 1) - 1)
    scale, offset = F(reach, x.hi) + F(1, 10**9), F(1, 7)
    span = 2 if name in ("sigmoid", "tanh", "erf") else 8
    q = Quantizer(IntType(-(1 << out_bits - 1), (1 << out_bits - 1) - 1), (F(span, 1 << out_bits),))
    function = Function((Affine((scale,), (offset,)), *steps), q)
    ops = integer_forms(activation(function, x), {"act"})
    values = np.concatenate(
        [changes(ops), np.random.default_rng(1).integers(x.lo, x.hi + 1, (40, 1))]
    )
    if bits == 8:
        values = x.values()[:, None]
    got = evaluated(ops, values)
    for v, y in zip(values[:, 0].tolist(), got[:, 0].tolist(), strict=True):
        real = f(mp.mpf(scale.numerator) / scale.denominator * v + mp.mpf(1) / 7)
        exact = real / (mp.mpf(span) / (1 << out_bits))
        want = min(max(int(mp.nint(exact)), q.type.lo), q.type.hi)
        assert y == want, (name, v, mp.nstr(exact, 30))


def test_steps_take_less_than_a_table_where_there_are_few():
    function = Function((*CHAINS["gelu"][0],), Quantizer(IntType(-8, 7)))
    small = integer_forms(activation(function, IntType(-2, 1)), {"act"})
    assert [type(op) for op in small] == [Lookup]
    large = integer_forms(activation(function, IntType(-(1 << 20), 1 << 20)), {"act", "act_run"})
    assert [type(op) for op in large] == [Threshold, Lookup]
    assert [op.name for op in large] == ["act_run2", "act"]
    assert large[0].y.type.n_values == len(large[0].thresholds[0]) + 1 == 8  # 0 .. 7


def test_channels_have_tables_of_their_own():
    scale = Affine((F(1, 100), F(-1, 300), F(1, 100)), (F(0), F(1), F(0)))
    function = Function((scale, *CHAINS["silu"][0]), Quantizer(IntType(-8, 7), (F(1, 4),)))
    x = IntType(-3000, 3000)
    ops = integer_forms(activation(function, x, 3), {"act"})
    every = np.repeat(x.values()[::37][:, None], 3, 1)
    got = evaluated(ops, every)
    want = [[function(int(v), c) for c in range(3)] for v in x.values()[::37]]
    assert got.tolist() == want
    assert got[:, 0].tolist() == got[:, 2].tolist() != got[:, 1].tolist()


def test_runs_of_a_function_that_jumps_and_of_one_without_any():
    sign = Function((Combined("mul", (Elementary("sign"),), ()),), Quantizer(IntType(-4, 4)))
    runs = Runs(sign, IntType(-5, 5))  # |x|, by a factor that jumps
    assert dict(zip(runs.starts, runs.values, strict=True)) == {
        -5: 4,
        -3: 3,
        -2: 2,
        -1: 1,
        0: 0,
        1: 1,
        2: 2,
        3: 3,
        4: 4,
    }
    flat = Function((Affine((F(0),), (F(2),)), *CHAINS["silu"][0]), Quantizer(IntType(-4, 4)))
    runs = Runs(flat, IntType(-500, 500))
    assert (runs.starts, runs.values) == ([-500], [2])
    ops = integer_forms(activation(flat, IntType(-500, 500)), {"act"})
    assert np.unique(evaluated(ops, np.arange(-500, 501)[:, None])).tolist() == [2]


FAR = {
    "silu": gate(Elementary("sigmoid")),
    "mish": CHAINS["mish"][0],
    "gelu": CHAINS["gelu"][0],
    "gelu of tanh": CHAINS["gelu of tanh"][0],
    "elu of gelu": (*CHAINS["gelu"][0], Elementary("elu")),
    "tanh of gelu": (*CHAINS["gelu"][0], Elementary("tanh")),
    "erf of mish": (*CHAINS["mish"][0], Elementary("erf")),
    "sigmoid of gelu": (*CHAINS["gelu"][0], Elementary("sigmoid"), Affine(offset=(F(-1, 2),))),
}


@pytest.mark.parametrize("name", FAR)
@pytest.mark.parametrize("reach", [30, 3000])
def test_what_tends_to_zero_from_below_rounds_down(name: str, reach: int):
    """Floats make 0 of it, at -40 or so; real numbers do not, however far out."""
    function = Function((Affine((F(reach, 1000),)), *FAR[name]), Quantizer(BIPOLAR))
    ops = integer_forms(activation(function, IntType(-1000, 1000)), {"act"})
    x = np.arange(-1000, 1001, 50)[:, None]
    assert np.array_equal(evaluated(ops, x), np.where(x >= 0, 1, -1))


@pytest.mark.parametrize("scale", [F(0), F(1, 10**40), F(9), F(-9), F(10**4), F(-(10**4))])
def test_scales_at_their_ends(scale: Fraction):
    """GELU and Mish of numbers far below 0 lie below 0, and tanh below 1, however little."""
    x = np.arange(-100, 101)[:, None]
    for name, by in (
        ("sigmoid", BIPOLAR),
        ("gelu", BIPOLAR),
        ("mish", BIPOLAR),
        ("tanh", IntType(-1, 1)),
    ):
        function = Function((Affine((scale,)), *CHAINS[name][0]), Quantizer(by, rounding="FLOOR"))
        node = activation(function, IntType(-100, 100))
        below = np.where(float(scale) * x >= 0, 0 if name == "tanh" else 1, -1)
        want = np.ones_like(x) if name == "sigmoid" else below
        assert np.array_equal(evaluated(integer_forms(node, {"act"}), x), want), name


def test_levels_are_limited_before_any_is_computed():
    many = Affine(tuple(F(1, k + 2) for k in range(9)))
    for steps in ((many, Elementary("tanh")), (many, *CHAINS["gelu"][0])):
        function = Function(steps, Quantizer(IntType(0, (1 << 15) - 1)))
        with pytest.raises(UnsupportedError, match=r"act: .* must have at most 262144 levels over"):
            integer_forms(activation(function, IntType(0, 3), 9), {"act"})
