"""Rules for Max and Min of data and constants."""

from dataclasses import replace
from fractions import Fraction
from functools import reduce
from typing import cast

import numpy as np

from ...exact import Real, sign
from ...ops import Concat, Convert, MaxPool
from ...real import Affine, Clip
from ..reader import limits
from ..symbolic import Call, Const, Data, Known, RefusedError, as_objects, per_channel
from .broadcasts import alike
from .layouts import either
from .table import rule


@rule("Max", inputs=(1, limits.NODE_ITEMS), layout="same", integers="kept")
@rule("Min", inputs=(1, limits.NODE_ITEMS), layout="same", integers="kept")
def extreme(call: Call) -> Known:
    """Return the greatest or least of data and constants, or of constants alone."""
    data = [v for v in call.values if isinstance(v, Data)]
    if not data:
        return _extreme_constant(call)
    out = data[0]
    for other in data[1:]:
        out = cast("Data", _of_two(Call(call.builder, call.node, [out, other])))
    for i, value in enumerate(call.values):
        if not isinstance(value, Data):
            bounds = per_channel(call.exact(i, "its bound", like="data"), out, what="its bound")
            out = _bounded(call, out, bounds)
    return out


@either
def _of_two(call: Call) -> Known:
    """Return the extreme of two branches: pooled as two columns of a map with a row a place."""
    (a, first), (b, second) = alike(call, call.branch(0), call.branch(1))
    signs = {sign(s) for s in first.scale}
    if first != second or signs not in ({1}, {-1}):
        raise RefusedError(
            "operands that depend on the model's input must have one scale and offset; give them"
            " one quantizer"
        )
    edges, turned = [a.edge, b.edge], (call.node.op == "Min") is (signs == {1})
    edges = [_negated(call, e) if turned else e for e in edges]
    joined = call.emit(Concat, *edges, part=True, share=True, gains=(1, 1))
    rows = (a.size // a.channels, 2, a.channels)
    edge = call.emit(Convert, joined.name, part=True, share=True, shape=rows).name
    edge = call.emit(MaxPool, edge, share=True, kernel=(1, 2), stride=(1, 2)).name
    edge = call.emit(Convert, edge, part=True, share=True, shape=a.frame).name
    edge = _negated(call, edge) if turned else edge
    kind = call.builder.edges[edge].type
    return replace(a, edge=edge, type=kind, steps=(first,), quantized=a.quantized and b.quantized)


def _negated(call: Call, edge: str) -> str:
    return call.builder.table(edge, -call.builder.edges[edge].type.values()[None], call.node)


def _bounded(call: Call, x: Data, bounds: tuple[Real, ...]) -> Data:
    """Return ``x`` clipped to one bound, or to one for each channel, which is moved to 0."""
    low = call.node.op == "Max"
    bound = bounds[0]
    if len(bounds) == 1 and isinstance(bound, Fraction):
        return call.then(x, Clip(bound, None) if low else Clip(None, bound))
    zero = Clip(Fraction(0), None) if low else Clip(None, Fraction(0))
    away = tuple(-b for b in bounds)
    return call.then(x, Affine(offset=away), zero, Affine(offset=bounds))


def _extreme_constant(call: Call) -> Known:
    """Compare constants: int64 as ONNX does, everything else exactly."""
    whole = all(isinstance(v, Const) and v.array.dtype == np.int64 for v in call.values)
    kind = "any" if whole else "floats"
    arrays = [call.exact(i, "its operand", like=kind) for i in range(len(call.values))]
    try:
        shape = np.broadcast_shapes(*(a.shape for a in arrays))
    except ValueError:
        shapes = " and ".join(str(list(a.shape)) for a in arrays)
        raise RefusedError(f"its operands must have shapes that fit, not {shapes}") from None
    call.builder.work.spend(int(np.prod(shape, dtype=object)))
    choose = np.maximum if call.node.op == "Max" else np.minimum
    out = as_objects(reduce(choose, arrays), shape)
    if out.shape != shape:
        out = np.broadcast_to(out, shape)
    return Const(out.astype(np.int64) if whole else out)
