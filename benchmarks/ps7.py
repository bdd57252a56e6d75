"""A network on every Zynq-7000 board without a block design, synthesised by Yosys, against the
share of the part that a design may use.

    python benchmarks/ps7.py [MODEL] [--out build/ps7]

Ends with 6 where one does not fit. The Verilog is the same for all boards (parts differ in size
alone), so Yosys runs once.
"""

from __future__ import annotations

import argparse
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

from bitrill import flow
from bitrill.errors import BitrillError
from bitrill_boards import board as boards
from bitrill_boards.board import SHARES, Board
from bitrill_boards.families.zynq import decimals
from bitrill_boards.project import Project
from bitrill_boards.toolchains import openxc7, ps7_project
from common import ROOT, default_model, table

FITS_NOT = 6


def project(build: flow.Build, board: Board, folder: Path) -> Project:
    """At the fastest clock that the board makes and its file allows."""
    clock = ps7_project.processing().below(board, Fraction(str(board.clock_mhz))).mhz
    return Project(board, build.graph, build.predicted, build.verilog, folder, "openxc7", clock)


def row(made: Project, work: Path) -> tuple[dict[str, Any], bool]:
    """A line of the table, and whether the design is within the budget."""
    board, top = made.board, ps7_project.common_files(made)[ps7_project.TOP]
    sources = {"top.v": made.verilog.read_text(), ps7_project.TOP: top}
    used = openxc7.synthesise(sources, board, work, lambda *_: None)
    rate = Fraction(made.clock_hz) / made.predicted.ii
    shares = {r: f"{n:,} of {board.usable(r):,}" for r, (n, _) in used.items()}
    fits = all(n <= board.usable(r) for r, (n, _) in used.items())
    return {
        "board": board.name,
        "part": board.part,
        "MHz": decimals(made.clock_mhz),
        "images/s": f"{float(rate):,.0f}",
        **shares,
        "fits": "yes" if fits else "NO",
    }, fits


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", type=Path)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "ps7")
    given = parser.parse_args()
    try:
        model = given.model or default_model("TFC_1W1A.onnx")
        build = flow.compile(model, out=given.out / "network").build
        zynq = [b for b in boards.every() if b.family == ps7_project.FAMILY]
        rows = [row(project(build, b, given.out / b.name), given.out / "work") for b in zynq]
    except BitrillError as error:
        print(f"ps7: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{build.graph.name}, a frame every {build.predicted.ii} cycles; used of usable:")
    columns = ("board", "part", "MHz", "images/s", *SHARES, "fits")
    print(table(columns, [r for r, _ in rows]))
    return 0 if all(fits for _, fits in rows) else FITS_NOT


if __name__ == "__main__":
    sys.exit(main())
