"""Faults planted in the operators over space, as in `test_mutations`."""

from __future__ import annotations

from pathlib import Path

import pytest
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Schedule
from ops.test_depthwise import S4, depthwise
from ops.test_matvec import bordered
from ops.test_maxpool import maxpool
from ops.test_mutations import copied, is_killed
from ops.test_pad import pad
from ops.test_window import window

RING = window((4, 5, 2), (3, 3))
DILATED = window((6, 5, 1), (3, 2), dilation=(2, 2))
LINES = window((5, 6, 2), (3, 3), (2, 2), style="parallel")
HALVES = maxpool((4, 4, 2), (2, 2), (2, 2))
OVERLAP = maxpool((5, 7, 2), (3, 3), (2, 2))
BORDER = pad((2, 3, 2), (1, 1, 1, 2), 0, 1, BIPOLAR)
SUMS = depthwise(4, 4, 2, S4, IntType(-1, 1))
SHORT = depthwise(2, 2, 2, S4, S4, (4,), "block")  # pipeline longer than a window
OUTSIDE = bordered((3, 2), (2, 3), 2, 6, 3, 2)
ONE_LANE = bordered((2, 3), (2, 2), 2, 2, 1, 1)
BLOCK = bordered((4,), (3,), 2, 2, 2, 1, memory="block")
COUNTS = depthwise(4, 4, 1, IntType(-1, 1), IntType(0, 3))
SHORT_COUNTS = COUNTS.replace(impl=Impl(pe=1, simd=1, memory="block"))

MUTANTS: dict[str, tuple[Operator, str, str, str]] = {
    # name: operator, file, piece of source, what stands there instead
    "a beat overwritten before it was read": (
        RING,
        "ops/window.py",
        "limit.eq(capacity)",
        "limit.eq(capacity + 1)",
    ),
    "a ring of one beat less": (
        RING,
        "ops/window.py",
        "limit.eq(capacity)",
        "limit.eq(capacity - 1)",
    ),
    "room for a window that is still read": (
        RING,
        "ops/window.py",
        "Mux(read > at.skip, at.skip_limit, offset + at.step_limit)",
        "at.skip_limit",
    ),
    "room at a window's end only": (
        RING,
        "ops/window.py",
        "Mux(read > at.skip, at.skip_limit, offset + at.step_limit)",
        "capacity",
    ),
    "a step before its beat": (
        RING,
        "ops/window.py",
        "valid=offset < come",
        "valid=offset <= come",
    ),
    "a step one beat late": (
        RING,
        "ops/window.py",
        "valid=offset < come",
        "valid=offset + 1 < come",
    ),
    "the next row of taps off by one": (
        RING,
        "ops/window.py",
        "dh * w.width - (kw - 1) * dw - 1",
        "dh * w.width - kw * dw - 1",
    ),
    "dilation ignored": (DILATED, "ops/window.py", "(dw - 1) * op.pieces + 1", "1"),
    "the frame's last rows kept": (
        window((6, 6, 1), (3, 2), (2, 3)),
        "ops/window.py",
        "Mux(bottom.top, to_frame, to_line)",
        "to_line",
    ),
    "an address past the ring": (
        RING,
        "ops/window.py",
        "Mux(address >= depth,",
        "Mux(address > depth,",
    ),
    "the ring read on while stalled": (
        RING,
        "ops/window.py",
        "read.en.eq(pipe.load[1])",
        "read.en.eq(1)",
    ),
    "rows of taps in the wrong order": (
        LINES,
        "ops/window.py",
        "for line in reversed(lines)",
        "for line in lines",
    ),
    "columns of taps in the wrong order": (
        LINES,
        "ops/window.py",
        "for x in reversed(range(kw))",
        "for x in range(kw)",
    ),
    "a row one pixel short": (
        LINES,
        "ops/window.py",
        "dh * w.width - columns + 1",
        "dh * w.width - columns",
    ),
    "row memories move by themselves": (
        LINES,
        "ops/window.py",
        "read.en.eq(moves)",
        "read.en.eq(1)",
    ),
    "windows in rows between": (LINES, "ops/window.py", "across.here & down.here", "across.here"),
    "a window pushed out before it was taken": (
        LINES,
        "ops/window.py",
        "self.i.ready.eq(~self.o.valid | self.o.ready)",
        "self.i.ready.eq(1)",
    ),
    "a row begins where the last one stopped": (
        LINES,
        "pipeline/position_counters.py",
        "self.since.eq(Mux(top, 0, following))",
        "self.since.eq(following)",
    ),
    "windows that do not overlap": (
        OVERLAP,
        "pipeline/position_counters.py",
        "Mux(self.here, span - stride, self.since + 1)",
        "Mux(self.here, 0, self.since + 1)",
    ),
    "the lesser kept": (
        HALVES,
        "ops/maxpool.py",
        "elements(a, t)[0] > elements(b, t)[0]",
        "elements(a, t)[0] < elements(b, t)[0]",
    ),
    "signs ignored": (HALVES, "ops/maxpool.py", "elements(a, t)[0] > elements(b, t)[0]", "a > b"),
    "AND instead of OR": (
        maxpool((4, 4, 2), (2, 2), (2, 2), 1, BIPOLAR),
        "ops/maxpool.py",
        "a | b",
        "a & b",
    ),
    "a window never begun": (
        HALVES,
        "pipeline/pooling.py",
        "Mux(starts, new, self.merge(old, new, t))",
        "self.merge(old, new, t)",
    ),
    "open windows stay where they are": (
        OVERLAP,
        "pipeline/pooling.py",
        "Mux(ends.here, Cat(*merged[1:], *x), Cat(merged))",
        "Cat(merged)",
    ),
    "a result overwritten": (
        HALVES,
        "pipeline/pooling.py",
        "go_along.eq(~across.here | second.load[1])",
        "go_along.eq(1)",
    ),
    "a beat waits for nothing": (
        HALVES,
        "pipeline/pooling.py",
        "go_along.eq(~across.here | second.load[1])",
        "go_along.eq(second.load[1])",
    ),
    "results of windows that are open": (
        HALVES,
        "pipeline/pooling.py",
        "self.o.valid.eq(second.valid[1] & under.here)",
        "self.o.valid.eq(second.valid[1])",
    ),
    "a running result updated twice": (
        OVERLAP,
        "pipeline/running.py",
        "self._port.en.eq(leaves)",
        "self._port.en.eq(1)",
    ),
    "a running result read on while stalled": (
        OVERLAP,
        "pipeline/running.py",
        "read.en.eq(pipe.load[stage])",
        "read.en.eq(1)",
    ),
    "a running result of another beat": (
        OVERLAP,
        "pipeline/running.py",
        'pipe.register(stage, address, f"{name}_at")',
        "address",
    ),
    "border before its frame": (BORDER, "ops/pad.py", "full | (begun & ~inside)", "full | ~inside"),
    "border before the next frame": (
        BORDER,
        "ops/pad.py",
        "(begun | inside) & ~row.ends",
        "begun | inside",
    ),
    "a row of border less": (
        BORDER,
        "ops/pad.py",
        "within(row.value, top, top + height)",
        "within(row.value, top, top + height + 1)",
    ),
    "a beat of border taken for data": (
        BORDER,
        "ops/pad.py",
        "~full | (gives & inside)",
        "~full | gives",
    ),
    "weights of a tap outside": (
        OUTSIDE,
        "matvec/border.py",
        "Mux(out, op.steps + odd, steps.address)",
        "steps.address",
    ),
    "all of a tap outside agrees": (
        OUTSIDE,
        "matvec/border.py",
        "(k + turn) % 2 for k in mine",
        "0 for k in mine",
    ),
    "a lane by itself always -1": (
        ONE_LANE,
        "matvec/border.py",
        "steps.beat[0] if simd % 2 else C(0)",
        "C(0)",
    ),
    "outside one step early": (
        BLOCK,
        "matvec/border.py",
        'pipe.register(1, Cat(odd, *outside), "outside1")',
        "Cat(odd, *outside)",
    ),
    "a forced bit of another column": (
        BLOCK,
        "matvec/border.py",
        "(held[0] ^ (k % 2))",
        "C(k % 2, 1)",
    ),
    "rows of places taken for columns": (
        OUTSIDE,
        "matvec/border.py",
        "for axis in reversed(range(len(sizes)))",
        "for axis in range(len(sizes))",
    ),
    "the first place taken for one inside": (OUTSIDE, "matvec/border.py", "init=0 in at", "init=0"),
    "every row of places begins anew": (
        OUTSIDE,
        "matvec/border.py",
        "places[axis + 1].ends if axis + 1 < len(sizes) else 1",
        "1",
    ),
    "the next place before its vector ends": (
        OUTSIDE,
        "matvec/steps.py",
        "fires & beat.last & turn.last",
        "fires & beat.last",
    ),
    "the next place while nothing comes": (
        bordered((3, 2), (2, 3), 2, 3, 3, 2),
        "matvec/steps.py",
        "fires & beat.last & turn.last",
        "beat.last & turn.last",
    ),
    "sums never restarted": (SUMS, "ops/depthwise.py", "p, word, first,", "p, word, C(0),"),
    "taps wait for the sink": (
        SUMS,
        "ops/depthwise.py",
        "goes.eq(~last | self.o.ready)",
        "goes.eq(self.o.ready)",
    ),
    "the start of another channel": (
        SHORT_COUNTS,
        "ops/depthwise.py",
        '"group", first=1',
        '"group", first=at',
    ),
    "the weight of another tap": (
        depthwise(3, 3, 1, S4, S4),
        "ops/depthwise.py",
        "Mux(tap.ends, 0, address + 1)",
        "address + 1",
    ),
}

CLEAN = {"RING": RING, "LINES": LINES, "OVERLAP": OVERLAP, "BORDER": BORDER, "SHORT": SHORT}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_fault_is_found(name: str, tmp_path: Path) -> None:
    op, *change = MUTANTS[name]
    with copied(tmp_path, *change) as build:
        assert is_killed(op, build)


@pytest.mark.parametrize("name", CLEAN)
def test_every_rule_of_a_schedule_is_needed(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without any one of them the least times are not those of the hardware, under some stall."""
    op = CLEAN[name]
    schedule = op.schedule()
    needed = []
    with copied(tmp_path) as build:
        assert not is_killed(op, build)
        for left_out in schedule.rules:
            rules = tuple(r for r in schedule.rules if r is not left_out)
            less = Schedule(schedule.n_in, schedule.n_step, schedule.n_out, rules)
            monkeypatch.setattr(type(op), "schedule", lambda _, less=less: less)
            needed.append(is_killed(op, build))
        monkeypatch.undo()
    assert all(needed), needed
