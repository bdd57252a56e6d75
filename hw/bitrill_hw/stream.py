"""Streams between components: one signature, one way to join two of them."""

from __future__ import annotations

from amaranth import *
from amaranth.lib import stream
from bitrill.errors import SpecError


def beats(width: int) -> stream.Signature:
    """A stream of beats of ``width`` bits, elements packed low first without padding."""
    return stream.Signature(unsigned(width))


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
