"""LUT sites at carry chains, against netlists written out by hand."""

from __future__ import annotations

from typing import Any

import pytest
from bitrill_hw.synth.cell_counts import count
from bitrill_hw.synth.sites import lut_sites

OUT = {"O", "O5", "O6", "CO", "Q"}


def module(*cells: tuple[str, dict[str, Any]], out: tuple[int, ...] = ()) -> dict[str, Any]:
    """A module of cells, nets by pins; ``out``: nets that leave it."""
    return {
        "ports": {"out": {"direction": "output", "bits": list(out)}},
        "cells": {
            f"c{i}": {
                "type": kind,
                "connections": {k: v if isinstance(v, list) else [v] for k, v in pins.items()},
                "port_directions": {k: "output" if k in OUT else "input" for k in pins},
            }
            for i, (kind, pins) in enumerate(cells)
        },
    }


def lut(out: int, *nets: int) -> tuple[str, dict[str, Any]]:
    return f"LUT{len(nets)}", {f"I{k}": n for k, n in enumerate(nets)} | {"O": out}


def two(o5: int, o6: int, *nets: int) -> tuple[str, dict[str, Any]]:
    return "LUT6_2", {f"I{k}": n for k, n in enumerate(nets)} | {"O5": o5, "O6": o6}


def chain(s: list[Any], di: list[Any], *, first: int = 100) -> tuple[str, dict[str, Any]]:
    """Sums are nets ``first ..``, carries ``first + 4 ..``."""
    pins = {"S": s, "DI": di, "O": [first + k for k in range(4)]}
    return "CARRY4", pins | {"CO": [first + 4 + k for k in range(4)], "CI": "0", "CYINIT": "0"}


def flop(d: int, q: int) -> tuple[str, dict[str, Any]]:
    return "FDRE", {"D": d, "Q": q, "C": 900, "CE": 901, "R": "0"}


ZERO = ["0", "0"]
A, B, G = lut(11, 1, 2), lut(12, 1, 2), lut(13, 1, 2)
REGISTERED = [flop(k, 200 + k) for k in (100, 101)]


def sites(*cells: tuple[str, dict[str, Any]], out: tuple[int, ...] = ()) -> tuple[int, int]:
    """The design's count, and that of sites."""
    made = module(*cells, out=out)
    return count(made).lcs, lut_sites(made)


def test_without_chains_both_counts_are_one() -> None:
    assert sites(A, B, G, lut(14, 1, 2, 3, 4, 5, 6), out=(11, 12, 13, 14)) == (3, 3)
    assert sites(two(11, 12, 1, 2), ("SRL16E", {"D": 1, "Q": 2}), out=(11, 12)) == (2, 2)


def test_two_that_drive_the_chain_do_not_share() -> None:
    added = chain([11, 12, *ZERO], [1, 2, *ZERO])
    assert sites(A, B, added, *REGISTERED) == (1, 2)


def test_another_function_shares_where_it_finds_a_way_out() -> None:
    added = chain([11, *ZERO, "0"], [1, *ZERO, "0"])
    # the sum in a register of the slice: O5 has the multiplexer
    assert sites(A, G, added, REGISTERED[0], out=(13,)) == (1, 1)
    # the sum by the multiplexer: O5 has a register alone
    assert sites(A, G, added, out=(100, 13)) == (1, 2)
    assert sites(A, G, added, flop(13, 213), out=(100,)) == (1, 1)
    # sum and carry, one of them in the register: no way is left
    assert sites(A, G, added, REGISTERED[0], out=(104, 13)) == (1, 2)


def test_a_carry_beside_its_sum_leaves_one_place_up() -> None:
    added = chain([11, *ZERO, "0"], [1, *ZERO, "0"])
    assert sites(A, added, out=(100, 104)) == (1, 2)
    assert sites(A, added, REGISTERED[0], out=(104,)) == (1, 1)
    assert sites(A, added, out=(104,)) == (1, 1)


def test_a_sum_with_0_is_the_carry_of_the_place_below() -> None:
    """A carry that leaves its chain, as Yosys writes it."""
    added = chain([11, "0", "0", "0"], [1, *ZERO, "0"])
    assert sites(A, added, REGISTERED[0], out=(101,)) == (1, 1)
    assert sites(A, added, out=(100, 101)) == (1, 2)


@pytest.mark.parametrize(("s", "more"), [([11, 5], 1), ([11, "1"], 1), ([11, 11], 1), ([5, 5], 2)])
def test_what_is_no_lut_of_its_own_passes_through_one(s: list[Any], more: int) -> None:
    """A register's output, a constant, and the function of another place."""
    added = chain([*s, *ZERO], [1, 2, *ZERO])
    used = 11 in s
    assert sites(*([A] if used else []), added, *REGISTERED) == (used, used + more)


def test_places_that_nothing_reads_take_no_site() -> None:
    assert sites(A, chain([11, 5, 6, 7], ["1"] * 4), REGISTERED[0]) == (1, 1)
    assert sites(A, chain([11, 5, 6, 7], ["1"] * 4), flop(107, 207)) == (1, 4)


def test_a_chain_that_goes_on_uses_all_its_places() -> None:
    upper = chain([12, *ZERO, "0"], [1, *ZERO, "0"], first=110)
    upper[1]["CI"] = [107]
    lower = chain([11, 5, 6, 7], ["1"] * 4)
    assert sites(A, B, lower, upper, flop(110, 210)) == (1, 5)


def test_a_second_output_goes_to_its_own_place_or_needs_a_way() -> None:
    of = two(14, 11, 1, 2)
    inner, outer = chain([11, *ZERO, "0"], [14, *ZERO, "0"]), chain([11, *ZERO, "0"], ["0"] * 4)
    assert sites(of, inner, out=(100,)) == (1, 1)
    assert sites(of, outer, REGISTERED[0], out=(14,)) == (1, 1)
    assert sites(of, outer, out=(100, 14)) == (1, 2)


def test_wide_multiplexers_read_the_first_output_alone() -> None:
    wide = ("MUXF7", {"I0": 11, "I1": 12, "S": 3, "O": 15})
    assert sites(A, B, wide, out=(15,)) == (1, 2)
    assert sites(A, ("MUXF7", {"I0": 11, "I1": 5, "S": 3, "O": 15}), out=(15,)) == (1, 2)
