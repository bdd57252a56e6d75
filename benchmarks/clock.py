"""A folded network placed and routed on small parts: its clock, beside goal and reference.

    python benchmarks/clock.py [BOARD ..] [--seed N] [--json FILE]

TFC_1W1A (784-64-64-64-10), its weights in block memory, whole: `bitrill_hw.design.top.Top` as
`compile --part --clock-mhz` makes it, in a frame that keeps pins few (`Frame`). Yosys and nextpnr
are those of the extra ``place``. The clock is what nextpnr reports of the routed design, in its
models of the parts: no hardware was measured. Finished runs are kept under
``build/bench/clock``.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from amaranth.hdl import Cat, ClockDomain, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from bitrill.flow.import_and_fold import load
from bitrill.ir import Graph
from bitrill.ir.graph import INPUT
from bitrill.lowering import to_folded, to_integer
from bitrill.ops import MatVec
from bitrill.parts.devices import part_of
from bitrill.timing.predict import predict
from bitrill_boards.board import find
from bitrill_boards.families.small import Target
from bitrill_boards.toolchains import place_route
from bitrill_boards.toolchains.open_tools import family_of, pins_of
from bitrill_hw.design.top import Top
from bitrill_hw.memories.roms import convert
from common import ROOT, boards_measured, default_model

COLUMNS = ("board", "MHz", "goal", "reference", "interval", "latency", "levels", "seed", "used")


@dataclass(frozen=True)
class Case:
    """A board, and the network's lanes on it.

    ``lanes``: PE and SIMD of the matrices in order. ``goal``, ``reference``: MHz; the reference is
    a plain pipeline of the same network, XNOR and the whole count between two registers.
    ``pins``: text of the constraints; ``free``: nextpnr's option where there are none.
    """

    name: str
    lanes: tuple[tuple[int, int], ...]
    goal: int
    reference: int
    free: tuple[str, ...] = ()
    pins: str = ""

    def target(self) -> Target:
        board = find(self.name)
        target = family_of(board).target(board, pins_of(board))
        files = dict.fromkeys(target.constraints, self.pins)
        return dataclasses.replace(target, constraints=files, place=(*target.place, *self.free))


# nextpnr for Gowin wants a place for each pin
_PINS = "".join(
    f'IO_LOC "{name}" {pin};\n'
    for name, pin in (("clk", 52), ("start", 4), ("take", 3), ("bit", 18), ("seen", 10))
)
"""Pins of the Tang Nano 9K: crystal, buttons, serial input, a light."""

CASES = (
    Case("ulx3s-85f", ((16, 49), (8, 8), (8, 8), (10, 8)), 150, 55, ("--lpf-allow-unconstrained",)),
    Case("ice40-hx8k", ((4, 49), (4, 4), (4, 4), (10, 1)), 110, 62, ("--pcf-allow-unconstrained",)),
    Case("tang-nano-9k", ((8, 49), (8, 8), (8, 8), (10, 8)), 140, 87, pins=_PINS),
)


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


def network(case: Case) -> Graph:
    """TFC_1W1A at the case's lanes, in block memory."""
    graph = to_integer(load(default_model("TFC_1W1A.onnx")))
    matrices = [n.name for n in graph.nodes if isinstance(n, MatVec)]
    folding = {
        name: {"pe": pe, "simd": simd, "memory": "block"}
        for name, (pe, simd) in zip(matrices, case.lanes, strict=True)
    }
    part = part_of(find(case.name).part)
    return to_folded(graph, folding=folding, part=part, clock_mhz=case.goal)


def measure(case: Case, seed: int, work: Path) -> dict[str, Any]:
    """A row of the table."""
    graph, board, target = network(case), find(case.name), case.target()
    folder = work / case.name
    sources = {"design.v": convert(Frame(graph), name="frame")}
    place_route.synthesise(target, "frame", sources, folder, lambda *_: None)
    placed = place_route.place(
        family_of(board),
        target,
        mhz=Fraction(case.goal),
        seed=seed,
        folder=folder,
        progress=lambda *_: None,
    )
    timing = predict(graph)
    used = [
        f"{kind} {n}/{have}"
        for kind, (n, have) in placed.cells.items()
        if n > 1 and kind not in ("VCC", "GND", "GSR")
    ]
    return dict(
        zip(
            COLUMNS,
            (
                case.name,
                round(placed.fmax_mhz, 1),
                case.goal,
                case.reference,
                str(timing.ii),
                timing.latency,
                graph.nodes[0].folded.levels,
                seed,
                ", ".join(used),
            ),
            strict=True,
        )
    )


def main() -> None:
    cases = {case.name: case for case in CASES}
    work = ROOT / "build" / "bench" / "clock"
    boards_measured(
        __doc__, tuple(cases), COLUMNS, lambda board, seed: measure(cases[board], seed, work)
    )


if __name__ == "__main__":
    main()
