"""Top module of a Zynq-7000's programmable logic without a block design: cell PS7 and the shell.

Registers are on M_AXI_GP0, memory is S_AXI_HP0 at 64 bits, the clock FCLKCLK[0], the reset
FCLKRESETN[0], the interrupt IRQF2P[0] (61 of the interrupt controller, active high). Software on
the board sets FCLK, level shifters and the port's width, as for a block design
(`bitrill_boards.toolchains.ps7_project.set_up`).
"""

from __future__ import annotations

from amaranth import *
from amaranth.lib import wiring
from bitrill_hw.memories.roms import convert

from .axi3 import Axi3ToLite, axi3_master
from .network_instance import Edges
from .ps7_ports import INPUTS
from .zynq_shell import ZynqShell

GP, HP = "MAXIGP0", "SAXIHP0"
CELL = "ps7"
"""Name of the PS7 cell in the top module; constraints use it."""

CLOCK = "clk"
"""Name of the net driven by the clock buffer."""

# bursts of up to 16 beats of 8 bytes, all with identifier 0: already legal AXI3
_ADDRESS_OUT = ("addr", "burst", "cache", "prot", "valid", "len", "size")
_WRITE_OUT = (*(f"aw{n}" for n in _ADDRESS_OUT), "wdata", "wstrb", "wlast", "wvalid", "bready")
_READ_OUT = (*(f"ar{n}" for n in _ADDRESS_OUT), "rready")
_READ_IN = ("arready", "rdata", "rresp", "rlast", "rvalid")
_WRITE_IN = ("awready", "wready", "bresp", "bvalid")


class Ps7Top(wiring.Component):
    """A compiled network on a Zynq-7000, without ports; ``base``: address of the registers."""

    def __init__(self, edges: Edges, *, base: int):
        self.edges, self.base = edges, base
        super().__init__({})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.domains.sync = cd = ClockDomain()
        clocks, resets_n = Signal(4, name="fclk"), Signal(4, name="fresetn")
        m.submodules.clock = Instance("BUFG", i_I=clocks[0], o_O=cd.clk)
        # the processor's reset is asynchronous: two registers synchronise it, as in proc_sys_reset
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
            **_gp(bridge.gp, wiring.In),
            **_hp(shell.write, _WRITE_OUT),
            **_hp(shell.read, _READ_OUT),
        }
        inputs = {f"i_{n}": _fit(driven.pop(n, C(0)), width) for n, width in INPUTS.items()}
        outputs = {
            **_gp(bridge.gp, wiring.Out),
            **_hp(shell.read, _READ_IN),
            **_hp(shell.write, _WRITE_IN),
        }
        # the module has no ports: without these attributes all would be removed
        m.submodules[CELL] = Instance(
            "PS7",
            a_keep=1,
            a_DONT_TOUCH="TRUE",
            o_FCLKCLK=clocks,
            o_FCLKRESETN=resets_n,
            **inputs,
            **{f"o_{n}": signal for n, signal in outputs.items()},
        )
        return m


def _fit(value: Value, width: int) -> Value:
    """Cut or extend to a port's width: AXI3's lengths and sizes are narrower, its IDs wider."""
    return Cat(value, C(0, width))[:width]


def _gp(gp: wiring.PureInterface, flow: wiring.Flow) -> dict[str, Value]:
    """Return PS7's ports of M_AXI_GP0 in one direction, and their signals."""
    ports = axi3_master().members
    return {f"{GP}{n.upper()}": getattr(gp, n) for n, p in ports.items() if p.flow == flow}


def _hp(channels: wiring.PureInterface, names: tuple[str, ...]) -> dict[str, Value]:
    """Return PS7's ports of S_AXI_HP0 for names of the shell's ports, and their signals."""
    return {f"{HP}{n.upper()}": getattr(channels, n) for n in names}


def verilog(edges: Edges, *, base: int, name: str) -> str:
    """Return Verilog of module ``name``, without the network ``top`` and Xilinx' primitives."""
    return convert(Ps7Top(edges, base=base), name=name)
