"""Bitstreams of a trained network for small boards, by open tools alone.

    python benchmarks/bitstreams.py [BOARD ..] [--seed N] [--json FILE]

What `bitrill compile MODEL --board BOARD --fps F` and `bitrill build BOARD` make: TFC_1W1A
(784-64-64-64-10), or a network trained here where that is not to be had, in the shell of a serial
line. A board whose clock none of ``SEEDS`` seeds of placement from N on meets, or that is too
small, ends the run with the verb's own error.
Fmax is nextpnr's of the routed design, in its models of the parts: no hardware was measured.
Finished runs are kept under ``build/bench/bitstreams``.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from bitrill import TimingError, flow
from bitrill.progress import Progress
from common import ROOT, boards_measured, default_model

COLUMNS = (
    "board",
    "clock",
    "Fmax",
    "seed",
    "interval",
    "latency",
    "core frames/s",
    "used",
    "bitstream",
    "bytes",
    "seconds",
)

RATES = {
    "ulx3s-85f": 1_000_000,
    "ice40-hx8k": 10_000,
    "tang-nano-9k": 100_000,
    "icebreaker": 5_000,
    "colorlight-i5": 100_000,
    "tang-primer-20k": 100_000,
}
"""Frames a second that each is compiled for: far above what a serial line carries, and a part of
what would fit."""

SEEDS = 3
"""Seeds of placement that are tried: Fmax differs by a tenth between them."""

DEFAULT = ("ulx3s-85f", "ice40-hx8k", "tang-nano-9k")


def measure(board: str, model: Path, seed: int, work: Path) -> dict[str, Any]:
    """A row of the table."""
    start = time.monotonic()
    compiled = flow.compile(model, board=board, fps=RATES[board], out=work / board)
    seed, built = placed(board, compiled.build, range(seed, seed + SEEDS))
    made, predicted = built.manifest, compiled.build.predicted
    used = ", ".join(f"{kind} {n:,}/{have:,}" for kind, (n, have) in made.used.items() if n)
    size = (built.folder / made.bitstream).stat().st_size
    return dict(
        zip(
            COLUMNS,
            (
                board,
                f"{float(made.clock):g}",
                f"{made.fmax_mhz:.1f}",
                seed,
                str(predicted.ii),
                predicted.latency,
                f"{float(made.clock * 1_000_000 / predicted.ii):,.0f}",
                used,
                made.bitstream,
                size,
                round(time.monotonic() - start),
            ),
            strict=True,
        )
    )


def placed(board: str, build: flow.Build, seeds: range) -> tuple[int, flow.BoardBuild]:
    """Return the first seed that meets the board's clock, and the board's files."""
    for seed in seeds:
        try:
            return seed, flow.build(board, build, seed=seed, progress=steps())
        except TimingError as error:
            if seed == seeds[-1]:
                raise
            print(f"  seed {seed}: {error}", flush=True)
    raise ValueError("there must be a seed")


def steps() -> Progress:
    """One line a step of the tools."""
    said: list[str] = []

    def show(what: str, done: int, total: int) -> None:
        if what not in said:
            said.append(what)
            print(f"  {what}", flush=True)

    return show


def main() -> None:
    model, work = default_model("TFC_1W1A.onnx"), ROOT / "build" / "bench" / "bitstreams"
    boards_measured(
        __doc__,
        tuple(RATES),
        COLUMNS,
        lambda board, seed: measure(board, model, seed, work),
        default=DEFAULT,
    )


if __name__ == "__main__":
    main()
