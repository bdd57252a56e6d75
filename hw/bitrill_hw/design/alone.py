"""One operator between a bench's streams, however many operands and results it has."""

from __future__ import annotations

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Member, Out
from bitrill.ir import Operator
from bitrill.ir.schedule import port

from ..pipeline.stream import beats, connect, padded
from .build import component


def payload_bits(op: Operator) -> int:
    """Bits of a beat of the widest result."""
    return max(op.lanes_out * t.type.bits for t in op.results)


def number_bits(op: Operator) -> int:
    """Bits of the number of a result; 0 where there is one."""
    return (len(op.results) - 1).bit_length()


class Alone(wiring.Component):
    """The hardware of one folded operator, with one stream in, one out, and streams beside them.

    The first operand is stream ``i``, any further one, and the words of a streamed operator, are
    ports of their own, padded to whole bytes. All results leave by stream ``o``, a beat at a time
    as they come, the lowest number first: the payload, `payload_bits` wide, and above it the number
    of the result (`number_bits`). Registers of a writable operator are never written.

    Members
    -------
    i : In(stream of the first operand's beats)
    i1_tdata, i1_tvalid : In, i1_tready : Out(1), and so on
    o : Out(stream of ``payload_bits + number_bits`` bits)
    """

    def __init__(self, op: Operator):
        self.op = op
        self.core = component(op)
        names = (port("i", k) for k in range(1, len(self.core.signature.members)))
        self.beside = [name for name in names if name in self.core.signature.members]
        ports: dict[str, Member] = {"i": In(beats(len(self.core.i.payload)))}
        for name in self.beside:
            width = padded(len(getattr(self.core, name).payload))
            ports |= {f"{name}_tdata": In(width), f"{name}_tvalid": In(1), f"{name}_tready": Out(1)}
        super().__init__({**ports, "o": Out(beats(payload_bits(op) + number_bits(op)))})

    def elaborate(self, _) -> Module:
        m = Module()
        m.submodules.core = core = self.core
        connect(m, self.i, core.i)
        for name in self.beside:
            stream = getattr(core, name)
            m.d.comb += [
                stream.payload.eq(getattr(self, f"{name}_tdata")),
                stream.valid.eq(getattr(self, f"{name}_tvalid")),
                getattr(self, f"{name}_tready").eq(stream.ready),
            ]
        outs = [getattr(core, port("o", k)) for k in range(len(self.op.results))]
        if len(outs) == 1:
            connect(m, outs[0], self.o)
        else:
            self._merge(m, outs)
        return m

    def _merge(self, m: Module, outs: list[stream.Interface]) -> None:
        """Offer one result at a time; one that was offered stays until its beat is taken."""
        width = number_bits(self.op)
        chosen, held, waits = Signal(width), Signal(width), Signal()
        m.d.comb += chosen.eq(held)
        with m.If(~waits):
            for k, out in reversed([*enumerate(outs)]):
                with m.If(out.valid):
                    m.d.comb += chosen.eq(k)
        with m.Switch(chosen):
            for k, out in enumerate(outs):
                payload = Cat(out.payload, C(0, payload_bits(self.op) - len(out.payload)))
                with m.Case(k):
                    m.d.comb += [
                        self.o.valid.eq(out.valid),
                        self.o.payload.eq(Cat(payload, chosen)),
                        out.ready.eq(self.o.ready),
                    ]
        m.d.sync += [held.eq(chosen), waits.eq(self.o.valid & ~self.o.ready)]
