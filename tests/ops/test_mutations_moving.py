"""Faults planted in the operators that move and join, as in `test_mutations`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from bitrill.ir import BIPOLAR, IntType, Operator
from ops.test_add import add
from ops.test_concat import concat
from ops.test_deconv import deconv
from ops.test_fork import fork
from ops.test_lookup import lookup
from ops.test_mutations import copied, is_killed
from ops.test_rearrange import rearrange
from ops.test_requantize import requantize
from ops.test_shuffle import shuffle
from ops.test_split import split
from ops.test_upsample import upsample

U, S = IntType(0, 5), IntType(-4, 3)
FORK = fork((12,), 2, 3)
SUM = add((S, U, S), (1, 3, -2), 2)
CAT = concat(2, (2, U, 1), (4, S, -2), (2, BIPOLAR, 1))
SPLIT = split(2, 2, 4)
UP = upsample((2, 3, 4), (2, 2), 2)
MIX = shuffle([2, 0, 3, 1], 2)
BLOCKS = rearrange((2, 2, 8), 2, "to_space", 4)
TABLE = lookup(S, U, 2)
REQUANTIZED = requantize(IntType(-30, 25), S, 2, [3, -5, 7, -1], [8, -100, 7, 3], 4)
SPREAD = deconv((2, 3, 4), (2, 2), 2)

MUTANTS: dict[str, tuple[Operator, str, str, str]] = {
    # name: operator, file, piece of source, what stands there instead
    "a copy taken twice": (
        FORK,
        "ops/fork.py",
        "left[j] & ~o.ready",
        "left[j] & ~(o.ready & left.all())",
    ),
    "the next beat before the last copy has left": (
        FORK,
        "ops/fork.py",
        "kept == 0",
        "kept[0] == 0",
    ),
    "a beat only after all copies have left": (FORK, "ops/fork.py", "kept == 0", "left == 0"),
    "a copy lost where there is no beat": (
        FORK,
        "ops/fork.py",
        "self.i.valid.replicate(len(outs))",
        "C(-1, len(outs))",
    ),
    "an operand that is not waited for": (
        SUM,
        "ops/add.py",
        "valid=reduce(and_, valid)",
        "valid=valid[0]",
    ),
    "an operand overwritten while it waits": (
        SUM,
        "ops/add.py",
        "i.ready.eq(~present | fires)",
        "i.ready.eq(1)",
    ),
    "an operand that waits too long": (
        SUM,
        "ops/add.py",
        "i.ready.eq(~present | fires)",
        "i.ready.eq(~present)",
    ),
    "a gain lost": (SUM, "ops/add.py", "[gain * x for x", "[abs(gain) * x for x"),
    "a level of the tree too early": (
        SUM,
        "ops/add.py",
        'pipe.register(stage, reduce(add, pair), f"sum{stage}_{j}_{p}")',
        "reduce(add, pair)",
    ),
    "an operand out of turn": (
        CAT,
        "pipeline/turns.py",
        "place == total - 1, 0",
        "place == total - 2, 0",
    ),
    "turns that go on without a beat": (
        CAT,
        "ops/concat.py",
        "moves.eq(pipe.enters(1))",
        "moves.eq(pipe.load[1])",
    ),
    "a beat accepted out of turn": (
        CAT,
        "ops/concat.py",
        "i.ready.eq(mine[j] & pipe.load[1])",
        "i.ready.eq(pipe.load[1])",
    ),
    "an operand without its gain": (
        CAT,
        "ops/concat.py",
        "code(gain * x, op.y.type)",
        "code(x, op.y.type)",
    ),
    "bipolar as a bit": (CAT, "pipeline/elements.py", "Cat(C(1, 1), ~lane).as_signed()", "lane"),
    "a result given to another": (
        SPLIT,
        "pipeline/turns.py",
        "place < start + beats[j]",
        "place <= start + beats[j]",
    ),
    "a result overwritten": (
        SPLIT,
        "ops/split.py",
        "(owner & ~Cat(o.ready for o in outs)) == 0",
        "C(1)",
    ),
    "a repeated row of another's pixels": (
        upsample((3, 1, 2), (2, 2), 2),
        "ops/upsample.py",
        "[read.addr.eq(of_row), of_pixel.eq(of_row)]",
        "[]",
    ),
    "a row overwritten before its last reading": (
        UP,
        "ops/upsample.py",
        "ends[1] & (pass_ == down - 1)",
        "pass_ == down - 1",
    ),
    "a reading of what has not come": (
        UP,
        "ops/upsample.py",
        "offered.eq(~first | (unread != 0))",
        "offered.eq(1)",
    ),
    "a ring of one beat less": (UP, "ops/upsample.py", "held != capacity", "held != capacity - 1"),
    "channels in their old order": (
        MIX,
        "ops/shuffle.py",
        "op.order.tolist()",
        "range(len(op.order))",
    ),
    "a pixel overwritten": (MIX, "ops/shuffle.py", "(left == 1) & self.o.ready", "left == 1"),
    "a bubble between pixels": (
        MIX,
        "ops/shuffle.py",
        "(left == 0) | ((left == 1) & self.o.ready)",
        "left == 0",
    ),
    "blocks not turned": (
        BLOCKS,
        "ops/rearrange.py",
        "address + (inner - 1) * run + 1",
        "address + 1",
    ),
    "a band read before it is there": (
        BLOCKS,
        "ops/rearrange.py",
        "address < slot",
        "address <= slot",
    ),
    "a band overwritten": (BLOCKS, "ops/rearrange.py", "full != 2", "C(1)"),
    "the table of another channel": (
        TABLE,
        "ops/lookup.py",
        "turn == turns - 1",
        "turn == turns - 2",
    ),
    "a table by value, not by code": (
        TABLE,
        "ops/lookup.py",
        "op.x.type.encode(op.x.type.values())",
        "np.arange(op.x.type.n_values)",
    ),
    "rounding up": (
        REQUANTIZED,
        "ops/requantize.py",
        "held >> op.shift",
        "(held + (1 << op.shift) - 1) >> op.shift",
    ),
    "no lower clamp": (
        REQUANTIZED,
        "ops/requantize.py",
        "Mux(y < op.out.lo, op.out.lo,",
        "Mux(0, op.out.lo,",
    ),
    "no upper clamp": (REQUANTIZED, "ops/requantize.py", "y > op.out.hi", "y > 2 * op.out.hi"),
    "a beat where zeros belong": (
        SPREAD,
        "ops/deconv.py",
        "end | (phase == stride - 1)",
        "phase == stride - 1",
    ),
    "zeros that wait for a beat": (SPREAD, "ops/deconv.py", "self.i.valid | ~real", "self.i.valid"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_fault_is_found(name: str, tmp_path: Path) -> None:
    op, *change = MUTANTS[name]
    with copied(tmp_path, *change) as build:
        assert is_killed(op, build)


@pytest.mark.parametrize(
    "op", {id(m[0]): m[0] for m in MUTANTS.values()}.values(), ids=lambda op: op.kind
)
def test_every_rule_of_a_schedule_is_needed(
    op: Operator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without any one of them the least times are not those of the hardware; with all they are."""
    schedule = op.schedule()
    with copied(tmp_path) as build:
        assert not is_killed(op, build)
        for number in range(len(schedule.rules)):
            rules = (*schedule.rules[:number], *schedule.rules[number + 1 :])
            less = dataclasses.replace(schedule, rules=rules)
            monkeypatch.setattr(type(op), "schedule", lambda _, less=less: less)
            assert is_killed(op, build), schedule.rules[number]
