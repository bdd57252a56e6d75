"""Converts frames between words of memory, or bytes of a link, and the beats of a network.

A frame has ``words_in`` words of ``width_in`` bits on one side, ``words_out`` of ``width_out`` on
the other. The longer of the two ends with meaningless bits, which are dropped at the input and zero
at the output. On both sides, each frame starts with a new word.

A word moves in chunks of ``c`` bits, c a power of two, one per cycle:

    word ── slices of c bits ── rotated by (fill mod c) ── written where (place >= fill) ── word out
                                c multiplexers, c/g : 1     width_out + c registers

with ``fill`` the number of bits that the next word out already has, and g the greatest common
divisor of all widths moved. Surplus bits of a chunk go to the front of the next word by fixed
wires. So no part is as wide as both words together, and a wide beat costs about one LUT per bit.
"""

from __future__ import annotations

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from bitrill_hw.pipeline.stream import beats

from .gears import Gear


class Gearbox(wiring.Component):
    """Converts frames from words of one width to words of another: see `Gear`.

    Members
    -------
    i : words of ``gear.width_in`` bits
    o : words of ``gear.width_out`` bits
    last : Out(1), valid with ``o.payload``: this word ends its frame
    """

    def __init__(self, gear: Gear):
        self.gear = gear
        super().__init__(
            {"i": In(beats(gear.width_in)), "o": Out(beats(gear.width_out)), "last": Out(1)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g = self.gear
        unit, target = g.step, g.width_out // g.step
        full, fire, move = Signal(), Signal(), Signal()
        source = _Slices(m, g, self.i, fire)
        m.d.comb += [
            fire.eq(source.valid & (~full | self.o.ready)),
            move.eq(full & self.o.ready),
            self.o.valid.eq(full),
        ]
        # bits in the output word, without and with this chunk, in units of `Gear.step`
        fill = Signal(range(target + 1))
        filled = Signal(range(target + g.chunk // unit + 1))
        made, done = Signal(range(max(2, g.words_out))), Signal()
        reaches, complete, final = Signal(), Signal(), Signal()
        flushes = source.ends & (g.width_in * g.words_in <= g.width_out * g.words_out)
        m.d.comb += [
            filled.eq(fill + source.size),
            reaches.eq(filled >= target),
            complete.eq((reaches | flushes) & ~done),
            final.eq(made == g.words_out - 1),
        ]
        with m.If(move):
            m.d.sync += full.eq(0)
        with m.If(fire):
            m.d.sync += [
                full.eq(complete),
                fill.eq(Mux(source.ends, 0, filled - Mux(reaches, target, 0))),
            ]
            with m.If(complete):
                m.d.sync += [made.eq(Mux(final, 0, made + 1)), self.last.eq(final), done.eq(final)]
            with m.If(source.ends):
                m.d.sync += done.eq(0)
        word = self._place(m, fire, move, source.chunk, fill)
        rest = g.bits - (g.words_out - 1) * g.width_out  # meaningful bits of the last word
        zeros = Mux(self.last, (1 << rest) - 1, (1 << g.width_out) - 1)
        m.d.comb += self.o.payload.eq(word & zeros if rest < g.width_out else word)
        return m

    def _place(self, m: Module, fire: Value, move: Value, chunk: Value, fill: Value) -> Value:
        """Write the chunk's bits into the output word, from bit ``fill`` on; return the word."""
        g = self.gear
        c, t, turns = g.chunk, g.width_out, g.chunk // g.step
        turn = fill[: turns.bit_length() - 1]
        block = fill[turns.bit_length() - 1 :]
        for k in range(turns.bit_length() - 1):
            by = g.step << k
            chunk = Mux(turn[k], Cat(chunk[c - by :], chunk[: c - by]), chunk)
        turned = Signal(c)
        own = Signal(turns)  # units of a block that the chunk overwrites
        m.d.comb += [turned.eq(chunk), *(own[k].eq(turn <= k) for k in range(turns))]
        word = Signal(t + c, reset_less=True)
        here = [Signal(name=f"block{k}") for k in range(-(-(t + c) // c))]
        m.d.comb += [h.eq(fire & (block == k)) for k, h in enumerate(here)]
        for j in range(t + c):
            k, p = divmod(j, c)
            before = Mux(move, word[t + j], word[j]) if j < c else word[j]
            writes = here[k] & own[p // g.step]
            if k:
                writes |= here[k - 1]
            m.d.sync += word[j].eq(Mux(writes, turned[p], before))
        return word[:t]


class _Slices:
    """Cuts a stream of words into chunks; one is taken in each cycle in which ``fire`` is 1.

    ``chunk`` is offered while ``valid`` is 1; ``size``: its bits, in units of `Gear.step`;
    ``ends``: it is the last one of its frame. Some frames end with an empty chunk (`Gear.flush`).
    """

    def __init__(self, m: Module, g: Gear, i: wiring.PureInterface, fire: Value):
        count = len(g.slices)
        flushing = Signal()
        slice_, word_ = Signal(range(max(2, count))), Signal(range(max(2, g.words_in)))
        use, at_end = Signal(), Signal()
        m.d.comb += [
            use.eq(fire & ~flushing),
            at_end.eq((slice_ == count - 1) & (word_ == g.words_in - 1)),
        ]
        with m.If(use):
            m.d.sync += slice_.eq(Mux(slice_ == count - 1, 0, slice_ + 1))
            with m.If(slice_ == count - 1):
                m.d.sync += word_.eq(Mux(word_ == g.words_in - 1, 0, word_ + 1))
        if count == 1:
            held: Value = i.valid
            self.chunk: Value = Cat(i.payload, C(0, g.chunk - g.width_in))
            m.d.comb += i.ready.eq(use)
        else:
            word, held = Signal(g.width_in, reset_less=True), Signal()
            leaves = use & (slice_ == count - 1)
            m.d.comb += i.ready.eq(~held | leaves)
            with m.If(i.ready):
                m.d.sync += [held.eq(i.valid), word.eq(i.payload)]
            with m.Elif(use):
                m.d.sync += word.eq(word >> g.chunk)
            self.chunk = word[: g.chunk]
        self.valid, self.ends = held | flushing, at_end
        sizes = [n // g.step for n in g.slices]
        self.size: Value = C(sizes[0])
        if sizes[-1] != sizes[0]:
            self.size = Mux(slice_ == count - 1, sizes[-1], sizes[0])
        if g.flush:
            self.ends = flushing
            self.size = Mux(flushing, 0, self.size)
            with m.If(fire):
                m.d.sync += flushing.eq(use & at_end)
