"""Importer's rules for ReduceMax, ReduceSum and ReduceMean over any axes but the batch's.

Spatial axes are reduced by a pooling window as large as they are. To reduce the channels, the data
is reshaped to one channel, ``[places, channels]``, and pooled along the rows.

Words: ``docs/glossary.md``, "Importing" (frame, image, order, place, meaning).
"""

from dataclasses import replace
from fractions import Fraction
from math import prod

import numpy as np

from ...ops import Convert
from ...real import Affine
from ..symbolic import Call, Data, Known, RefusedError
from .layouts import axes_of
from .places import Placing
from .pools import average, maximum
from .table import Versioned, rule, since, until


def _axes_until(opset: int) -> dict[str, type | Versioned]:
    """Return the attributes of a reduction.

    Its axes are an attribute up to ``opset``, and an input in later ones.
    """
    noop = since(opset + 1, int)
    return {"axes": until(opset, tuple), "keepdims": int, "noop_with_empty_axes": noop}


@rule(
    "ReduceMax",
    inputs={1: 1, 18: (1, 2)},
    layout="either",
    integers="kept",
    attributes=_axes_until(17),
)
@rule("ReduceMean", inputs={1: 1, 18: (1, 2)}, layout="either", attributes=_axes_until(17))
@rule("ReduceSum", inputs={1: 1, 13: (1, 2)}, layout="either", attributes=_axes_until(12))
def reduce_axes(call: Call) -> Known:
    """Take the maximum, sum or mean along axes, an attribute or (later) an input."""
    x = call.data(0)
    axes = call.list_attribute("axes")
    if call.has(1):
        axes = tuple(call.integer_list(1, "axes"))
    if not axes and call.int_attribute("noop_with_empty_axes", 0):
        return x
    rank, keep = len(x.shape) + 1, bool(call.int_attribute("keepdims", 1))
    over = {*axes_of(axes or range(rank), rank)}
    builder = call.builder
    if 0 in over and (builder.batch_is_free or builder.batch > 1 or not keep):
        raise RefusedError(
            f"its axes must leave the batch, axis 0, and be among {list(range(1, rank))}, not"
            f" {sorted(over)}"
        )
    kept = [1 if a in over else n for a, n in enumerate(x.shape, 1) if keep or a not in over]
    out = _reduced(call, x, [a in over for a in range(1, rank)])
    return replace(out, shape=tuple(kept))


def _reduced(call: Call, x: Data, over: list[bool]) -> Data:
    """Return data reduced along the axes where ``over`` is True; these keep length 1."""
    call.check_quantized(x)
    if x.is_last:
        return _reduced(call, x.first(), [over[-1], *over[:-1]]).last()
    if x.shape != x.image or x.order is not None:
        x = call.arranged(call.builder.settle(x))
    channels, *places = over
    pooled = [n if o else 1 for n, o in zip(x.frame, places, strict=False)]
    if prod(pooled) > 1:
        x = _pooled(call, x, tuple(pooled))
    if channels and x.channels > 1:
        x = _channels_pooled(call, x)
    return x


def _pooled(call: Call, x: Data, kernel: tuple[int, ...]) -> Data:
    one, none = (1,) * len(kernel), (0,) * len(kernel)
    place = Placing(kernel, kernel, one, none, none, none)
    if call.node.op == "ReduceMax":
        return maximum(call, x, place)
    count = prod(kernel) if call.node.op == "ReduceMean" else 1
    return average(call, x, place, np.array(count))


def _channels_pooled(call: Call, x: Data) -> Data:
    """Pool channels, as the columns of a map with one row for each place."""
    x = call.clipped(call.settled(x))
    *places, channels = x.frame
    meaning = x.meaning("its data", "; quantize before it")  # scale and offset of its integers
    if len(meaning.scale) > 1 or (call.node.op == "ReduceMax" and len(meaning.offset) > 1):
        raise RefusedError("its data must have one scale for all channels, not one for each")
    # the channels' offsets add up to as much as their mean does in all channels: the mean can be
    # the single offset of the map's one channel
    mean_offset = sum((o for o in meaning.offset), Fraction(0)) / len(meaning.offset)
    turned = call.emit(Convert, x.edge, part=True, share=True, shape=(prod(places), channels, 1))
    rows = replace(
        x,
        edge=turned.name,
        shape=(1, prod(places), channels),
        frame=turned.y.shape,
        steps=(Affine(meaning.scale, (mean_offset,)),),
    )
    pooled = call.builder.settle(_pooled(call, rows, (1, channels)))
    back = call.emit(Convert, pooled.edge, part=True, share=True, shape=(*places, 1))
    return replace(pooled, edge=back.name, shape=(1, *places), frame=back.y.shape)
