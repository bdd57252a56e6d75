"""Integer types: bits, codes, messages."""

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, IntType, Tensor


@pytest.mark.parametrize(
    ("lo", "hi", "bits", "signed"),
    [
        (0, 0, 1, False), (0, 1, 1, False), (0, 2, 2, False), (0, 255, 8, False),
        (0, 256, 9, False), (5, 7, 3, False), (-1, 0, 1, True), (-1, 1, 2, True),
        (-2, 1, 2, True), (-3, 0, 3, True), (-128, 127, 8, True), (-129, 0, 9, True),
        (-1, 128, 9, True), (-4, -3, 3, True),
    ],
)  # fmt: skip
def test_the_fewest_bits_that_hold_a_range(lo: int, hi: int, bits: int, signed: bool) -> None:
    t = IntType(lo, hi)
    assert (t.bits, t.signed) == (bits, signed)
    codes = t.encode(t.values())
    assert codes.min() >= 0
    assert codes.max() < 1 << bits
    assert np.array_equal(t.decode(codes), t.values())


@pytest.mark.parametrize(("most", "bits"), [(1, 2), (2, 3), (4, 3), (8, 4), (64, 4), (128, 5)])
def test_powers_of_two_are_a_sign_and_an_exponent(most: int, bits: int) -> None:
    t = IntType(-most, most, "pot")
    told = [0, *(s << e for e in range(most.bit_length()) for s in (1, -1))]
    assert sorted(told) == t.values().tolist()
    assert (t.bits, t.n_values, t.signed) == (bits, len(told), False)
    codes = t.encode(t.values())
    assert len(set(codes.tolist())) == len(told)
    assert codes.min() >= 0
    assert codes.max() < 1 << bits
    assert t.decode(codes).tolist() == t.values().tolist()
    assert t.holds(t.values())
    assert not t.holds(np.array([3]))
    assert str(t) == f"pot[-{most}..{most}]"


def test_bipolar_is_one_bit_where_one_is_plus_one() -> None:
    assert BIPOLAR.bits == 1
    assert BIPOLAR.n_values == 2
    assert not BIPOLAR.signed
    assert BIPOLAR.encode(np.array([-1, 1])).tolist() == [0, 1]
    assert BIPOLAR.decode(np.array([0, 1])).tolist() == [-1, 1]


def test_holds_looks_at_every_value() -> None:
    assert IntType(-2, 3).holds(np.array([-2, 3]))
    assert not IntType(-2, 3).holds(np.array([0, 4]))
    assert not IntType(-2, 3).holds(np.array([-3, 0]))
    assert BIPOLAR.holds(np.array([-1, 1]))
    assert not BIPOLAR.holds(np.array([-1, 0, 1]))
    assert BIPOLAR.holds(np.array([], int))


def test_types_and_tensors_print_what_they_are() -> None:
    assert str(IntType(-8, 7)) == "int4[-8..7]"
    assert str(IntType(0, 9)) == "uint4[0..9]"
    assert str(Tensor((2, 3), BIPOLAR)) == "2x3 bipolar"
    assert (Tensor((2, 3), BIPOLAR).size, Tensor((2, 3), BIPOLAR).channels) == (6, 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: IntType(1, 0), "IntType must have lo <= hi, not 1..0"),
        (lambda: IntType(0, 1, "bipolar"), "a bipolar IntType must span -1..1, not 0..1"),
        (lambda: IntType(0, 1, "x"), "coding must be one of 'integer', 'bipolar', 'pot', not 'x'"),
        (lambda: IntType(-3, 3, "pot"), "a pot IntType must span -2**n..2**n, not -3..3"),
        (lambda: IntType(-4, 2, "pot"), "a pot IntType must span -2**n..2**n, not -4..2"),
        (
            lambda: Tensor((2,), IntType(-4, 4, "pot")),
            "a tensor's type must be integer or bipolar, not pot[-4..4]",
        ),
        (lambda: Tensor((), BIPOLAR), "shape must have sizes of at least 1, not ()"),
        (lambda: Tensor((3, 0), BIPOLAR), "shape must have sizes of at least 1, not (3, 0)"),
    ],
)
def test_bad_types_are_named(make, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        make()
    assert message in str(caught.value)
