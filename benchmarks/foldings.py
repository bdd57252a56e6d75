"""LUTs, memories and cycles at the PE and SIMD that FINN's examples are published with.

    python benchmarks/foldings.py [NAME ...] [--json FILE]

Weights are drawn (`drawn`). PE and SIMD of matrices and depthwise layers are those of the folding
files in github.com/Xilinx/finn-examples (``build/*/folding_config/``); the search chooses all else
for the interval that they allow, at 100 MHz. ``FINN``: the longest of its layers by its own
formula, rows / PE x columns / SIMD x pixels. Resources are the resource model's, depths of FIFOs
included. Parts are those of the published builds, but for MobileNet: its weights do not fit block
memory alone, and FINN has some of them in UltraRAM, so it is folded for the next larger part. Its
FIFOs count with two slots, since their depths take minutes; the interval is that of the slowest
operator, which depths keep, and the latency is not known.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from bitrill.flow import import_and_fold
from bitrill.folding.fold import fold
from bitrill.folding.solve import solve
from bitrill.ir import Choice, Graph, Operator
from bitrill.lowering import to_integer, to_target
from bitrill.ops import Depthwise, MatVec
from bitrill.parts.devices import part_of
from bitrill.passes.forks import insert_forks
from bitrill.resources.estimate import Resources, network_resources
from bitrill.timing.predict import predict
from bitrill.timing.row_graph import RowEventGraph
from common import table
from compile import Network, cpu_seconds, drawn_model

CLOCK_HZ = 100_000_000

Lanes: TypeAlias = tuple[tuple[int, int], ...]
"""PE and SIMD, layer by layer."""


@dataclass(frozen=True)
class Published:
    """A network, and FINN's folding of it: ``matrices``, and PE of depthwise layers, in order.

    ``depths``: whether the depths of its FIFOs are found.
    """

    network: Network
    part: str
    matrices: Lanes
    depthwise: tuple[int, ...] = ()
    depths: bool = True


_PYNQ, _ZCU104, _ZCU102 = "xc7z020clg400-1", "xczu7ev", "xczu9eg"

PUBLISHED = {
    "tfc": Published(Network("dense", 1, 1, 64, 28), _PYNQ, ((16, 49), (8, 8), (8, 8), (10, 8))),
    "cnv-w1a1": Published(
        Network("cnv", 1, 1, 64, 32),
        _PYNQ,
        ((16, 3), (32, 32), (16, 32), (16, 32), (4, 32), (1, 32), (1, 4), (1, 8), (5, 1)),
    ),
    "cnv-w2a2": Published(
        Network("cnv", 2, 2, 64, 32),
        _PYNQ,
        ((8, 3), (16, 16), (8, 16), (8, 16), (4, 8), (1, 8), (1, 2), (2, 2), (5, 1)),
    ),
    "kws": Published(Network("keywords", 3, 3, 256), _PYNQ, ((64, 10), (32, 8), (32, 8), (1, 16))),
    "vgg10": Published(
        Network("vgg10", 4, 4, 64, 1024),
        _ZCU104,
        ((32, 6), *((n, 96) for n in (16, 8, 4, 2, 1, 1)), (2, 32), (1, 32), (1, 8)),
    ),
    "mobilenet": Published(
        Network("mobilenet", 4, 4, 32, 224),
        _ZCU102,
        ((16, 3), *((n, 8) for n in (8, 16, 32, 16, 32, 16, 32, 32, 32, 32, 32, 16, 32)), (1, 16)),
        (16, 8, 16, 4, 8, 2, 4, 4, 4, 4, 4, 1, 2),
        depths=False,
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("networks", nargs="*", metavar="NAME", help=f"of {', '.join(PUBLISHED)}")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    unknown = sorted(set(options.networks) - set(PUBLISHED))
    if unknown:
        parser.error(f"NAME must be one of {', '.join(PUBLISHED)}, not {', '.join(unknown)}")
    rows = []
    for name in options.networks or PUBLISHED:
        rows.append({"network": name, **folded(PUBLISHED[name])})
        print(rows[-1], flush=True)
    print(table(list(rows[0]), rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


def folded(published: Published) -> dict[str, object]:
    """Fold a network as published, and return what it takes."""
    before = cpu_seconds()
    graph = to_integer(import_and_fold.load(drawn_model(published.network)))
    wanted = folding_of(graph, published)
    cycles = max(finn_cycles(n, wanted[n.name]) for n in graph.nodes if n.name in wanted)
    graph = at_interval(graph, cycles, wanted, published)
    used = sum(network_resources(graph).values(), Resources())
    timing = predict(graph) if published.depths else None
    interval = timing.ii if timing else RowEventGraph(graph, None).slowest.interval
    return {
        "part": published.part,
        "FINN": cycles,
        "interval": int(interval),
        "latency": timing.latency if timing else "-",
        "LUT": used.lcs,
        "FF": used.ff,
        "RAMB36": used.bram18 / 2,
        "DSP": used.dsp,
        "seconds": round(cpu_seconds() - before, 1),
    }


def at_interval(
    graph: Graph, cycles: int, wanted: Mapping[str, Choice], published: Published
) -> Graph:
    """Fold an INTEGER graph for so many cycles a frame, with the wanted lanes."""
    part, mhz = part_of(published.part), CLOCK_HZ / 1e6
    if published.depths:
        return to_target(
            graph, clock_hz=CLOCK_HZ, interval=cycles, part=part, folding=wanted, clock_mhz=mhz
        )[0]
    graph = insert_forks(graph)
    found = solve(graph, clock_hz=CLOCK_HZ, interval=cycles, part=part, folding=wanted)
    return fold(graph, found.folding, part=part, clock_mhz=mhz)


def folding_of(graph: Graph, published: Published) -> dict[str, Choice]:
    """Return the published lanes of an INTEGER graph's layers, by name."""
    matrices = [n.name for n in graph.nodes if isinstance(n, MatVec)]
    depthwise = [n.name for n in graph.nodes if isinstance(n, Depthwise)]
    lanes: dict[str, Choice] = {
        name: {"pe": pe, "simd": simd}
        for name, (pe, simd) in zip(matrices, published.matrices, strict=True)
    }
    ones = zip(depthwise, published.depthwise, strict=True)
    return lanes | {name: {"pe": pe, "simd": pe} for name, pe in ones}


def finn_cycles(node: Operator, lanes: Mapping[str, object]) -> int:
    """Return the cycles of FINN's unit for a layer: its products over those of a cycle."""
    pe, simd = int(str(lanes["pe"])), int(str(lanes["simd"]))
    if isinstance(node, MatVec):
        return node.x.size // node.cols * (node.rows // pe) * (node.cols // simd)
    assert isinstance(node, Depthwise)
    return node.x.size // pe


if __name__ == "__main__":
    main()
