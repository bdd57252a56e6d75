"""Rules for Max and Min of data and constants."""

from fractions import Fraction
from functools import reduce

import numpy as np

from ...exact import Real
from ...real import Affine, Clip
from ..reader import limits
from ..symbolic import Call, Const, Data, Known, RefusedError, as_objects, per_channel
from .table import rule


@rule("Max", inputs=(1, limits.NODE_ITEMS), layout="same", integers="kept")
@rule("Min", inputs=(1, limits.NODE_ITEMS), layout="same", integers="kept")
def extreme(call: Call) -> Known:
    """Return the greatest or least of data and constants, or of constants alone."""
    data = [v for v in call.values if isinstance(v, Data)]
    if not data:
        return _extreme_constant(call)
    if len(data) > 1:
        raise RefusedError("one operand may depend on the model's input, the others be constants")
    out = data[0]
    for i, value in enumerate(call.values):
        if not isinstance(value, Data):
            bounds = per_channel(call.exact(i, "its bound"), out, what="its bound")
            out = _bounded(call, out, bounds)
    return out


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
    arrays = [call.exact(i, "its operand") for i in range(len(call.values))]
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
