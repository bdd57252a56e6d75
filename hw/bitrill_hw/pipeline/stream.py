"""Streams between components: one signature, one way to join two of them."""

from __future__ import annotations

from typing import Any

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Member, Out
from bitrill.errors import SpecError
from bitrill.ir import Operator


def beats(width: int) -> stream.Signature:
    """A stream of beats of ``width`` bits, elements packed low first without padding."""
    return stream.Signature(unsigned(width))


class OneToOne(wiring.Component):
    """Base of the components of operators of one operand and one result.

    Members
    -------
    i : ``op.lanes_in`` elements of ``op.x.type``
    o : ``op.lanes_out`` elements of ``op.y.type``
    and ``more``, of those that have them
    """

    op: Any

    def __init__(self, op: Operator, **more: Member):
        self.op = op
        super().__init__(
            {
                "i": In(beats(op.lanes_in * op.x.type.bits)),
                "o": Out(beats(op.lanes_out * op.y.type.bits)),
                **more,
            }
        )


def connect(m: Module, source: stream.Interface, sink: stream.Interface) -> None:
    """Let ``source`` feed ``sink`` in module ``m``.

    Unlike `amaranth.lib.wiring.connect` this works alike for ports of the module itself and of its
    submodules, and refuses payloads of another shape with `SpecError`.
    """
    given, wanted = (Value.cast(s.payload).shape() for s in (source, sink))
    if given != wanted:
        raise SpecError(f"the payload of a stream must be {wanted!r} as its sink's, not {given!r}")
    m.d.comb += [
        sink.payload.eq(source.payload),
        sink.valid.eq(source.valid),
        source.ready.eq(sink.ready),
    ]


def padded(bits: int) -> int:
    """Bits of the whole bytes that a beat takes at the edge of a design."""
    return -(-bits // 8) * 8
