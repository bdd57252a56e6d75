"""Faults planted in the hardware, one at a time: the suite's check must kill each of them.

A mutant is a copy of the package with one piece of its source replaced; it must still build, and
give wrong bits or wrong cycles on the frames of the operator's own tests.
"""

from __future__ import annotations

import dataclasses
import importlib
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bitrill.ir import BIPOLAR, Impl, IntType, Operator
from ops.suite import check, suite_of
from ops.test_argmax import argmax
from ops.test_convert import convert
from ops.test_depthwise import depthwise
from ops.test_l1matvec import l1matvec
from ops.test_matvec import TERNARY, matvec
from ops.test_threshold import threshold
from support import ROOT

U = IntType(0, 12)
FOLDED = matvec(6, 8, 2, 4)
LOG = IntType(0, 64, "log2")
SHIFTER = matvec(4, 4, 2, 2, IntType(-64, 64, "pot"), IntType(-8, 7))
LINKED = l1matvec(4, 6, 2, 3, IntType(0, 63))
SUMS = matvec(4, 24, 2, 12, TERNARY, IntType(0, 3))
SHARED = threshold(IntType(-256, 255), IntType(0, 63), 2, "search", channels=32, memory="block")
MUTANTS: dict[str, tuple[Operator, str, str, str]] = {
    # name: operator, file, piece of source, what stands there instead
    "flipped comparison": (
        threshold(U, BIPOLAR, 2),
        "ops/threshold.py",
        "return x >= limit",
        "return x > limit",
    ),
    "polarity of a bit lost": (
        threshold(U, BIPOLAR, 2, inverted=(1,)),
        "ops/threshold.py",
        "(n ^ flip)[0]",
        "n[0]",
    ),
    "polarity of a count lost": (
        threshold(U, IntType(0, 3), 2, inverted=(1,)),
        "ops/threshold.py",
        "Mux(flip, op.out.lo + op.levels - n, up)",
        "up",
    ),
    "a comparison left out of the count": (
        threshold(U, IntType(0, 3), 2),
        "ops/threshold.py",
        "passed[(1 << j) - 1 :: 1 << j]",
        "passed[(1 << j) - 1 :: 2 << j]",
    ),
    "a falling comparator that rises": (
        threshold(U, IntType(0, 3), 2, inverted=(1,), primitives="xc7"),
        "arith/reached.py",
        "(self.x < limit.at) ^ (not limit.falls)",
        "self.x >= limit.at",
    ),
    "falling steps not turned round": (
        threshold(U, IntType(0, 5), 2, inverted=(1,), primitives="xc7"),
        "ops/threshold.py",
        "n - 1 - k if falls else k",
        "k",
    ),
    "halves of a shared memory crossed": (
        SHARED,
        "memories/tables.py",
        "Cat(at, C(k, 1))",
        "Cat(at, C(1 - k, 1))",
    ),
    "bits beside a block in the wrong place": (
        matvec(4, 48, 2, 24, memory="block"),
        "memories/tables.py",
        "Cat(word, rest)",
        "Cat(rest, word)",
    ),
    "search bits in the wrong order": (
        threshold(U, IntType(0, 7), 2, "search"),
        "ops/threshold.py",
        "Cat(*reversed(bits), turn)",
        "Cat(*bits, turn)",
    ),
    "index off by one": (
        threshold(U, BIPOLAR, 2),
        "ops/threshold.py",
        "turn == turns - 1",
        "turn == turns - 2",
    ),
    "lost carry of an adder": (SUMS, "arith/compressors.py", "(a & b) | (c & (a ^ b))", "a & b"),
    "lost carry of the last chain": (
        SUMS,
        "arith/compressors.py",
        "range(max(map(len, columns)))",
        "range(min(3, max(map(len, columns))))",
    ),
    "complement of a table lost": (
        matvec(4, 24, 2, 12),
        "arith/gates.py",
        "~values[edge >> 1] if edge & 1",
        "values[edge >> 1] if edge & 1",
    ),
    "parity of the wrong lanes": (
        matvec(4, 24, 2, 12),
        "arith/accumulate.py",
        "planes[n * bits + p]",
        "planes[(n + 1) % 12 * bits + p]",
    ),
    "bit of the next column lost": (
        matvec(4, 64, 2, 32, BIPOLAR, IntType(0, 15)),
        "arith/compressors.py",
        "two ^ carry",
        "two",
    ),
    "another inner gate": (
        SHIFTER,
        "arith/accumulate.py",
        "return self._inner[n]",
        "return self._inner[n - 1]",
    ),
    "two gates of a LUT crossed": (
        SHIFTER.replace(impl=Impl(pe=2, simd=2, primitives="xc7")),
        "arith/accumulate.py",
        "over(g, sources) for g in (a, b)",
        "over(g, sources) for g in (b, a)",
    ),
    "planes of a power of two crossed": (
        matvec(4, 4, 2, 2, IntType(-7, 7), LOG),
        "arith/accumulate.py",
        "planes[n * bits + p]",
        "planes[n * bits + p ^ 1]",
    ),
    "every channel with the first one's powers of two": (
        depthwise(4, 3, 2, IntType(-7, 7), LOG),
        "arith/accumulate.py",
        'split(m, self.shared, pe if self.own else 1, "shared")',
        '[s[0].replicate(pe) for s in split(m, self.shared, pe, "shared")]',
    ),
    "missing register": (
        matvec(6, 8, 2, 4, memory="block"),
        "ops/matvec.py",
        'pipe.delay(steps.x, "x", first=2, last=op.read_stages)',
        "steps.x",
    ),
    "missing register of a flag": (
        FOLDED,
        "ops/matvec.py",
        'pipe.delay(steps.first, "first", first=1',
        'pipe.delay(steps.first, "first", first=2',
    ),
    "accumulator never restarted": (
        FOLDED,
        "arith/compressors.py",
        "Mux(clear, 0, words[0])",
        "words[0]",
    ),
    "start in every step": (SUMS, "ops/matvec.py", "word = Mux(first, ", "word = Mux(1, "),
    "accumulator takes bubbles": (
        FOLDED,
        "ops/matvec.py",
        "pipe.enters(op.latency)",
        "pipe.load[op.latency]",
    ),
    "start of another row": (
        matvec(6, 3, 1, 3, BIPOLAR, IntType(0, 3), memory="block"),
        "ops/matvec.py",
        'pipe.delay(turn, "turn", first=1',
        'pipe.delay(turn, "turn", first=at',
    ),
    "stall ignored by one stage": (
        FOLDED,
        "pipeline/elastic.py",
        "self._shared(stage, len(held[bits]))",
        "(self.load[stage] | (stage == 2))",
    ),
    "bubbles kept": (FOLDED, "pipeline/elastic.py", "~Cat(full).all() | behind", "behind"),
    "memory read on while stalled": (
        FOLDED,
        "memories/tables.py",
        "port.en.eq(pipe.load[stage])",
        "port.en.eq(1)",
    ),
    "replay buffer read on while stalled": (
        FOLDED,
        "matvec/steps.py",
        "read.en.eq(self.load)",
        "read.en.eq(1)",
    ),
    "replay buffer overwritten early": (
        FOLDED,
        "matvec/steps.py",
        "turn.last & self.ready",
        "turn.first & unread.some & self.ready",
    ),
    "replay buffer of one beat less": (
        FOLDED,
        "pipeline/end_counters.py",
        "value == size - 2, ~room",
        "value == size - 3, ~room",
    ),
    "step before its beat": (FOLDED, "matvec/steps.py", "~turn.first | unread.some", "C(1)"),
    "the last unread beat overlooked": (
        FOLDED,
        "pipeline/end_counters.py",
        "Mux(comes, ~some, value == 2)",
        "Mux(comes, ~some, value == 3)",
    ),
    "a lap of one step less": (
        matvec(6, 9, 2, 3),
        "pipeline/end_counters.py",
        "last.eq(value == size - 2)",
        "last.eq(value == size - 3)",
    ),
    "a result of several steps is offered early": (
        SUMS,
        "pipeline/elastic.py",
        ".all() & self._completes",
        ".all()",
    ),
    "a bubble in front of sums overlooked": (
        SUMS,
        "pipeline/elastic.py",
        "valid[-1] | self._completes",
        "C(1)",
    ),
    "comparisons with a later beat": (
        LINKED,
        "ops/l1matvec.py",
        'x = pipe.register(stage, x, f"compared{stage}")',
        "pass",
    ),
    "a word that skips a stage": (
        LINKED,
        "ops/l1matvec.py",
        'word = pipe.register(stage, word, f"linked{stage}")',
        "pass",
    ),
    "links of another lane": (
        LINKED,
        "ops/l1matvec.py",
        "lane * bits : (lane + 1) * bits",
        "0:bits",
    ),
    "links in the wrong places": (
        LINKED,
        "ops/l1matvec.py",
        "own = [*own, made]",
        "own = [made, *own]",
    ),
    "tie broken wrong": (argmax(U, 4), "ops/argmax.py", "score > other", "score >= other"),
    "indices overwritten": (
        argmax(U, 4, 4),
        "ops/argmax.py",
        "inserts = pipe.valid[before] & (free | ~last)",
        "inserts = pipe.valid[before]",
    ),
    "places not cleared": (
        argmax(U, 4, 2),
        "ops/argmax.py",
        "Mux(ends, 0, Cat(C(1, 1), taken))",
        "C(-1, 4)",
    ),
    "lanes in the wrong order": (
        convert(24, 4, 6),
        "ops/convert.py",
        "self.o.payload.eq(shift)",
        "self.o.payload.eq(Cat(*reversed(shift[: self.op.lanes_out])))",
    ),
    "converter accepts too little": (
        convert(24, 12, 3),
        "ops/convert.py",
        "(fits & self.o.ready)",
        "C(0)",
    ),
    "converter gives too early": (
        convert(24, 2, 8),
        "ops/convert.py",
        "held, units_out - units_in",
        "held, 0",
    ),
}


@contextmanager
def copied(folder: Path, file: str = "", piece: str = "", instead: str = "") -> Iterator:
    """``bitrill_hw.design.build`` of a copy of the package with one piece replaced."""
    shutil.copytree(
        ROOT / "hw/bitrill_hw", folder / "bitrill_hw", ignore=shutil.ignore_patterns("__pycache__")
    )
    if file:
        path = folder / "bitrill_hw" / file
        source = path.read_text()
        assert source.count(piece) == 1, f"{file} must hold {piece!r} once"
        path.write_text(source.replace(piece, instead))
    kept = {n: m for n, m in sys.modules.items() if n.split(".")[0] == "bitrill_hw"}
    for name in kept:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        build = importlib.import_module("bitrill_hw.design.build")
        assert Path(build.__file__ or "").is_relative_to(folder)
        yield build
    finally:
        sys.path.remove(str(folder))
        for name in [n for n in sys.modules if n.split(".")[0] == "bitrill_hw"]:
            del sys.modules[name]
        sys.modules.update(kept)


def is_killed(op: Operator, build) -> bool:
    suite = suite_of(op.kind)()
    try:
        for stall in ("blocked", "random", "free", "starved", "bursty"):
            check(op, build.component(op), suite.frames(op), stall)
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_fault_is_found(name: str, tmp_path: Path) -> None:
    op, *change = MUTANTS[name]
    with copied(tmp_path, *change) as build:
        assert is_killed(op, build)


@pytest.mark.parametrize("op", {id(m[0]): m[0] for m in MUTANTS.values()}.values(), ids=str)
def test_no_fault_no_finding(op: Operator, tmp_path: Path) -> None:
    with copied(tmp_path) as build:
        assert not is_killed(op, build)


@pytest.mark.parametrize(
    "op",
    [
        FOLDED,
        matvec(4, 8, 4, 4),
        matvec(12, 4, 1, 2),
        threshold(U, BIPOLAR, 2),
        convert(24, 4, 6),
        argmax(U, 4, 4),
    ],
    ids=lambda op: f"{op.kind} {op.impl.pe} {op.impl.simd}",
)
def test_every_rule_of_a_schedule_is_needed(
    op: Operator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without any one of them the least times are not those of the hardware, under some stall."""
    schedule = op.schedule()
    needed = []
    with copied(tmp_path) as build:
        for left_out in schedule.rules:
            rules = tuple(r for r in schedule.rules if r is not left_out)
            less = dataclasses.replace(schedule, rules=rules)
            monkeypatch.setattr(type(op), "schedule", lambda _, less=less: less)
            needed.append(is_killed(op, build))
    assert all(needed), needed
