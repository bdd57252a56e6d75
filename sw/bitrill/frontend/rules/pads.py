"""Importer's rule for ONNX's Pad, all opsets; negative pads crop.

Modes reflect, edge and wrap only select elements of the data (see `crops`). A constant border is
built after the next quantizer, not at once. So the constant may lie off the data's grid; only its
quantized value must be the same integer in every channel.

Words: ``docs/glossary.md``, "Importing" (frame, image, order, place, edge, meaning, deferred). An
*edge* is an edge of the graph here, never a border of an image.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd, prod

from ...exact import Real
from ...ir import Function, Quantizer
from ...ops import Convert, Pad
from ...real import Affine, Channels, at, chain, compact
from ..reader import limits
from ..reader.model import Node
from ..symbolic import Call, Data, Deferred, GraphBuilder, Known, RefusedError, brief
from ..symbolic.grids import clipped
from .crops import sliced
from .layouts import axes_of
from .places import integer_of
from .table import rule, until

_SOURCE: dict[str, Callable[[int, int], int]] = {
    "reflect": lambda k, n: n - 1 - abs(n - 1 - abs(k)),
    "edge": lambda k, n: min(max(k, 0), n - 1),
    "wrap": lambda k, n: k % n,
}
"""Index (0..n-1) of the element that is repeated at the padded index k.

Indices k < 0 lie before an axis of length n, indices k >= n after it.
"""


@rule(
    "Pad",
    inputs={2: 1, 11: (2, 3), 18: (2, 4)},
    layout="either",
    integers="kept",
    mode=str,
    pads=until(10, tuple),
    value=until(10, float),
)
def pad(call: Call) -> Known:
    """Put a border around data; the pads are an attribute or, from opset 11 on, an input."""
    mode = call.text_attribute("mode", "constant")
    x = call.data(0)
    before, after = _pads(call, len(x.shape) + 1)
    if before[0] or after[0]:
        raise RefusedError("the batch axis must have no padding")
    if mode != "constant":
        if call.has(2):
            call.number(2, "its constant", like="data")  # not used, but of the data's type
        return sliced(call, x, _repeated(call, x, mode, before[1:], after[1:]))
    parts = [
        range(max(0, -b), n - max(0, -a))
        for n, b, a in zip(x.shape, before[1:], after[1:], strict=True)
    ]
    if not all(parts):
        raise RefusedError(f"its negative pads must leave something of {['batch', *x.shape]}")
    cut = sliced(call, x, parts)
    sides = [(max(0, b), max(0, a)) for b, a in zip(before[1:], after[1:], strict=True)]
    return _bordered(call, cut, sides) if isinstance(cut, Data) else cut


def _pads(call: Call, rank: int) -> tuple[list[int], list[int]]:
    """Return the pads before and after each axis, the batch axis included."""
    pads = list(call.list_attribute("pads"))
    if call.has(1):
        pads = call.integer_list(1, "pads")
    axes = axes_of(call.integer_list(3, "axes") if call.has(3) else range(rank), rank)
    if len(pads) != 2 * len(axes):
        raise RefusedError(f"its pads must be {2 * len(axes)} integers, not {len(pads)}")
    before, after = [0] * rank, [0] * rank
    for k, a in enumerate(axes):
        before[a], after[a] = pads[k], pads[len(axes) + k]
    return before, after


def _repeated(
    call: Call, x: Data, mode: str, before: list[int], after: list[int]
) -> list[tuple[int, ...]]:
    """Return, for each axis, the indices of ``x`` that its padded indices repeat."""
    modes = [m for m in _SOURCE if m != "wrap" or call.opset >= 19]
    if mode not in modes:
        known = ", ".join(["constant", *modes[:-1]])
        raise RefusedError(f"its mode must be {known} or {modes[-1]}, not {mode[:40]!r}")
    for n, b, a in zip(x.shape, before, after, strict=True):
        most = {"reflect": n - 1, "wrap": n}.get(mode, limits.ELEMENTS)
        if not 0 <= min(a, b) <= max(a, b) <= most:
            raise RefusedError(
                f"its pads of an axis of {n} elements must be 0..{most} in mode {mode}, not {b} and"
                f" {a}"
            )
    axes = [range(-b, n + a) for n, b, a in zip(x.shape, before, after, strict=True)]
    if prod(map(len, axes)) > limits.ELEMENTS:
        raise RefusedError(f"its result must have at most {limits.ELEMENTS} elements")
    source = _SOURCE[mode]
    return [tuple(source(k, n) for k in axis) for n, axis in zip(x.shape, axes, strict=True)]


def _value(call: Call) -> Real:
    if call.has(2):
        return call.number(2, "its constant")
    return call.fraction("value", 0.0)


def _bordered(call: Call, x: Data, sides: list[tuple[int, int]]) -> Data:
    """Return ``x`` with a constant border, deferred to the next quantizer if it can be.

    ``sides``: pads before and after each axis of ``x.shape``. The data must be an image whose
    elements the stream delivers in the model's order. Padded channels are built at once.
    """
    if not any(map(any, sides)):
        return x
    if x.is_last:
        return _bordered(call, x.first(), [sides[-1], *sides[:-1]]).last()
    if not x.is_image and x.type is not None and len(x.frame) > 1:
        x = call.arranged(call.builder.settle(x))
    if x.shape != x.image or x.order is not None:
        raise RefusedError(
            "its data must be [batch, channels], or with one or two axes after the channels, in"
            f" the order that a layer gives them, not {['batch', *x.shape]}"
        )
    frame = tuple(n + sum(s) for n, s in zip(x.frame, (*sides[1:], sides[0]), strict=True))
    if any(max(s) > limits.ELEMENTS for s in sides) or prod(frame) > limits.ELEMENTS:
        raise RefusedError(f"its result must have at most {limits.ELEMENTS} elements")
    border = DeferredBorder(call.builder, x, (*sides[1:], sides[0]), _value(call), call.node)
    waiting = replace(
        x, shape=(frame[-1], *frame[:-1]), frame=frame, steps=(), quantized=False, deferred=border
    )
    return border.settle(waiting) if any(sides[0]) else waiting


@dataclass(frozen=True, eq=False)
class DeferredBorder(Deferred):
    """A border of the constant ``value`` around the data ``before``, not yet built.

    ``sides``: pads before and after each axis of the edge's shape, ``[*places, channels]``.
    """

    builder: GraphBuilder
    before: Data
    sides: tuple[tuple[int, int], ...]
    value: Real
    node: Node

    def quantize(self, data: Data, quantizer: Quantizer, node: Node) -> str:
        function = Function(data.steps, quantizer)
        values = {function(self.value, c) for c in range(function.n_channels)}
        if len(values) > 1 or any(self.sides[-1]):
            return self.builder.quantize(self.settle(data), quantizer, node)
        inner = replace(self.before, steps=chain(self.before.steps, data.steps))
        return self._pad(self.builder.quantize(inner, quantizer, node), values.pop())

    def settle(self, data: Data) -> Data:
        before = self.builder.settle(self.before)
        if before.type is None:
            return data
        before = clipped(self.builder, before, self.node)
        meaning = before.meaning("its data", "; quantize them before it")
        what = f"the border of {brief(self.value)} of {self.node}"
        pad = self._pad(before.edge, integer_of(meaning, self.value, what))
        return replace(
            data,
            edge=pad,
            type=self.builder.edges[pad].type,
            quantized=before.quantized,
            steps=chain((self._widened(meaning),), data.steps),
            deferred=None,
        )

    def _widened(self, meaning: Affine) -> Affine:
        """Return scale and offset of the padded data, of border channels, too."""
        first, last = self.sides[-1]
        if not first + last or meaning.n_channels == 1:
            return meaning

        def wide(numbers: Channels, border: Real) -> Channels:
            n = self.before.channels
            inner = [at(numbers, c) for c in range(n)]
            return compact([*[border] * first, *inner, *[border] * last])

        # border channels get scale 1, and the offset with which the shared integer means `value`
        integer = integer_of(meaning, self.value, "its border")
        return Affine(
            wide(meaning.scale, Fraction(1)), wide(meaning.offset, self.value - Fraction(integer))
        )

    def _pad(self, edge: str, value: int) -> str:
        """Return the edge with a border.

        To pad channels, groups of them are seen as the pixels of a row.
        """
        emit, sides = self.builder.emit, self.sides
        if any(sides[:-1]):
            pads = (*(b for b, _ in sides[:-1]), *(a for _, a in sides[:-1]))
            edge = emit(Pad, self.node, edge, share=True, pads=pads, value=value).name
        first, last = sides[-1]
        if not first + last:
            return edge
        *places, channels = self.builder.edges[edge].shape
        group = gcd(channels, first, last)
        row, wide = (prod(places), channels // group, group), (*places, channels + first + last)
        edge = emit(Convert, self.node, edge, part=True, share=True, shape=row).name
        pads = (0, first // group, 0, last // group)
        edge = emit(Pad, self.node, edge, part=True, share=True, pads=pads, value=value).name
        return emit(Convert, self.node, edge, part=True, share=True, shape=wide).name
