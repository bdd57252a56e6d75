"""Repeats data along axes of size 1, as ONNX broadcasts the operands of an Add.

Words: ``docs/glossary.md``, "Importing" (edge, order, meaning).
"""

from dataclasses import replace
from math import prod

from ...ops import Convert, Upsample
from ...real import Affine
from ..reader import limits
from ..symbolic import Call, Const, Data, Quantized, RefusedError

Branch = tuple[Data, Affine]


def check_one_shape(call: Call) -> None:
    """Refuse operands of different shapes before opset 8: Max, Min, Sum, Mean do not broadcast.

    The size of a constant along the batch axis is 1.
    """
    if call.opset >= 8:
        return
    shapes = {
        (1, *v.shape) if isinstance(v, Data) else _shape_of(v) for v in call.values if v is not None
    }
    if len(shapes) > 1:
        listed = " and ".join(str(list(shape)) for shape in sorted(shapes))
        raise RefusedError(f"before opset 8 its operands must have the same shape, not {listed}")


def _shape_of(value: Const | Quantized) -> tuple[int, ...]:
    """Return the shape of a constant."""
    return (value.array if isinstance(value, Const) else value.integers).shape


def alike(call: Call, one: Branch, other: Branch) -> tuple[Branch, Branch]:
    """Return both branches with the same shape, or refuse them."""
    (a, first), (b, second) = one, other
    if a.shape == b.shape and a.frame == b.frame:
        return one, other
    pairs = list(zip(a.shape, b.shape, strict=False))
    fits = len(a.shape) == len(b.shape) and all(m == n or 1 in (m, n) for m, n in pairs)
    if not fits or len(pairs) not in (1, 2, 3):
        raise RefusedError(
            "its branches must have the same shape, except for axes of size 1, not"
            f" {['batch', *a.shape]} and {['batch', *b.shape]}"
        )
    wanted = tuple(max(p) for p in pairs)
    if prod(wanted) > limits.ELEMENTS:
        raise RefusedError(f"its result must have at most {limits.ELEMENTS} elements")
    one, other = _branch(call, a, first, wanted), _branch(call, b, second, wanted)
    if one[0].frame != other[0].frame:
        raise RefusedError("its branches must have the same order of elements; flatten neither")
    return one, other


def _branch(call: Call, x: Data, meaning: Affine, shape: tuple[int, ...]) -> Branch:
    made = stretched(call, replace(x, steps=(meaning,)), shape)
    return made, made.meaning("its data")


def stretched(call: Call, x: Data, shape: tuple[int, ...]) -> Data:
    """Return an edge repeated to ``shape``; channels are seen as columns of a one-channel map."""
    if x.shape == shape and (x.is_image or len(shape) == 1):
        return x
    if x.is_last:
        return stretched(call, x.first(), (shape[-1], *shape[:-1])).last()
    x = x if x.is_image or len(shape) == 1 else call.arranged(x)
    channels, *places = shape
    factors = tuple(n // m for m, n in zip(x.frame, places, strict=False))
    edge = x.edge
    if prod(factors) > 1:
        edge = call.emit(Upsample, edge, part=True, share=True, factors=factors).name
    if channels > x.channels:
        size = prod(places)
        edge = call.emit(Convert, edge, part=True, share=True, shape=(size, 1, 1)).name
        edge = call.emit(Upsample, edge, part=True, share=True, factors=(1, channels)).name
        edge = call.emit(Convert, edge, part=True, share=True, shape=(*places, channels)).name
    return replace(x, edge=edge, shape=shape, frame=(*places, channels))
