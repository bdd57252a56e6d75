"""Clocks of Zynq's processing systems: which frequency is really made."""

from __future__ import annotations

from fractions import Fraction

import pytest
from bitrill.errors import SpecError
from bitrill_boards import board as boards
from bitrill_boards.driver import zynq_clocks
from bitrill_boards.families.zynq import decimals, families


def test_a_divided_clock_is_the_fastest_that_is_not_above() -> None:
    """Against all pairs of divisors."""
    for pll in (Fraction(1000), Fraction(1500), Fraction(1600), Fraction(3200, 3)):
        made = {pll / (a * b) for a in range(1, 64) for b in range(1, 64)}
        for asked in (Fraction(k, 3) for k in range(1, 900, 19)):
            below, above = zynq_clocks.divide(pll, asked), zynq_clocks.above(pll, asked)
            assert below.mhz == max((m for m in made if m <= asked), default=min(made))
            assert above.mhz == min((m for m in made if m >= asked), default=pll)
            for d in (below, above):
                assert d.mhz * d.first * d.second == pll
                assert 1 <= d.second <= d.first <= 63


@pytest.mark.parametrize(
    ("name", "pll", "asked", "made"),
    [
        ("pynq-z2", 1000, 100, Fraction(100)),
        ("zedboard", 1000, 100, Fraction(100)),
        ("zc706", 1000, 150, Fraction(1000, 7)),
        ("ebaz4205", 1000, 130, Fraction(125)),
        ("ultra96-v2", 1500, 150, Fraction(150)),
        ("zcu104", 1500, 200, Fraction(375, 2)),
        ("kv260", 1000, 200, Fraction(200)),
    ],
)
def test_clocks_of_boards(name: str, pll: int, asked: int, made: Fraction) -> None:
    board = boards.find(name)
    ps = families()[board.family]
    assert ps.pll(board) == pll
    assert ps.below(board, Fraction(asked)).mhz == made
    assert ps.exactly(board, made).mhz == made


@pytest.mark.parametrize("asked", ["142.857142", "142.857", "142.85"])
def test_decimals_may_be_left_out(asked: str) -> None:
    """1000/7 is never above them, and still what is meant."""
    assert families()["zynq7"].below(boards.find("zc706"), Fraction(asked)).mhz == Fraction(1000, 7)
    assert families()["zynq7"].below(boards.find("zc706"), Fraction("142.84")).mhz == 125
    with pytest.raises(SpecError, match="clock of zc706 must be above 0 MHz, not -1"):
        families()["zynq7"].below(boards.find("zc706"), Fraction(-1))


def test_plls_of_the_chips() -> None:
    """Both crystals of Zynq-7000 give 1000 MHz; a halved and a whole PLL of UltraScale+."""
    assert zynq_clocks.crystal(33.333333) == Fraction(100, 3)
    assert zynq_clocks.zynq7_pll(zynq_clocks.crystal(33.333333), 30) == 1000
    assert zynq_clocks.zynq7_pll(50, 20) == 1000
    assert zynq_clocks.zynqmp_pll(zynq_clocks.crystal(33.333333), 90, True) == 1500
    assert zynq_clocks.zynqmp_pll(zynq_clocks.crystal(33.333333), 60, False) == 2000


def test_a_clock_is_told_in_decimals_that_are_not_above_it() -> None:
    rates = (Fraction(1000, 7), Fraction(375, 2), Fraction(100), Fraction(1, 3))
    assert [decimals(r) for r in rates] == ["142.857142", "187.5", "100", "0.333333"]
