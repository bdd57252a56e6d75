"""The bench of the Zynq shell reports each broken rule of the bus; each is broken once."""

from __future__ import annotations

import pytest
from amaranth.lib.wiring import In
from bitrill.errors import ToolError
from bitrill_boards.shell.zynq_shell import ZynqShell
from bitrill_hw.memories.roms import convert
from boards.simulation.shells import Case, Host

FAULTS = {
    "write__wlast": ("write__wvalid & ~right", "W: last is "),
    "write__wstrb": ("right & 8'h7f", "W: strobes are 7f"),
    "write__wdata": ("right ^ tick", "W: changed while it waited"),
    "write__wvalid": ("right | begun", "W: a word that no address was given for"),
    "write__awaddr": ("right + 8", "AW: a burst at .* crosses 4 KiB"),
    "write__awsize": ("2", "AW: size is 2, not 3"),
    "read__arlen": ("31", "AR: 32 words in a burst"),
    "read__arburst": ("0", "AR: burst is 0, not 1"),
    "read__araddr": ("right + 4", "AR: address .*4"),
    "read__arvalid": ("right & tick[0]", "AR: valid was taken back"),
    "axi__bvalid": ("1", "B of the registers: to nothing"),
    "axi__rdata": ("tick", "R of the registers: changed while it waited"),
    "axi__rvalid": ("0", "the registers do not answer within 256 cycles"),
}
"""Ports, what is on them instead, and what the bench says."""

OFFSET = 0xFFC


def faulty(case: Case) -> str:
    """The shell, with faults at its ports: one is chosen by a write to ``OFFSET``."""
    shell = ZynqShell(case.edges, address=case.address)
    ports = ["input clk", "input rst"]
    joins, faults = [".clk(clk)", ".rst(rst)"], []
    for side in ("axi", "read", "write"):
        for name, port in shell.signature.members[side].signature.members.items():
            full, width = f"{side}__{name}", port.shape
            ports.append(f"{'input' if port.flow == In else 'output'} [{width - 1}:0] {full}")
            if full not in FAULTS:
                joins.append(f".{full}({full})")
                continue
            k = list(FAULTS).index(full) + 1
            joins.append(f".{full}(right_{k})")
            wrong = FAULTS[full][0].replace("right", f"right_{k}")
            faults.append(f"wire [{width - 1}:0] right_{k};")
            faults.append(f"assign {full} = fault == {k} ? {wrong} : right_{k};")
    return f"""\
{convert(shell, name="inner")}
module shell({", ".join(ports)}, output interrupt);
  reg [3:0] fault = 0;
  reg [63:0] tick = 0;
  reg begun = 0;
  always @(posedge clk) begin
    tick <= tick + 1;
    begun <= fault != 0;
    if (axi__wvalid && axi__wdata[31:8] == 24'hfa0171) fault <= axi__wdata[3:0];
  end
  {chr(10).join(faults)}
  inner inner({", ".join(joins)}, .interrupt(interrupt));
endmodule
"""


@pytest.mark.nightly
def test_each_rule_is_watched(odd: Case) -> None:
    text = faulty(odd)
    shell = odd.shell(shell=text)
    assert Host.of(odd, shell, 12).whole()  # none is broken by itself
    shell.close()
    for k, (port, (_, message)) in enumerate(FAULTS.items()):
        shell = odd.shell(shell=text, stall=0.4, pause=4)
        host = Host.of(odd, shell, 60)
        host.blank()
        with pytest.raises(ToolError, match=message):  # noqa: PT012 it may take a while
            host.shell.ask("<cIII", b"w", 1, OFFSET, 0xFA017100 | (k + 1), answer="<I")
            host.start()
            host.finish()
        shell.close()
        print(port)
