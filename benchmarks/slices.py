"""LUTs and DSP slices that the folding search takes, with a part's slices and without them.

    python benchmarks/slices.py [NAME ...] [--part PART] [--json FILE]

Networks of `compile`, weights drawn, folded for their rates at 100 MHz, by the resource model.
``seconds``: of CPU, of the search and the FIFOs.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import Any

from bitrill.errors import FitError
from bitrill.flow import import_and_fold
from bitrill.ir import Graph
from bitrill.lowering import to_integer, to_target
from bitrill.parts.devices import DEFAULT_PART, Part, part_of
from bitrill.resources.estimate import Resources, network_resources
from common import table
from compile import CLOCK_MHZ, NETWORKS, cpu_seconds, drawn_model

DEFAULT = ("resnet8", "vww")


def folded(graph: Graph, fps: float | None, part: Part) -> dict[str, Any]:
    """Return what the folding of an INTEGER graph takes, and how its operators multiply."""
    before = cpu_seconds()
    row: dict[str, Any] = {"slices": part.dsp}
    try:
        graph, _ = to_target(graph, clock_hz=int(CLOCK_MHZ * 1e6), fps=fps, part=part)
    except FitError as error:
        return row | {"refused": str(error)}
    used = sum(network_resources(graph).values(), Resources())
    ways = Counter(f"{n.kind} {n.folded.multiply}" for n in graph.nodes if len(n.ways) > 1)
    row |= {"LUT": used.lcs, "FF": used.ff, "RAMB36": used.bram18 / 2, "DSP": used.dsp}
    row["multiply"] = ", ".join(f"{n} {way}" for way, n in sorted(ways.items()))
    return row | {"seconds": round(cpu_seconds() - before, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("networks", nargs="*", metavar="NAME", help=f"of {', '.join(NETWORKS)}")
    parser.add_argument("--part", default=DEFAULT_PART, help=f"{DEFAULT_PART} if not given")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    unknown = sorted(set(options.networks) - set(NETWORKS))
    if unknown:
        parser.error(f"NAME must be one of {', '.join(NETWORKS)}, not {', '.join(unknown)}")
    part, rows = part_of(options.part), []
    for name in options.networks or DEFAULT:
        network = NETWORKS[name]
        graph = to_integer(import_and_fold.load(drawn_model(network)))
        for some in (dataclasses.replace(part, dsp=0), part):
            rows.append({"network": name, **folded(graph, network.fps, some)})
            print(rows[-1], flush=True)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    print(table(columns, [dict.fromkeys(columns, "") | row for row in rows]))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
