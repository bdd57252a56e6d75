"""Bits for each layer, searched, against the same bits in all layers; and TPE against random.

    python benchmarks/layer_bits.py [--trials 12] [--seeds 3] [--again 5] [--out build/search]

A dense network on digits, folded for 200,000 frames a second. For each uniform network, the front's
best point (by validation) of no more LUTs is trained anew with other seeds, as is the uniform one;
test accuracies are means with standard errors. A run that is stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bitrill import flow
from bitrill.search.front import Point

BITS = (2, 3, 4, 6)
LAYERS = ("1", "4", "7", "10")

RECIPE = {
    "data": {"name": "digits", "validation": 0.3},
    "model": {"recipe": "mlp", "width": 16},
    "hardware": {"fps": 200_000},
    "training": {"epochs": 5, "batch": 25, "learning_rate": 0.01},
    "step": [{"kind": "train"}, {"kind": "quantize", "epochs": 3, "layers": {"*": {}}}],
}


def keys(pattern: str) -> tuple[str, str]:
    """Return the keys of a pattern's bits."""
    return f"step.2.layers.{pattern}.weights", f"step.2.layers.{pattern}.acts"


def uniform(bits: int) -> dict[str, Any]:
    """Return values with the same bits everywhere."""
    return dict(zip(keys("*"), (f"int{bits}", bits), strict=True))


def space(patterns: tuple[str, ...], **search: Any) -> dict[str, Any]:
    """Return a space of bits for each pattern of layers."""
    domains: dict[str, Any] = {}
    for pattern in patterns:
        weights, acts = keys(pattern)
        domains |= {weights: [f"int{b}" for b in BITS], acts: list(BITS)}
    return {"recipe": RECIPE, "space": domains, "search": {"name": "bits", "group": 6, **search}}


def searched(sampler: str, seed: int, trials: int, out: Path) -> tuple[Point, ...]:
    """Return the front of a search over the bits of each layer."""
    tables = space(LAYERS, sampler=sampler, seed=seed, trials=trials)
    return flow.search(tables, out=out / f"{sampler}-{seed}").standing.front


def again(values: Mapping[str, Any], patterns: tuple[str, ...], n: int, out: Path) -> list[Point]:
    """Train a network with with ``n`` seeds."""
    tables = space(patterns, sampler="random", trials=n)
    tables["space"] = {key: [value] for key, value in values.items()}
    tables["space"]["training.seed"] = list(range(1, n + 1))
    tables["start"] = [{"training.seed": k} for k in range(1, n + 1)]
    # one objective, so that trials stand in no front: every one is read from its file
    flow.search(tables, out=out)
    return [_point(out / "trials" / str(k) / "trial.json") for k in range(n)]


def _point(path: Path) -> Point:
    import json

    value = json.loads(path.read_text())
    figures = value["figures"]
    named = {k: figures[k] for k in ("lcs", "ramb18", "dsp", "fps", "latency_ns", "energy_nj")}
    accuracy, validation = figures["test_accuracy"], figures["accuracy"]
    return Point(value["number"], accuracy, validation, params=value["params"], folder="", **named)


def told(points: list[Point]) -> tuple[float, float, float]:
    """Return mean test accuracy, its standard error, mean LUTs."""
    accuracies = [p.accuracy or 0.0 for p in points]
    error = statistics.stdev(accuracies) / math.sqrt(len(points))
    return statistics.mean(accuracies), error, statistics.mean(p.lcs for p in points)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--again", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("build/search"))
    given = parser.parse_args()
    uniforms = {b: again(uniform(b), ("*",), given.again, given.out / f"uniform-{b}") for b in BITS}
    fronts = {
        (sampler, seed): searched(sampler, seed, given.trials, given.out)
        for seed in range(given.seeds)
        for sampler in ("tpe", "random")
    }
    print(f"best validation accuracy of {given.trials} trials at no more LUTs than uniform bits")
    for b, points in uniforms.items():
        most = max(p.lcs for p in points)
        best = {
            name: max((p.validation or 0 for p in front if p.lcs <= most), default=0)
            for name, front in fronts.items()
        }
        each = ", ".join(f"{s} {seed}: {100 * v:.2f} %" for (s, seed), v in best.items())
        print(f"  {b} bits, {most} LUTs: {each}", flush=True)
    print("uniform bits against the front's point, trained anew: test accuracy, error, LUTs")
    for b, points in uniforms.items():
        mean, error, lcs = told(points)
        most = min(p.lcs for p in points)
        fits = [p for f in fronts.values() for p in f if p.lcs <= most]
        if not fits:
            print(f"  {b} bits: {100 * mean:.2f} +- {100 * error:.2f} %, {lcs:.0f}; no point")
            continue
        best_ = max(fits, key=lambda p: p.validation or 0)
        ours, mine, luts = told(
            again(best_.params, LAYERS, given.again, given.out / f"against-{b}")
        )
        gain = (ours - mean) / math.hypot(error, mine) if error or mine else math.inf
        print(
            f"  {b} bits: {100 * mean:.2f} +- {100 * error:.2f} %, {lcs:.0f};"
            f" searched {100 * ours:.2f} +- {100 * mine:.2f} %, {luts:.0f}: {gain:+.1f} standard"
            f" errors; {best_.params}",
            flush=True,
        )


if __name__ == "__main__":
    main()
