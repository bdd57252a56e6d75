"""The input and output of a design: how its integers relate to the model's floats and arrays."""

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import numpy as np

from ..errors import SpecError
from ..exact import rational, sign
from ..real import Channels
from .host import HostFunction, Output, Segment
from .rounded_line import rounded_line
from .types import BIPOLAR, IntType, Tensor

USED_ONLY = {"used only": True}
"""Metadata of a field that files hold only where it differs from its default."""


@dataclass(frozen=True, eq=False)
class InputQuantizer:
    """Converts floats to the first edge's integers, exactly for every finite float64.

    The result is the ``n``-th value of ``type``, with ``n = #{k : x >= levels[c, k]}`` (``N - n``
    where ``inverted[c]``). ``levels``: float64 ``[C, N]``, where C is 1 or the edge's channels. A
    level is the smallest float64 at which the model's first quantizer gives its next value, so
    comparing floats decides as the reals do.
    """

    levels: np.ndarray
    inverted: np.ndarray
    type: IntType

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Integers of x, finite floats ``[N, *shape]``, channel innermost.

        They have the same shape, and a narrow signed dtype.
        """
        x = np.asarray(x)
        if x.dtype.kind != "f":
            x = x.astype(np.float64)
        if x.dtype not in self._forms:
            levels = _levels_as(self.levels, x.dtype)
            self._forms[x.dtype] = levels, _line(levels, self.levels)
        levels, line = self._forms[x.dtype]
        n_levels = levels.shape[1]
        ends = min(self.type.lo, -1), max(self.type.hi, n_levels)
        dtype = np.promote_types(*map(np.min_scalar_type, ends))
        if line is not None:
            n = rounded_line(x, *line, n_levels).astype(dtype)
        elif len(levels) == 1 and n_levels > _COMPARED:
            n = np.searchsorted(levels[0], x, side="right").astype(dtype)
        else:
            n = (x >= levels[:, 0]).astype(dtype)
            for k in range(1, n_levels):
                n += x >= levels[:, k]
        if self.inverted.any():
            n = np.where(self.inverted, n_levels - n, n).astype(dtype)
        return self.type.coding.nth(n)

    @cached_property
    def _forms(self) -> dict[np.dtype, tuple[np.ndarray, tuple[np.ndarray, np.ndarray] | None]]:
        """Levels, and the line that gives every count, for floats of a dtype."""
        return {}


_COMPARED = 16
"""Most levels for which comparing with each is quicker than a search."""


def _levels_as(levels: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """``levels`` rounded up to a narrower float ``dtype``.

    A narrow x is then compared in its own type, and exactly: no x lies between.
    """
    if dtype.itemsize >= levels.dtype.itemsize:
        return levels
    with np.errstate(over="ignore"):
        near = levels.astype(dtype)
    return np.where(near < levels, np.nextafter(near, dtype.type(np.inf)), near)


def _line(levels: np.ndarray, close: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return float64 gains and offsets of a line that, rounded down, is the count of ``levels``.

    ``close``: the levels in float64, before they were rounded up to floats of x's dtype. The line
    is proven at each level and at the float below it. None where the levels are not evenly spaced,
    or fewer than two, and for floats that float64 does not hold.
    """
    k = np.arange(1.0, levels.shape[1] + 1)
    if len(k) < 2 or levels.dtype.itemsize > 8 or not np.isfinite(levels).all():
        return None
    at = levels.astype(np.float64)
    below = np.nextafter(levels, levels.dtype.type(-np.inf)).astype(np.float64)
    with np.errstate(all="ignore"):
        gain = ((len(k) - 1) / (close[:, -1] - close[:, 0]))[:, None]
        ends = (k - gain * at).max(1), (k - gain * below).min(1)
        offset = (ends[0] / 2 + ends[1] / 2)[:, None]
        right = (at * gain + offset >= k) & (below * gain + offset < k) & (gain < np.inf)
    return (gain[:, 0], offset[:, 0]) if right.all() else None


def to_edge(x: np.ndarray, tensor: Tensor, *, channel_last: bool = False) -> np.ndarray:
    """A model's array ``[N, *shape]`` as ``[N, *tensor.shape]``, whose channels are innermost.

    The model's channels are the axis behind N, or the last one with ``channel_last``.
    """
    if channel_last or len(tensor.shape) == 1:
        return x.reshape(-1, *tensor.shape)
    return np.moveaxis(x.reshape(-1, tensor.channels, *tensor.shape[:-1]), 1, -1)


def from_edge(y: np.ndarray, shape: tuple[int, ...], *, channel_last: bool = False) -> np.ndarray:
    """An array ``[N, *tensor.shape]`` as the model's ``[N, *shape]``: the inverse of `to_edge`."""
    if y.ndim > 2 and not channel_last:
        y = np.moveaxis(y, -1, 1)
    return y.reshape(-1, *shape)


@dataclass(frozen=True, eq=False, kw_only=True)
class Source:
    """The model's input: ``shape`` (no batch axis) as in the model, ``tensor`` as on the edge.

    ``quantizer`` turns the user's floats into the edge's integers; without one the design takes
    raw integers, which stand for ``raw_scale * integer + raw_offset``: exact rationals as strings,
    one or one for each channel of the edge; no offset is 0. The
    model's arrays are channel first (NCHW) unless ``channel_last`` says otherwise. An edge of
    several axes is channel last; an edge of one axis is the model's array in its own order.
    """

    shape: tuple[int, ...]
    tensor: Tensor
    quantizer: InputQuantizer | None = None
    raw_scale: str | tuple[str, ...] | None = None
    channel_last: bool = False
    raw_offset: str | tuple[str, ...] | None = field(default=None, metadata=USED_ONLY)

    @property
    def raw_meaning(self) -> tuple[tuple[Fraction, ...], tuple[Fraction, ...]]:
        """Scales and offsets of raw integers, each one number or one for each channel."""
        scale, offset = self.raw_scale or "1", self.raw_offset or "0"
        each = [(v,) if isinstance(v, str) else v for v in (scale, offset)]
        return tuple(map(rational, each[0])), tuple(map(rational, each[1]))

    def flatten(self, x: np.ndarray) -> np.ndarray:
        """Checked integers ``[N, *shape]`` as ``[N, *tensor.shape]``."""
        x = np.asarray(x)
        self.check_shape(x)
        if x.dtype.kind not in "iu":
            raise SpecError(f"input must hold integers (quantize floats first), not {x.dtype}")
        if not self.tensor.type.holds(x):
            only = " (-1 and 1 alone)" if self.tensor.type == BIPOLAR else ""
            present = f"{int(x.min())}..{int(x.max())}"
            raise SpecError(f"input must hold values of {self.tensor.type}{only}, not {present}")
        return to_edge(x, self.tensor, channel_last=self.channel_last)

    def restore(self, flat: np.ndarray) -> np.ndarray:
        """Inverse of `flatten`: the edge's integers as ``[N, *shape]``."""
        flat = flat.reshape(-1, *self.tensor.shape)
        return from_edge(flat, self.shape, channel_last=self.channel_last)

    def quantize(self, x: np.ndarray) -> np.ndarray:
        """Finite floats ``[N, *shape]`` to the integers that `flatten` takes."""
        return self.restore(self.quantize_edge(x))

    def quantize_edge(self, x: np.ndarray) -> np.ndarray:
        """Finite floats ``[N, *shape]`` to the edge's integers, ``[N, *tensor.shape]``."""
        x = np.asarray(x)
        self.check_shape(x)
        if self.quantizer is None:
            raise SpecError(
                f"input must hold integers of {self.tensor.type}: the design takes raw integers"
            )
        if not np.isfinite(x).all():
            raise SpecError("input must be finite, but holds NaN or infinity")
        return self.quantizer(to_edge(x, self.tensor, channel_last=self.channel_last))

    def check_shape(self, x: np.ndarray) -> None:
        """Raise `SpecError` unless x is ``[N, *shape]``."""
        if x.shape[1:] != self.shape or x.ndim == 0:
            want = ", ".join(["N", *map(str, self.shape)])
            raise SpecError(f"input must have shape [{want}], not {list(x.shape)}")

    def __str__(self) -> str:
        how = "quantized from floats" if self.quantizer else f"raw, times {_listed(self.raw_scale)}"
        if self.raw_offset is not None:
            how += f", plus {_listed(self.raw_offset)}"
        return f"input {'x'.join(map(str, self.shape))} as {self.tensor}, {how}"


def raw_numbers(scale: Channels, offset: Channels) -> dict[str, str | tuple[str, ...]]:
    """Return the arguments of a `Source` whose raw integers mean ``scale * integer + offset``."""
    texts = {"raw_scale": scale, "raw_offset": offset}
    if not any(map(sign, offset)):
        del texts["raw_offset"]
    return {k: str(v[0]) if len(v) == 1 else tuple(map(str, v)) for k, v in texts.items()}


def _listed(values: str | tuple[str, ...] | None) -> str:
    return values if isinstance(values, str) else ", ".join(values or ())


@dataclass(frozen=True, eq=False, kw_only=True)
class Sink:
    """The output of a design: ``shape`` as in the model, its edge, the meaning of its integers.

    They mean ``scale * integer + offset``, exact numbers (see `bitrill.exact`), one for each
    channel (innermost axis) or a single one. Decisions (indices) have neither. ``channel_last``:
    see `Source`. ``segments``: where several tensors follow each other in a frame, each flat as on
    its edge, what each one is; empty where there is only this one. ``functions``: what the host
    computes of them. ``outputs``: those of the model; empty where the integers, scaled, are the one
    output, of float32 (int64 for decisions).
    """

    shape: tuple[int, ...]
    edge: str
    tensor: Tensor
    scale: tuple = ()
    offset: tuple = ()
    channel_last: bool = False
    segments: tuple[Segment, ...] = field(default=(), metadata=USED_ONLY)
    functions: tuple[HostFunction, ...] = field(default=(), metadata=USED_ONLY)
    outputs: tuple[Output, ...] = field(default=(), metadata=USED_ONLY)

    @cached_property
    def _floats(self) -> tuple[np.ndarray, np.ndarray]:
        return np.array([float(s) for s in self.scale]), np.array([float(o) for o in self.offset])

    def dequantize(self, y: np.ndarray) -> np.ndarray:
        """Integers ``[N, *shape]`` to the float64 numbers that they mean, before ``functions``."""
        if not self.scale:
            return y.astype(np.float64)
        scale, offset = self._floats
        return self.restore(self.flatten(y) * scale + offset)

    def flatten(self, y: np.ndarray) -> np.ndarray:
        """Integers ``[N, *shape]`` as ``[N, *tensor.shape]``."""
        return to_edge(y, self.tensor, channel_last=self.channel_last)

    def restore(self, y: np.ndarray) -> np.ndarray:
        """Inverse of `flatten`."""
        return from_edge(y, self.shape, channel_last=self.channel_last)

    @property
    def is_plain(self) -> bool:
        """Whether the integers, scaled, are the model's one output."""
        return not (self.segments or self.functions)

    def __str__(self) -> str:
        if self.segments:
            meaning = f"{len(self.segments)} tensors"
        else:
            meaning = "scaled" if self.scale else "decisions"
        host = "".join(f", {f.op}" for f in self.functions)
        return f"output {'x'.join(map(str, self.shape))} from {self.edge}, {meaning}{host}"
