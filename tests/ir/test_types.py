"""Integer types: bits, codes, messages."""

import json

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, IntType, Tensor, serialisation


@pytest.mark.parametrize(
    ("lo", "hi", "bits", "signed"),
    [
        (0, 0, 1, False),
        (0, 1, 1, False),
        (0, 2, 2, False),
        (0, 255, 8, False),
        (0, 256, 9, False),
        (5, 7, 3, False),
        (-1, 0, 1, True),
        (-1, 1, 2, True),
        (-2, 1, 2, True),
        (-3, 0, 3, True),
        (-128, 127, 8, True),
        (-129, 0, 9, True),
        (-1, 128, 9, True),
        (-4, -3, 3, True),
    ],
)
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


@pytest.mark.parametrize(
    ("terms", "hi", "bits", "values"),
    [
        (2, 2, 4, [-2, -1, 0, 1, 2]),
        (2, 8, 6, [-8, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 8]),
        (3, 6, 9, [-6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_terms_are_summed(terms: int, hi: int, bits: int, values: list[int]) -> None:
    t = IntType(-hi, hi, "pot", terms)
    assert t.values().tolist() == values
    assert (t.bits, t.n_values, t.signed) == (bits, len(values), False)
    assert str(t) == f"pot{terms}[-{hi}..{hi}]"


@pytest.mark.parametrize(("terms", "hi"), [(1, 64), (2, 2), (2, 128), (3, 48), (4, 8)])
def test_a_terms_bits_are_its_own(terms: int, hi: int) -> None:
    """Decoded term by term in plain Python, and by the type."""
    t = IntType(-hi, hi, "pot", terms)
    width, powers = t.bits // terms, (hi // terms).bit_length()
    codes = t.encode(t.values()).tolist()
    for code, value in zip(codes, t.values().tolist(), strict=True):
        told = 0
        for k in range(terms):
            term = code >> k * width & ((1 << width) - 1)
            sign, exponent = term >> width - 1, term & ((1 << width - 1) - 1)
            assert exponent <= powers
            told += (-1) ** sign * (2**exponent // 2)
        assert told == value
    assert t.decode(np.array(codes)).tolist() == t.values().tolist()
    assert len(set(codes)) == len(codes)
    assert max(codes) < 1 << t.bits
    assert codes[t.values().tolist().index(0)] == 0
    powers_of_two = t.encode(1 << np.arange(powers))
    assert (powers_of_two < 1 << width).all(), "one term where one is enough"


def test_a_codebook_is_an_index() -> None:
    t = IntType.of_entries((-100, -3, 0, 7, 127))
    assert t == IntType(-100, 127, "codebook", entries=(-100, -3, 0, 7, 127))
    assert (t.bits, t.n_values, t.signed) == (3, 5, False)
    assert t.values().tolist() == [-100, -3, 0, 7, 127]
    assert t.encode(np.array([[7, -100], [127, 0]])).tolist() == [[3, 0], [4, 2]]
    assert t.decode(np.arange(5)).tolist() == t.values().tolist()
    assert t.holds(np.array([7, 7, 0]))
    assert not t.holds(np.array([7, 6]))
    assert str(t) == "codebook5[-100, -3, 0, 7, 127]"
    assert [IntType.of_entries(tuple(range(n))).bits for n in (2, 3, 4, 5, 16)] == [1, 2, 2, 3, 4]


@pytest.mark.parametrize(("most", "bits"), [(1, 1), (2, 2), (4, 2), (8, 3), (64, 3), (16384, 4)])
def test_a_logarithmic_activation_is_an_exponent(most: int, bits: int) -> None:
    t = IntType(0, most, "log2")
    told = [0, *(1 << k for k in range(most.bit_length()))]
    assert t.values().tolist() == told
    assert (t.bits, t.n_values, t.signed) == (bits, len(told), False)
    assert t.encode(np.array(told)).tolist() == list(range(len(told)))
    assert t.decode(np.arange(len(told))).tolist() == told
    assert t.holds(np.array(told))
    assert not t.holds(np.array([3]))
    assert str(t) == f"log{bits}[0..{most}]"
    assert Tensor((2,), t).type == t


@pytest.mark.parametrize(
    "t",
    [
        IntType(-4, 4, "pot"),
        IntType(-8, 8, "pot", 2),
        IntType.of_entries((-3, 0, 5)),
        IntType(0, 64, "log2"),
    ],
    ids=str,
)
def test_types_are_stored(t: IntType) -> None:
    stored = json.loads(json.dumps(serialisation._encode(t, "", {})))
    assert serialisation._decode(stored, {}) == t


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
        (
            lambda: IntType(0, 1, "x"),
            "coding must be one of 'bipolar', 'integer', 'log2', 'pot', 'codebook', not 'x'",
        ),
        (lambda: IntType(-3, 3, "pot"), "a pot IntType must span -2**n..2**n, not -3..3"),
        (lambda: IntType(-4, 2, "pot"), "a pot IntType must span -2**n..2**n, not -4..2"),
        (lambda: IntType(-3, 3, "pot", 2), "a pot IntType must span -2*2**n..2*2**n, not -3..3"),
        (
            lambda: IntType(-12, 12, "pot", 2),
            "a pot IntType must span -2*2**n..2*2**n, not -12..12",
        ),
        (lambda: IntType(-4, 4, "pot", 0), "a pot IntType must have 1..4 terms, not 0"),
        (lambda: IntType(-5, 5, "pot", 5), "a pot IntType must have 1..4 terms, not 5"),
        (lambda: IntType(-4, 4, terms=2), "terms must be 1 where the coding is integer, not 2"),
        (
            lambda: IntType(0, 4, "log2", entries=(0, 4)),
            "entries must be empty where the coding is log2",
        ),
        (lambda: IntType(0, 3, "log2"), "a log2 IntType must span 0..2**n, not 0..3"),
        (lambda: IntType(0, 0, "log2"), "a log2 IntType must span 0..2**n, not 0..0"),
        (lambda: IntType(-1, 4, "log2"), "a log2 IntType must span 0..2**n, not -1..4"),
        (lambda: IntType.of_entries((3,)), "a codebook must have 2..16 entries, not 1"),
        (
            lambda: IntType.of_entries(tuple(range(17))),
            "a codebook must have 2..16 entries, not 17",
        ),
        (lambda: IntType(0, 3, "codebook"), "a codebook must have 2..16 entries, not 0"),
        (lambda: IntType.of_entries((0, 5, 5)), "a codebook's entries must ascend, not [0, 5, 5]"),
        (
            lambda: IntType.of_entries((0, 128)),
            "a codebook's entries must lie in -128..127, not 0..128",
        ),
        (
            lambda: IntType.of_entries((-129, 0)),
            "a codebook's entries must lie in -128..127, not -129..0",
        ),
        (
            lambda: IntType(0, 4, "codebook", entries=(0, 3)),
            "a codebook must span its entries, not 0..4",
        ),
        (
            lambda: Tensor((2,), IntType(-4, 4, "pot")),
            "a tensor's type must be bipolar, integer or log2, not pot[-4..4]",
        ),
        (
            lambda: Tensor((2,), IntType.of_entries((0, 3))),
            "a tensor's type must be bipolar, integer or log2, not codebook2[0, 3]",
        ),
        (lambda: Tensor((), BIPOLAR), "shape must have sizes of at least 1, not ()"),
        (lambda: Tensor((3, 0), BIPOLAR), "shape must have sizes of at least 1, not (3, 0)"),
    ],
)
def test_bad_types_are_named(make, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        make()
    assert message in str(caught.value)
