"""Streams between components: signature, bases of components, elements of a beat, connection."""

from __future__ import annotations

from typing import Any

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Member, Out
from bitrill.errors import SpecError
from bitrill.ir import IntType, Operator
from bitrill.ir.schedule import port


def beats(width: int) -> stream.Signature:
    """Signature of a stream with beats of ``width`` bits, elements packed low first, unpadded."""
    return stream.Signature(unsigned(width))


class OneToOne(wiring.Component):
    """Base of the components of operators of one operand and one result.

    Members
    -------
    i : ``op.lanes_in`` elements of ``op.x.type``
    o : ``op.lanes_out`` elements of ``op.y.type``
    further members, given as ``members``
    """

    op: Any  # each subclass declares its operator

    def __init__(self, op: Operator, **members: Member):
        self.op = op
        super().__init__(
            {
                "i": In(beats(op.lanes_in * op.x.type.bits)),
                "o": Out(beats(op.lanes_out * op.y.type.bits)),
                **members,
            }
        )


class ManyToOne(wiring.Component):
    """Base of the components of operators of several operands and one result.

    Members
    -------
    i, i1, .. : ``op.lanes_in`` elements of each operand's type
    o : ``op.lanes_out`` elements of ``op.y.type``
    """

    def __init__(self, op: Operator):
        self.op = op
        bits = [op.lanes_in * t.type.bits for t in op.operands]
        ins = {port("i", j): In(beats(width)) for j, width in enumerate(bits)}
        super().__init__({**ins, "o": Out(beats(op.lanes_out * op.y.type.bits))})


class OneToMany(wiring.Component):
    """Base of the components of operators of one operand and several results.

    Members
    -------
    i, o, o1, .. : ``op.lanes_in`` elements of ``op.x.type``
    """

    def __init__(self, op: Operator):
        self.op = op
        signature = beats(op.lanes_in * op.x.type.bits)
        outs = {port("o", j): Out(signature) for j in range(len(op.results))}
        super().__init__({"i": In(signature), **outs})


def connect(m: Module, source: stream.Interface, sink: stream.Interface) -> None:
    """Connect ``source`` to ``sink`` in module ``m``.

    Unlike `amaranth.lib.wiring.connect`, it accepts ports of the module itself as well as of its
    submodules, and raises `SpecError` for payloads of different shapes.
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
    """The size of a beat at a port of a design: ``bits``, rounded up to whole bytes."""
    return -(-bits // 8) * 8


def elements(payload: Value, t: IntType) -> list[Value]:
    """The elements of a beat, element 0 first, as numbers; a bipolar one is -1 or +1."""
    lanes = [payload[p : p + t.bits] for p in range(0, len(payload), t.bits)]
    if t.coding.is_bipolar:
        return [Cat(C(1, 1), ~lane).as_signed() for lane in lanes]
    return [lane.as_signed() if t.signed else lane for lane in lanes]


def code(value: Value, t: IntType) -> Value:
    """The bits of a number of type ``t`` (-1 or +1 if it is bipolar)."""
    if t.coding.is_bipolar:
        return ~value[1]
    return (value if len(value) >= t.bits else value + C(0, t.bits))[: t.bits]
