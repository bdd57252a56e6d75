"""Measures the resource model's grid with Yosys and fits the model: ``resources.json``.

    python benchmarks/fit_resources.py [--fit] [--work DIR]

``--fit`` fits anew to the points of the file, without measuring. Many operators are synthesised in
one run, as modules whose borders are kept. What was stopped goes on from the runs that are whole,
in ``DIR``. The same runs and tools give the same figures; units of a run that are joined by others
may come out a few LUTs otherwise.
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
from bitrill.resources.structures import fifo_structure, structure
from bitrill.storage import read_json, write_text
from bitrill_hw.memories.roms import convert
from bitrill_hw.synth.synthesis import synthesise_layers
from common import ROOT
from resource_grid import GRID, HELD_OUT
from specimens import Row, hardware, operator

FIGURES = ("lcs", "ff")

BATCH = 20
"""Units that one run of Yosys maps: few, so that little is lost where it is stopped."""

_SMALL = 25
"""Below so many LUTs it is the absolute error that counts."""


_PULL = 0.1
"""How strongly coefficients are drawn to what they are thought to be (`_THOUGHT`): a coefficient
that the points hardly tell does not stray, one that they tell well hardly notices."""

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
"""LUTs of one of each; 1 of what is not named."""


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
    """The rows with what Yosys says of each, `BATCH` in a run; runs found in ``work`` are kept."""
    found: list[dict[str, Any]] = []
    for k in range(0, len(rows), BATCH):
        print(f"measuring {k + 1} .. of {len(rows)} in {work.name}", file=sys.stderr, flush=True)
        found += _measured(rows[k : k + BATCH], work / f"{k:03}")
    return found


def _measured(rows: Sequence[Row], work: Path) -> list[dict[str, Any]]:
    """One run."""
    found = synthesise_layers(convert(Specimens([hardware(row) for row in rows])), work=work)
    return [
        {**row, "lcs": r.lcs, "ff": r.ff, "bram18": r.ramb18 + 2 * r.ramb36, "dsp": r.dsp}
        for row, r in ((row, found[f"p{k}"]) for k, row in enumerate(rows))
    ]


def structure_of(row: Row) -> Structure:
    """The counts of a row."""
    if row["kind"] == "fifo":
        return fifo_structure(row["width"], row["depth"])
    return structure(operator(row))


def kind_of(row: Row) -> str:
    """What the row's coefficients are named by."""
    return "fifo" if row["kind"] == "fifo" else model.kind_of(operator(row))


def fit(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Coefficients of every kind."""
    kinds = sorted({kind_of(row) for row in rows})
    found: dict[str, Any] = {"other": {figure: {} for figure in FIGURES}}
    for kind in kinds:
        own = [row for row in rows if kind_of(row) == kind]
        counts = [structure_of(row) for row in own]
        found[kind] = {
            f: _coefficients([getattr(s, f) for s in counts], [r[f] for r in own]) for f in FIGURES
        }
    return dict(sorted(found.items()))


def _coefficients(counts: list[dict[str, float]], measured: list[int]) -> dict[str, float]:
    names = sorted({name for c in counts for name in c})
    a = np.array([[c.get(name, 0.0) for name in names] for c in counts])
    y = np.array(measured, float)
    weight = 1 / np.maximum(y, _SMALL)
    thought = np.array([_THOUGHT.get(name, 1.0) for name in names])
    pull = _PULL * np.eye(len(names))
    found = nonnegative(
        np.concatenate([a * weight[:, None], pull]), np.concatenate([y * weight, pull @ thought])
    )
    return {name: round(float(v), 4) for name, v in zip(names, found, strict=True)}


def nonnegative(a: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Least squares with no negative unknown (Lawson and Hanson 1974)."""
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
    """The file: a row a line."""
    found = fit(points)
    weigh = lambda row: predict(row, found)  # noqa: E731
    error = model.errors(held_out, [weigh(row) for row in held_out])
    fitted = model.errors(points, [weigh(row) for row in points])
    lines = ['{"coefficients": {']
    lines += [",\n".join(f' "{kind}": {_json(c)}' for kind, c in found.items()) + "},"]
    lines += [f'"error": {_json({"held_out": error, "points": fitted})},']
    for name, rows in (("points", points), ("held_out", held_out)):
        end = "," if name == "points" else "}"
        lines += [f'"{name}": [', ",\n".join(f" {_json(r)}" for r in rows) + f"]{end}"]
    return "\n".join(lines) + "\n"


def predict(row: Row, found: Mapping[str, Any]) -> model.Resources:
    """By coefficients that are not in the file yet."""
    s, c = structure_of(row), found[kind_of(row)]
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
    told = parser.parse_args(arguments)
    if told.fit:
        value = read_json(model.TABLE)
        points, held_out = value["points"], value["held_out"]
    else:
        points = measure(GRID, told.work / "points")
        held_out = measure(HELD_OUT, told.work / "held_out")
    write_text(model.TABLE, table(points, held_out))
    print(_json(read_json(model.TABLE)["error"]))


if __name__ == "__main__":
    main(sys.argv[1:])
