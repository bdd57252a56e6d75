# amaranth: UnusedElaboratable=no
# (a network that is refused leaves an unused shell)
"""Top module of a small board: clock, reset and serial line around the shell."""

from fractions import Fraction
from math import ceil

from amaranth.hdl import ClockDomain, DomainRenamer, Instance, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out
from bitrill_hw.memories.roms import convert

from ..families.small import Pll
from .network_instance import Edges
from .uart import divisor
from .uart_shell import UartShell

NAME = "bitrill"
"""Name of the module; the network's module is ``top``."""

START_SECONDS = Fraction(20, 1_000_000)
"""Time from the PLL's lock to the end of reset: an iCE40's block memory reads zeros for 15 us."""


class StartUp(wiring.Component):
    """Keeps ``reset`` at 1 until ``lock`` has been 1 for ``cycles`` cycles; again if it is lost.

    It must run in a clock domain without reset.

    Members
    -------
    lock : In(1), asynchronous
    reset : Out(1)
    """

    def __init__(self, cycles: int):
        self.cycles = cycles
        super().__init__({"lock": In(1), "reset": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        locked, remaining = Signal(), Signal(range(self.cycles + 1), init=self.cycles)
        m.submodules.sync = FFSynchronizer(self.lock, locked)
        m.d.sync += self.reset.eq((remaining != 0) | ~locked)
        with m.If(~locked):
            m.d.sync += remaining.eq(self.cycles)
        with m.Elif(remaining != 0):
            m.d.sync += remaining.eq(remaining - 1)
        return m


class OpenTop(wiring.Component):
    """`UartShell` with its clock and reset.

    ``pll``: PLL setting that makes the clock, None if the crystal is the clock; ``mhz``: the exact
    clock. Reset lasts `START_SECONDS` from the PLL's lock, and returns if the lock is lost.

    Members
    -------
    clk : In(1), the crystal
    rx : In(1); tx : Out(1)
    high0, high1, .. : Out(1), ``high`` of them, always 1
    """

    def __init__(self, edges: Edges, *, mhz: Fraction, pll: Pll | None, baud: int, high: int = 0):
        hz = mhz * 1_000_000
        self.edges, self.pll, self.clock_hz = edges, pll, round(hz)
        self.divisor, self.start_cycles = divisor(float(hz), baud), ceil(hz * START_SECONDS)
        self.held = [f"high{k}" for k in range(high)]
        held = dict.fromkeys(self.held, Out(1, init=1))
        super().__init__({"clk": In(1), "rx": In(1, init=1), "tx": Out(1, init=1), **held})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += [getattr(self, name).eq(1) for name in self.held]
        m.domains.sync = sync = ClockDomain("sync")
        m.domains.start = start = ClockDomain("start", reset_less=True)
        clock, lock = Signal(), Signal()
        if self.pll is None:
            m.d.comb += [clock.eq(self.clk), lock.eq(1)]
        else:
            m.submodules.pll = instance(self.pll, clock_in=self.clk, clock_out=clock, locked=lock)
        m.submodules.startup = startup = DomainRenamer("start")(StartUp(self.start_cycles))
        m.d.comb += [
            start.clk.eq(clock),
            sync.clk.eq(clock),
            startup.lock.eq(lock),
            ResetSignal().eq(startup.reset),
        ]
        shell = UartShell(self.edges, clock_hz=self.clock_hz, divisor=self.divisor)
        m.submodules.shell = shell
        m.d.comb += [shell.rx.eq(self.rx), self.tx.eq(shell.tx)]
        return m

    def verilog(self) -> str:
        """Return Verilog of module `NAME`, without the network."""
        return convert(self, name=NAME)


def instance(pll: Pll, *, clock_in: Signal, clock_out: Signal, locked: Signal) -> Instance:
    """Return the PLL's cell, connected."""
    outputs = {pll.output: clock_out, pll.locked: locked}
    for port in pll.joined.values():
        outputs.setdefault(port, Signal(name=port.lower()))
    ends: dict[str, object] = {
        **{f"p_{name}": value for name, value in pll.parameters.items()},
        **{f"a_{name}": value for name, value in pll.attributes.items()},
        **{f"i_{name}": value for name, value in pll.constants.items()},
        **{f"i_{name}": outputs[port] for name, port in pll.joined.items()},
        **{f"o_{name}": signal for name, signal in outputs.items()},
    }
    return Instance(pll.cell, **ends, **{f"i_{pll.source}": clock_in})
