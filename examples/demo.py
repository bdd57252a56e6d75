"""From training to a synthesised accelerator in one go; ``make demo`` runs it.

Trains a binary network on scikit-learn's handwritten digits, exports it, compiles it to Verilog,
runs every test image through the Verilog, some under random stalls in cocotb, synthesises it for
a Zynq-7020, and prints one table. Exits with 1 unless everything agrees.

    python examples/demo.py [--out FOLDER] [--epochs N]
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bitrill import BitrillError, flow

STALLED_SAMPLES = 50


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/demo"))
    parser.add_argument("--epochs", type=int, help="the recipe's, if not given")
    options = parser.parse_args()
    start = time.monotonic()
    try:
        done, rows = demo(options.out, options.epochs)
    except BitrillError as error:
        print(f"demo: error: {error}", file=sys.stderr)
        return error.exit_code
    width = max(len(name) for name, _ in rows)
    print("\n".join(f"{name:<{width}}  {value}" for name, value in rows))
    print(f"{'done in':<{width}}  {time.monotonic() - start:.0f} s")
    return 0 if done else 1


def demo(out: Path, epochs: int | None = None) -> tuple[bool, list[tuple[str, str]]]:
    """Run all steps; return whether everything agreed, and the table."""
    with step("training a binary network on the digits") as progress:
        trained = flow.train(
            "tfc", out=out / "model", dataset="digits", epochs=epochs, progress=progress
        )
    with step("compiling it to Verilog") as progress:
        compiled = flow.compile(trained.model, out=out / "build", progress=progress)
    with step("every test image through the Verilog (Verilator)") as progress:
        full = flow.verify(compiled.build, data="digits", progress=progress)
    with step(f"{STALLED_SAMPLES} images with random stalls on both sides (cocotb)") as progress:
        stalled = flow.verify(
            compiled.build,
            data="digits",
            engine="cocotb",
            samples=STALLED_SAMPLES,
            stall=0.5,
            out=out / "stalled",
            progress=progress,
        )
    with step("synthesis for a Zynq-7020 (Yosys)") as progress:
        synthesised = flow.synth(compiled.build, progress=progress)
    return full.ok and stalled.ok, report(trained, compiled, full, stalled, synthesised)


def report(
    trained: flow.Trained,
    compiled: flow.Compiled,
    full: flow.Verified,
    stalled: flow.Verified,
    synthesised: flow.Synthesised,
) -> list[tuple[str, str]]:
    """Rows of the table."""
    predicted, measured, total = full.predicted, full.measured, synthesised.total
    # Verilog equal to the golden model on every image decides every image alike
    rtl = percent(full.accuracy) if full.mismatches == 0 else "wrong"
    return [
        ("network", f"{trained.name}, {trained.parameters:,} parameters"),
        ("accuracy: torch", percent(trained.accuracy)),
        ("accuracy: golden model", percent(full.accuracy)),
        ("accuracy: RTL", rtl),
        ("mismatches", f"{full.mismatches} of {full.samples} images"),
        ("mismatches under stalls", f"{stalled.mismatches} of {stalled.samples} images"),
        ("cycles a frame", f"predicted {predicted.ii}, measured {measured.ii}"),
        ("latency, cycles", f"predicted {predicted.latency}, measured {measured.latency}"),
        ("LUT", f"{total.lut:,} ({total.lcs:,} physical)"),
        ("FF", f"{total.ff:,}"),
        ("BRAM", f"{total.ramb36} RAMB36, {total.ramb18} RAMB18"),
        ("DSP", f"{total.dsp}"),
        ("images/s", f"{compiled.fps:,.0f} at {compiled.clock_mhz:g} MHz (assumed)"),
        ("Verilog", str(compiled.build.verilog)),
    ]


def percent(share: float | None) -> str:
    return "unknown" if share is None else f"{100 * share:.2f} %"


@contextmanager
def step(what: str) -> Iterator[Callable[[str, int, int], None]]:
    """Write a step, what it waits for meanwhile, and its time to stderr; all in one line."""

    def say(text: str, end: str) -> None:
        print(text, end=end, file=sys.stderr, flush=True)

    seen: list[str] = []

    def waiting(part: str, done: int, total: int) -> None:
        kind = re.split(r"\d", part)[0]  # one epoch for all of them
        if kind not in seen:
            seen.append(kind)
            say(part, " .. ")

    say(f"demo: {what}:", " ")
    start = time.monotonic()
    yield waiting
    say(f"{time.monotonic() - start:.0f} s", "\n")


if __name__ == "__main__":
    sys.exit(main())
