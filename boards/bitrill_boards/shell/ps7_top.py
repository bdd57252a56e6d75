"""The whole of a Zynq-7000's fabric without a block design: the primitive PS7 and the shell.

Registers answer M_AXI_GP0, memory is S_AXI_HP0 at 64 bits, the clock is FCLKCLK[0], the reset
FCLKRESETN[0], the interrupt IRQF2P[0] (61 of the interrupt controller, active high). Of the
processing system, whoever boots the board sets what a block design would have set in vain: FCLK,
level shifters, and the width of the port (see `bitrill_boards.toolchains.vivado_ps7.readme`).
"""

from __future__ import annotations

from typing import Any

from amaranth import *
from amaranth.lib import wiring
from bitrill_hw.memories.roms import convert

from .axi3 import Axi3ToLite, axi3_master
from .network_instance import Edges
from .ps7_ports import INPUTS
from .zynq_shell import ZynqShell

GP, HP = "MAXIGP0", "SAXIHP0"
CELL = "ps7"
"""The primitive's name in the top module, and so in constraints."""

CLOCK = "clk"
"""The net behind the clock buffer."""

_HP_OUT = ("addr", "burst", "cache", "prot", "valid")
_WRITE_OUT = ("wdata", "wstrb", "wlast", "wvalid", "bready")
_READ_IN = ("rdata", "rresp", "rlast", "rvalid")


class Ps7Top(wiring.Component):
    """A build's network on a Zynq-7000; no ports. ``base``: where the registers are."""

    def __init__(self, edges: Edges, *, base: int):
        self.edges, self.base = edges, base
        super().__init__({})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.domains.sync = cd = ClockDomain()
        clocks, resets_n = Signal(4, name="fclk"), Signal(4, name="fresetn")
        m.submodules.clock = Instance("BUFG", i_I=clocks[0], o_O=cd.clk)
        # the processor's reset knows no clock; two registers settle it, as in proc_sys_reset
        settling, reset = (
            Signal(name=name, init=1, reset_less=True, attrs={"ASYNC_REG": "TRUE"})
            for name in ("settling", "reset")
        )
        m.d.sync += [settling.eq(~resets_n[0]), reset.eq(settling)]
        m.d.comb += ResetSignal().eq(reset)
        m.submodules.shell = shell = ZynqShell(self.edges)
        m.submodules.bridge = bridge = Axi3ToLite(len(shell.axi.awaddr), self.base)
        wiring.connect(m, bridge.axi, shell.axi)
        driven = {
            f"{GP}ACLK": cd.clk,
            f"{HP}ACLK": cd.clk,
            "IRQF2P": shell.interrupt,
            **_to_gp(bridge.gp),
            **_to_hp(shell),
        }
        inputs = {f"i_{n}": _fit(driven.pop(n, C(0)), width) for n, width in INPUTS.items()}
        # nothing leaves the module but through this cell
        m.submodules[CELL] = Instance(
            "PS7",
            a_keep=1,
            a_DONT_TOUCH="TRUE",
            o_FCLKCLK=clocks,
            o_FCLKRESETN=resets_n,
            **inputs,
            **_from_gp(bridge.gp),
            **_from_hp(shell),
        )
        return m


def _fit(value: Value, width: int) -> Value:
    """Of a port's width: lengths and sizes are narrower than AXI4's, identifiers wider."""
    return Cat(value, C(0, width))[:width]


def _to_gp(gp: Any) -> dict[str, Value]:
    ports = axi3_master().members
    return {f"{GP}{n.upper()}": getattr(gp, n) for n, p in ports.items() if p.flow == wiring.In}


def _from_gp(gp: Any) -> dict[str, Value]:
    ports = axi3_master().members
    return {f"o_{GP}{n.upper()}": getattr(gp, n) for n, p in ports.items() if p.flow == wiring.Out}


def _to_hp(shell: ZynqShell) -> dict[str, Value]:
    """Bursts of up to 16 beats of 8 bytes, all under identifier 0: legal AXI3 as they are."""
    ports = [f"aw{n}" for n in (*_HP_OUT, "len", "size")] + list(_WRITE_OUT)
    found = {f"{HP}{n.upper()}": getattr(shell.write, n) for n in ports}
    ports = [f"ar{n}" for n in (*_HP_OUT, "len", "size")] + ["rready"]
    return found | {f"{HP}{n.upper()}": getattr(shell.read, n) for n in ports}


def _from_hp(shell: ZynqShell) -> dict[str, Value]:
    found = {f"o_{HP}{n.upper()}": getattr(shell.read, n) for n in ("arready", *_READ_IN)}
    names = ("awready", "wready", "bresp", "bvalid")
    return found | {f"o_{HP}{n.upper()}": getattr(shell.write, n) for n in names}


def verilog(edges: Edges, *, base: int, name: str) -> str:
    """Module ``name`` and what it needs, but for ``top`` and the primitives."""
    return convert(Ps7Top(edges, base=base), name=name)


__all__ = ["Ps7Top", "verilog"]
