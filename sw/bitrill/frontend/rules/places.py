"""Windows of a Conv or pool: kernel, stride, dilation and padding, in all forms of ONNX."""

from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import TypeAlias

import numpy as np

from ...exact import Real, Surd, sign
from ...ir import WIDEST, IntType
from ...ops import Pad
from ...real import Affine, at
from ..reader import limits
from ..symbolic import Call, Data, RefusedError, brief
from .table import Versioned

Sizes: TypeAlias = tuple[int, ...]

WINDOW: dict[str, type | Versioned] = {
    "auto_pad": str,
    "dilations": tuple,
    "kernel_shape": tuple,
    "pads": tuple,
    "strides": tuple,
}
"""ONNX's attributes of windows, and their types."""


@dataclass(frozen=True)
class Placing:
    """The windows of a node, with one size for each spatial axis.

    ``before`` and ``after`` are the model's padding. ``over``: number of places beyond it that the
    last windows read if sizes are rounded up (ceil_mode).
    """

    kernel: Sizes
    stride: Sizes
    dilation: Sizes
    before: Sizes
    after: Sizes
    over: Sizes

    @property
    def pads(self) -> Sizes:
        """Padding at all sides, ``over`` included, in ONNX's order."""
        ends = (a + o for a, o in zip(self.after, self.over, strict=True))
        return (*self.before, *ends)

    def inside(self, size: Sizes) -> tuple[np.ndarray, ...] | None:
        """Return which taps are on an input of that size: bool ``[windows, taps]`` for each axis.

        None if all of them are, or if the arrays would be too large.
        """
        most = max(size) + sum(self.pads)
        if most * max(self.kernel) > limits.INPUT_ELEMENTS:
            return None
        axes = []
        for a, n in enumerate(size):
            taps = np.arange(self.kernel[a]) * self.dilation[a] - self.before[a]
            last = n + self.after[a] + self.over[a] - int(taps[-1]) - 1  # place of its first tap
            at = np.arange(0, last + 1, self.stride[a])[:, None] + taps
            axes.append((at >= 0) & (at < n))
        return None if all(axis.all() for axis in axes) else tuple(axes)

    @property
    def is_point(self) -> bool:
        """Whether each place is a window (1x1, no padding, stride 1)."""
        return not any(self.pads) and {*self.kernel, *self.stride} == {1}


def sizes(call: Call, name: str, axes: int, default: int, least: int = 1) -> Sizes:
    """Return a list attribute with one size for each axis."""
    given = call.list_attribute(name) if name in call.attributes else (default,) * axes
    if len(given) != axes or any(not least <= s <= limits.INPUT_ELEMENTS for s in given):
        raise RefusedError(
            f"{name} must have {axes} sizes of at least {least}, not {list(given)[:8]}"
        )
    return given


def placing(call: Call, x: Data, kernel: Sizes) -> Placing:
    """Return the windows of a Conv or pool over ``x`` with a kernel of that size."""
    size = x.frame[:-1]
    axes = len(size)
    stride = sizes(call, "strides", axes, 1)
    dilation = sizes(call, "dilations", axes, 1)
    span = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    before, after = _pads(call, size, span, stride)
    padded = tuple(n + b + a for n, b, a in zip(size, before, after, strict=True))
    call.builder.check_size(prod(padded) * x.channels)
    if any(s > n for s, n in zip(span, padded, strict=True)):
        raise RefusedError(
            f"its kernel must span at most its padded input, {list(padded)}, not {list(span)}"
        )
    # a stride beyond the input leaves one window, like a stride as long as the input
    stride = tuple(min(s, n) for s, n in zip(stride, padded, strict=True))
    over = (0,) * axes
    if call.int_attribute("ceil_mode", 0):
        over = tuple(
            _over(n, b, p - s, d)
            for n, b, p, s, d in zip(size, before, padded, span, stride, strict=True)
        )
    return Placing(kernel, stride, dilation, before, after, over)


def _over(size: int, before: int, room: int, stride: int) -> int:
    """Return how many places beyond the end one more window reads; 0 if it starts beyond it."""
    steps = -(-room // stride)
    if steps * stride >= size + before:
        steps -= 1
    return max(0, steps * stride - room)


def _pads(call: Call, size: Sizes, span: Sizes, stride: Sizes) -> tuple[Sizes, Sizes]:
    """Return the padding before and after, from ``pads`` or ``auto_pad``."""
    axes, auto = len(size), call.text_attribute("auto_pad", "NOTSET")
    given = sizes(call, "pads", 2 * axes, 0, least=0)
    if auto == "NOTSET":
        return given[:axes], given[axes:]
    if auto not in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        raise RefusedError(
            f"auto_pad must be NOTSET, SAME_UPPER, SAME_LOWER or VALID, not {auto[:40]!r}"
        )
    if any(given):
        raise RefusedError("pads must not be given together with auto_pad")
    if auto == "VALID":
        return (0,) * axes, (0,) * axes
    total = [
        max((-(-n // d) - 1) * d + s - n, 0) for n, s, d in zip(size, span, stride, strict=True)
    ]
    small, large = tuple(t // 2 for t in total), tuple(t - t // 2 for t in total)
    return (small, large) if auto == "SAME_UPPER" else (large, small)


def padded(call: Call, edge: str, pads: Sizes, value: int) -> str:
    """Return the edge with ``pads`` places of ``value`` around it."""
    if not any(pads):
        return edge
    return call.emit(Pad, edge, part=True, share=True, pads=pads, value=value).name


def zero_of(meaning: Affine) -> int:
    """Return the integer that represents the real 0 of padding, the same on all channels."""
    return integer_of(
        meaning,
        Fraction(0),
        "its padding with 0",
        ": pad before the quantizer, or give it a zero point for 0",
    )


def integer_of(meaning: Affine, value: Real, what: str, advice: str = "; quantize after it") -> int:
    """Return the integer that represents ``value`` on all channels, or refuse ``what``."""
    integers: set[int] = set()
    for c in range(meaning.n_channels):
        scale, offset = at(meaning.scale, c), at(meaning.offset, c)
        if not sign(scale) and offset == value:
            continue  # every integer represents it
        place = (value - offset) / scale if sign(scale) else None
        if place is None or isinstance(place, Surd) or place.denominator != 1:
            raise RefusedError(
                f"{what} must lie on the grid of its data, {brief(scale)} * integer"
                f" + {brief(offset)}{advice}"
            )
        integers.add(int(place))
    if len(integers) > 1:
        raise RefusedError(f"{what} must be the same integer on all channels")
    integer = integers.pop() if integers else 0
    if IntType.for_range(lo=-abs(integer), hi=abs(integer)).bits > WIDEST:
        raise RefusedError(f"{what} must fit {WIDEST} bits on the grid of its data")
    return integer
