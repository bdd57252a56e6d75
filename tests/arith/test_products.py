"""Tests of readings of weights: which are tried, their cost, and that a wrong one is noticed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bitrill.arith import accumulate, codebook_digits, logarithmic, products, weight_digits
from bitrill.arith.accumulate import starts, sum_plan
from bitrill.arith.gates import Gate, fewest, paired
from bitrill.arith.products import lane_cost, reading
from bitrill.arith.weight_digits import Digit, readings
from bitrill.ir import BIPOLAR, Impl, IntType, Tensor
from bitrill.ir.coded_weights import PowersOfTwo
from bitrill.ops import MatVec
from ops.test_matvec import BOOKS, gates

U4, LOG = IntType(0, 15), IntType(0, 64, "log2")
TERNARY, POT, WIDE = IntType(-1, 1), IntType(-4, 4, "pot"), IntType(-64, 64, "pot")
BOOK = IntType.of_entries(BOOKS[6])


def one_lane(weight: IntType, x: IntType) -> MatVec:
    """A matrix of one lane, with a row for each value of ``weight``."""
    return MatVec(
        name="fc",
        inputs=("input",),
        operands=(Tensor((1,), x),),
        weight_type=weight,
        weights=weight.values()[:, None],
        impl=Impl(pe=1, simd=1),
    )


def is_right(weight: IntType, x: IntType) -> bool:
    """Whether all products of one lane are right."""
    for cached in (accumulate._plan, products.products, products.reading, logarithmic.digit_bits):
        cached.cache_clear()
    op = one_lane(weight, x)
    columns = np.array([g.column for g in sum_plan(op).products.gates])
    wrong = 0
    for v in x.values():
        total = starts(op) + (gates(op, x.encode(np.array([v]))) << columns).sum(1)
        wrong += np.count_nonzero((total - op.eval(np.array([[v]]))[0]) % (1 << op.y.type.bits))
    return wrong == 0


@pytest.mark.parametrize(("weight", "x"), [(POT, U4), (WIDE, U4), (BOOK, U4), (TERNARY, LOG)])
@pytest.mark.parametrize("k", range(9))
def test_every_reading_is_right(
    weight: IntType, x: IntType, k: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that cost too much to be chosen, too."""
    tried = readings(weight, x)
    if k >= len(tried):
        return
    monkeypatch.setattr(products, "readings", lambda *_: [tried[k]])
    assert is_right(weight, x)


FAULTS: dict[str, tuple[IntType, IntType, Any, str, Any]] = {
    "nothing is too large": (
        POT,
        U4,
        Digit,
        "excess",
        lambda d, n: np.zeros(len(d.values), np.int64),
    ),
    "a complement of all bits taken for one of x": (
        WIDE,
        IntType(-8, 7),
        Digit,
        "excess",
        lambda d, n: np.array([(m or 0) < 0 for m in d.values]) * ((1 << n) - 1),
    ),
    "a place of a power of two off by one": (
        IntType(-7, 7),
        LOG,
        logarithmic,
        "_which",
        lambda code, k, places: min(code, len(places)),
    ),
    "a shift of 0 that is none": (
        IntType(-4, 3),
        LOG,
        logarithmic,
        "_at",
        lambda place, exponent: place if place > 0 else None,
    ),
    "a digit's bits of its lowest code": (POT, U4, logarithmic, "_number", lambda bits: bits[0]),
    "entries in another order": (
        BOOK,
        U4,
        codebook_digits,
        "_split",
        lambda entries, chosen: _SPLIT(tuple(reversed(entries)), chosen),
    ),
    "the exponents of another term": (
        IntType(-8, 8, "pot", 2),
        U4,
        PowersOfTwo,
        "term_planes",
        ((0, 1, 2), (0, 1, 2)),
    ),
    "a negative weight without its sign": (
        IntType(-7, 7),
        LOG,
        weight_digits,
        "_magnitudes",
        lambda b, sign, shift: _MAGNITUDES(b, None, shift),
    ),
}
_SPLIT, _MAGNITUDES = codebook_digits._split, weight_digits._magnitudes


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    weight, x, where, what, instead = FAULTS[name]
    assert is_right(weight, x)
    codebook_digits.power_digits.cache_clear()
    monkeypatch.setattr(where, what, instead)
    assert not is_right(weight, x)
    monkeypatch.undo()
    codebook_digits.power_digits.cache_clear()
    assert is_right(weight, x)


@pytest.mark.parametrize(
    ("weight", "x", "luts", "bits"),
    [
        (TERNARY, U4, 2, 4),
        (POT, U4, 4, 6),
        (IntType(-7, 7), U4, 6, 10),
        (IntType(-128, 127), U4, 12, 20),
        (IntType(-8, 8, "pot", 2), U4, 8, 12),
        (WIDE, U4, 13, 10),
        (IntType.of_entries((-3, 0, 5)), U4, 4, 8),
        (TERNARY, LOG, 4, 7),
        (IntType(-7, 7), LOG, 9, 9),
        (IntType(-8, 7), LOG, 10, 16),
    ],
    ids=str,
)
def test_what_a_lane_takes(weight: IntType, x: IntType, luts: int, bits: int) -> None:
    """The figures of docs/arithmetic.md."""
    found = products.products(weight, x, 6, 64, False)
    assert (found.luts / 6, len(found.gates) / 6) == (luts, bits)
    assert lane_cost(weight, x) == luts + bits / 2


@pytest.mark.parametrize("entries", BOOKS, ids=str)
def test_digits_of_a_codebook_are_few_powers_of_two(entries: tuple[int, ...]) -> None:
    """A codebook has at most four digits; a table of six inputs distinguishes their exponents."""
    weight = IntType.of_entries(entries)
    window = 6 - weight.bits
    for found in readings(weight, U4)[1:]:
        values = np.zeros(len(entries), np.int64)
        assert 1 <= len(found.digits) <= 4
        for d in found.digits:
            told = np.array(d.values[: len(entries)])
            values += told << d.shift
            powers = {abs(m) for m in told.tolist() if m}
            assert all(p & p - 1 == 0 and p < 1 << window for p in powers)
        assert values.tolist() == list(entries)


def test_two_levels_are_counted_as_such() -> None:
    plan = products.products(WIDE, U4, 1, 64, False)
    assert plan.inner
    assert {plan.levels(g) for g in plan.gates} == {2}
    assert reading(WIDE, U4).digits[0].shifter
    plan = products.products(POT, U4, 1, 64, False)
    assert not plan.inner
    assert {plan.levels(g) for g in plan.gates} == {1}
    wide = Gate(0, tuple(("x", 0, k) for k in range(7)), 1)
    assert (wide.luts, plan.levels(wide)) == (2, 2)


def test_counters_wait_for_gates_of_two_levels() -> None:
    """With two logic levels, a shifter's bits reach no counter before the first register."""
    op = MatVec(
        name="fc",
        inputs=("input",),
        operands=(Tensor((8,), U4),),
        weight_type=WIDE,
        weights=np.resize(WIDE.values(), (2, 8)),
        impl=Impl(pe=2, simd=8),
    )
    plan = sum_plan(op)
    deep = {b for b, g in enumerate(plan.products.gates) if plan.products.levels(g) > 1}
    (first, *rest) = plan.stages
    assert not deep & {b for level in first for c in level for b in (*c.inputs, *c.above)}
    assert deep & {b for stage in rest for level in stage for c in level for b in c.inputs}


def test_decoded_planes_are_made_once_for_all_rows() -> None:
    plan = products.products(BIPOLAR, LOG, 3, 64, False)
    assert sum(len(g.inputs) == 3 and g.inputs[0][0] == "x" for g in plan.shared) == 21
    assert products.products(TERNARY, U4, 3, 64, False).shared == ()


def test_a_wire_is_no_lut() -> None:
    wire, other = Gate(0, (("x", 0, 0),), 2), Gate(0, (("x", 0, 0),), 1)
    assert (wire.luts, other.luts) == (0, 1)
    assert paired([wire, other, other]) == ((1, 2),)


def test_inputs_that_decide_nothing_are_left_out() -> None:
    a, b, c = (("x", 0, k) for k in range(3))
    assert fewest(3, [a, b, c], lambda *v: v[1]) == Gate(3, (b,), 2)
    assert fewest(3, [a, b, c], lambda *v: 0) is None
    assert fewest(3, [a, b], lambda *v: 1) == Gate(3, (a,), 3)
    told = fewest(3, [a, b, c], lambda *v: None if v[0] else v[1] & v[2])
    assert told == Gate(3, (b, c), 8), "where a is 1, nothing is told"
