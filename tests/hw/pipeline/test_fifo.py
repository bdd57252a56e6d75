# amaranth: UnusedElaboratable=no
"""The FIFO's schedule, to the cycle, in each of its forms."""

from __future__ import annotations

import pytest
from amaranth.back import rtlil
from bitrill.errors import SpecError
from bitrill.ir.structure import DEEP, DEEP_BITS
from bitrill_hw.pipeline.fifo import Fifo, fifo_form
from hw.driving import Moves, Stall, drive, stalls

FORMS = [
    ("slot", 1),
    ("registers", 2),
    ("distributed", 2),
    ("distributed", 3),
    ("distributed", 4),
    ("distributed", 7),
    ("block", 2),
    ("block", 3),
    ("block", 4),
    ("block", 6),
]
N = 60
WIDTH = 9


def ruled(depth: int, stall: Stall) -> tuple[list[int], list[int]]:
    """The edges of each beat by the two rules alone, every event as early as they allow."""
    into: list[int] = []
    out: list[int] = []
    for k, offered in enumerate(stall.offered):
        t = max(offered, into[-1] + 1 if into else 0)
        into.append(max(t, out[k - depth] + (depth > 1)) if k >= depth else t)
        t = max(into[k] + 1, out[-1] + 1 if out else 0)
        while not stall.is_ready(t):
            t += 1
        out.append(t)
    return into, out


def run(fifo: Fifo, values: list[int], stall: Stall) -> Moves:
    def give(ctx, k):
        ctx.set(fifo.i.valid, k is not None)
        # junk while not valid: nothing may depend on it
        ctx.set(fifo.i.payload, (1 << fifo.width) - 1 if k is None else values[k])

    see = (fifo.i.ready, fifo.o.valid, fifo.o.payload)
    n = len(values)
    return drive(fifo, give, see, n, n, stall, ready=fifo.o.ready)


@pytest.mark.parametrize(("form", "depth"), FORMS)
def test_each_beat_moves_at_the_cycle_of_the_rules(form, depth):
    values = [(k * 37 + 5) % (1 << WIDTH) for k in range(N)]
    for stall in stalls(N, seed=depth):
        moves = run(Fifo(WIDTH, depth, form=form), values, stall)
        assert moves.values == values, stall.name
        assert (moves.accepted, moves.taken) == ruled(depth, stall), stall.name


@pytest.mark.parametrize(("form", "depth"), FORMS)
def test_holds_exactly_its_depth(form, depth):
    stall = Stall("blocked", [0] * (depth + 2), [False] * (depth + 10))
    moves = run(Fifo(3, depth, form=form), list(range(depth + 2)), stall)
    assert moves.accepted[: depth + 1] == [*range(depth), depth + 10 + (depth > 1)]


def test_forms_by_size():
    assert fifo_form(10_000, 2) == "registers"
    assert fifo_form(10_000, 3) == fifo_form(10_000, DEEP) == "distributed"
    deep = 2 * DEEP
    assert fifo_form(DEEP_BITS // deep, deep) == "distributed"
    assert fifo_form(DEEP_BITS // deep + 1, deep) == "block"


@pytest.mark.parametrize(
    ("width", "depth", "form", "message"),
    [
        (0, 2, None, "the width of a FIFO must be at least 1 bit, not 0"),
        (1, 0, None, "the depth of a FIFO must be at least 1 slot, not 0"),
        (1, 3, "registers", "a FIFO of form registers must have 2 slots, not 3"),
        (1, 2, "slot", "a FIFO of form slot must have 1 slots, not 2"),
        (1, 1, "block", "a FIFO of form block must have 2 slots, not 1"),
    ],
)
def test_refuses(width, depth, form, message):
    with pytest.raises(SpecError, match=f"^{message}$"):
        Fifo(width, depth, form=form)


def test_a_block_memory_is_filled_to_its_last_word():
    """513 slots are one memory of 512 words, and a head outside it."""
    text = rtlil.convert(Fifo(16, 513))
    assert "size 512" in text
