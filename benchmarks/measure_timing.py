"""Seconds and peak memory of FIFO depths and of exact time, each network in a process of its own.

    python benchmarks/measure_timing.py [NETWORK ...]

CNV w1a1 is folded to a frame in 32,768 cycles, the others by default; ``-224``: for images of
224 x 224 instead of 32 x 32. Seconds are the process's own, not the wall's.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import topologies
from bitrill.cli.show import table
from bitrill.flow.result import TextTable
from bitrill.folding.fold import fold
from bitrill.folding.solve import solve
from bitrill.ir import Graph
from bitrill.passes.forks import insert_forks
from bitrill.timing.fifo_depths import fifo_depths
from bitrill.timing.predict import predict

NETWORKS: dict[str, Callable[[], Graph]] = {
    "cnv": topologies.cnv,
    "resnet8": topologies.resnet8,
    "mobilenet": topologies.mobilenet,
    "resnet8-224": lambda: topologies.resnet8(224),
    "mobilenet-224": lambda: topologies.mobilenet(224),
}
CLOCK_HZ = 100_000_000
INTERVAL = {"cnv": 32_768}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", choices=[*NETWORKS, []], metavar="NETWORK")
    parser.add_argument("--json", action="store_true", help="one network's row, measured here")
    given = parser.parse_args()
    names = given.networks or list(NETWORKS)
    if given.json:
        print(json.dumps(measured(names[0])))
        return 0
    rows: list[dict[str, str]] = []
    for name in names:
        command = [sys.executable, __file__, name, "--json"]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
    print(table(TextTable.of(tuple(rows[0]), [tuple(row.values()) for row in rows])))
    return 0


def folded(name: str) -> Graph:
    """The network with lanes, all FIFOs at their floor."""
    graph = NETWORKS[name]()
    folding: Any = {}
    if name in INTERVAL:
        folding = solve(graph, clock_hz=CLOCK_HZ, fps=Fraction(CLOCK_HZ, INTERVAL[name])).folding
    return fold(insert_forks(graph), folding)


def measured(name: str) -> dict[str, str]:
    """A row."""
    graph = folded(name)
    sizes = [n for node in graph.nodes for n in node.schedule().sizes.values() if n]
    start = time.process_time()
    depths = fifo_depths(graph)
    middle = time.process_time()
    predicted = predict(graph.replace(depths=depths))
    end = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "network": name,
        "streams": f"{len(sizes)}",
        "events a frame": f"{sum(sizes):,}",
        "depths, s": f"{middle - start:.1f}",
        "interval and latency, s": f"{end - middle:.1f}",
        "peak MB": f"{peak // 1000:,}",
        "interval": f"{predicted.ii}",
        "latency": f"{predicted.latency}",
        "slots beyond two": f"{sum(depths.values()) - 2 * len(depths):,}",
    }


if __name__ == "__main__":
    sys.exit(main())
