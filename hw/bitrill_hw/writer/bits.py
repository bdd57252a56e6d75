"""Parts of nets and constants, and their text in a Verilog expression.

A value is a list of such pieces, the one with the lowest bits first. So a slice, a concatenation or
an extension needs no wire of its own, and an operator's operand is a short text.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple


class Piece(NamedTuple):
    """``width`` bits of the net ``net`` from bit ``start`` on; the net has ``whole`` bits.

    A constant has an empty ``net``, and ``start`` is its value.
    """

    net: str
    start: int
    width: int
    whole: int = 0

    def part(self, start: int, stop: int) -> Piece:
        """The bits from ``start`` to ``stop`` of this piece."""
        if self.net:
            return Piece(self.net, self.start + start, stop - start, self.whole)
        return Piece("", self.start >> start & (1 << stop - start) - 1, stop - start)

    def __str__(self) -> str:
        net, start, width, whole = self
        if not net:
            return f"{width}'h{start:0{width + 3 >> 2}x}"
        if width == whole:
            return net
        return f"{net}[{start}]" if width == 1 else f"{net}[{start + width - 1}:{start}]"


Bits = list[Piece]


def constant(value: int, width: int) -> Bits:
    """The ``width`` low bits of an integer, in two's complement."""
    return [Piece("", value & (1 << width) - 1, width)] if width else []


def net(name: str, width: int) -> Bits:
    """Every bit of a net."""
    return [Piece(name, 0, width, width)] if width else []


def size(bits: Bits) -> int:
    """Number of bits."""
    return sum(piece.width for piece in bits)


def joined(parts: Iterable[Bits]) -> Bits:
    """A concatenation, the lowest part first; neighbours in a net become one piece."""
    out: Bits = []
    for part in parts:
        for piece in part:
            last = out[-1] if out else None
            if last is None or last.net != piece.net:
                out.append(piece)
            elif not piece.net:
                out[-1] = Piece(
                    "", last.start | piece.start << last.width, last.width + piece.width
                )
            elif last.start + last.width == piece.start:
                out[-1] = Piece(last.net, last.start, last.width + piece.width, last.whole)
            else:
                out.append(piece)
    return out


def cut(bits: Bits, start: int, stop: int) -> Bits:
    """The bits from ``start`` to ``stop``."""
    out: Bits = []
    at = 0
    for piece in bits:
        end = at + piece.width
        if at >= start and end <= stop:
            out.append(piece)
        elif start < min(end, stop) and at < stop:
            out.append(piece.part(max(start - at, 0), min(stop, end) - at))
        at = end
    return out


def extended(bits: Bits, signed: bool, width: int) -> Bits:
    """The bits extended to ``width``: by copies of the sign bit if ``signed``, else by zeros."""
    have = size(bits)
    if have >= width:
        return bits
    if not (signed and bits):
        return joined([bits, constant(0, width - have)])
    top = bits[-1].part(bits[-1].width - 1, bits[-1].width)
    if not top.net:
        return joined([bits, constant(-top.start, width - have)])
    return [*bits, *[top] * (width - have)]


def text(bits: Bits) -> str:
    """The Verilog expression of the bits; for no bits, a constant 0 of one bit."""
    if len(bits) == 1:
        return str(bits[0])
    if not bits:
        return "1'h0"
    parts: list[str] = []
    for piece, run in groupby(reversed(bits)):
        times = sum(1 for _ in run)
        parts.append(str(piece) if times == 1 else f"{{{times}{{{piece}}}}}")
    return f"{{{', '.join(parts)}}}" if len(parts) > 1 else parts[0]
