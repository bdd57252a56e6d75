"""Measures the resource model's grid with Yosys and fits the model: ``resources.json``.

    python benchmarks/fit_resources.py [--fit] [--work DIR]

``--fit`` fits again to the points of the file, without measuring. Many operators are synthesised in
one run, as modules whose borders are kept. Finished runs are kept in ``DIR``, so a stopped
measurement goes on. The same runs and tools give the same figures; a unit in a run with other units
may differ by a few LUTs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from amaranth import Module
from amaranth.lib import wiring
from bitrill.ir.structure import Structure
from bitrill.resources import estimate as model
from bitrill.resources.estimate import fifo_structure
from bitrill.storage import read_json, write_text
from bitrill_hw.memories.roms import convert
from bitrill_hw.synth.synthesis import synthesise_layers
from common import ROOT
from resource_grid import GRID, HELD_OUT
from specimens import Row, hardware, operator

FIGURES = ("lcs", "ff")

BATCH = 20
"""Units that one run of Yosys maps: few, so that little is lost if it is stopped."""

_SMALL = 25
"""LUTs below which the absolute error counts, not the relative one."""


_PULL = 0.1
"""Strength with which coefficients are drawn to their expected values (`_THOUGHT`). It keeps a
coefficient that the points hardly determine, and hardly moves the others."""

_THOUGHT = {
    "one": 3.0,
    "held": 1.0,
    "count": 1.0,
    "counters": 1.0,
    "stages": 1.0,
    "turns": 1.0,
    "gate": 0.5,
    "select": 0.7,
    "count2": 0.5,
    "count3": 0.5,
    "count5": 0.6,
    "chain": 0.5,
    "total": 0.5,
    "offset": 0.8,
    "compare": 0.5,
    "chosen": 0.3,
    "times": 1.0,
    "sum": 0.5,
    "wide": 0.3,
    "aside": 0.2,
    "several": 0.5,
    "down": 0.5,
    "late": 0.6,
    "deeper": 0.5,
    "places": 0.7,
    "pairs": 0.5,
    "greater": 0.5,
    "either": 0.7,
    "compares": 0.5,
    "head": 0.5,
    "bypass": 0.5,
    "width": 0.5,
    "lanes": 0.2,
    "clamp": 0.5,
    "above": 0.3,
}
"""Expected LUTs for one of each count; 1 for a count that is not named."""


class Specimens(wiring.Component):
    """Components side by side, each with its streams at the border."""

    def __init__(self, parts: Sequence[Any]):
        self.parts = parts
        super().__init__(
            {f"p{k}_{n}": s for k, c in enumerate(parts) for n, s in c.signature.members.items()}
        )

    def elaborate(self, _: object) -> Module:
        m = Module()
        for k, part in enumerate(self.parts):
            m.submodules[f"p{k}"] = part
            for name, member in part.signature.members.items():
                inner, outer = getattr(part, name), wiring.flipped(getattr(self, f"p{k}_{name}"))
                ends = (outer, inner) if member.flow == wiring.In else (inner, outer)
                wiring.connect(m, *ends)
        return m


def measure(rows: Sequence[Row], work: Path) -> list[dict[str, Any]]:
    """Add Yosys' figures to the rows, `BATCH` in a run; runs that ``work`` holds are kept."""
    figures: list[dict[str, Any]] = []
    for k in range(0, len(rows), BATCH):
        print(f"measuring {k + 1} .. of {len(rows)} in {work.name}", file=sys.stderr, flush=True)
        figures += _measured(rows[k : k + BATCH], work / f"{k:03}")
    return figures


def _measured(rows: Sequence[Row], work: Path) -> list[dict[str, Any]]:
    """Measure the rows in one run."""
    counts = synthesise_layers(convert(Specimens([hardware(row) for row in rows])), work=work)
    return [
        {**row, "lcs": r.lcs, "ff": r.ff, "bram18": r.ramb18 + 2 * r.ramb36, "dsp": r.dsp}
        for row, r in ((row, counts[f"p{k}"]) for k, row in enumerate(rows))
    ]


def structure_of(row: Row) -> Structure:
    """Return the counts of a row."""
    if row["kind"] == "fifo":
        return fifo_structure(row["width"], row["depth"])
    return operator(row).structure()


def kind_of(row: Row) -> str:
    """Return the name of the row's coefficients."""
    return "fifo" if row["kind"] == "fifo" else operator(row).coefficients_name


def fit(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Fit the coefficients of every kind."""
    kinds = sorted({kind_of(row) for row in rows})
    coefficients: dict[str, Any] = {}
    for kind in kinds:
        own = [row for row in rows if kind_of(row) == kind]
        counts = [structure_of(row) for row in own]
        coefficients[kind] = {
            f: _coefficients([getattr(s, f) for s in counts], [r[f] for r in own]) for f in FIGURES
        }
    return dict(sorted(coefficients.items()))


def _coefficients(counts: list[dict[str, float]], measured: list[int]) -> dict[str, float]:
    names = sorted({name for c in counts for name in c})
    a = np.array([[c.get(name, 0.0) for name in names] for c in counts])
    y = np.array(measured, float)
    weight = 1 / np.maximum(y, _SMALL)
    thought = np.array([_THOUGHT.get(name, 1.0) for name in names])
    pull = _PULL * np.eye(len(names))
    values = nonnegative(
        np.concatenate([a * weight[:, None], pull]), np.concatenate([y * weight, pull @ thought])
    )
    return {name: round(float(v), 4) for name, v in zip(names, values, strict=True)}


def nonnegative(a: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Solve least squares without negative unknowns (Lawson and Hanson 1974)."""
    free = np.zeros(a.shape[1], bool)
    x = np.zeros(a.shape[1])
    for _ in range(10 * a.shape[1]):
        gradient = a.T @ (y - a @ x)
        gradient[free] = -np.inf
        best = int(gradient.argmax())
        if gradient[best] <= 1e-9:
            break
        free[best] = True
        while True:
            trial = np.zeros_like(x)
            trial[free] = np.linalg.lstsq(a[:, free], y, rcond=None)[0]
            low = free & (trial <= 0)
            if not low.any():
                break
            step = (x[low] / (x[low] - trial[low])).min()
            x = x + step * (trial - x)
            free &= x > 1e-12
            x[~free] = 0
        x = trial
    return x


def table(points: list[dict[str, Any]], held_out: list[dict[str, Any]]) -> str:
    """Return the file's text, a row a line."""
    fitted = fit(points)
    error, own = (
        model.errors(rows, [predict(row, fitted) for row in rows]) for rows in (held_out, points)
    )
    lines = ['{"coefficients": {']
    lines += [",\n".join(f' "{kind}": {_json(c)}' for kind, c in fitted.items()) + "},"]
    lines += [f'"error": {_json({"held_out": error, "points": own})},']
    for name, rows in (("points", points), ("held_out", held_out)):
        end = "," if name == "points" else "}"
        lines += [f'"{name}": [', ",\n".join(f" {_json(r)}" for r in rows) + f"]{end}"]
    return "\n".join(lines) + "\n"


def predict(row: Row, coefficients: Mapping[str, Any]) -> model.Resources:
    """Predict a row by coefficients that are not in the file yet."""
    s, c = structure_of(row), coefficients[kind_of(row)]
    lcs, ff = (round(sum(c[f].get(k, 1.0) * n for k, n in getattr(s, f).items())) for f in FIGURES)
    return model.Resources(lcs, ff, s.bram18, s.dsp)


def _json(value: Any) -> str:
    return json.dumps(value)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fit", action="store_true", help="measure nothing, fit anew")
    parser.add_argument(
        "--work",
        type=Path,
        default=ROOT / "build" / "resources",
        help="folder of Yosys' runs; those that are there are kept",
    )
    options = parser.parse_args(arguments)
    if options.fit:
        value = read_json(model.TABLE)
        points, held_out = value["points"], value["held_out"]
    else:
        points = measure(GRID, options.work / "points")
        held_out = measure(HELD_OUT, options.work / "held_out")
    write_text(model.TABLE, table(points, held_out))
    print(_json(read_json(model.TABLE)["error"]))


if __name__ == "__main__":
    main(sys.argv[1:])
