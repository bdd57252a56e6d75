"""Rules for convolutions: a border, a window and a product for each of its places.

``Conv`` of ``[O, C/g, kh, kw]`` weights is ``MatVec`` of ``[O, kh * kw * C]`` behind ``Window``,
whose taps come row by row, channel innermost. With as many groups as channels it is `Depthwise`;
other groups become one matrix with zeros between the groups (exact, at the cost of those zeros).
"""

from __future__ import annotations

from fractions import Fraction
from math import prod

import numpy as np

from ..ir.types import IntType
from ..ops.depthwise import Depthwise
from ..ops.matvec import MatVec
from ..ops.window import Window
from ..real import Affine, Channels, at
from . import limits
from .context import Call, image
from .places import padded, placing, sizes, zero_of
from .products import one_scale, product, quantized, row_scales, widest
from .values import Data, Known, Quantized, RefusedError, compact, per_channel


def conv(call: Call) -> Known:
    x, meaning = call.integers_of(0)
    image(x)
    weights = quantized(call.value(1))
    groups = _check_weights(call, weights, x)
    kernel = sizes(call, "kernel_shape", len(x.frame) - 1, 1)
    if "kernel_shape" in call.attributes and kernel != weights.integers.shape[2:]:
        raise RefusedError(
            f"its kernel_shape must be that of its weights, {list(weights.integers.shape[2:])},"
            f" not {list(kernel)}"
        )
    place = placing(call, x, weights.integers.shape[2:])
    depthwise = groups == x.channels == len(weights.integers) and groups > 1
    if not depthwise:
        one_scale(meaning)
    edge = padded(call, x, place.pads, zero_of(meaning) if any(place.pads) else 0)
    if not place.is_point:
        edge = call.emit(
            Window, edge, kernel=place.kernel, stride=place.stride, dilation=place.dilation
        ).name
    rows = row_scales(weights.scale)
    if depthwise:
        w = weights.integers.reshape(groups, -1)
        node = call.emit(Depthwise, edge, weights=w, weight_type=weights.type)
        return biased(call, _depthwise(call, node, meaning, rows))
    w, weight_type = matrix(weights, groups)
    node = call.emit(MatVec, edge, weights=w, weight_type=weight_type)
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
