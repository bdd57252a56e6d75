"""Units by themselves, synthesised for xc7: ours, the reference and the goal, side by side.

    python benchmarks/area.py [NAME ..] [--primitives portable|xc7] [--json FILE]

Every figure is physical LUTs (``lcs``, see `bitrill_hw.synth.cell_counts`) of the whole operator,
its control and stall logic with it, at one step a clock; weights in block RAM, thresholds apart.
``sites``: the same with what carry chains forbid (`bitrill_hw.synth.sites`, ADR 6). ``levels``: the
most LUTs between two registers. ``path``: Yosys' ``sta``, cells without routing. Finished runs are
kept under ``build/bench/area``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import L1MatVec, MatVec, Threshold
from bitrill_hw.design.build import component
from bitrill_hw.memories.roms import convert
from bitrill_hw.synth.synthesis import synthesise_unit
from common import ROOT

TERNARY, POT4 = IntType(-1, 1), IntType(-4, 4, "pot")
COLUMNS = (
    "unit",
    "ours",
    "sites",
    "goal",
    "reference",
    "lut",
    "ff",
    "carry4",
    "bram36",
    "levels",
    "path ns",
    "acc bits",
    "latency",
)


@dataclass(frozen=True)
class Unit:
    """``build(primitives)`` gives the operator; ``reference``: LUTs and whose; ``goal``: LUTs,
    where one was set."""

    name: str
    build: Callable[[str], Operator]
    reference: str
    goal: int | str


def matvec(
    cols: int, rows: int, pe: int, simd: int, weight: IntType, x: IntType
) -> Callable[[str], Operator]:
    """A matrix of random weights in block RAM."""

    def build(primitives: Any) -> Operator:
        return MatVec(
            name="unit",
            inputs=("x",),
            operands=(Tensor((cols,), x),),
            weight_type=weight,
            weights=np.random.default_rng(1).choice(weight.values(), (rows, cols)),
            impl=Impl(pe=pe, simd=simd, memory="block", primitives=primitives),
        )

    return build


def distances(cols: int, rows: int, pe: int, simd: int, x: IntType) -> Callable[[str], Operator]:
    """A matrix of random weights, of the values of x, in block RAM."""

    def build(primitives: Any) -> Operator:
        return L1MatVec(
            name="unit",
            inputs=("x",),
            operands=(Tensor((cols,), x),),
            weights=np.random.default_rng(1).choice(x.values(), (rows, cols)),
            impl=Impl(pe=pe, simd=simd, memory="block", primitives=primitives),
        )

    return build


def thresholds(pe: int) -> Callable[[str], Operator]:
    """64 channels, 2 bits out, 8-bit signed in, random constants in logic."""

    def build(primitives: Any) -> Operator:
        x = IntType(-128, 127)
        limits = np.random.default_rng(1).integers(x.lo, x.hi + 2, (64, 3))
        return Threshold(
            name="unit",
            inputs=("x",),
            operands=(Tensor((64,), x),),
            out=IntType(0, 3),
            thresholds=np.sort(limits, 1),
            inverted=np.zeros(64, bool),
            impl=Impl(pe=pe, simd=pe, style="parallel", primitives=primitives),
        )

    return build


UINT2, UINT4, INT4 = IntType(0, 3), IntType(0, 15), IntType(-8, 7)
UNITS = (
    Unit("xnor-1024x64", matvec(1024, 64, 32, 32, BIPOLAR, BIPOLAR), "2142 FINN RTL", 1400),
    Unit("xnor-512x32", matvec(512, 32, 16, 16, BIPOLAR, BIPOLAR), "993 FINN RTL", 520),
    Unit("w1a4-1024x64", matvec(1024, 64, 32, 32, BIPOLAR, UINT4), "11700 FINN HLS", 4800),
    Unit("w4a4-1024x64", matvec(1024, 64, 32, 32, INT4, UINT4), "28115 FINN RTL", 18000),
    Unit("pot4-a4-1024x64", matvec(1024, 64, 32, 32, POT4, UINT4), "-", 10500),
    Unit("ternary-a2-1024x64", matvec(1024, 64, 32, 32, TERNARY, UINT2), "-", 3800),
    Unit("l1-a4-1024x64", distances(1024, 64, 32, 32, UINT4), "-", "-"),
    Unit("thresholds-pe1", thresholds(1), "77 FINN, same Yosys", 60),
    Unit("thresholds-pe8", thresholds(8), "263 FINN, same Yosys", 190),
)
_LOG3 = IntType(0, 64, "log2")
_BOOKS = {
    "ttq": (-3, 0, 5),
    "codebook8": (-8, -5, -3, -1, 0, 2, 4, 7),
    "codebook16": (-128, -101, -77, -60, -40, -21, -11, -3, 0, 3, 13, 29, 43, 64, 91, 127),
}
CODED = tuple(
    Unit(f"{name}-128x32", matvec(128, 32, 8, 16, weight, x), "-", "-")
    for name, weight, x in (
        *((f"{book}-a4", IntType.of_entries(e), UINT4) for book, e in _BOOKS.items()),
        ("int4-a4", IntType(-7, 7), UINT4),
        ("int8-a4", IntType(-128, 127), UINT4),
        ("pot2-a4", IntType(-8, 8, "pot", 2), UINT4),
        ("pot16-a4", IntType(-16, 16, "pot"), UINT4),
        ("pot64-a4", IntType(-64, 64, "pot"), UINT4),
        ("bipolar-log3", BIPOLAR, _LOG3),
        ("ternary-log3", TERNARY, _LOG3),
        ("int4-log3", IntType(-7, 7), _LOG3),
        ("int4-planes-log3", IntType(-8, 7), _LOG3),
    )
)
"""A small unit of every coding, 8 rows and 16 columns at once; measured only if named."""


def measure(unit: Unit, primitives: str, work: Path) -> dict[str, Any]:
    """A row of the table."""
    op = unit.build(primitives)
    report = synthesise_unit(convert(component(op)), work=work / f"{unit.name}-{primitives}")
    total = report.total
    return dict(
        zip(
            COLUMNS,
            (
                unit.name,
                total.lcs,
                report.sites,
                unit.goal,
                unit.reference,
                total.lut,
                total.ff,
                total.carry4,
                total.ramb36 + total.ramb18 / 2,
                report.levels,
                report.path and report.path.ns,
                op.y.type.bits,
                getattr(op, "latency", None),
            ),
            strict=True,
        )
    )


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows under their names, columns aligned."""
    cells = [COLUMNS, *([str(row[c]) for c in COLUMNS] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            c.ljust(w) if k == 0 else c.rjust(w)
            for k, (c, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    names = [u.name for u in (*UNITS, *CODED)]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--primitives", choices=("portable", "xc7"), default="xc7")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(names))
    if unknown:
        parser.error(f"NAME must be one of {', '.join(names)}, not {', '.join(unknown)}")
    rows = []
    for unit in (*UNITS, *CODED):
        if unit.name in (options.names or [u.name for u in UNITS]):
            rows.append(measure(unit, options.primitives, ROOT / "build" / "bench" / "area"))
            print(f"{unit.name}: {rows[-1]['ours']} (goal {unit.goal})", flush=True)
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
