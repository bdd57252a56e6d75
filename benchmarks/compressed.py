"""How much of a compression reaches the chip: dense, compressed and truly narrow, side by side.

    python benchmarks/compressed.py [NAME ..] [--style folded|unrolled] [--yosys] [--json FILE]

Each network is folded as `compile` does it without further options, or unrolled. ``lcs`` and
``ramb18``: LUTs and halves of block memories, of the whole network with its FIFOs, by the resource
model, or with ``--yosys`` by synthesis; ``cycles``: a frame. ``reached``: ``(dense - compressed) /
(dense - narrow)`` of the LUTs, 1 where the compressed network costs what the narrow one does; of
single weights that are pruned, the share of the LUTs that is saved over that of the weights.
What is unrolled is folded for a larger part than the one that is assumed.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from bitrill.flow.import_and_fold import ASSUMED_MHZ, fold, fold_for, integers, usual_goals
from bitrill.ir import Graph
from bitrill.parts.devices import DEFAULT_PART, part_of
from bitrill.resources.estimate import Resources, network_resources
from bitrill.timing.predict import predict
from common import ROOT, table
from compressed_networks import CASES as CHANNELS
from compressed_networks import Case
from compressed_zeros import ZEROS

STYLES = ("folded", "unrolled")
LARGE = "xcu250"
"""A part that holds what is unrolled."""
CASES = CHANNELS + ZEROS
COLUMNS = ("network", "style", "dense", "compressed", "narrow", "reached", "ramb18", "cycles")


def folded(graph: Graph, style: str) -> Graph:
    """Return an IMPORTED graph folded by default, for the part that is assumed."""
    if style == "unrolled":
        integer = integers(graph, style="unrolled")
        return fold(integer, style="unrolled", part=part_of(LARGE))
    part, integer = part_of(DEFAULT_PART), integers(graph)
    return fold_for(integer, ASSUMED_MHZ, usual_goals(integer, part))[0]


def used(graph: Graph, work: Path, yosys: bool) -> tuple[int, int]:
    """Return LUTs and halves of block memories."""
    if not yosys:
        total = sum(network_resources(graph).values(), Resources())
        return total.lcs, total.ramb18
    from bitrill_hw.synth.synthesis import synthesise

    total = synthesise(graph, work=work).total
    return total.lcs, round(2 * total.blocks(part_of(DEFAULT_PART))["bram36"][0])


def measure(case: Case, style: str, yosys: bool) -> dict[str, object]:
    """Return a row of the table."""
    lcs: list[int] = []
    ramb18: list[int] = []
    cycles: list[str] = []
    for form in case.forms:
        graph = folded(case.build(form), style)
        a, b = used(
            graph, ROOT / "build" / "bench" / "compressed" / case.name / style / form, yosys
        )
        lcs.append(a)
        ramb18.append(b)
        cycles.append(str(predict(graph).ii))
    dense, compressed, *narrow = lcs
    least = narrow[0] if narrow else (1 - case.pruned) * dense
    reached = f"{(dense - compressed) / (dense - least):.2f}" if dense != least else "-"
    shown = (dense, compressed, *(narrow or ("-",)))
    row = (case.name, style, *shown, reached, " ".join(map(str, ramb18)), " ".join(cycles))
    return dict(zip(COLUMNS, row, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    names = [case.name for case in CASES]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--style", choices=STYLES, help="both if not given")
    parser.add_argument("--yosys", action="store_true", help="synthesise instead of predicting")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(names))
    if unknown:
        parser.error(f"NAME must be one of {', '.join(names)}, not {', '.join(unknown)}")
    rows = [
        measure(case, style, options.yosys)
        for case in CASES
        if not options.names or case.name in options.names
        for style in ([options.style] if options.style else STYLES)
    ]
    print(table(COLUMNS, rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
