"""Logarithmic elements through the operators: moved unchanged, compared by their codes.

An operator that takes them must agree with itself on the codes as plain integers; the products of
matrices are with the matrices' own tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import Requantize, SumPool
from bitrill.ops.l1matvec import L1MatVec
from bitrill_hw.design.build import component
from ops.suite import check, several
from ops.test_add import add
from ops.test_argmax import argmax
from ops.test_concat import concat
from ops.test_convert import convert
from ops.test_deconv import deconv
from ops.test_fork import fork
from ops.test_lookup import lookup
from ops.test_maxpool import maxpool
from ops.test_pad import pad
from ops.test_rearrange import rearrange
from ops.test_shuffle import shuffle
from ops.test_split import split
from ops.test_threshold import threshold
from ops.test_upsample import upsample
from ops.test_window import window

LOG, CODES = IntType(0, 64, "log2"), IntType(0, 7)
S = IntType(-20, 20)

TAKE: dict[str, Callable[[IntType], Operator]] = {
    "convert": lambda t: convert(24, 4, 6, t),
    "fork": lambda t: fork((2, 2, 4), 2, 2, t),
    "split": lambda t: split(2, 2, 4, type=t),
    "concat": lambda t: concat(2, (2, t, 1), (4, t, 1)),
    "shuffle": lambda t: shuffle([2, 0, 3, 1], 2, type=t),
    "rearrange": lambda t: rearrange((2, 2, 4), 2, "to_space", 1, t),
    "upsample": lambda t: upsample((2, 2, 2), (2, 2), 2, t),
    "window": lambda t: window((3, 4, 2), (2, 2), type=t),
    "pad": lambda t: pad((2, 3, 2), (1, 1, 0, 1), 0, 2, t),
    "deconv": lambda t: deconv((2, 2, 2), (2, 2), 2, t),
    "maxpool": lambda t: maxpool((4, 4, 2), (2, 2), (2, 2), 2, t),
    "argmax": lambda t: argmax(t, 5, 2),
}


@pytest.mark.parametrize("name", TAKE)
def test_codes_are_moved_or_compared(name: str) -> None:
    op, plain = TAKE[name](LOG), TAKE[name](CODES)
    rng = np.random.default_rng(4)
    codes = tuple(rng.integers(0, 8, (6, *t.shape)) for t in op.operands)
    x = tuple(map(LOG.decode, codes))
    for y, told, tensor in zip(
        several(op.eval(*x)), several(plain.eval(*codes)), op.results, strict=True
    ):
        assert tensor.type == (op.y.type if name == "argmax" else LOG)
        assert (tensor.type.encode(y) == told).all()
    for stall in ("free", "random"):
        check(op, component(op), x if len(x) > 1 else x[0], stall)


@pytest.mark.parametrize("style", ["parallel", "search"])
@pytest.mark.parametrize("inverted", [(), (1, 2)])
def test_a_threshold_gives_exponents(style: str, inverted: tuple[int, ...]) -> None:
    op = threshold(S, LOG, 2, style, inverted=inverted)
    plain = threshold(S, CODES, 2, style, inverted=inverted)
    x = np.random.default_rng(6).integers(S.lo, S.hi + 1, (30, 4))
    assert (op.eval(x) == LOG.decode(plain.eval(x))).all()
    assert {0, 1, 64} <= set(op.eval(x).ravel().astype(int).tolist())
    for stall in ("free", "random"):
        check(op, component(op), x, stall)


def test_a_table_reads_and_gives_exponents() -> None:
    op = lookup(LOG, LOG, 2)
    x = np.random.default_rng(6).choice(LOG.values(), (30, *op.x.shape))
    codes = LOG.encode(x)
    channel = np.arange(op.x.channels) % len(op.table)
    assert (op.eval(x) == op.table[channel, codes]).all()
    check(op, component(op), x, "random")


def test_types_that_are_not_equal_are_not_put_side_by_side() -> None:
    for other in (CODES, BIPOLAR, IntType(0, 4, "log2")):
        with pytest.raises(SpecError, match="operands of concat must be integers, not log"):
            concat(2, (2, other, 1), (4, LOG, 1))
    with pytest.raises(SpecError, match="operands of concat must be integers, not log3"):
        concat(2, (2, LOG, 1), (4, LOG, 2))


def requantize() -> Requantize:
    return Requantize(
        name="q",
        inputs=("input",),
        operands=(Tensor((4,), LOG),),
        gain=np.ones(4, int),
        offset=np.zeros(4, int),
        shift=0,
        out=CODES,
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: add((LOG, LOG), (1, 1), 2), "operands of add must be integers"),
        (
            lambda: maxpool((4, 4, 2), (2, 2), (2, 2), 2, LOG, of=SumPool),
            r"pool: operands of avgpool must be integers, not log3\[0\.\.64\]",
        ),
        (lambda: threshold(LOG, CODES, 2), "operands of threshold must be integers, not log3"),
        (requantize, "q: operands of requantize must be integers, not log3"),
        (lambda: argmax(LOG, 4, scaled=True), "operands of argmax must be integers, not log3"),
        (lambda: pad((2, 3, 2), (1, 1, 0, 1), 3, 2, LOG), "the value must be one of log3.*, not 3"),
        (lambda: pad((2, 3, 2), (1, 1, 0, 1), -1, 2, LOG), "must be one of log3.*, not -1"),
    ],
)
def test_refusals(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make()


def test_distances_are_of_integers() -> None:
    with pytest.raises(SpecError, match=r"fc: x must be integers of .* not log3"):
        L1MatVec(
            name="fc",
            inputs=("input",),
            operands=(Tensor((4,), LOG),),
            weights=np.ones((2, 4), int),
            impl=Impl(),
        )
