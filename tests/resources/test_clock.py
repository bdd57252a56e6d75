"""Logic levels follow from the clock and the family."""

from __future__ import annotations

from typing import get_args

import pytest
from bitrill.ir import Primitives
from bitrill.parts.families import FAMILIES
from bitrill.resources.clock import MOST, USUAL, levels_at


def test_every_family_is_known() -> None:
    assert set(FAMILIES) == set(get_args(Primitives))


@pytest.mark.parametrize("family", FAMILIES)
def test_levels_leave_room_for_the_clock(family: Primitives) -> None:
    assert levels_at(None, family) == USUAL
    assert levels_at(1.0, family) == MOST
    assert levels_at(2000.0, family) == 1
    for levels in range(1, MOST + 1):
        clock = 1000 / (FAMILIES[family].beside_ns + levels * FAMILIES[family].level_ns)
        assert levels_at(clock * 0.999, family) == levels
        assert levels_at(clock * 1.001, family) == max(1, levels - 1)


def test_the_goals_of_the_boards() -> None:
    assert levels_at(150.0, "ecp5") == 2
    assert levels_at(110.0, "ice40") == 2
    assert levels_at(140.0, "gowin") == 2
