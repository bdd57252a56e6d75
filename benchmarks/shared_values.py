"""Units whose weights share few values, beside the plain one: predicted, and by synthesis.

    python benchmarks/shared_values.py [--values N] [--yosys]

A matrix of 256 columns by 32 rows with weights of 8 bits, of N values (64 if not given), the most
frequent ones near 0 as after training; x has 4 bits. ``bits``: what the memory holds for a weight.
"""

from __future__ import annotations

import argparse

import numpy as np
from bitrill.ir import Impl, IntType, Tensor
from bitrill.ops import MatVec
from bitrill.resources.estimate import resources
from bitrill_hw.design.build import component
from bitrill_hw.memories.roms import convert
from bitrill_hw.synth.synthesis import synthesise_unit
from common import ROOT, table

COLUMNS = ("style", "PE", "SIMD", "bits", "lcs", "ff", "ramb18", "cycles", "latency", "by Yosys")
ROWS, COLS = 32, 256


def matrix(values: int) -> MatVec:
    """Draw the weights."""
    rng = np.random.default_rng(1)
    book = np.unique(np.r_[np.round(np.linspace(-127, 127, values))].astype(np.int64))
    weights = book[np.abs(rng.normal(0, 25, (ROWS, COLS, 1)) - book).argmin(-1)]
    return MatVec(
        name="fc",
        inputs=("input",),
        operands=(Tensor((COLS,), IntType(0, 15)),),
        weights=weights,
        weight_type=IntType(-127, 127),
    )


def measure(op: MatVec, style: str, pe: int, simd: int, yosys: bool) -> dict[str, object]:
    """Return a row of the table."""
    impl = Impl(pe=pe, simd=simd, style=style, memory="block", primitives="xc7")  # pyright: ignore
    op = op.replace(impl=impl)
    used, cost = resources(op), op.cost()
    told = ""
    if yosys:
        work = ROOT / "build" / "bench" / "shared" / f"{style}-{pe}-{simd}"
        verilog = convert(component(op), name="top")
        report = synthesise_unit(verilog, work=work)
        cells = report.total
        halves = 2 * cells.ramb36 + cells.ramb18
        told = f"{cells.lcs} lcs, {cells.ff} ff, {halves} ramb18, {report.levels} levels"
    bits = f"{cost.weight_bits / op.weights.size:.2f}"
    row = (style, pe, simd, bits, used.lcs, used.ff, used.bram18, cost.cycles, op.latency, told)
    return dict(zip(COLUMNS, row, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--values", type=int, default=64, metavar="N")
    parser.add_argument("--yosys", action="store_true", help="also synthesise")
    options = parser.parse_args()
    op = matrix(options.values)
    rows = [
        measure(op, style, pe, simd, options.yosys)
        for pe, simd in ((1, 1), (2, 2))
        for style in ("folded", "indexed", "prefix")
    ]
    print(table(COLUMNS, rows))


if __name__ == "__main__":
    main()
