"""Rules for Conv and ConvTranspose: padding, windows, and a matrix times each window.

A Conv with weights ``[O, C/g, kh, kw]`` becomes a `Window`, whose taps are ordered row by row with
channels innermost, and a `MatVec` of ``[O, kh * kw * C]``. With as many groups as channels it
becomes a `Depthwise`; other groups become one matrix with zeros between the groups.
"""

from collections.abc import Mapping
from math import prod

import numpy as np

from ...ir import BIPOLAR, IntType
from ...ops import Deconv, Depthwise, Window
from ...real import Affine, at
from ..reader import limits
from ..symbolic import Call, Data, Known, Quantized, RefusedError, per_channel
from .common_grids import row_scales, rows_on_grid
from .layouts import on_last
from .matmul import meant, product, quantized, widest
from .places import WINDOW, Placing, padded, placing, sizes, zero_of
from .table import CHANNELS_LAST, Versioned, rule

CONV: Mapping[str, type | Versioned] = {"group": int} | WINDOW


@rule("Conv", inputs=(2, 3), layout="spatial", weights=True, attributes=CONV)
def conv(call: Call) -> Known:
    """Import a convolution, ``y = w * x + b`` over windows."""
    x, meaning = call.integers_of(0, image=True)
    weights = quantized(call.value(1), 0)
    groups = _check_weights(call, weights, x)
    _check_kernel(call, weights)
    place = placing(call, x, weights.integers.shape[2:])
    zero, inside = zero_of(meaning) if any(place.pads) else 0, None
    if any(place.pads) and zero == 0 and _counts_agreements(groups, weights, x, meaning):
        inside = place.inside(x.frame[:-1])
    if inside is not None:
        zero = -1  # bipolar data have no 0: the matrix leaves these taps out
    edge = padded(call, x.edge, place.pads, zero)
    return _convolved(call, edge, place, weights, groups, meaning, inside)


rule("Conv", domain=CHANNELS_LAST, inputs=(2, 3), layout="spatial", attributes=CONV)(
    on_last(conv, operands=2)
)


def _check_kernel(call: Call, weights: Quantized) -> None:
    kernel = weights.integers.shape[2:]
    if "kernel_shape" in call.attributes and call.list_attribute("kernel_shape") != kernel:
        raise RefusedError(
            f"its kernel_shape must be that of its weights, {list(kernel)},"
            f" not {list(call.list_attribute('kernel_shape'))[:8]}"
        )


def _counts_agreements(groups: int, weights: Quantized, x: Data, meaning: Affine) -> bool:
    """Return whether weights and data are bipolar, with an even number of channels."""
    halves = groups == 1 and x.channels % 2 == 0 and len(meaning.scale) == 1
    halves = halves and row_scales(weights.scale) is not None
    return halves and x.type == BIPOLAR and bool(np.all(np.abs(weights.integers) == 1))


@rule(
    "ConvTranspose",
    inputs=(2, 3),
    weights=True,
    layout="spatial",
    group=int,
    output_padding=tuple,
    attributes=WINDOW,
)
def conv_transpose(call: Call) -> Known:
    """Insert zeros between the pixels, then convolve with stride 1 and the flipped kernel."""
    x, meaning = call.integers_of(0, image=True)
    weights = quantized(call.value(1), 1)
    axes, groups = len(x.frame) - 1, call.int_attribute("group", 1)
    if call.text_attribute("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise RefusedError("auto_pad of a ConvTranspose must be NOTSET or VALID; give pads")
    shape = weights.integers.shape
    if len(shape) != axes + 2 or groups < 1 or shape[0] != x.channels or shape[0] % groups:
        raise RefusedError(
            f"its weights must be [{x.channels}, outputs, kernel], with group a divisor of"
            f" {x.channels}, not {list(shape)} with group {groups}"
        )
    _check_kernel(call, weights)
    weights = _turned(weights, groups)
    _check_weights(call, weights, x)
    stride, dilation = sizes(call, "strides", axes, 1), sizes(call, "dilations", axes, 1)
    extra = sizes(call, "output_padding", axes, 0, least=0)
    cut = sizes(call, "pads", 2 * axes, 0, least=0)
    span = [(k - 1) * d + 1 for k, d in zip(shape[2:], dilation, strict=True)]
    before = tuple(s - 1 - cut[a] for a, s in enumerate(span))
    after = tuple(s - 1 - cut[axes + a] + extra[a] for a, s in enumerate(span))
    if min(before + after) < 0:
        raise RefusedError(f"its pads must be below the kernel's span, {span}, not {list(cut)}")
    edge, zero = x.edge, zero_of(meaning)
    if max(stride) > 1:
        if zero:  # a Deconv inserts the integer 0
            whole = call.builder.edges[edge].type.values() - zero
            edge, zero = call.builder.table(edge, whole[None], call.node), 0
            meaning = Affine(meaning.scale)
        edge = call.emit(Deconv, edge, part=True, strides=stride).name
    one, none = (1,) * axes, (0,) * axes
    place = Placing(shape[2:], one, dilation, before, after, none)
    edge = padded(call, edge, place.pads, zero)
    return _convolved(call, edge, place, weights, groups, meaning)


def _turned(weights: Quantized, groups: int) -> Quantized:
    """Return a Conv's weights, ``[O, C/g, ..]``, from a ConvTranspose's, ``[C, O/g, ..]``."""
    w = weights.integers
    inputs, outputs = w.shape[:2]
    places = tuple(range(2, w.ndim))

    def turn(a: np.ndarray) -> np.ndarray:
        split = np.flip(a, places).reshape(groups, inputs // groups, outputs, *a.shape[2:])
        return split.swapaxes(1, 2).reshape(groups * outputs, inputs // groups, *a.shape[2:])

    scale = np.broadcast_to(weights.scale, (inputs, outputs, *weights.scale.shape[2:]))
    return Quantized(turn(w), turn(scale), weights.type)


def _convolved(
    call: Call,
    edge: str,
    place: Placing,
    weights: Quantized,
    groups: int,
    meaning: Affine,
    inside: tuple[np.ndarray, ...] | None = None,
) -> Known:
    """Append windows, matrix and bias of a Conv over a padded edge.

    ``inside``: which taps are on the data and not on padding, if all numbers are bipolar.
    """
    channels = call.builder.edges[edge].channels
    if {*place.kernel, *place.stride} != {1}:
        edge = call.emit(
            Window,
            edge,
            part=True,
            kernel=place.kernel,
            stride=place.stride,
            dilation=place.dilation,
        ).name
    if groups == channels == len(weights.integers) and groups > 1:
        return _biased(call, _depthwise(call, edge, weights, meaning))
    return _biased(call, product(call, edge, _matrix(weights, groups), meaning, inside=inside))


def _check_weights(call: Call, weights: Quantized, x: Data) -> int:
    """Check the shape of the weights and return the number of groups."""
    shape, groups = weights.integers.shape, call.int_attribute("group", 1)
    if len(shape) != len(x.frame) + 1:
        raise RefusedError(
            f"its weights must have {len(x.frame) + 1} axes for data with {len(x.frame) - 1}"
            f" spatial axes, not {len(shape)}"
        )
    if groups < 1 or x.channels % groups or shape[0] % groups:
        raise RefusedError(
            f"group must divide its {x.channels} input and {shape[0]} output channels, not {groups}"
        )
    if shape[1] * groups != x.channels:
        raise RefusedError(
            f"its weights must have {x.channels // groups} channels a group, not {shape[1]}"
        )
    if len(shape[2:]) and prod(shape) * groups > limits.ELEMENTS:
        raise RefusedError(f"its weights must have at most {limits.ELEMENTS} elements")
    return groups


def _matrix(weights: Quantized, groups: int) -> Quantized:
    """Return ``[O, taps * C]``, channel innermost; 0 where a channel is not in the group."""
    scale = weights.scale.reshape(len(weights.scale), -1)
    if row_scales(weights.scale) is None:
        scale = _unfolded(np.broadcast_to(weights.scale, weights.integers.shape), groups)
    else:
        scale = scale[:, :1]
    held = weights.type if groups == 1 else widest(weights.type, IntType(0, 0))
    return Quantized(_unfolded(weights.integers, groups), scale, held)


def _unfolded(w: np.ndarray, groups: int) -> np.ndarray:
    """Return ``[O, C/g, ..]`` as rows of all taps and channels."""
    rows, per_group = w.shape[:2]
    w = np.moveaxis(w.reshape(rows, per_group, -1), 1, 2)
    if groups == 1:
        return w.reshape(rows, -1)
    full = np.zeros((rows, w.shape[1], groups * per_group), w.dtype)
    for g in range(groups):
        part = slice(g * (rows // groups), (g + 1) * (rows // groups))
        full[part, :, g * per_group : (g + 1) * per_group] = w[part]
    return full.reshape(rows, -1)


def _depthwise(call: Call, edge: str, weights: Quantized, meaning: Affine) -> Data:
    """Append a `Depthwise`; each channel has its own scale and offset."""
    w, held, scale = weights.integers, weights.type, weights.scale
    w, rows = w.reshape(len(w), -1), row_scales(scale)
    sums = w.sum(1).tolist()
    if rows is None:
        scale = np.broadcast_to(scale, weights.integers.shape).reshape(w.shape)
        w, held, (units,) = rows_on_grid(call, edge, w, scale, held, Affine())
        sums = (weights.integers.reshape(w.shape) * scale).sum(1).tolist()
        rows = units.scale
        sums = [s / at(rows, c) for c, s in enumerate(sums)]
    node = call.emit(Depthwise, edge, weights=w, weight_type=held)
    shift = tuple(at(meaning.offset, c) * s for c, s in enumerate(sums))
    return meant(call, node, Affine(meaning.scale, shift), Affine(rows))


def _biased(call: Call, out: Data) -> Data:
    """Add the bias (input 2, one number for each channel), if it is given."""
    if not call.has(2):
        return out
    bias = call.exact(2, "its bias")
    if bias.shape != (out.channels,):
        raise RefusedError(f"its bias must have {out.channels} numbers, not {list(bias.shape)}")
    column = bias.reshape(-1, *(1,) * (len(out.shape) - 1))
    return call.then(out, Affine(offset=per_channel(column, out, what="its bias")))
