"""Faults planted in the hardware of every operator: the suite must find them.

A fault breaks one place of the elaborated netlist (see `ops.faults`); the check compares bits and
cycles on the frames of the operator's own tests, under stalls. Some places may be broken without
harm (an enable that another one implies, a bit that is 0 whatever happens), so what is asked for is
the share that is found, and the survivors are printed.
"""

from __future__ import annotations

import dataclasses
import random

import pytest
from bitrill.ir import BIPOLAR, IntType
from bitrill_hw.design.build import component
from ops.faults import BEHAVIOURS, Faulty, Site, drawn, is_found, sites
from ops.suite import suite_of
from ops.test_add import add
from ops.test_argmax import argmax
from ops.test_concat import concat
from ops.test_convert import convert
from ops.test_deconv import deconv
from ops.test_depthwise import S4, depthwise
from ops.test_fork import fork
from ops.test_lookup import lookup
from ops.test_matvec import matvec
from ops.test_maxpool import maxpool
from ops.test_mul import mul
from ops.test_multiply import INT, UINT
from ops.test_multiply import matvec as multiplied
from ops.test_pad import pad
from ops.test_rearrange import rearrange
from ops.test_requantize import requantize
from ops.test_shuffle import shuffle
from ops.test_sparse import sparse
from ops.test_split import split
from ops.test_threshold import threshold
from ops.test_upsample import upsample
from ops.test_window import window
from support import ROOT

KINDS = sorted(p.stem for p in (ROOT / "hw/bitrill_hw/ops").glob("*.py") if p.stem != "__init__")

DRAWN, DRAWN_NIGHTLY = 6, 150
"""Faults drawn for each kind of operator."""

SHARE, SHARE_NIGHTLY = 0.5, 0.7
"""Share of the faults drawn that must be found."""


def check_share(kind: str, count: int, share: float) -> None:
    """Break ``count`` places, evenly over the instances of the operator's suite."""
    rng = random.Random(f"faults of {kind}")
    ops = list(suite_of(kind)().instances().values())
    rng.shuffle(ops)
    survivors = []
    for k in range(count):
        op = ops[k % len(ops)]
        site = drawn(sites(component(op)), rng)
        if not is_found(op, Faulty(component(op), site)):
            survivors.append(f"{op.impl}: {site.behaviour} ({site.index})")
    print(f"{kind}: {count - len(survivors)} of {count} faults found", *survivors, sep="\n  ")
    assert len(survivors) <= (1 - share) * count, survivors


@pytest.mark.parametrize("kind", KINDS)
def test_planted_faults_are_found(kind: str) -> None:
    check_share(kind, DRAWN, SHARE)


@pytest.mark.nightly
@pytest.mark.parametrize("kind", KINDS)
def test_many_planted_faults_are_found(kind: str) -> None:
    check_share(kind, DRAWN_NIGHTLY, SHARE_NIGHTLY)


@pytest.mark.parametrize("kind", KINDS)
def test_hardware_taken_apart_and_put_together_is_as_before(kind: str) -> None:
    """Without a fault the check passes, so that a failure is due to the fault."""
    op = min(
        suite_of(kind)().instances().values(), key=lambda op: sum(op.schedule().sizes.values())
    )
    for behaviour in ("a condition never holds", "a stored constant has a wrong bit"):
        assert not is_found(op, Faulty(component(op), Site(behaviour, -1)))


def test_every_behaviour_occurs() -> None:
    broken = {
        site.behaviour
        for op in (SCHEDULED["replayed"], SCHEDULED["line buffer"], SCHEDULED["requantize"])
        for site in sites(component(op))
    }
    assert broken == set(BEHAVIOURS)


U, S = IntType(0, 12), IntType(-4, 3)
SCHEDULED = {
    "replayed": matvec(6, 8, 2, 4),
    "one pass": matvec(4, 8, 4, 4),
    "one row": matvec(12, 4, 1, 2),
    "planes": multiplied("serial", 3, 4, 3, 2, INT[2], UINT[1]),
    "zeros left out": sparse(6, 10, 2, 2),
    "threshold": threshold(U, BIPOLAR, 2),
    "convert": convert(24, 4, 6),
    "argmax": argmax(U, 4, 4),
    "fork": fork((12,), 2, 3),
    "add": add((S, U, S), (1, 3, -2), 2),
    "mul": mul(S, U, 2, (0, -2)),
    "concat": concat(2, (2, U, 1), (4, S, -2), (2, BIPOLAR, 1)),
    "split": split(2, 2, 4),
    "upsample": upsample((2, 3, 4), (2, 2), 2),
    "shuffle": shuffle([2, 0, 3, 1], 2),
    "rearrange": rearrange((2, 2, 8), 2, "to_space", 4),
    "lookup": lookup(S, U, 2),
    "requantize": requantize(IntType(-30, 25), S, 2, [3, -5, 7, -1], [8, -100, 7, 3], 4),
    "deconv": deconv((2, 3, 4), (2, 2), 2),
    "line buffer": window((4, 5, 2), (3, 3)),
    "parallel window": window((5, 6, 2), (3, 3), (2, 2), style="parallel"),
    "overlapping pool": maxpool((5, 7, 2), (3, 3), (2, 2)),
    "pad": pad((2, 3, 2), (1, 1, 1, 2), 0, 1, BIPOLAR),
    "pipeline longer than a window": depthwise(2, 2, 2, S4, S4, (4,), "block"),
}


@pytest.mark.parametrize("name", SCHEDULED)
def test_every_rule_of_a_schedule_is_needed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The least times equal the hardware's with all rules, and differ without any one."""
    op = SCHEDULED[name]
    schedule, core = op.schedule(), component(op)
    assert not is_found(op, core)
    for number, rule in enumerate(schedule.rules):
        rules = (*schedule.rules[:number], *schedule.rules[number + 1 :])
        shorter = dataclasses.replace(schedule, rules=rules)
        monkeypatch.setattr(type(op), "schedule", lambda _, shorter=shorter: shorter)
        assert is_found(op, core), rule
