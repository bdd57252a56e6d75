"""The FIFO on every edge of a graph, which cuts the ready path; all forms have one schedule."""

from __future__ import annotations

from typing import Literal

from amaranth import *
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from bitrill.errors import SpecError
from bitrill.ir.structure import is_deep

from .stream import beats

Form = Literal["slot", "registers", "distributed", "block"]


def fifo_form(width: int, depth: int) -> Form:
    """Return the default form of a `Fifo`."""
    if depth <= 2:
        return "slot" if depth == 1 else "registers"
    return "block" if is_deep(depth, width) else "distributed"


class Fifo(wiring.Component):
    """A FIFO of ``depth`` slots of ``width`` bits; its schedule is the same in every form.

    Let ``in[k]`` and ``out[k]`` be the clock edges at which beat k enters and leaves::

        out[k] >= in[k] + 1                 a beat is offered in the cycle after its acceptance
        in[k]  >= out[k - depth] + 1        a slot freed at an edge is refilled at the next

    So ``i.ready`` and ``o.valid`` are registers, and two slots or more run at one beat a cycle. A
    single slot is refilled at the same edge at which it is freed, ``in[k] >= out[k - 1]``: it has
    the same rate without a multiplexer, but ``i.ready`` depends on ``o.ready``.

    Forms (``form``, by default `fifo_form`): ``slot``, one register; ``registers`` for two slots;
    ``distributed`` memory, read asynchronously; ``block`` memory (`bitrill.ir.structure.is_deep`).
    With block memory the head of the FIFO is outside the memory: in the register after its read
    port, or, if the memory would be a cycle late, in a register loaded directly from the input. So
    ``depth - 1`` words of memory make ``depth`` slots. Reset empties the FIFO.

    Members
    -------
    i : In(stream of ``width`` bits)
    o : Out(stream of ``width`` bits)

    Raises `SpecError` for a width or depth below 1, or registers for another depth.
    """

    def __init__(self, width: int, depth: int, *, form: Form | None = None):
        if width < 1:
            raise SpecError(f"the width of a FIFO must be at least 1 bit, not {width!r}")
        if depth < 1:
            raise SpecError(f"the depth of a FIFO must be at least 1 slot, not {depth!r}")
        self.width, self.depth, self.form = width, depth, form or fifo_form(width, depth)
        slots = {"slot": 1, "registers": 2}.get(self.form, max(2, depth))
        if depth != slots:
            raise SpecError(f"a FIFO of form {self.form} must have {slots} slots, not {depth!r}")
        super().__init__({"i": In(beats(width)), "o": Out(beats(width))})
        # state that the proofs in the tests refer to
        self.ready = Signal(init=1)
        if self.form in ("slot", "registers"):
            self.slots = [Signal(width, name=f"slot{k}", reset_less=True) for k in range(depth)]
            self.write_at, self.read_at = Signal(), Signal()
        else:
            self.words = depth - 1 if self.form == "block" else depth
            style = {"ram_style": "block"} if self.form == "block" else {}
            self.memory = memory.Memory(
                shape=unsigned(width), depth=self.words, init=[], attrs=style
            )
            self.level = Signal(range(depth + 1))
            self.write_at = Signal(range(self.words))
            self.read_at = Signal(range(self.words))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if self.form == "slot":
            self._slot(m)
            return m
        push, pop = Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(self.ready),
            push.eq(self.i.valid & self.ready),
            pop.eq(self.o.valid & self.o.ready),
        ]
        one, room = Signal(), Signal()  # exactly one beat is held; exactly one slot is free
        if self.form == "registers":
            m.d.comb += [one.eq(self.o.valid & self.ready), room.eq(one)]
        else:
            m.d.comb += [one.eq(self.level == 1), room.eq(self.level == self.depth - 1)]
            with m.If(push != pop):
                m.d.sync += self.level.eq(Mux(push, self.level + 1, self.level - 1))
        with m.If(push & ~pop):
            m.d.sync += [self.o.valid.eq(1), self.ready.eq(~room)]
        with m.Elif(pop & ~push):
            m.d.sync += [self.o.valid.eq(~one), self.ready.eq(1)]
        store = {
            "registers": self._registers,
            "distributed": self._distributed,
            "block": self._block,
        }
        # a beat that is accepted now becomes the head if the FIFO is empty or the only beat leaves
        store[self.form](m, push, pop, ~self.o.valid | (one & pop))
        return m

    def _slot(self, m: Module) -> None:
        m.d.comb += [
            self.ready.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(self.ready),
            self.o.payload.eq(self.slots[0]),
        ]
        with m.If(self.ready):
            m.d.sync += [self.o.valid.eq(self.i.valid), self.slots[0].eq(self.i.payload)]

    def _registers(self, m: Module, push: Value, pop: Value, becomes_head: Value) -> None:
        """The slots fill in turn, so payload registers do not depend on the reader's ready."""
        m.d.comb += self.o.payload.eq(Mux(self.read_at, self.slots[1], self.slots[0]))
        for k, slot in enumerate(self.slots):
            with m.If(push & (self.write_at == k)):
                m.d.sync += slot.eq(self.i.payload)
        m.d.sync += [self.write_at.eq(self.write_at ^ push), self.read_at.eq(self.read_at ^ pop)]

    def _distributed(self, m: Module, push: Value, pop: Value, becomes_head: Value) -> None:
        read = self.memory.read_port(domain="comb")
        self._write(m, push)
        m.d.comb += [read.addr.eq(self.read_at), self.o.payload.eq(read.data)]
        with m.If(pop):
            m.d.sync += self.read_at.eq(self._after(self.read_at))

    def _block(self, m: Module, push: Value, pop: Value, becomes_head: Value) -> None:
        direct, bypassed = Signal(self.width, reset_less=True), Signal()
        read = self.memory.read_port()
        self._write(m, push & ~becomes_head)
        m.d.comb += [
            read.addr.eq(self.read_at),
            read.en.eq(pop),
            self.o.payload.eq(Mux(bypassed, direct, read.data)),
        ]
        with m.If(push & becomes_head):
            m.d.sync += [direct.eq(self.i.payload), bypassed.eq(1)]
        with m.Elif(pop):
            m.d.sync += bypassed.eq(0)
        with m.If(pop & (self.level != 1)):
            m.d.sync += self.read_at.eq(self._after(self.read_at))

    def _write(self, m: Module, enable: Value) -> None:
        write = self.memory.write_port()
        m.submodules.memory = self.memory
        m.d.comb += [
            write.addr.eq(self.write_at),
            write.data.eq(self.i.payload),
            write.en.eq(enable),
        ]
        with m.If(enable):
            m.d.sync += self.write_at.eq(self._after(self.write_at))

    def _after(self, pointer: Signal) -> Value:
        return Mux(pointer == self.words - 1, 0, pointer + 1)
