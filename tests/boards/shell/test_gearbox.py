# amaranth: UnusedElaboratable=no
"""Gearboxes against bits joined and cut in numpy, under stalls, and their rates to the cycle."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill_boards.shell.gearbox import Gearbox
from bitrill_boards.shell.gears import Gear, gear
from hw.driving import Moves, Stall, drive, stalls

FRAMES = 3


def words(bits: np.ndarray, width: int) -> list[int]:
    """Bits ``[frames, n]`` as words of ``width``, low first; each frame on a fresh word."""
    n = -(-bits.shape[1] // width) * width
    full = np.zeros((len(bits), n), int)
    full[:, : bits.shape[1]] = bits
    return [int("".join(map(str, w[::-1])), 2) for w in full.reshape(-1, width)]


def run(g: Gear, given: list[int], n: int, stall: Stall) -> Moves:
    box = Gearbox(g)

    def give(ctx, k):
        ctx.set(box.i.valid, k is not None)
        ctx.set(box.i.payload, (1 << g.width_in) - 1 if k is None else given[k])

    see = (box.i.ready, box.o.valid, box.o.payload, box.last)
    limit = 1000 + 40 * FRAMES * g.cycles
    return drive(box, give, see, len(given), n, stall, ready=box.o.ready, limit=limit)


def frames(g: Gear, seed: int) -> tuple[list[int], list[int]]:
    """Words in, with junk behind each frame's bits, and the words that must come out."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (FRAMES, g.bits))
    junk = rng.integers(0, 2, (FRAMES, g.words_in * g.width_in))
    junk[:, : g.bits] = bits
    return words(junk, g.width_in), words(bits, g.width_out)


GEARS = [
    Gear(a, -(-n // a), b, -(-n // b), c)
    for (a, b, n, chunks) in [
        (64, 49, 147, (4, 16, 32)),
        (8, 49, 147, (1, 8)),
        (64, 8, 80, (2, 8)),
        (64, 64, 192, (32, 64)),
        (64, 24, 72, (1, 8, 16)),
        (8, 8, 24, (2, 8)),
        (8, 3, 15, (1, 2)),
        (64, 1, 9, (1,)),
        (64, 112, 224, (16, 64)),
        (64, 196, 196, (64,)),
        (8, 70, 70, (4, 8)),
        (32, 20, 100, (16,)),
    ]
    for c in chunks
]
GEARS += [
    Gear(g.width_out, g.words_out, g.width_in, g.words_in, g.chunk) for g in GEARS
]  # the other way: from beats to memory
GEARS += [  # a word in a cycle, though its bits are no power of two
    Gear(a, -(-n // a), b, -(-n // b), c)
    for (a, b, n, c) in [
        (25, 64, 200, 32),
        (49, 64, 147, 64),
        (5, 8, 30, 8),
        (63, 64, 63, 64),
        (3, 64, 9, 4),
        (40, 112, 200, 64),
    ]
]


@pytest.mark.parametrize(
    "g",
    [g if k % 3 == 0 else pytest.param(g, marks=pytest.mark.nightly) for k, g in enumerate(GEARS)],
    ids=lambda g: f"{g.width_in}to{g.width_out}by{g.chunk}",
)
def test_every_bit_arrives_in_its_place(g: Gear) -> None:
    given, wanted = frames(g, seed=g.chunk)
    for stall in stalls(len(given), seed=1):
        moves = run(g, given, len(wanted), stall)
        lasts = [k % g.words_out == g.words_out - 1 for k in range(len(wanted))]
        assert moves.values == list(zip(wanted, lasts, strict=True)), stall.name


@pytest.mark.parametrize("g", GEARS, ids=lambda g: f"{g.width_in}to{g.width_out}by{g.chunk}")
def test_a_frame_takes_its_cycles(g: Gear) -> None:
    given, wanted = frames(g, seed=2)
    free = next(s for s in stalls(len(given), seed=1) if s.name == "free")
    moves = run(g, given, len(wanted), free)
    per = len(wanted) // FRAMES
    assert moves.taken[2 * per] - moves.taken[per] == g.cycles


def test_the_narrowest_chunk_that_keeps_the_rate() -> None:
    assert gear(64, 49, frame_bits=784, interval=64) == Gear(64, 13, 49, 16, 16)
    assert gear(64, 49, frame_bits=784, interval=1000).chunk == 1
    assert gear(64, 784, frame_bits=784, interval=Fraction(13)).chunk == 64
    assert gear(64, 784, frame_bits=784, interval=1).chunk == 64  # the port's own rate
    assert gear(8, 49, frame_bits=784, interval=1).chunk == 8
    assert gear(80, 64, frame_bits=80, interval=64) == Gear(80, 1, 64, 2, 2)
    assert gear(25, 64, frame_bits=200, interval=12) == Gear(25, 8, 64, 4, 32)
    assert gear(64, 25, frame_bits=150, interval=6) == Gear(64, 3, 25, 6, 16)  # not the interval


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((8, 1, 8, 1, 3), "chunk must be a power of two, not 3"),
        ((8, 1, 4, 2, 8), r"chunk must be at most a word \(8 and 4 bits\), not 8"),
        ((8, 0, 8, 1, 8), "a frame must have words on both sides"),
    ],
)
def test_what_cannot_be_is_refused(given: tuple[int, ...], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Gear(*given)
