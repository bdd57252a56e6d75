"""The operator `Window`: sliding windows (im2col), which convolutions read."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import SpecError
from ..geometry.line_buffer import capacity, interval, ring
from ..geometry.windows import Sizes, Sliding, sliding
from ..ir import (
    Buffered,
    Choice,
    Impl,
    Rule,
    Schedule,
    Structure,
    Tensor,
    Wiring,
    bits_for,
    is_deep,
    must_be_style,
    turned_bits,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Window(Buffered):
    """``y[i, j, (ky, kx, c)] = x[i * sh + ky * dh, j * sw + kx * dw, c]``: one vector a window.

    ``kernel``, ``stride`` and ``dilation`` (1 if empty) hold one size for each axis of space. x:
    ``(H, W, C)``; y: ``(Ho, Wo, kh * kw * C)``, taps row by row, channels innermost, which is the
    order of the columns of a matrix behind it. ``(L, C)`` likewise gives ``(Lo, k * C)``.

    Style ``folded``: ``simd`` elements a beat on both sides (a part of one tap), ``kh * kw * C /
    simd`` beats a window, one a cycle. They come out of a line buffer of ``span`` places:
    ``(kh - 1) * dh`` rows and ``(kw - 1) * dw + 1`` pixels (at least two beats). A beat of a window
    waits until its own pixel is there, not for the whole window. A beat of x is accepted once the
    beat that it overwrites has been read for the last time. So the next pixels come in while a
    window is read. Between two frames, and between two rows if their stride is above 1, windows
    wait for pixels that found no room: see `bitrill.geometry.line_buffer`, and `interval`.

    Style ``parallel``: C elements in, a whole window out, one a cycle. The line buffer is shift
    registers and row memories. Both styles swallow pixels behind the last window.
    """

    kind = "window"
    additive = True
    by_rows = True
    component = "bitrill_hw.ops.window:WindowCore"
    styles = ("folded", "parallel")
    takes_codes = True

    kernel: Sizes
    stride: Sizes
    dilation: Sizes = ()

    def validate(self) -> None:
        _ = self.windows

    def validate_impl(self, impl: Impl) -> None:
        channels, whole = self.x.channels, self.y.channels
        if _is_parallel(impl):
            if (impl.simd, impl.pe) != (channels, whole):
                raise SpecError(
                    f"{self.name}: SIMD and PE of a parallel window must be {channels} and {whole},"
                    f" not {impl.simd} and {impl.pe}"
                )
            return
        must_be_style(self, impl)
        super().validate_impl(impl)

    def foldings(self, fixed: Choice) -> Iterator[Impl]:
        yield from super().foldings(fixed)
        yield Impl(simd=self.x.channels, pe=self.y.channels, style="parallel")

    @property
    def parallel(self) -> bool:
        """Whether a whole window is one beat."""
        return _is_parallel(self.folded)

    @cached_property
    def windows(self) -> Sliding:
        """The places of the windows in a frame."""
        return sliding(
            self.name, self.x, kernel=self.kernel, stride=self.stride, dilation=self.dilation
        )

    def infer(self) -> Tensor:
        w = self.windows
        return Tensor(w.shape(self.x, w.n_taps * self.x.channels), self.x.type)

    def wiring(self) -> tuple[Wiring, ...]:
        channel, taps = np.arange(self.x.channels), self.windows.n_taps
        return (Wiring(np.tile(channel, taps)[:, None], np.arange(taps).repeat(len(channel))),)

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        return self.windows.columns(xs[0]).reshape(len(xs[0]), *self.y.shape)

    @property
    def pieces(self) -> int:
        """Input beats of a pixel."""
        return self.x.channels // self.folded.simd

    @property
    def span(self) -> int:
        """Places from a window's first tap to its last, both included."""
        return int(self.windows.offsets[-1]) + 1

    @property
    def capacity(self) -> int:
        """Beats that the line buffer holds."""
        return self.span if self.parallel else capacity(self.windows, self.pieces)

    @property
    def advances(self) -> tuple[int, int, int]:
        """Beats from a window to the next: in its row, to the next row, to the next frame."""
        w = self.windows
        (sh, sw), (ho, wo) = w.stride, w.out
        row = sh * w.width - (wo - 1) * sw
        frame = w.width * w.height - (ho - 1) * sh * w.width - (wo - 1) * sw
        return sw * self.pieces, row * self.pieces, frame * self.pieces

    @property
    def state_bits(self) -> int:
        return self.capacity * self.lanes_in * self.x.type.bits

    @property
    def interval(self) -> int:
        """Cycles a frame, with waits for pixels; an upper bound if a pixel has several beats."""
        if self.parallel:
            return self.cost().cycles
        return interval(self.windows) * self.pieces

    def schedule(self) -> Schedule:
        if self.parallel:
            return self._parallel()
        needs, frees = ring(self.windows, self.pieces)
        n_in, n = len(frees), len(needs)
        k = np.arange(n)
        rules = (
            Rule("step", "in", needs, 1),
            Rule("in", "step", frees, 1),
            Rule("out", "step", k, 1),
            Rule("step", "out", k - 1, 0),
        )
        return Schedule(n_in, n, n, rules)

    def _parallel(self) -> Schedule:
        """A window is given once its last pixel is in; the next pixel waits until it is taken."""
        n_in, n = self.beats_in, self.beats_out
        last = self.windows.origins + self.span - 1
        # the last window that ends before pixel i, maybe in an earlier frame
        given = np.searchsorted(last, np.arange(n_in)) - 1
        return Schedule(n_in, 0, n, (Rule("out", "in", last, 1), Rule("in", "out", given, 0)))

    @property
    def lanes_in(self) -> int:
        return self.folded.simd

    def structure(self) -> Structure:
        return self._parallel_structure() if self.parallel else self._folded_structure()

    def _folded_structure(self) -> Structure:
        s, w = Structure(), self.windows
        width, (kh, kw) = self.lanes_in * self.x.type.bits, w.kernel
        depth, most = self.capacity, max(self.advances)
        s.counters(self.pieces, kw, kh, w.out[1], w.out[0])
        s.counters(self.span * self.pieces, most + 1, depth + 2 * most + 1, depth + most + 1)
        addresses = 3 * bits_for(depth)
        s.luts(address=addresses, around=3 * turned_bits(depth))
        s.flops(held=addresses)
        block = is_deep(depth, width)
        s.ram(depth, width, block=block)
        s.flops(held=0 if block else width)
        return s

    def _parallel_structure(self) -> Structure:
        s, w = Structure(), self.windows
        width, (kh, _), (dh, _), columns = (
            self.lanes_in * self.x.type.bits,
            w.kernel,
            w.dilation,
            w.span[1],
        )
        s.counters(w.width, w.height, columns, w.span[0])
        s.flops(held=width * (1 + kh * (columns - 1)))
        n = dh * w.width - columns + 1
        for _ in range(kh - 1):
            if n <= 2:
                s.flops(held=width * n)
                continue
            block = is_deep(n - 1, width)
            s.ram(n - 1, width, block=block)
            s.counters(n - 1)
            s.luts(turns=bits_for(n - 1))
            s.flops(held=0 if block else width)
        return s


def _is_parallel(impl: Impl) -> bool:
    return impl.style == "parallel"
