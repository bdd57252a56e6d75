"""Area of every kind of sum, before and after a change of the compressor trees.

    python benchmarks/compressors.py --json FILE [NAME ..]      measures this checkout
    python benchmarks/compressors.py --compare BEFORE AFTER     prints the table of two such files

``lcs``, ``sites``, flip-flops: of the whole unit (see `area`), synthesised for xc7, its control and
stall logic with it. The families with LUTs of four inputs are counted in LUT4 by ``synth_ecp5``,
``synth_ice40`` and ``synth_gowin``. ``planned``: LUTs of the sums as the plan counts them. Units
are small: 4 rows, 2 of them at once, or an unrolled matrix; the last ones are those of `area`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
from area import UNITS, distances
from bitrill.arith.accumulate import sum_plan
from bitrill.arith.bitserial import serial_plan
from bitrill.arith.dsp_packing import dsp_plan
from bitrill.arith.unrolled_plan import unrolled_plan
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import MatVec
from bitrill.storage import read_json
from bitrill_hw.design.build import component
from bitrill_hw.memories.roms import convert
from bitrill_hw.synth.synthesis import synthesise_unit
from bitrill_hw.synth.yosys import YosysRun, run
from common import ROOT, table

Figures: TypeAlias = dict[str, float]

FOUR_INPUTS = {
    "ecp5": ("synth_ecp5 -top top", "LUT4"),
    "ice40": ("synth_ice40 -top top", "SB_LUT4"),
    "gowin": ("synth_gowin -top top -noiopads", "LUT"),
}
"""Synthesis of a family, and how the names of its LUT cells begin."""

COLUMNS = ("unit", "planned", "latency", "lcs before", "lcs after", "change", "sites", "FF")


def uint(bits: int) -> IntType:
    """Unsigned integers of ``bits`` bits."""
    return IntType(0, (1 << bits) - 1)


def signed(bits: int) -> IntType:
    """Signed integers of ``bits`` bits; one bit is bipolar."""
    return BIPOLAR if bits == 1 else IntType(-(1 << bits - 1), (1 << bits - 1) - 1)


def matrix(rows: int, cols: int, weight: IntType, x: IntType, **impl: object) -> MatVec:
    """A matrix of random weights, always the same."""
    return MatVec(
        name="unit",
        inputs=("x",),
        operands=(Tensor((cols,), x),),
        weight_type=weight,
        weights=np.random.default_rng(1).choice(weight.values(), (rows, cols)),
        impl=Impl(**{"memory": "block", "primitives": "xc7", **impl}),  # type: ignore[arg-type]
    )


def folded(simd: int, weight: IntType, x: IntType, **impl: object) -> MatVec:
    """Four rows, two at once, four steps each."""
    return matrix(4, 4 * simd, weight, x, pe=2, simd=simd, **impl)


def unrolled(rows: int, cols: int, weight: IntType, x: IntType) -> MatVec:
    """The unrolled unit: rows and columns all at once."""
    return matrix(rows, cols, weight, x, pe=rows, simd=cols, style="unrolled")


def units() -> Iterator[tuple[str, Callable[[], Operator]]]:
    """Every unit by its name, the quick ones first."""
    ternary, pot = IntType(-1, 1), IntType(-4, 4, "pot")
    kinds = {
        "xnor": (BIPOLAR, BIPOLAR),
        "w1a4": (BIPOLAR, uint(4)),
        "ternary-a2": (ternary, uint(2)),
        "pot4-a4": (pot, uint(4)),
        **{f"int{b}-a{b}": (signed(b), uint(b)) for b in range(2, 9)},
    }
    for name, (weight, x) in kinds.items():
        for simd in (3, 8, 32) if weight.bits < 3 else (3, 8):
            yield f"{name} x{simd}", lambda s=simd, w=weight, x=x: folded(s, w, x)
    for family in FOUR_INPUTS:
        for name in ("xnor", "ternary-a2", "int4-a4"):
            weight, x = kinds[name]
            yield (
                f"{name} x8 {family}",
                lambda w=weight, x=x, f=family: folded(8, w, x, primitives=f),
            )
    yield "l1-a4 x8", lambda: distances(32, 4, 2, 8, uint(4))("xc7")
    for multiply in ("dsp", "serial"):
        for bits in (4, 8):
            yield (
                f"int{bits}-a{bits} x8 {multiply}",
                lambda b=bits, m=multiply: folded(8, signed(b), uint(b), multiply=m),
            )
    constant = {
        "signs 10x64": (10, 64, BIPOLAR, BIPOLAR),
        "signs 32x32": (32, 32, BIPOLAR, BIPOLAR),
        "ternary-a2 5x32": (5, 32, ternary, uint(2)),
        "ternary-a2 32x32": (32, 32, ternary, uint(2)),
        "int4-a4 8x16": (8, 16, signed(4), uint(4)),
        "int8-a8 4x8": (4, 8, signed(8), signed(8)),
    }
    for name, (rows, cols, weight, x) in constant.items():
        yield (f"unrolled {name}", lambda r=rows, c=cols, w=weight, x=x: unrolled(r, c, w, x))
    for unit in UNITS:
        if not unit.name.startswith("thresholds"):
            yield unit.name, lambda u=unit: u.build("xc7")


def planned(op: Operator) -> float:
    """LUTs of the sums, as planned: of one row, or of a whole unrolled matrix."""
    impl = op.folded
    if isinstance(op, MatVec) and impl.style == "unrolled":
        return unrolled_plan(op).luts
    if isinstance(op, MatVec) and impl.multiply == "serial":
        return serial_plan(op).luts
    if isinstance(op, MatVec) and impl.multiply == "dsp":
        return dsp_plan(op).luts
    return sum_plan(op).luts  # type: ignore[arg-type]


def measure(name: str, op: MatVec) -> Figures:
    """The figures of one unit."""
    verilog = convert(component(op))
    plan: Figures = {"planned": planned(op), "latency": op.latency}
    work = ROOT / "build" / "bench" / "compressors" / name.replace(" ", "_")
    family = op.folded.primitives
    if family not in FOUR_INPUTS:
        report = synthesise_unit(verilog, work=work)
        return plan | {"lcs": report.total.lcs, "sites": report.sites, "ff": report.total.ff}
    synth, lut = FOUR_INPUTS[family]
    script = f"read_verilog design.v\n{synth}\ntee -o stat.json stat -json\n"
    job = YosysRun(work, script, {"design.v": verilog}, ("stat.json",))
    run([job])
    cells = read_json(job.folder / "stat.json")["design"]["num_cells_by_type"]
    return plan | {
        "lcs": sum(n for k, n in cells.items() if k.startswith(lut)),
        "ff": sum(n for k, n in cells.items() if "FF" in k),
    }


def compared(before: dict[str, Figures], after: dict[str, Figures]) -> str:
    """The table of two measurements, its sums last."""
    rows = []
    for name in before:
        if name not in after:
            continue
        old, new = before[name], after[name]

        def both(key: str, old: Figures = old, new: Figures = new) -> str:
            a, b = old.get(key, "-"), new.get(key, "-")
            return f"{a}" if a == b else f"{a} -> {b}"

        change = f"{100 * (new['lcs'] / old['lcs'] - 1):+.1f} %"
        values = (name, both("planned"), both("latency"), old["lcs"], new["lcs"], change)
        rows.append(dict(zip(COLUMNS, (*values, both("sites"), both("ff")), strict=True)))
    sums = [sum(row[key] for row in rows) for key in ("lcs before", "lcs after")]
    change = f"{100 * (sums[1] / sums[0] - 1):+.2f} %"
    rows.append(dict(zip(COLUMNS, ("all", "", "", *sums, change, "", ""), strict=True)))
    return table(COLUMNS, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="units; all if none is named")
    parser.add_argument("--json", type=Path, metavar="FILE", help="figures are added to this file")
    parser.add_argument("--compare", type=Path, nargs=2, metavar="FILE")
    arguments = parser.parse_args()
    if arguments.compare:
        print(compared(*(read_json(path) for path in arguments.compare)))
        return
    path = arguments.json
    figures = read_json(path) if path and path.is_file() else {}
    for name, build in units():
        if arguments.names and name not in arguments.names:
            continue
        figures[name] = measure(name, build())  # type: ignore[arg-type]
        print(f"{name}: {figures[name]}", flush=True)
        if path:
            path.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
