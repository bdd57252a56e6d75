"""Serial receiver and transmitter (UART): 8 data bits, no parity, one stop bit, low bit first."""

from __future__ import annotations

from math import ceil, floor

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out
from bitrill.errors import SpecError
from bitrill_hw.pipeline.stream import beats

LEAST_DIVISOR = 8
"""Fewest cycles per bit: room for three samples and for the synchroniser's uncertainty."""

MOST_ERROR = 0.02
"""Largest relative error of the baud rate: both ends may drift by half a bit within ten."""


def divisor(clock_hz: float, baud: int) -> int:
    """Return the cycles per bit; raise `SpecError` if no whole number is near enough."""
    ratio = clock_hz / baud
    d = round(ratio)
    if d < LEAST_DIVISOR:
        raise SpecError(
            f"the baud rate must be at most {clock_hz / LEAST_DIVISOR:,.0f} at"
            f" {clock_hz / 1e6:g} MHz, not {baud:,}"
        )
    if abs(clock_hz / d / baud - 1) > MOST_ERROR:
        near = ", ".join(f"{clock_hz / k:,.0f}" for k in (ceil(ratio), floor(ratio)))
        raise SpecError(
            f"the baud rate must be near a fraction of {clock_hz / 1e6:g} MHz ({near}),"
            f" not {baud:,}"
        )
    return d


class Receiver(wiring.Component):
    """Receives bytes from a line.

    A bit is the majority of three samples around its middle. A byte without its stop bit is
    dropped, and the line must be idle before the next one.

    Members
    -------
    rx : In(1), idle 1
    o : bytes; each one must be taken before the next one ends (ten bits), or it is lost
    """

    def __init__(self, divisor: int):
        self.divisor = divisor
        super().__init__({"rx": In(1, init=1), "o": Out(beats(8))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        line, seen = Signal(init=1), Signal(3, init=7)
        m.submodules.sync = FFSynchronizer(self.rx, line, init=1)
        m.d.sync += seen.eq(Cat(line, seen))
        bit = Signal()
        m.d.comb += bit.eq((seen[0] & seen[1]) | (seen[1] & seen[2]) | (seen[0] & seen[2]))
        wait, remaining = Signal(range(2 * self.divisor)), Signal(range(11))
        data = Signal(8)
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.FSM():
            with m.State("REST"), m.If(bit):  # the line must be 1 before a start bit counts
                m.next = "IDLE"
            with m.State("IDLE"):
                # until the middle of the start bit; its majority comes two cycles late
                m.d.sync += [wait.eq(self.divisor // 2 - 2), remaining.eq(9)]
                with m.If(~bit):
                    m.next = "BITS"
            with m.State("BITS"):
                m.d.sync += wait.eq(wait - 1)
                with m.If(wait == 0):
                    m.d.sync += [
                        wait.eq(self.divisor - 1),
                        remaining.eq(remaining - 1),
                        data.eq(Cat(data[1:], bit)),
                    ]
                    with m.If((remaining == 9) & bit):  # a spike, no start bit
                        m.next = "IDLE"
                    with m.Elif(remaining == 0):
                        m.next = "REST"
                        with m.If(bit):
                            m.d.sync += [self.o.valid.eq(1), self.o.payload.eq(data)]
        return m


class Transmitter(wiring.Component):
    """Sends bytes over a line.

    Members
    -------
    i : bytes
    tx : Out(1), idle 1
    """

    def __init__(self, divisor: int):
        self.divisor = divisor
        super().__init__({"i": In(beats(8)), "tx": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        wait, remaining, bits = Signal(range(self.divisor)), Signal(range(11)), Signal(9)
        m.d.comb += self.i.ready.eq((remaining == 0) & (wait == 0))
        with m.If(wait != 0):
            m.d.sync += wait.eq(wait - 1)
        with m.Elif(remaining != 0):
            m.d.sync += [
                Cat(self.tx, bits).eq(Cat(bits, C(1, 1))),
                remaining.eq(remaining - 1),
                wait.eq(self.divisor - 1),
            ]
        with m.Elif(self.i.valid):
            m.d.sync += [
                self.tx.eq(0),
                bits.eq(Cat(self.i.payload, C(1, 1))),
                remaining.eq(9),
                wait.eq(self.divisor - 1),
            ]
        return m
