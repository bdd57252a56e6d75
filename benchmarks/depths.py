"""CPU seconds and peak memory of FIFO depths and time alone, each network in a process of its own.

    python benchmarks/depths.py [NAME ...] [--whole]

Networks are those of `topologies`, folded at 100 MHz for some frames a second: no integer passes
and no probes. ``--whole``: event by event instead of by rows, for networks that are small enough.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from functools import partial

import topologies
from bitrill.folding.fold import fold
from bitrill.folding.solve import solve
from bitrill.ir import Graph
from bitrill.passes.forks import insert_forks
from bitrill.timing import row_graph
from bitrill.timing.fifo_depths import fifo_depths
from bitrill.timing.predict import predict

NETWORKS: dict[str, tuple[Callable[[], Graph], float]] = {
    **{
        f"resnet8-{side}": (partial(topologies.resnet8, side), 500 * (32 / side) ** 2)
        for side in (32, 64, 128, 224)
    },
    "mobilenet-224": (partial(topologies.mobilenet, 224, 4), 30),
    "resnet18-224": (topologies.resnet18, 10),
    "unet-224": (topologies.unet, 10),
}
"""Networks, and frames a second to fold for; ``resnet8`` has the same folding at each size."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("networks", nargs="*", metavar="NAME", help=f"of {', '.join(NETWORKS)}")
    parser.add_argument("--whole", action="store_true", help="event by event")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, whole=options.whole)))
        return 0
    unknown = [n for n in options.networks if n not in NETWORKS]
    if unknown:
        sys.exit(f"a network must be one of {', '.join(NETWORKS)}, not {unknown[0]!r}")
    print(
        "network", "events a frame", "cycles a frame", "latency", "slots", "CPU s", "MiB", sep="  "
    )
    for name in options.networks or NETWORKS:
        command = [sys.executable, __file__, "--measure", name, *["--whole"] * options.whole]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        print(*json.loads(done.stdout).values(), sep="  ", flush=True)
    return 0


def measure(name: str, *, whole: bool) -> dict[str, object]:
    """Find the depths and the time of a network in this process."""
    make, fps = NETWORKS[name]
    graph = insert_forks(make())
    solution = solve(graph, clock_hz=100_000_000, fps=fps)
    graph = fold(graph, solution.folding)
    row_graph.MANY = 1 << 60 if whole else 0
    before = seconds()
    depths = fifo_depths(graph)
    timing = predict(graph.replace(depths=depths))
    return {
        "network": name,
        "events": f"{sum(row_graph.RowEventGraph(graph, depths).system.sizes):,}",
        "interval": str(timing.ii),
        "latency": f"{timing.latency:,}",
        "slots": f"{sum(depths.values()):,}",
        "seconds": f"{seconds() - before:.1f}",
        "mib": f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10:.0f}",
    }


def seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
