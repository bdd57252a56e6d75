"""Tables of constants in logic and in block memory: where the one begins to pay.

    python benchmarks/memories.py [--json FILE]

Random bits, read into a register each cycle, measured with Yosys (``lcs``). ``LUTs``: in logic;
``halves``: of RAMB36 in block memory; ``a half's worth``: LUTs that each half replaces. The 7
series have 190 LUTs for each half (xc7z020: 53,200 and 280), so block memory pays from there on.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from amaranth import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from bitrill.ir.structure import block_halves
from bitrill.parts.memories import LUTS_OF_HALF, worth_block
from bitrill_hw.memories.constant_tables import table
from bitrill_hw.memories.roms import convert
from bitrill_hw.pipeline.elastic import Elastic
from bitrill_hw.pipeline.stream import beats
from bitrill_hw.synth.synthesis import synthesise_layers
from common import ROOT
from fit_resources import Specimens

DEPTHS = (16, 32, 64, 128, 256, 512, 1024)
BITS = (512, 1024, 2048, 4096, 8192, 16384)


class Table(wiring.Component):
    """A stream of addresses to one of words."""

    i: stream.Interface
    o: stream.Interface

    def __init__(self, depth: int, width: int, memory: str):
        self.memory = memory
        self.bits = np.random.default_rng(depth * width).integers(0, 2, (depth, width))
        super().__init__({"i": In(beats((depth - 1).bit_length())), "o": Out(beats(width))})

    def elaborate(self, _: object) -> Module:
        m = Module()
        pipe = Elastic(m, stages=1, valid=self.i.valid, ready=self.o.ready)
        word = table(m, pipe, 1, "rom", self.bits, self.i.payload, self.memory)
        m.d.comb += [
            self.i.ready.eq(pipe.load[1]),
            self.o.valid.eq(pipe.valid[1]),
            self.o.payload.eq(word),
        ]
        return m


def measured(work: Path) -> list[dict[str, Any]]:
    """A row for each depth and number of bits, those of a width of 4 to 512."""
    shapes = [(d, b // d) for d in DEPTHS for b in BITS if 4 <= b // d <= 512]
    rows: list[dict[str, Any]] = []
    for memory in ("distributed", "block"):
        text = convert(Specimens([Table(d, w, memory) for d, w in shapes]))
        counts = synthesise_layers(text, work=work / memory)
        for k, (d, w) in enumerate(shapes):
            if memory == "distributed":
                rows.append({"depth": d, "width": w, "bits": d * w, "luts": counts[f"p{k}"].lcs})
            else:
                rows[k]["halves"] = counts[f"p{k}"].ramb18 + 2 * counts[f"p{k}"].ramb36
                rows[k]["planned"] = block_halves(d, w)
                rows[k]["block"] = worth_block(d, w)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = measured(ROOT / "build" / "bench" / "memories")
    print(f"a half of RAMB36 is counted as {LUTS_OF_HALF} LUTs")
    print("depth  width   bits   LUTs  halves  a half's worth  chosen")
    for r in rows:
        worth = r["luts"] / r["halves"] if r["halves"] else float("inf")
        print(
            f"{r['depth']:5}  {r['width']:5}  {r['bits']:5}  {r['luts']:5}  {r['halves']:6}"
            f"  {worth:14.0f}  {'block' if r['block'] else 'logic'}"
        )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
