"""A whole board's netlist, as nextpnr is given it, simulated through its two pins.

    python benchmarks/board_netlist.py [--samples N] [--seed N]

The iCE40-HX8K of `bitstreams.py`: Yosys' netlist of PLL, reset, serial line, shell and TFC_1W1A, in
Verilator, registers and memories started at random; the first test images go in bit by bit at
1 Mbaud by the driver of boards, and every answer is compared with the golden model. Exit code 1
where one is wrong.
"""

from __future__ import annotations

import argparse
import sys
import time
from fractions import Fraction

from bitrill import flow
from bitrill.flow.data import samples
from bitrill_boards.board import find
from bitrill_boards.project import Project
from bitrill_boards.simulation.netlist_line import check, line_of
from bitstreams import RATES, steps
from common import ROOT, default_model

BOARD = "ice40-hx8k"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--samples", type=int, default=20, metavar="N", help="20 if not given")
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="of registers' first values"
    )
    options = parser.parse_args()
    board, work = find(BOARD), ROOT / "build" / "bench" / "bitstreams" / BOARD
    model = default_model("TFC_1W1A.onnx")
    build = flow.compile(model, board=BOARD, fps=RATES[BOARD], out=work).build
    flow.build(BOARD, build, progress=steps())  # kept if it is done
    clock = Fraction(str(board.clock_mhz))
    project = Project(
        board, build.graph, build.predicted, build.verilog, build.board_folder(BOARD), "open", clock
    )
    # the network of `default_model` is one of MNIST's, or trained here on digits
    data = "mnist" if build.graph.source.tensor.size == 784 else "digits"
    x = samples(build.graph, data, options.samples, 0).x
    start = time.monotonic()
    line = line_of(project, seed=options.seed, level="-O1", progress=steps())
    wrong = check(project, x, line)
    print(
        f"{BOARD}: {wrong} of {len(x)} images wrong, {line.now:,} cycles,"
        f" {time.monotonic() - start:.0f} s"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
