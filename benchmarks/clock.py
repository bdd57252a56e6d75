"""A folded network placed and routed on small parts: its clock, beside goal and reference.

    python benchmarks/clock.py [BOARD ..] [--seed N] [--json FILE]

TFC_1W1A (784-64-64-64-10), its weights in block memory, whole: `bitrill_hw.top.Top` as `compile
--part --clock-mhz` makes it, in a frame that keeps pins few (`Frame`). Yosys and nextpnr are those
of the extra ``place``. The clock is what nextpnr reports of the routed design, in its models of the
parts: no hardware was measured. Finished runs are found again under ``build/bench/clock``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from amaranth.hdl import Cat, ClockDomain, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from bitrill.errors import ToolError
from bitrill.flow.compiling import integer, load
from bitrill.ir import Graph
from bitrill.ir.graph import INPUT
from bitrill.ops import MatVec
from bitrill.pipeline import to_folded
from bitrill.plan.parts import part_of
from bitrill.plan.timing import predict
from bitrill_hw.roms import PREFIX, convert
from bitrill_hw.synth.yosys import Job, run
from bitrill_hw.top import Top
from common import ROOT, default_model

COLUMNS = ("board", "MHz", "goal", "reference", "interval", "latency", "levels", "seed", "used")


@dataclass(frozen=True)
class Board:
    """A part, how Yosys and nextpnr are told of it, and the network's lanes on it.

    ``lanes``: PE and SIMD of the matrices in order. ``goal``, ``reference``: MHz; the reference is
    a plain pipeline of the same network, XNOR and the whole count between two registers.
    ``blocks``: how many matrices, from the first on, lie in block memory.
    """

    name: str
    part: str
    lanes: tuple[tuple[int, int], ...]
    goal: int
    reference: int
    synth: str
    tool: str
    options: tuple[str, ...]
    blocks: int = 4


BOARDS = (
    Board(
        "ulx3s-85f", "lfe5u-85", ((16, 49), (8, 8), (8, 8), (10, 8)), 150, 55,
        "synth_ecp5", "ecp5",
        ("--85k", "--package", "CABGA381", "--speed", "6", "--lpf-allow-unconstrained"),
    ),
    Board(
        "hx8k", "ice40-hx8k", ((4, 49), (4, 4), (4, 4), (10, 1)), 110, 62,
        "synth_ice40 -device hx -abc9", "ice40",
        ("--hx8k", "--package", "ct256"),
    ),
    Board(
        "tangnano9k", "gw1nr-9", ((8, 49), (8, 8), (8, 8), (10, 8)), 140, 87,
        "synth_gowin -family gw1n -noiopads", "himbaechel-gowin",
        ("--device", "GW1NR-LV9QN88PC6/I5", "--vopt", "family=GW1N-9C", "--vopt", "cst=pins.cst"),
    ),
)  # fmt: skip

# nextpnr for Gowin wants a pad and a place for each pin; Yosys would also put pads in tables
_PADS = """\
iopadmap -bits -inpad IBUF O:I -outpad OBUF I:O
clean
"""

_PINS = "".join(
    f'IO_LOC "{name}" {pin};\n'
    for name, pin in (("clk", 52), ("start", 4), ("take", 3), ("bit", 18), ("seen", 10))
)
"""Of the Tang Nano 9K: crystal, buttons, serial input, a light."""

PATIENCE_SECONDS = 1800


class Frame(wiring.Component):
    """A top with five pins: a shift register feeds it, one bit of all its outputs comes out.

    Members
    -------
    clk, start, bit, take : In(1)
        Clock; 0 resets; what is shifted in; whether outputs are taken.
    seen : Out(1)
        Depends on each bit of each output, some cycles later.
    """

    clk: Signal
    start: Signal
    bit: Signal
    take: Signal
    seen: Signal

    def __init__(self, graph: Graph):
        self.graph = graph
        pins = dict.fromkeys(("clk", "start", "bit", "take"), In(1))
        super().__init__({**pins, "seen": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.domains.outer = outer = ClockDomain("outer", reset_less=True)
        m.d.comb += outer.clk.eq(self.clk)
        m.submodules.top = top = Top(self.graph)
        beats = self.graph.reader(INPUT).beats_in
        start, take, bit = Signal(3), Signal(2), Signal()
        word = Signal(top.input_bits)
        left, last = Signal(range(beats), init=beats - 1), Signal()
        out, comes = Signal(len(top.m_axis_tdata) + 1), Signal()
        folded = Signal.like(out)
        m.d.outer += [
            start.eq(Cat(self.start, start)),
            take.eq(Cat(self.take, take)),
            bit.eq(self.bit),
            out.eq(Cat(top.m_axis_tdata, top.m_axis_tlast)),
            comes.eq(top.m_axis_tvalid & top.m_axis_tready),
            folded.eq((folded >> 1) ^ (out & comes.replicate(len(out)))),
            self.seen.eq(folded[0] ^ top.error),
        ]
        with m.If(top.s_axis_tready):
            m.d.outer += [word.eq(Cat(bit, word)), last.eq(left == 1), left.eq(left - 1)]
            with m.If(last):
                m.d.outer += left.eq(beats - 1)
        m.d.comb += [
            top.aclk.eq(self.clk),
            top.aresetn.eq(start[-1]),
            top.s_axis_tdata.eq(word),
            top.s_axis_tlast.eq(last),
            top.s_axis_tvalid.eq(1),
            top.m_axis_tready.eq(take[-1]),
        ]
        return m


def network(board: Board) -> Graph:
    """TFC_1W1A at the board's lanes."""
    graph = integer(load(default_model("TFC_1W1A.onnx")))
    matrices = [n.name for n in graph.nodes if isinstance(n, MatVec)]
    folding = {
        name: {"pe": pe, "simd": simd, "memory": "block" if k < board.blocks else "distributed"}
        for k, (name, (pe, simd)) in enumerate(zip(matrices, board.lanes, strict=True))
    }
    return to_folded(graph, folding=folding, part=part_of(board.part), clock_mhz=board.goal)


def measure(board: Board, seed: int, work: Path) -> dict[str, Any]:
    """A row of the table."""
    graph = network(board)
    netlist = synthesised(board, convert(Frame(graph), name="frame"), work)
    report = placed(board, netlist, seed, work)
    timing = predict(graph)
    clocks = [clock["achieved"] for clock in report["fmax"].values()]
    used = [f"{kind} {n['used']}/{n['available']}" for kind, n in report["utilization"].items()
            if n["used"] > 1 and kind not in ("VCC", "GND", "GSR")]  # fmt: skip
    return dict(zip(COLUMNS, (
        board.name, round(min(clocks), 1), board.goal, board.reference, str(timing.ii),
        timing.latency, graph.nodes[0].folded.levels, seed, ", ".join(used),
    ), strict=True))  # fmt: skip


def synthesised(board: Board, design: str, work: Path) -> Path:
    """Yosys' netlist: tables stay modules of their own until LUTs are mapped."""
    script = f"""\
read_verilog design.v
{board.synth} -top frame
setattr -mod -unset keep_hierarchy {PREFIX}*
flatten
clean
{_PADS if "-noiopads" in board.synth else ""}\
stat
write_json netlist.json
"""
    job = Job(work / board.name / "yosys", script, {"design.v": design}, ("netlist.json",))
    run([job])
    return job.folder / "netlist.json"


def placed(board: Board, netlist: Path, seed: int, work: Path) -> dict[str, Any]:
    """nextpnr's report; a finished run of the same netlist is found again."""
    tool = f"yowasp-nextpnr-{board.tool}"
    options = [
        *board.options, "--json", "netlist.json", "--report", "report.json",
        "--freq", str(board.goal), "--seed", str(seed), "--detailed-timing-report",
        "--timing-allow-fail",
    ]  # fmt: skip
    text = netlist.read_bytes()
    key = hashlib.sha256(repr(([tool, *options], version(tool))).encode() + text).hexdigest()
    folder = work / board.name / f"seed{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    mark, log = folder / "key", folder / "nextpnr.log"
    if not mark.is_file() or mark.read_text() != key:
        mark.unlink(missing_ok=True)
        (folder / "netlist.json").write_bytes(text)
        (folder / "pins.cst").write_text(_PINS)
        command = [str(Path(sys.executable).parent / tool), *options]
        with open(log, "wb") as output:
            done = subprocess.run(
                command, cwd=folder, stdout=output, stderr=output, timeout=PATIENCE_SECONDS
            )
        if done.returncode:
            raise ToolError(f"{tool} failed (log: {log})", log=str(log), command=tool)
        mark.write_text(key)
    return json.loads((folder / "report.json").read_text())


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows under their names, columns aligned."""
    cells = [COLUMNS, *([str(row[c]) for c in COLUMNS] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def main() -> None:
    names = [b.name for b in BOARDS]
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("boards", nargs="*", metavar="BOARD", help=f"of {', '.join(names)}")
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="of placement; 1 if not given"
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    told = parser.parse_args()
    unknown = sorted(set(told.boards) - set(names))
    if unknown:
        parser.error(f"BOARD must be one of {', '.join(names)}, not {', '.join(unknown)}")
    rows = []
    for board in BOARDS:
        if not told.boards or board.name in told.boards:
            rows.append(measure(board, told.seed, ROOT / "build" / "bench" / "clock"))
            print(f"{board.name}: {rows[-1]['MHz']} MHz (goal {board.goal})", flush=True)
    print(table(rows))
    if told.json:
        told.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
