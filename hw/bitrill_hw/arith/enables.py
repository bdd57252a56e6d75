"""Clock enables of pipelines as cells: a four-input LUT for every group of registers.

Synthesis ignores routing delay: it would drive a thousand registers from one enable, and turn the
enables into a chain through the stages. But it leaves cells as they are. So each group of registers
gets a LUT near by, and only bits that come straight from registers cross the chip.
"""

from __future__ import annotations

from collections.abc import Sequence

from amaranth import *

from .cells import Enable, module

READS = 3
"""Number of valid bits, or of registers that sum up several stages, that one enable reads."""

INIT = 0xFF7F
"""Truth table of the LUT: 1 unless the first three inputs are 1 and the last is 0."""

LUTS = {
    "ecp5": "LUT4 #(.INIT({init})) any_empty (.A({0}), .B({1}), .C({2}), .D({3}), .Z({o}));",
    "ice40": "SB_LUT4 #(.LUT_INIT({init})) any_empty (.I0({0}), .I1({1}), .I2({2}), .I3({3}),"
    " .O({o}));",
    "gowin": "LUT4 #(.INIT({init})) any_empty (.I0({0}), .I1({1}), .I2({2}), .I3({3}), .F({o}));",
}
"""Verilog of a LUT instance, for each family."""


def enable(family: str) -> str:
    """Verilog of the enable cell of a family."""
    pins = [f"full[{k}]" for k in range(READS)] + ["behind"]
    lut = LUTS[family].format(*pins, init=f"16'h{INIT:04x}", o="o")
    return module(
        f"bitrill_enable_{family}",
        f"parameter N = {READS}",
        "input [N-1:0] full, input behind, output o",
        f"  (* keep *) {lut}\n",
        "  assign o = ~&full | behind;\n",
    )


class Enable4(Enable):
    """A pipeline enable ``o``: one of up to three stages is empty, or the one after them loads."""

    reads, port = READS, "i_full"

    def __init__(self, family: str, full: Sequence[Value], behind: Value, *, o: Signal):
        super().__init__(full, behind, o=o)
        self.name, self.text = f"bitrill_enable_{family}", enable(family)
