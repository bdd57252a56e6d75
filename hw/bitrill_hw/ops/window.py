"""Hardware of `bitrill.ops.Window`: reads sliding windows from a line buffer.

A window is sent tap by tap (style ``folded``), or as a whole in one beat (``parallel``).
"""

from __future__ import annotations

from typing import NamedTuple

from amaranth import *
from amaranth.lib import memory
from bitrill.ir.structure import is_deep
from bitrill.ops import Window

from ..pipeline.counters import Ends, count_up
from ..pipeline.elastic import Elastic
from ..pipeline.stream import OneToOne


class _At(NamedTuple):
    """Position of a step in its window, and distances from it to the next step and window.

    ``ends``: whether the step is the last of its window. Distances in beats of x: ``step``, to the
    beat that the window's next step reads; ``skip``, from the first beat of this window to that of
    the next. ``around``: ``skip`` modulo the line buffer's capacity. ``_limit``: a distance plus
    the capacity.
    """

    ends: Value
    step: Value
    step_limit: Value
    skip: Value
    skip_limit: Value
    around: Value


class WindowCore(OneToOne):
    """A line buffer that is read tap by tap (folded), or shift registers with taps (parallel)."""

    op: Window

    def elaborate(self, _) -> Module:
        m = Module()
        if self.op.parallel:
            self._parallel(m)
        else:
            self._folded(m)
        return m

    def _folded(self, m: Module) -> None:
        """Read the line buffer tap by tap; the only stage is the memory's output register.

        Beats are counted from the first beat of the window: ``offset`` is the beat to be read,
        ``come`` the number of beats that have been accepted, ``limit`` the number that may be. A
        beat may be overwritten once no step reads it again: ``limit`` is the buffer's capacity plus
        the earlier of the beat to be read and the first beat of the next window.
        """
        op, capacity, most = self.op, self.op.capacity, max(self.op.advances)
        fires, takes = Signal(), Signal()
        at = self._walk(m, fires)
        offset = Signal(range(max(2, op.span * op.pieces)))
        come = Signal(range(-most, capacity + most + 1))
        limit = Signal(range(capacity + most + 1), init=capacity)
        read = Signal.like(offset)
        m.d.comb += read.eq(offset + at.step)
        m.d.sync += come.eq(come + takes - Mux(fires & at.ends, at.skip, 0))
        with m.If(fires):
            # the capacity is added to constants, not to the smaller of the two, for a short path
            m.d.sync += [
                offset.eq(Mux(at.ends, 0, read)),
                limit.eq(Mux(read > at.skip, at.skip_limit, offset + at.step_limit)),
            ]
            with m.If(at.ends):
                m.d.sync += limit.eq(capacity)
        pipe = Elastic(m, stages=1, valid=offset < come, ready=self.o.ready)
        m.d.comb += [
            fires.eq(pipe.enters(1)),
            self.i.ready.eq(come != limit),
            takes.eq(self.i.valid & self.i.ready),
            self.o.valid.eq(pipe.valid[1]),
        ]
        self._ring(m, pipe, at, takes=takes, fires=fires)

    def _walk(self, m: Module, fires: Value) -> _At:
        """Count the taps of a window and the windows of a frame; return where a step is."""
        op, w, capacity = self.op, self.op.windows, self.op.capacity
        (kh, kw), (dh, dw), (ho, wo) = w.kernel, w.dilation, w.out
        piece, x, y, right, bottom = count_up(
            m, fires, piece=op.pieces, tap_x=kw, tap_y=kh, window_x=wo, window_y=ho
        )
        to_pixel = (dw - 1) * op.pieces + 1
        to_row = (dh * w.width - (kw - 1) * dw - 1) * op.pieces + 1 if kh > 1 else 1

        def held(name: str, value: Value) -> Signal:
            signal = Signal(value.shape(), name=name)
            m.d.comb += signal.eq(value)
            return signal

        def step(added: int) -> Value:
            return Mux(x.ends, to_row + added, Mux(piece.ends, to_pixel + added, 1 + added))

        def jump(in_row: int, to_line: int, to_frame: int) -> Value:
            return Mux(right.top, Mux(bottom.top, to_frame, to_line), in_row)

        return _At(
            ends=y.ends,
            step=held("step", step(0)),
            step_limit=held("step_limit", step(capacity)),
            skip=held("skip", jump(*op.advances)),
            skip_limit=held("skip_limit", jump(*(a + capacity for a in op.advances))),
            around=held("around", jump(*(a % capacity for a in op.advances))),
        )

    def _ring(self, m: Module, pipe: Elastic, at: _At, *, takes: Value, fires: Value) -> None:
        """Add the memory and its addresses; ``origin``: the address of the window's first beat."""
        capacity = self.op.capacity
        form = "block" if is_deep(capacity, len(self.i.payload)) else "distributed"
        ring = memory.Memory(
            shape=unsigned(len(self.i.payload)), depth=capacity, init=[], attrs={"ram_style": form}
        )
        m.submodules.ring = ring
        write, read = ring.write_port(), ring.read_port()
        into, source, origin = (Signal(range(capacity), name=n) for n in ("into", "from", "origin"))
        m.d.comb += [
            write.addr.eq(into),
            write.data.eq(self.i.payload),
            write.en.eq(takes),
            read.addr.eq(source),
            read.en.eq(pipe.load[1]),
            self.o.payload.eq(read.data),
        ]
        following = Signal(range(capacity))
        m.d.comb += following.eq(wrapped(origin + at.around, capacity))
        with m.If(takes):
            m.d.sync += into.eq(wrapped(into + 1, capacity))
        with m.If(fires):
            m.d.sync += source.eq(Mux(at.ends, following, wrapped(source + at.step, capacity)))
            with m.If(at.ends):
                m.d.sync += origin.eq(following)

    def _parallel(self, m: Module) -> None:
        """Keep all taps in registers; ``lines[ky]``: the pixels of a row of taps, newest first."""
        w = self.op.windows
        (kh, kw), (_, columns), (dh, dw) = w.kernel, w.span, w.dilation
        takes = Signal()
        column, row = count_up(m, takes, column=w.width, row=w.height)
        sh, sw = w.stride
        across = Ends(m, takes, column.top, span=columns, stride=sw, name="across")
        down = Ends(m, takes & column.top, row.top, span=w.span[0], stride=sh, name="down")
        m.d.comb += [
            self.i.ready.eq(~self.o.valid | self.o.ready),
            takes.eq(self.i.valid & self.i.ready),
        ]
        with m.If(self.i.ready):
            m.d.sync += self.o.valid.eq(self.i.valid & across.here & down.here)
        lines: list[list[Value]] = []
        first: Value = Signal(len(self.i.payload), name="first", reset_less=True)
        with m.If(takes):
            m.d.sync += first.eq(self.i.payload)
        for y in range(kh):
            line = [first]
            for x in range(1, columns):
                line.append(delayed(m, takes, line[-1], 1, f"line{y}_{x}"))
            lines.append(line)
            if y < kh - 1:
                first = delayed(m, takes, line[-1], dh * w.width - columns + 1, f"row{y}")
        m.d.comb += self.o.payload.eq(
            Cat(line[x * dw] for line in reversed(lines) for x in reversed(range(kw)))
        )


def wrapped(address: Value, depth: int) -> Value:
    """``address`` modulo ``depth``, for addresses below twice the depth."""
    return Mux(address >= depth, address - depth, address)


def delayed(m: Module, moves: Value, value: Value, n: int, name: str) -> Value:
    """``value`` of ``n`` moves ago: from one or two registers, else from a memory."""
    if n <= 2:
        for k in range(n):
            held = Signal(len(value), name=f"{name}_{k}", reset_less=True)
            with m.If(moves):
                m.d.sync += held.eq(value)
            value = held
        return value
    form = "block" if is_deep(n - 1, len(value)) else "distributed"
    rows = memory.Memory(
        shape=unsigned(len(value)), depth=n - 1, init=[], attrs={"ram_style": form}
    )
    m.submodules[name] = rows
    write, read = rows.write_port(), rows.read_port()  # reads the word that is being overwritten
    at = Signal(range(n - 1), name=f"{name}_at")
    with m.If(moves):
        m.d.sync += at.eq(wrapped(at + 1, n - 1))
    m.d.comb += [
        write.addr.eq(at),
        write.data.eq(value),
        write.en.eq(moves),
        read.addr.eq(at),
        read.en.eq(moves),
    ]
    return read.data
