# amaranth: UnusedElaboratable=no
# (a network that is refused leaves an unused shell)
"""Shell of boards without a processor: a network at the end of a serial line."""

from __future__ import annotations

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from bitrill_hw.pipeline.stream import beats

from .link import Link
from .network_instance import Edges, NetworkInstance
from .replies import Identity
from .uart import Receiver, Transmitter

SILENCE = 20
"""An incomplete request is dropped after a silence of so many byte times."""


class UartCore(wiring.Component):
    """A network with streams of bytes: the shell without receiver and transmitter.

    Members
    -------
    rx, tx : bytes
    """

    def __init__(self, edges: Edges, *, clock_hz: int, timeout: int):
        self.edges, self.timeout = edges, timeout
        into, out = (-(-bits // 8) for bits in (edges.frame_in, edges.frame_out))
        self.identity = Identity(edges.digest, clock_hz, into, out)
        super().__init__({"rx": In(beats(8)), "tx": Out(beats(8))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.link = link = Link(self.identity, timeout=self.timeout)
        m.submodules.network = network = NetworkInstance(self.edges, 8)
        wiring.connect(m, wiring.flipped(self.rx), link.rx)
        wiring.connect(m, wiring.flipped(self.tx), link.tx)
        wiring.connect(m, link.i, network.i)
        wiring.connect(m, network.o, link.o)
        m.d.comb += [
            link.enters.eq(network.enters),
            link.leaves.eq(network.leaves),
            link.fault.eq(network.error),
            network.clear.eq(link.reset),
        ]
        return m


class UartShell(wiring.Component):
    """`UartCore` with receiver and transmitter; ``divisor``: cycles per bit.

    Members
    -------
    rx : In(1); tx : Out(1)
    """

    def __init__(self, edges: Edges, *, clock_hz: int, divisor: int):
        self.divisor = divisor
        self.core = UartCore(edges, clock_hz=clock_hz, timeout=SILENCE * 10 * divisor)
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.core = self.core
        m.submodules.receiver = receiver = Receiver(self.divisor)
        m.submodules.transmitter = transmitter = Transmitter(self.divisor)
        wiring.connect(m, receiver.o, self.core.rx)
        wiring.connect(m, self.core.tx, transmitter.i)
        m.d.comb += [receiver.rx.eq(self.rx), self.tx.eq(transmitter.tx)]
        return m
