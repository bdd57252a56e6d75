"""Faults planted in products of planes and in DSP slices: the suite's check kills each of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from bitrill.ops import MatVec
from ops.test_multiply import EVEN8, INT, UINT, extremes, matvec
from ops.test_mutations import copied, is_killed

PLANES = extremes(matvec("serial", 6, 8, 2, 4, INT[3], INT[2]))
ODD = extremes(matvec("serial", 6, 6, 2, 2, INT[2], UINT[2]))
PACKED = extremes(matvec("dsp", 6, 8, 3, 4, INT[4], INT[4]))
LONG = extremes(matvec("dsp", 4, 16, 4, 8, EVEN8, INT[8]))
UNEQUAL = extremes(matvec("dsp", 4, 14, 4, 7, INT[4], UINT[4]))
MUTANTS: dict[str, tuple[MatVec, str, str, str]] = {
    # name: operator, file, piece of source, what stands there instead
    "a complement for a negative": (
        PLANES,
        "matvec/bitserial.py",
        "Cat(negative, self",
        "Cat(C(0, 1), self",
    ),
    "sign lost in halving": (PLANES, "matvec/bitserial.py", "total >> 1", "total[1:]"),
    "halved at every beat": (
        PLANES,
        "matvec/bitserial.py",
        "steps.first & turns.halves",
        "turns.halves",
    ),
    "planes of x for those of w": (
        PLANES,
        "matvec/bitserial.py",
        "base.eq(p.w * each)",
        "base.eq(p.x * each)",
    ),
    "bits of the result turned round": (
        PLANES,
        "matvec/bitserial.py",
        "Cat(below[1:], total[0])",
        "Cat(total[0], below[:-1])",
    ),
    "a pair that begins with the first pass": (
        ODD,
        "matvec/bitserial.py",
        "place.eq(begin)",
        "place.eq(0)",
    ),
    "sign of a field lost": (
        PACKED,
        "matvec/dsp.py",
        "top = field[-1] if signed else C(0, 1)",
        "top = C(0, 1)",
    ),
    "a field that borrows": (
        PACKED,
        "matvec/dsp.py",
        "found.bias(n) << found.spacing * r",
        "found.bias(n) << 0 * r",
    ),
    "lanes of a chain left out": (PACKED, "matvec/dsp.py", "above[g] if above else bias", "bias"),
    "a short chain that begins too early": (
        UNEQUAL,
        "matvec/dsp.py",
        "late = found.chain - n + k",
        "late = k",
    ),
    "a slice that loads with another stage": (
        LONG,
        "matvec/dsp.py",
        "pipe.load[begin + outside + 1 + k]",
        "pipe.load[begin + 1 + k]",
    ),
    "a start in every step": (
        PACKED,
        "matvec/dsp.py",
        "[first.replicate(op.folded.pe)]",
        "[C(-1, op.folded.pe)]",
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_fault_is_found(name: str, tmp_path: Path) -> None:
    op, *change = MUTANTS[name]
    with copied(tmp_path, *change) as build:
        assert is_killed(op, build)


def test_every_rule_of_a_schedule_is_needed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    op = matvec("serial", 3, 4, 3, 2, INT[2], UINT[1])
    schedule = op.schedule()
    needed = []
    with copied(tmp_path) as build:
        for left_out in schedule.rules:
            rules = tuple(r for r in schedule.rules if r is not left_out)
            less = dataclasses.replace(schedule, rules=rules)
            monkeypatch.setattr(type(op), "schedule", lambda _, less=less: less)
            needed.append(is_killed(op, build))
    assert all(needed), needed
