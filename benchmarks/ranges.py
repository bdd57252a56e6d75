"""Unrolled networks built to each channel's own range, and to its type's alone, side by side.

    python benchmarks/ranges.py [--yosys] [--json FILE]

The networks are like those of HGQ (Sun et al. 2024): each weight and each activation has a width
of its own, drawn at random; shapes 16-32-32-5 and 16-64-32-32-5 (jet tagging). ``typed``: all
channels of an edge have the widest one's bits; ``ranges``: `bitrill.passes.spans`. Both are LUTs of
the whole network, by the resource model or with ``--yosys`` by synthesis.
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
from bitrill.folding import fold as folding
from bitrill.ir import Graph, IntType, Sink, Source, Stage, Tensor
from bitrill.lowering import to_folded, to_integer
from bitrill.ops import MatVec, Threshold
from bitrill.parts.devices import DEFAULT_PART, part_of
from bitrill.timing.predict import predict
from common import ROOT, table
from compressed import used

SHAPES = {"hgq-16-32-32-5": (16, 32, 32, 5), "hgq-jets": (16, 64, 32, 32, 5)}
BITS = 6
"""Bits of the widest weight and activation; widths are 1 .. ``BITS``, and weights may be 0."""


def network(shape: tuple[int, ...], seed: int = 0) -> Graph:
    """Return an IMPORTED network of random widths."""
    rng = np.random.default_rng(seed)
    x = Tensor((shape[0],), IntType(-(1 << BITS - 1), (1 << BITS - 1) - 1))
    edge, t, nodes = "input", x, []
    for k, (cols, rows) in enumerate(pairwise(shape)):
        reach = (1 << rng.integers(0, BITS, (rows, cols))) - 1
        weights = rng.integers(-reach, reach + 1)
        weight_type = IntType(-(1 << BITS - 1), (1 << BITS - 1) - 1)
        named = {"name": f"fc{k}", "inputs": (edge,), "operands": (t,)}
        nodes.append(MatVec(**named, weights=weights, weight_type=weight_type))
        edge, t = f"fc{k}", nodes[-1].y
        if k < len(shape) - 2:
            levels = (1 << rng.integers(1, BITS + 1, (rows, 1))) - 1
            places = np.arange(1, 1 << BITS)
            step = np.maximum(1, np.abs(weights).sum(1, keepdims=True) * 8 // levels)
            limits = np.where(places <= levels, places * step, t.type.hi + 1)
            named = {"name": f"act{k}", "inputs": (edge,), "operands": (t,)}
            limits = np.sort(np.minimum(limits, t.type.hi + 1), axis=1)
            rising, out = np.zeros(rows, bool), IntType(0, (1 << BITS) - 1)
            nodes.append(Threshold(**named, thresholds=limits, inverted=rising, out=out))
            edge, t = f"act{k}", nodes[-1].y
    source = Source(shape=x.shape, tensor=x, raw_scale="1")
    sink = Sink(shape=t.shape, edge=edge, tensor=t, scale=(1,), offset=(0,))
    nodes = tuple(nodes)
    return Graph(name="hgq", stage=Stage.IMPORTED, source=source, nodes=nodes, sink=sink)


def measure(name: str, yosys: bool) -> dict[str, object]:
    """Return a row of the table."""
    graph, part = to_integer(network(SHAPES[name])), part_of(DEFAULT_PART)
    given, row = folding.set_spans, {"network": name}
    for form in ("typed", "ranges"):
        folding.set_spans = given if form == "ranges" else lambda graph, *_: graph
        folded = to_folded(graph, style="unrolled", part=part)
        luts, _ = used(folded, ROOT / "build" / "bench" / "ranges" / name / form, yosys)
        row |= {form: luts, f"{form} latency": predict(folded).latency}
    folding.set_spans = given
    return row | {"saved": f"{1 - row['ranges'] / row['typed']:.0%}"}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SHAPES)}")
    parser.add_argument("--yosys", action="store_true", help="synthesise instead of predicting")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(SHAPES))
    if unknown:
        parser.error(f"NAME must be one of {', '.join(SHAPES)}, not {', '.join(unknown)}")
    rows = [measure(name, options.yosys) for name in options.names or SHAPES]
    print(table(list(rows[0]), rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
