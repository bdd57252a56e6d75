"""Constant matrices in logic, synthesised for xc7: ours and da4ml's, side by side.

    python benchmarks/unrolled.py [NAME ..] [--da4ml PYTHON] [--cutoff 3] [--json FILE]

Ours: the whole operator at one vector a clock, with its control and stall logic. da4ml's (0.6, an
interpreter that has it is named by ``--da4ml``): its Verilog, registers behind every ``--cutoff``
adders, which cannot stall. Both by the same Yosys and the same count: physical LUTs (``lcs``, see
`bitrill_hw.synth.cell_counts`), shift registers included; ``sites``, with what carry chains forbid
(`bitrill_hw.synth.sites`, ADR 6); ``lut`` is the raw sum of LUT1..6. Matrices of networks come from
the model that the other benchmarks use; others are random, always the same.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from bitrill.arith.unrolled_plan import element, problem, unrolled_plan
from bitrill.flow.import_and_fold import load
from bitrill.ir import Impl, IntType, Tensor
from bitrill.lowering import to_integer
from bitrill.ops import MatVec
from bitrill_hw.design.build import component
from bitrill_hw.memories.roms import convert
from bitrill_hw.synth.synthesis import UnitReport, synthesise_unit
from common import ROOT, default_model

WORK = ROOT / "build" / "bench" / "unrolled"
GOAL = 0.75
"""Number of inputs of da4ml's LUTs."""

_DA4ML = """\
import sys
import numpy as np
from da4ml.codegen.rtl.rtl_model import RTLModel
from da4ml.trace import FixedVariableArray, comb_trace
w, low, high, cutoff, out = np.load(sys.argv[1]), *map(float, sys.argv[2:5]), sys.argv[5]
n = w.shape[1]
x = FixedVariableArray.from_lhs(np.full(n, low), np.full(n, high), np.ones(n))
RTLModel(comb_trace(x, x @ w.T.astype(np.float32)), "da", out, latency_cutoff=cutoff).write()
"""


def layer(number: int) -> Callable[[], MatVec]:
    """The matrix of a layer of the 1-bit network."""

    def build() -> MatVec:
        graph = to_integer(load(default_model("TFC_1W1A.onnx")))
        return [n for n in graph.nodes if isinstance(n, MatVec)][number]

    return build


def ternary(cols: int, rows: int, x: IntType) -> Callable[[], MatVec]:
    """A third of the weights each -1, 0, +1."""

    def build() -> MatVec:
        weight = IntType(-1, 1)
        return MatVec(
            name="unit",
            inputs=("x",),
            operands=(Tensor((cols,), x),),
            weight_type=weight,
            weights=np.random.default_rng(1).choice(weight.values(), (rows, cols)),
        )

    return build


UINT2 = IntType(0, 3)
MATRICES = {
    "tfc-64x10": layer(3),
    "tfc-64x64": layer(1),
    "ternary-64x64": ternary(64, 64, UINT2),
    "ternary-16x64": ternary(16, 64, UINT2),
    "ternary-64x32": ternary(64, 32, UINT2),
    "ternary-32x32": ternary(32, 32, UINT2),
    "ternary-32x5": ternary(32, 5, UINT2),
    "tfc-784x64": layer(0),
}
ALONE = ("tfc-784x64",)
"""da4ml takes minutes of solving and more of synthesis for it; its own estimate is 43,400."""


def ours(name: str, op: MatVec) -> dict[str, Any]:
    """Our figures; ``seconds``: of planning and writing Verilog."""
    impl = Impl(pe=op.rows, simd=op.cols, style="unrolled", primitives="xc7")
    op = op.replace(impl=impl)
    began = time.monotonic()
    verilog = convert(component(op))
    seconds = time.monotonic() - began
    unit = synthesise_unit(verilog, work=WORK / name / "ours")
    return figures(unit) | {
        "planned": unrolled_plan(op).luts,
        "latency": op.latency,
        "seconds": round(seconds, 1),
        "acc_bits": op.y.type.bits,
        "levels": unit.levels,
        "path_ns": unit.path and unit.path.ns,
    }


def theirs(name: str, op: MatVec, python: str, cutoff: float) -> dict[str, Any]:
    """da4ml's figures for the same products; what XNOR-popcount adds to them costs it nothing."""
    folder = WORK / name / "da4ml"
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "weights.npy", problem(op).weights)
    number = element(op.x.type)
    low = number.offset
    settings = [str(v) for v in (low, low + number.greatest, cutoff)]
    subprocess.run(
        [python, "-c", _DA4ML, str(folder / "weights.npy"), *settings, str(folder / "rtl")],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    parts = sorted((folder / "rtl" / "src").glob("da*.v"))
    parts += [folder / "rtl" / "src" / "static" / f"{n}.v" for n in ("shift_adder", "negative")]
    text = "\n".join(p.read_text() for p in parts if p.name != "da_wrapper.v")
    text = re.sub(r"\bmodule da\b", "module top", text)
    return figures(synthesise_unit(text, work=folder / f"yosys-{cutoff:g}"))


def figures(unit: UnitReport) -> dict[str, Any]:
    """Return the figures of a synthesis that count."""
    return {"sites": unit.sites} | {
        k: getattr(unit.total, k) for k in ("lcs", "lut", "ff", "carry4")
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MATRICES)}")
    parser.add_argument("--da4ml", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--cutoff", type=float, default=3.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(MATRICES))
    if unknown:
        parser.error(f"NAME must be one of {', '.join(MATRICES)}, not {', '.join(unknown)}")
    rows = {}
    for name, build in MATRICES.items():
        if options.names and name not in options.names:
            continue
        op = build()
        rows[name] = {"ours": ours(name, op)}
        line = f"{name}: ours {rows[name]['ours']}"
        if name not in ALONE:
            rows[name]["da4ml"] = theirs(name, op, options.da4ml, options.cutoff)
            ratio = rows[name]["ours"]["lcs"] / rows[name]["da4ml"]["lcs"]
            line += f"\n  da4ml {rows[name]['da4ml']}\n  {ratio:.2f} of it (goal {GOAL})"
        print(line, flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
