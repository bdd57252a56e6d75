"""The registers of a writable design: its own, and the tables inside operators."""

from __future__ import annotations

from functools import reduce
from operator import or_

import numpy as np
from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Member, Out
from bitrill.runtime.register_map import (
    IDENTITY,
    REGISTER_BITS,
    REGISTER_BYTES,
    SYSTEM,
    SYSTEM_BYTES,
    VERSION,
    Block,
    NodeWindow,
)

from ..memories.rams import Ram
from .axilite import register_bus

READ_CYCLES = 7
"""Cycles from the one in which the network is first held in reset to the one with the value.

They are: pipelines become empty, the table's word, its second register, the operator's value
register, the register of all operators' values.
"""

WRITE_CYCLE = 1
"""The cycle in which the register is written; the network is held from cycle 0 on."""


def window_port(size: int) -> wiring.Signature:
    """Ports of an operator for accesses to its window of ``size`` bytes.

    ``address`` counts words. ``value`` is the register's, at most four cycles after ``select``, and
    0 if another operator is selected. The network is in reset while ``select`` is 1.
    """
    return wiring.Signature(
        {
            "select": Out(1),
            "write": Out(1),
            "address": Out(_bits(size)),
            "data": Out(REGISTER_BITS),
            "value": In(REGISTER_BITS),
        }
    )


class Table(wiring.Component):
    """A writable table inside an operator: a memory of its pipeline that bus accesses take over.

    Members
    -------
    port : In(`window_port`)
    address, enable : In
        The pipeline's reading.
    data : Out(``block.bits``)
        The word at ``address``, registered at the edge at which ``enable`` is 1.
    shown : In(``block.bits``)
        The same word, for an access to read: in the same cycle, or in the next one, out of a
        register of the pipeline.
    """

    def __init__(self, block: Block, bits: np.ndarray, *, size: int, style: str):
        self.block, self.bits, self.style = block, bits, style
        super().__init__(
            {
                "port": In(window_port(size)),
                "enable": In(1),
                "data": Out(block.bits),
                "address": In(range(max(2, block.words))),
                "shown": In(block.bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        port, block = self.port, self.block
        m.submodules.ram = ram = Ram(self.bits, self.style)
        low, size = _bits(block.stride), _bits(block.size)
        at, word = port.address[:low], port.address[low:size]
        mine = Signal()
        lane = Signal(REGISTER_BITS)
        m.d.comb += [
            mine.eq(port.select & (port.address[size:] == block.offset // block.size)),
            ram.address.eq(Mux(port.select, word, self.address)),
            ram.enable.eq(self.enable),
            ram.value.eq(port.data),
            self.data.eq(ram.data),
        ]
        words = [self.shown[k : k + REGISTER_BITS] for k in range(0, block.bits, REGISTER_BITS)]
        with m.Switch(at):  # bits beyond the word's end read 0, whatever was written
            for k, bits in enumerate(words):
                with m.Case(k):
                    m.d.comb += lane.eq(bits)
        m.d.comb += ram.write.eq(Cat(mine & port.write & (at == k) for k in range(block.registers)))
        value = Signal(REGISTER_BITS, reset_less=True)
        m.d.sync += value.eq(Mux(mine, lane, 0))
        m.d.comb += port.value.eq(value)
        return m


def access_ports(windows: int, bits: int) -> dict[str, Member]:
    """Members of `Registers` for the operators: an access to one of ``windows`` windows."""
    return {
        "held": Out(1),
        "select": Out(windows),
        "write": Out(1),
        "address": Out(bits - 2),
        "data": Out(REGISTER_BITS),
        "value": In(REGISTER_BITS),
    }


class Registers(wiring.Component):
    """Answers the bus: the design's own registers, and the operators' windows.

    An access to a window holds the network in reset for a few cycles, so that its memories are
    free. It is refused while ``busy``, or if a frame ``begins`` at that very edge. Accesses to
    unused addresses, and writes to registers that can only be read, are refused, too.

    Members
    -------
    bus : In(`register_bus`)
    busy, begins, error : In(1)
        Whether a frame is inside; whether one enters at this edge; the design's error flag.
    held : Out(1)
        Whether to keep the network in reset, and let no beat in.
    closed : Out(1)
        Whether to let no further frame in.
    select : Out(a bit a window)
    write, address, data : Out
        The access to the selected window.
    value : In(32)
        The values of all windows, ORed.
    """

    def __init__(self, windows: tuple[NodeWindow, ...], bits: int, digest: int):
        self.windows, self.digest = windows, digest
        super().__init__(
            {
                "bus": In(register_bus(bits)),
                "busy": In(1),
                "begins": In(1),
                "error": In(1),
                "closed": Out(1),
                **access_ports(len(windows), bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bus = self.bus
        inside = [self._inside(w) for w in self.windows]
        m.d.comb += self.data.eq(bus.data)
        cycle = Signal(range(READ_CYCLES + 1))
        present = Signal(REGISTER_BITS, reset_less=True)
        idle = Signal()
        m.d.sync += [present.eq(self.value), bus.done.eq(0)]
        m.d.comb += [
            idle.eq(bus.valid & ~self.held & ~bus.done),
            self.write.eq(self.held & bus.write & (cycle == WRITE_CYCLE)),
        ]
        answers, known = self._system(m, idle)
        with m.If(idle):
            free = Cat(inside).any() & ~self.busy & ~self.begins
            m.d.sync += [
                cycle.eq(0),
                self.held.eq(free),
                self.select.eq(Cat(inside) & free.replicate(len(inside))),
                self.address.eq(bus.address),
                bus.done.eq(~free),
                bus.error.eq(~known),
                bus.value.eq(answers),
            ]
        with m.If(self.held):
            m.d.sync += cycle.eq(cycle + 1)
            with m.If(cycle == Mux(bus.write, WRITE_CYCLE + 1, READ_CYCLES)):
                m.d.sync += [
                    self.held.eq(0),
                    self.select.eq(0),
                    bus.done.eq(1),
                    bus.error.eq(0),
                    bus.value.eq(present),
                ]
        return m

    def _system(self, m: Module, idle: Value) -> tuple[Value, Value]:
        """The value of the design's own register at the address, and whether there is one."""
        bus = self.bus
        status = Cat(self.busy, self.error, self.closed & ~self.busy)
        values = {
            "identity": C(IDENTITY),
            "version": C(VERSION),
            "digest_low": C(self.digest, 32),
            "digest_high": C(self.digest >> 32, 32),
            "status": status,
            "control": self.closed,
        }
        at = {name: SYSTEM[name] // REGISTER_BYTES for name in values}
        here = bus.address[_bits(SYSTEM_BYTES) :] == 0
        place, value, known = bus.address[: _bits(SYSTEM_BYTES)], Signal(32), Signal()
        with m.If(here), m.Switch(place):
            for name, v in values.items():
                with m.Case(at[name]):
                    m.d.comb += [value.eq(v), known.eq(~bus.write | (name == "control"))]
        with m.If(idle & here & bus.write & (place == at["control"])):
            m.d.sync += self.closed.eq(bus.data[0])
        return value, known

    def _inside(self, window: NodeWindow) -> Value:
        """Whether the address is that of a register of the window."""
        registers = []
        for b in window.blocks:
            at, place = window.offset + b.offset, self.bus.address
            low, size = _bits(b.stride), _bits(b.size)
            registers.append(
                (place[size:] == at // b.size)
                & (place[:low] < b.registers)
                & (place[low:size] < b.words)
            )
        return reduce(or_, registers)


def _bits(size: int) -> int:
    """Bits of a word address within ``size`` bytes, a power of two."""
    return (size // REGISTER_BYTES).bit_length() - 1
