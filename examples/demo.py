"""From training to a synthesised accelerator in one go; ``make demo`` runs it.

Trains a binary network on scikit-learn's handwritten digits, exports it, compiles it to Verilog,
runs every test image through the Verilog, some under random stalls in cocotb, synthesises it for
a Zynq-7020, and prints one table. Exits with 1 unless everything agrees.

    python examples/demo.py [--out FOLDER] [--epochs N]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
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
    with step("training a binary network on the digits"):
        trained = flow.train("tfc", out=out / "model", dataset="digits", epochs=epochs)
    with step("compiling it to Verilog"):
        compiled = flow.compile(trained.model, out=out / "build")
    with step("every test image through the Verilog (Verilator)"):
        full = flow.verify(compiled.build, data="digits")
    with step(f"{STALLED_SAMPLES} images with random stalls on both sides (cocotb)"):
        stalled = flow.verify(
            compiled.build,
            data="digits",
            engine="cocotb",
            samples=STALLED_SAMPLES,
            stall=0.5,
            out=out / "stalled",
        )
    with step("synthesis for a Zynq-7020 (Yosys)"):
        synthesised = flow.synth(compiled.build)
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
def step(what: str) -> Iterator[None]:
    """Write a step and its time to stderr."""
    print(f"demo: {what} ...", end=" ", file=sys.stderr, flush=True)
    start = time.monotonic()
    yield
    print(f"{time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
