"""Sliding windows over a feature map: sizes, strides, dilation, and the places of their taps.

All operators over space (convolutions, pooling) take their geometry from here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..errors import SpecError
from ..ir import Tensor

Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Sliding:
    """Windows over ``height x width`` places, ``stride`` places apart.

    A window has ``kernel`` taps along an axis, ``dilation`` places apart. Only whole windows count:
    ``out = (size - span) // stride + 1`` with ``span = (kernel - 1) * dilation + 1``. Frames of one
    axis have height 1. Places, windows and taps are counted row by row.
    """

    height: int
    width: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]

    @property
    def span(self) -> tuple[int, int]:
        """Rows and columns from a window's first tap to its last, both included."""
        (kh, kw), (dh, dw) = self.kernel, self.dilation
        return (kh - 1) * dh + 1, (kw - 1) * dw + 1

    @property
    def out(self) -> tuple[int, int]:
        """Rows and columns of windows."""
        (rows, columns), (sh, sw) = self.span, self.stride
        return (self.height - rows) // sh + 1, (self.width - columns) // sw + 1

    @property
    def n_taps(self) -> int:
        """Taps of a window."""
        return self.kernel[0] * self.kernel[1]

    @property
    def offsets(self) -> np.ndarray:
        """Places of the taps, counted from the window's first tap."""
        (kh, kw), (dh, dw) = self.kernel, self.dilation
        return (np.arange(kh)[:, None] * dh * self.width + np.arange(kw) * dw).reshape(-1)

    @property
    def origins(self) -> np.ndarray:
        """Place of each window's first tap."""
        (ho, wo), (sh, sw) = self.out, self.stride
        return (np.arange(ho)[:, None] * sh * self.width + np.arange(wo) * sw).reshape(-1)

    def taps(self, x: np.ndarray) -> list[np.ndarray]:
        """Return for each tap its values in all windows, ``[N, Ho, Wo, C]``.

        ``x``: frames ``[N, *shape]``.
        """
        frames = x.reshape(len(x), self.height, self.width, x.shape[-1])
        (kh, kw), (dh, dw), (sh, sw), (ho, wo) = self.kernel, self.dilation, self.stride, self.out
        return [
            frames[:, y : y + (ho - 1) * sh + 1 : sh, x : x + (wo - 1) * sw + 1 : sw]
            for y in range(0, kh * dh, dh)
            for x in range(0, kw * dw, dw)
        ]

    def columns(self, x: np.ndarray) -> np.ndarray:
        """Return every window's values, ``[N, Ho, Wo, taps * C]``, taps row by row (im2col).

        ``x``: frames ``[N, *shape]``.
        """
        channels, (kh, kw), (ho, wo) = x.shape[-1], self.kernel, self.out
        shape = (len(x), ho, wo, kh * kw * channels)
        if self.dilation[1] > 1:
            return np.stack(self.taps(x), axis=-2).reshape(shape)
        frames = np.ascontiguousarray(x).reshape(len(x), self.height, self.width, channels)
        # numpy says any stride of an axis of one place: they are counted here
        one = frames.itemsize
        column, row, n = (one * c for c in (channels, self.width * channels, frames[:1].size))
        (sh, sw), dh = self.stride, self.dilation[0]
        # taps that follow each other in a row of the map are copied together
        strides = (n, sh * row, sw * column, dh * row, one)
        view = as_strided(frames, (len(x), ho, wo, kh, kw * channels), strides, writeable=False)
        return view.reshape(shape)

    def merged(
        self, x: np.ndarray, merge: Callable[[np.ndarray, np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """Return each window's values merged two by two, ``[N, Ho, Wo, C]``.

        ``x``: frames ``[N, *shape]``; ``merge`` is associative and commutative: rows of a window
        are merged first, so a window of ``kh x kw`` taps takes ``kh + kw`` steps.
        """
        frames = x.reshape(len(x), self.height, self.width, x.shape[-1])
        (kh, kw), (dh, dw), (sh, sw), (ho, wo) = self.kernel, self.dilation, self.stride, self.out
        rows = reduce(merge, (frames[:, :, c * dw :: sw][:, :, :wo] for c in range(kw)))
        return reduce(merge, (rows[:, r * dh :: sh][:, :ho] for r in range(kh)))

    def shape(self, x: Tensor, channels: int) -> Sizes:
        """Return the shape of a result that has ``channels`` channels a window."""
        return (*self.out[3 - len(x.shape) :], channels)


def plane(name: str, x: Tensor) -> tuple[int, int]:
    """Return height and width of ``(H, W, C)``, or 1 and L of ``(L, C)``."""
    if len(x.shape) not in (2, 3):
        raise SpecError(f"{name}: x must have shape (H, W, C) or (L, C), not {x.shape}")
    return (1, x.shape[0]) if len(x.shape) == 2 else (x.shape[0], x.shape[1])


def sliding(name: str, x: Tensor, *, kernel: Sizes, stride: Sizes, dilation: Sizes = ()) -> Sliding:
    """Make the windows over ``x``; sizes are given for each of its one or two axes of space.

    ``dilation`` is 1 where it is not given. Raises `SpecError`, which lists everything that does
    not fit.
    """
    height, width = plane(name, x)
    axes = len(x.shape) - 1
    given = {"kernel": kernel, "stride": stride, "dilation": dilation or (1,) * axes}
    faults = [
        f"{what} must have {axes} sizes of at least 1, not {sizes}"
        for what, sizes in given.items()
        if len(sizes) != axes or not all(isinstance(s, int) and s >= 1 for s in sizes)
    ]
    if not faults:
        kernel_, stride_, dilation_ = map(_two_axes, given.values())
        windows = Sliding(height, width, kernel_, stride_, dilation_)
        size = x.shape[:-1]
        if windows.span[0] > height or windows.span[1] > width:
            span = windows.span[2 - axes :]
            faults.append(f"kernel must span at most the input's {size}, not {span}")
        if any(s > n for s, n in zip(stride, size, strict=True)):
            faults.append(f"stride must be at most the input's {size}, not {stride}")
        if not faults:
            return windows
    raise SpecError(f"{name}: " + "; ".join(faults))


def _two_axes(sizes: Sizes) -> tuple[int, int]:
    """Return sizes of one or two axes as two; the size along a missing height is 1."""
    return (1, sizes[0]) if len(sizes) == 1 else (sizes[0], sizes[1])
