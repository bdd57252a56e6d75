"""Names from a file become legal and unique."""

from __future__ import annotations

import re

import pytest
from bitrill.frontend.reader.names import LENGTH, Names, legal, shown
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("MatMul_3", "matmul_3"),
        ("/features.3/Conv", "features_3_conv"),
        ("3x", "n3x"),
        ("", "node"),
        ("__a__b__", "a_b"),
        ("module", "module_0"),
        ("Signal", "signal_0"),
        ("ß", "node"),
        ("a" * 99, "a" * LENGTH),
        ("con", "con_0"),
        ('a`b"c', "a_b_c"),
    ],
)
def test_legal(name: str, want: str) -> None:
    assert legal(name) == want


def test_equal_names_are_told_apart() -> None:
    names = Names()
    assert [names.legal(n) for n in ("a", "A", "a_2", "a", "b")] == [
        "a",
        "a_2",
        "a_2_2",
        "a_3",
        "b",
    ]
    long = [names.legal("x" * 60) for _ in range(12)]
    assert len(set(long)) == 12
    assert all(len(n) <= LENGTH for n in long)


def test_many_equal_names_take_linear_time() -> None:
    names = Names()
    assert len({names.legal("a") for _ in range(20_000)}) == 20_000


@given(st.lists(st.text(), max_size=8))
def test_any_text_gives_unique_legal_names(texts: list[str]) -> None:
    names = Names()
    got = [names.legal(t) for t in texts]
    assert len(set(got)) == len(texts)
    assert all(re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", n) and len(n) <= LENGTH for n in got)


@given(st.text())
def test_any_text_is_shown_in_one_short_line(text: str) -> None:
    assert shown(text).isprintable()
    assert len(shown(text)) <= 62 * 10
