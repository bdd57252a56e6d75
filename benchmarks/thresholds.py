"""Thresholds in every form, synthesised for xc7: what one choice takes beside the others.

    python benchmarks/thresholds.py [--json FILE]

64 channels of 12-bit signed x, even steps of each channel's own, 1 to 8 bits out, at several
lanes. ``LUT`` / flip-flops / halves of RAMB36, measured and as the resource model has them, of the
whole operator; ``*``: what folding takes of itself. Units of a lane count share a run of Yosys.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
from bitrill.folding.fold import cheapest_form
from bitrill.ir import Impl, IntType, Operator, Tensor
from bitrill.ops import Threshold
from bitrill.resources.estimate import resources
from bitrill_hw.design.build import component
from bitrill_hw.memories.roms import convert
from bitrill_hw.synth.synthesis import synthesise_layers
from common import ROOT
from fit_resources import Specimens

X, CHANNELS, LANES = IntType(-2048, 2047), 64, (1, 8, 64)
FORMS = {
    "parallel": ("parallel", "distributed"),
    "search": ("search", "distributed"),
    "search, block": ("search", "block"),
    "requantize": ("requantize", "distributed"),
}
MOST = 256
"""Comparators side by side that are still measured."""


def even(bits: int) -> Threshold:
    """Steps of a gain and an offset of each channel's own."""
    rng, n = np.random.default_rng(bits), (1 << bits) - 1
    gain = rng.uniform(0.5, 1.5, CHANNELS) * n / X.n_values
    offset = rng.uniform(-0.2, 0.2, CHANNELS) * n
    steps = np.arange(1, n + 1) - 0.5 - n / 2
    limits = np.ceil((steps - offset[:, None]) / gain[:, None]).clip(X.lo, X.hi + 1)
    return Threshold(
        name="unit",
        inputs=("x",),
        operands=(Tensor((CHANNELS,), X),),
        thresholds=limits.astype(int),
        inverted=np.zeros(CHANNELS, bool),
        out=IntType(0, n),
    )


def forms(bits: int, pe: int) -> dict[str, Operator]:
    """Return the forms of a threshold operator that have few enough comparators, folded."""
    op, forms = even(bits), {}
    for name, (style, memory) in FORMS.items():
        impl = Impl(pe=pe, simd=pe, style=style, memory=memory, primitives="xc7")  # pyright: ignore
        made = op.requantized if style == "requantize" else op
        if made is None or (style == "parallel" and op.levels * pe > MOST):
            continue
        if style == "search" and bits * pe > MOST:
            continue
        forms[name] = made.replace(impl=impl)
    return forms


def chosen(bits: int, pe: int) -> str:
    """The form that folding takes."""
    impl = Impl(pe=pe, simd=pe, style="parallel", primitives="xc7")
    _, chosen = cheapest_form(even(bits), impl, {})
    return next(n for n, form in FORMS.items() if form == (chosen.style, chosen.memory))


def measured(pe: int, work: Path) -> list[dict[str, Any]]:
    """A row for each form of each width at ``pe`` lanes, out of one run for each width."""
    rows = []
    for bits in range(1, 9):
        ops = forms(bits, pe)
        text = convert(Specimens([component(op) for op in ops.values()]))
        counts = synthesise_layers(text, work=work / f"{bits}x{pe}")
        best = chosen(bits, pe)
        for k, (name, op) in enumerate(ops.items()):
            seen, predicted = counts[f"p{k}"], resources(dataclasses.replace(op))
            rows.append(
                {
                    "bits": bits,
                    "pe": pe,
                    "form": name,
                    "chosen": name == best,
                    "lcs": seen.lcs,
                    "ff": seen.ff,
                    "halves": seen.ramb18 + 2 * seen.ramb36,
                    "model": [predicted.lcs, predicted.ff, predicted.bram18],
                }
            )
            print(_line(rows[-1]), flush=True)
    return rows


def _line(row: dict[str, Any]) -> str:
    model = "/".join(map(str, row["model"]))
    mark = "*" if row["chosen"] else " "
    seen = f"{row['lcs']}/{row['ff']}/{row['halves']}"
    return (
        f"{row['bits']} bits  PE {row['pe']:3} {mark}{row['form']:14} {seen:>16}  model {model:>16}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--lanes", type=int, choices=LANES, nargs="*", default=LANES)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = [
        r for pe in options.lanes for r in measured(pe, ROOT / "build" / "bench" / "thresholds")
    ]
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
