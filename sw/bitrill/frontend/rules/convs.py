"""Rules for convolutions: a border, a window and a product for each of its places.

``Conv`` of ``[O, C/g, kh, kw]`` weights is ``MatVec`` of ``[O, kh * kw * C]`` behind ``Window``,
whose taps come row by row, channel innermost. With as many groups as channels it is `Depthwise`;
other groups become one matrix with zeros between the groups (exact, at the cost of those zeros).
"""

from __future__ import annotations

from fractions import Fraction
from math import prod

import numpy as np

from ...ir.types import BIPOLAR, IntType
from ...ops.deconv import Deconv
from ...ops.depthwise import Depthwise
from ...ops.matvec import MatVec
from ...ops.window import Window
from ...real import Affine, Channels, at
from ..reader import limits
from ..symbolic.context import Call
from ..symbolic.values import Data, Known, Quantized, RefusedError, compact, per_channel
from .matmul import one_scale, product, quantized, row_scales, widest
from .places import Placing, padded, placing, sizes, zero_of


def conv(call: Call) -> Known:
    x, meaning = call.integers_of(0, image=True)
    weights = quantized(call.value(1))
    groups = _check_weights(call, weights, x)
    kernel = sizes(call, "kernel_shape", len(x.frame) - 1, 1)
    if "kernel_shape" in call.attributes and kernel != weights.integers.shape[2:]:
        raise RefusedError(
            f"its kernel_shape must be that of its weights, {list(weights.integers.shape[2:])},"
            f" not {list(kernel)}"
        )
    place = placing(call, x, weights.integers.shape[2:])
    if not _is_depthwise(groups, weights, x):
        one_scale(meaning)
    zero, inside = zero_of(meaning) if any(place.pads) else 0, None
    if any(place.pads) and zero == 0 and _counts_agreements(groups, weights, x):
        inside = place.inside(x.frame[:-1])
    if inside is not None:
        zero = -1  # in one bit: outside, the matrix counts it as 0
    edge = padded(call, x.edge, place.pads, zero)
    return _convolved(call, edge, place, weights, groups, meaning, inside)


def _counts_agreements(groups: int, weights: Quantized, x: Data) -> bool:
    """Whether bipolar data meet a full matrix of -1 and +1, and taps have halves."""
    halves = groups == 1 and x.channels % 2 == 0
    return halves and x.type == BIPOLAR and bool(np.all(np.abs(weights.integers) == 1))


def conv_transpose(call: Call) -> Known:
    """Zeros between the places, then a Conv of stride 1 with the kernel turned."""
    x, meaning = call.integers_of(0, image=True)
    weights = quantized(call.value(1))
    axes, groups = len(x.frame) - 1, call.attributes.get("group", 1)
    if call.attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise RefusedError("auto_pad of a ConvTranspose must be NOTSET or VALID; give pads")
    shape = weights.integers.shape
    if len(shape) != axes + 2 or groups < 1 or shape[0] != x.channels or shape[0] % groups:
        raise RefusedError(
            f"its weights must be [{x.channels}, outputs, kernel], with group a divisor of"
            f" {x.channels}, not {list(shape)} with group {groups}"
        )
    weights = _turned(weights, groups)
    _check_weights(call, weights, x)
    stride, dilation = sizes(call, "strides", axes, 1), sizes(call, "dilations", axes, 1)
    more = sizes(call, "output_padding", axes, 0, least=0)
    cut = sizes(call, "pads", 2 * axes, 0, least=0)
    span = [(k - 1) * d + 1 for k, d in zip(shape[2:], dilation, strict=True)]
    before = tuple(s - 1 - cut[a] for a, s in enumerate(span))
    after = tuple(s - 1 - cut[axes + a] + more[a] for a, s in enumerate(span))
    if min(before + after) < 0:
        raise RefusedError(f"its pads must be below what its kernel spans, {span}, not {list(cut)}")
    one_scale(meaning)
    edge, zero = x.edge, zero_of(meaning)
    if max(stride) > 1:
        if zero:
            raise RefusedError(
                f"the integer 0 must stand for the real 0 between its data, not {zero}"
            )
        edge = call.emit(Deconv, edge, strides=stride).name
    one, none = (1,) * axes, (0,) * axes
    place = Placing(shape[2:], one, dilation, before, after, none)
    edge = padded(call, edge, place.pads, zero)
    return _convolved(call, edge, place, weights, groups, meaning)


def _turned(weights: Quantized, groups: int) -> Quantized:
    """Weights of a ConvTranspose, ``[C, O/g, ..]``, as those of a Conv, ``[O, C/g, ..]``."""
    w = weights.integers
    inputs, outputs = w.shape[:2]
    places = tuple(range(2, w.ndim))
    if any(weights.scale.shape[a] != 1 for a in places):
        raise RefusedError("its weights must have one scale, or one for each output")
    shape = (groups, inputs // groups, outputs)
    w = np.flip(w, places).reshape(*shape, *w.shape[2:]).swapaxes(1, 2)
    scale = np.broadcast_to(weights.scale, (inputs, outputs, *(1,) * len(places)))
    scale = scale.reshape(shape).swapaxes(1, 2).reshape(groups * outputs, inputs // groups)
    return Quantized(
        w.reshape(groups * outputs, inputs // groups, *w.shape[3:]),
        scale.reshape(*scale.shape, *(1,) * len(places)),
        weights.type,
    )


def _is_depthwise(groups: int, weights: Quantized, x: Data) -> bool:
    return groups == x.channels == len(weights.integers) and groups > 1


def _convolved(
    call: Call,
    edge: str,
    place: Placing,
    weights: Quantized,
    groups: int,
    meaning: Affine,
    inside: tuple[np.ndarray, ...] | None = None,
) -> Known:
    """The windows and products of a Conv over a padded edge, and its bias.

    ``inside``: of bipolar data and weights, the taps that the padding does not hold.
    """
    channels = call.builder.edges[edge].channels
    if {*place.kernel, *place.stride} != {1}:
        edge = call.emit(
            Window, edge, kernel=place.kernel, stride=place.stride, dilation=place.dilation
        ).name
    rows = row_scales(weights.scale)
    if groups == channels == len(weights.integers) and groups > 1:
        w = weights.integers.reshape(groups, -1)
        node = call.emit(Depthwise, edge, weights=w, weight_type=weights.type)
        return biased(call, _depthwise(call, node, meaning, rows))
    w, weight_type = matrix(weights, groups)
    if inside is not None:
        weight_type = BIPOLAR
    node = call.emit(MatVec, edge, weights=w, weight_type=weight_type, inside=inside)
    return biased(call, product(call, node, meaning, rows, shape=_shape(node)))


def _shape(node: MatVec | Depthwise) -> tuple[int, ...]:
    return (node.y.channels, *node.y.shape[:-1])


def _check_weights(call: Call, weights: Quantized, x: Data) -> int:
    """The number of groups, after the shape of the weights was found to fit."""
    shape, groups = weights.integers.shape, call.attributes.get("group", 1)
    if len(shape) != len(x.frame) + 1:
        raise RefusedError(
            f"its weights must have {len(x.frame) + 1} axes for data of {len(x.frame) - 1} axes"
            f" of space, not {len(shape)}"
        )
    if groups < 1 or x.channels % groups or shape[0] % groups:
        raise RefusedError(
            f"group must divide its {x.channels} input and {shape[0]} output channels, not {groups}"
        )
    if shape[1] * groups != x.channels:
        raise RefusedError(
            f"its weights must take {x.channels // groups} channels a group, not {shape[1]}"
        )
    if len(shape[2:]) and prod(shape) * groups > limits.ELEMENTS:
        raise RefusedError(f"its weights must have at most {limits.ELEMENTS} elements")
    return groups


def matrix(weights: Quantized, groups: int) -> tuple[np.ndarray, IntType]:
    """``[O, taps * C]``, channel innermost, with zeros where a group does not see a channel."""
    w = weights.integers
    rows, per_group = w.shape[:2]
    w = np.moveaxis(w.reshape(rows, per_group, -1), 1, 2)
    if groups == 1:
        return w.reshape(rows, -1), weights.type
    full = np.zeros((rows, w.shape[1], groups * per_group), np.int64)
    for g in range(groups):
        part = slice(g * (rows // groups), (g + 1) * (rows // groups))
        full[part, :, g * per_group : (g + 1) * per_group] = w[part]
    return full.reshape(rows, -1), widest(weights.type, IntType(0, 0))


def _depthwise(call: Call, node: Depthwise, meaning: Affine, rows: Channels) -> Data:
    """As `product`, each channel with a scale and an offset of its own."""
    sums = node.weights.sum(1).tolist()
    dot = Affine((Fraction(node.dot_gain),), compact([Fraction(int(o)) for o in node.dot_offset]))
    shift = tuple(at(meaning.offset, c) * s for c, s in enumerate(sums))
    out = Data(node.name, node.y.type, _shape(node), node.y.shape)
    for step in (dot, Affine(meaning.scale, shift), Affine(rows)):
        out = call.then(out, step)
    return out


def biased(call: Call, out: Data) -> Data:
    """``out`` plus the bias that is input 2, one a channel, if it is given."""
    if not call.has(2):
        return out
    bias = call.exact(2, "its bias")
    if bias.shape != (out.channels,):
        raise RefusedError(f"its bias must have {out.channels} numbers, not {list(bias.shape)}")
    column = bias.reshape(-1, *(1,) * (len(out.shape) - 1))
    return call.then(out, Affine(offset=per_channel(column, out, what="its bias")))
