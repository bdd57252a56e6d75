"""Units of `MatVec` whose weights share few values: numbers of them, and prefix codes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from bitrill.arith.place_hash import BITS, place_codes
from bitrill.arith.prefix_code import WORD, PrefixCode, shortest_code, tape
from bitrill.errors import SpecError
from bitrill.ir import Impl, IntType, Operator
from bitrill.ops import MatVec
from bitrill.ops.units import Hashed, Indexed, Prefix
from bitrill_hw.design.build import component
from ops import test_matvec as whole
from ops.faults import is_found
from ops.suite import OperatorSuite

INT8, INT4, UINT4 = IntType(-127, 127), IntType(-7, 7), IntType(0, 15)


def shared(
    style: str,
    rows: int,
    cols: int,
    pe: int,
    simd: int,
    w: IntType = INT8,
    x: IntType = UINT4,
    *,
    values: int = 40,
    memory: str = "distributed",
    primitives: str = "portable",
    **more: Any,
) -> MatVec:
    """A matrix with weights of few values, of which the first are the most frequent."""
    op = whole.matvec(rows, cols, pe, simd, w, x, primitives=primitives, **more)
    rng = np.random.default_rng(5)
    book = rng.permutation(w.values())[:values]
    weights = book[np.minimum(rng.geometric(min(0.5, 3 / values), (rows, cols)), len(book)) - 1]
    impl = Impl(pe=pe, simd=simd, style=style, memory=memory, primitives=primitives)  # pyright: ignore
    return op.replace(weights=weights, impl=impl)


class _Shared(OperatorSuite):
    def corners(self, op: Operator) -> np.ndarray:
        return whole.TestMatVec.corners(self, op)  # pyright: ignore

    def oracle(self, op: Operator, x: Any) -> list:  # pyright: ignore
        return whole.TestMatVec.oracle(self, op, x)  # pyright: ignore


class TestIndexed(_Shared):
    def instances(self) -> dict[str, Operator]:
        return {
            "block memory, cells": shared(
                "indexed", 4, 12, 2, 3, x=IntType(-4, 3), memory="block", primitives="xc7"
            )
        }


class TestPrefix(_Shared):
    def instances(self) -> dict[str, Operator]:
        return {
            "block memory, cells": shared(
                "prefix", 3, 16, 1, 2, x=IntType(-4, 3), memory="block", primitives="xc7"
            ),
            "one pass": shared("prefix", 2, 18, 2, 1, INT4, values=5),
        }


def hashed(rows: int, cols: int, pe: int, simd: int, values: int = 16, **more: Any) -> MatVec:
    """A matrix of HashNet: so many numbers, chosen by the hash of a weight's place."""
    op = whole.matvec(rows, cols, pe, simd, INT8, more.pop("x", UINT4), **more)
    book = np.random.default_rng(6).permutation(INT8.values())[:values]
    codes = place_codes(np.arange(rows)[:, None], np.arange(cols))
    impl = Impl(pe=pe, simd=simd, style="hashed", primitives=op.folded.primitives)
    return op.replace(weights=book[codes % values], impl=impl)


class TestHashed(_Shared):
    def instances(self) -> dict[str, Operator]:
        return {"cells": hashed(4, 8, 2, 2, x=IntType(-4, 3), primitives="xc7")}


@pytest.mark.nightly
class TestMore(_Shared):
    def instances(self) -> dict[str, Operator]:
        return {
            "numbers, folded both ways": shared("indexed", 6, 12, 2, 4),
            "numbers, one step": shared("indexed", 3, 5, 3, 5, IntType(-9, 9), values=3),
            "codes, folded both ways": shared("prefix", 6, 24, 2, 2),
            "codes, one step": shared("prefix", 2, 3, 2, 3, INT4, values=1),
            "codes, all values": shared("prefix", 8, 64, 2, 4, values=255),
            "hash, one pass": hashed(4, 6, 4, 2, 256),
            "hash, one step": hashed(2, 4, 2, 4, 2),
            "hash, one lane": hashed(5, 7, 1, 1),
            "codes, many vectors": shared("prefix", 4, 6, 1, 2, values=30, vectors=(3, 2)),
        }


def test_prefix_codes_are_the_shortest_of_bounded_length() -> None:
    """Against Huffman's sum of merged counts, where the bound does not matter."""
    rng = np.random.default_rng(2)
    for n in (2, 3, 7, 30):
        counts = tuple(rng.integers(50, 99, n).tolist())
        merged, total = list(counts), 0
        while len(merged) > 1:
            a, b, *merged = sorted(merged)
            merged.append(a + b)
            total += a + b
        assert int(shortest_code(counts, WORD).lengths @ counts) == total
    fibonacci = (1, 1, 2, 3, 5, 8, 13, 21)
    assert shortest_code(fibonacci, 3).lengths.tolist() == [3] * 8
    assert sorted(shortest_code(fibonacci, 7).lengths.tolist()) == [1, 2, 3, 4, 5, 6, 7, 7]
    assert shortest_code(fibonacci, 5).window == 5


@pytest.mark.parametrize("n", [1, 2, 5, 40, 256])
def test_streams_are_read_back(n: int) -> None:
    rng = np.random.default_rng(n)
    symbols = rng.integers(0, n, 50)
    code = shortest_code(tuple(np.bincount(symbols, minlength=n) + 1), WORD)
    made = tape(code, symbols)
    words = [*made.held, *made.words[:-1]]
    assert made.words[-1] == made.held[-1]
    bits = sum(int(word) << WORD * k for k, word in enumerate(words))
    for symbol in symbols.tolist():
        found = int(code.symbols[bits & (1 << code.window) - 1])
        assert found == symbol
        bits >>= len(code.codes[found])


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (("0", "10", "01"), "a prefix code must have no code that begins another: 0, 01"),
        (("11", "11"), "a prefix code must have no code that begins another: 11, 11"),
        (("0", ""), "a prefix code must have codes of 1..8 bits, not ''"),
        (("0", "1" * 9), "a prefix code must have codes of 1..8 bits, not '111111111'"),
    ],
)
def test_a_table_that_is_no_prefix_code_is_refused(codes: tuple[str, ...], message: str) -> None:
    with pytest.raises(SpecError, match=re.escape(message)):
        PrefixCode(codes)


def test_stored_bits_are_those_of_the_codes() -> None:
    op = shared("indexed", 64, 128, 2, 4, values=64)
    assert op.cost().weight_bits == 64 * 128 * 6
    coded = shared("prefix", 64, 128, 2, 4, values=64)
    code = Prefix().code(coded)
    entropy = np.bincount(coded.shared_values.indices.ravel()) / coded.weights.size
    least = float(-(entropy[entropy > 0] * np.log2(entropy[entropy > 0])).sum())
    bits = coded.shared_values.code_bits(code) / coded.weights.size
    assert least <= bits < least + 0.5
    assert 0 <= coded.cost().weight_bits / coded.weights.size - bits < 8 * 5 * WORD / 8192
    assert coded.cost().cycles == op.cost().cycles == 32 * 32


FAULTY = shared("prefix", 6, 24, 2, 2)


@pytest.mark.nightly
@pytest.mark.parametrize("fault", ["a word", "a held word", "a length", "a weight"])
def test_planted_faults_are_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_found(FAULTY, component(FAULTY))
    tapes = Prefix().tapes(FAULTY)
    first = tapes[0][0]
    words = [(first.words[0] ^ 1, *first.words[1:]), first.words]
    held = [first.held, (first.held[0] ^ 1, *first.held[1:])]
    which = fault == "a held word"
    tapes[0][0] = type(first)(held[which], words[which])
    if fault in ("a word", "a held word"):
        monkeypatch.setattr(Prefix, "tapes", lambda *_: tapes)
    else:
        name = "lengths" if fault == "a length" else "weights_of"
        table = getattr(Prefix, name)
        rolled = lambda self, *told: np.roll(table(self, *told), 1, axis=0)  # noqa: E731
        monkeypatch.setattr(Prefix, name, rolled)
    assert is_found(FAULTY, component(FAULTY))


def test_hashes_spread_over_all_codes_and_no_two_rows_are_alike() -> None:
    codes = place_codes(np.arange(256)[:, None], np.arange(256))
    counts = np.bincount(codes.ravel(), minlength=1 << BITS)
    assert counts.min() > 128
    assert counts.max() < 512
    rows = codes & 15
    alike = (rows[:, None] == rows[None]).mean(-1) - np.eye(256)
    assert alike.max() < 0.25


@pytest.mark.nightly
def test_a_wrong_hash_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    op = hashed(4, 8, 2, 2)
    own = Hashed().own_bits(op)
    monkeypatch.setattr(Hashed, "own_bits", lambda *_: own[::-1])
    assert is_found(op, component(op))


@pytest.mark.nightly
def test_a_table_with_two_values_swapped_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    op = shared("indexed", 6, 12, 2, 4)
    planes = Indexed().planes(op)
    monkeypatch.setattr(Indexed, "planes", lambda *_: planes[[1, 0, *range(2, len(planes))]])
    assert is_found(op, component(op))


MANY = whole.matvec(32, 32, 2, 2, IntType(-999, 999), UINT4)


@pytest.mark.parametrize(
    ("op", "style", "message"),
    [
        (whole.matvec(4, 8, 2, 2), "prefix", "fc: the weights of style 'prefix' must be constants"),
        (MANY, "prefix", "fc: the weights of style 'prefix' must have at most 256 values, not "),
        (MANY, "indexed", "fc: the weights of style 'indexed' must have at most 256 values, not "),
        (
            whole.matvec(8, 8, 2, 2, INT4, UINT4),
            "indexed",
            "fc: the weights of style 'indexed' must have fewer than 9 values, so that",
        ),
        (FAULTY, "hashed", "fc: the weights of style 'hashed' must be the same wherever the hash"),
        (FAULTY.replace(impl=None).freed(), "prefix", "of at least two bits, not free int8"),
    ],
)
def test_what_they_cannot_have_is_refused(op: MatVec, style: str, message: str) -> None:
    with pytest.raises(SpecError, match=re.escape(message)):
        op.replace(impl=Impl(pe=2, simd=2, style=style))  # pyright: ignore
