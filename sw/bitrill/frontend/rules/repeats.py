"""Rules that select or repeat elements: Gather, Expand, Tile and ConstantOfShape."""

from dataclasses import replace
from math import prod

import numpy as np

from ..reader import limits
from ..symbolic import Call, Const, Data, Known, RefusedError
from .broadcasts import stretched
from .crops import sliced
from .layouts import axis_of
from .table import rule


@rule("Gather", inputs=2, layout="either", integers="kept", axis=int)
def gather(call: Call) -> Known:
    """Select positions along an axis of constants, or equally spaced positions of data."""
    value, indices = call.value(0), call.integers(1, "indices")
    if isinstance(value, Data):
        return _gathered(call, value, indices)
    if not isinstance(value, Const):
        raise RefusedError("only constants that are not quantized, or data, are accepted here")
    axis = axis_of(call.int_attribute("axis", 0), value.array.ndim)
    n = value.array.shape[axis]
    _check_indices(indices, n)
    if value.array.size // max(n, 1) * indices.size > limits.EXACT_ELEMENTS:
        raise RefusedError(f"its result must have at most {limits.EXACT_ELEMENTS} elements")
    return value.each(lambda a: np.take(a, indices, axis))


def _check_indices(indices: np.ndarray, n: int) -> None:
    if indices.size and (indices.min() < -n or indices.max() >= n):
        raise RefusedError(f"indices must be -{n}..{n - 1}, not {indices.min()}..{indices.max()}")


def _gathered(call: Call, x: Data, indices: np.ndarray) -> Known:
    axis = axis_of(call.int_attribute("axis", 0), len(x.shape) + 1)
    if axis == 0:
        raise RefusedError("its axis must not be 0, the batch")
    if indices.ndim > 1 or not indices.size:
        raise RefusedError(
            f"indices must be one integer or a list of them, not of shape {list(indices.shape)}"
        )
    n = x.shape[axis - 1]
    _check_indices(indices, n)
    parts = [range(m) for m in x.shape]
    taken = [int(i) % n for i in indices.reshape(-1)]
    out = sliced(call, x, [*parts[: axis - 1], taken, *parts[axis:]])
    if indices.ndim or not isinstance(out, Data):
        return out
    return replace(out, shape=(*out.shape[: axis - 1], *out.shape[axis:]))


@rule("ConstantOfShape", inputs={9: 1}, value=np.ndarray)
def constant_of_shape(call: Call) -> Known:
    """Fill a shape with one number, 0 if none is given."""
    shape = _sizes(call, 0, "its shape")
    value = call.attributes.get("value", np.zeros(1, np.float32))
    if not isinstance(value, np.ndarray) or value.size != 1:
        raise RefusedError("its value must be one number")
    return Const(np.full(shape, value.reshape(-1)[0]))


def _sizes(call: Call, i: int, what: str) -> tuple[int, ...]:
    """Return the sizes that constant input ``i`` lists."""
    sizes = tuple(call.integer_list(i, what))
    if len(sizes) > limits.RANK or any(s < 0 for s in sizes):
        raise RefusedError(
            f"{what} must have at most {limits.RANK} sizes of at least 0, not {list(sizes)[:9]}"
        )
    if prod(sizes) > limits.EXACT_ELEMENTS:
        raise RefusedError(f"its result must have at most {limits.EXACT_ELEMENTS} elements")
    return sizes


@rule("Expand", inputs={8: 2}, layout="either", integers="kept")
def expand(call: Call) -> Known:
    """Repeat along axes of size 1, up to a shape."""
    value = call.value(0)
    if isinstance(value, Data):
        return _expanded(call, value)
    if not isinstance(value, Const):
        raise RefusedError("only constants that are not quantized, or data, are accepted here")
    try:
        shape = np.broadcast_shapes(value.array.shape, _sizes(call, 1, "its shape"))
    except ValueError:
        raise RefusedError(f"its shape must fit that of its data, {value.array.shape}") from None
    if prod(shape) > limits.EXACT_ELEMENTS:
        raise RefusedError(f"its result must have at most {limits.EXACT_ELEMENTS} elements")
    return value.each(lambda a: np.broadcast_to(a, shape))


def _expanded(call: Call, x: Data) -> Known:
    target = call.value(1)
    if not isinstance(target, Const) or target.array.dtype != np.int64 or target.array.ndim > 1:
        raise RefusedError("its shape must be a list of constant integers")
    full = (call.builder.batch, *x.shape)
    sizes = target.array.reshape(-1).tolist()
    if len(sizes) > len(full) or target.marks.reshape(-1)[1:].any():
        raise RefusedError(f"its shape must have at most {len(full)} sizes, the first the batch's")
    sizes = [1] * (len(full) - len(sizes)) + sizes
    if any(s not in (1, n) and n != 1 for s, n in zip(sizes, full, strict=True)) or (
        sizes[0] not in (1, full[0])
    ):
        raise RefusedError(f"its shape must fit {['batch', *x.shape]}, not be {sizes}")
    return _repeated(call, x, [max(s, n) for s, n in zip(sizes[1:], x.shape, strict=True)])


@rule("Tile", inputs={6: 2}, layout="either", integers="kept")
def tile(call: Call) -> Known:
    """Repeat whole axes: any axes of constants, but only axes of size 1 of data."""
    value, repeats = call.value(0), _sizes(call, 1, "its repeats")
    if isinstance(value, Data):
        if len(repeats) != len(value.shape) + 1 or repeats[0] != 1:
            raise RefusedError("its repeats must be one for each axis, 1 for the batch")
        if any(r != 1 and n != 1 for r, n in zip(repeats[1:], value.shape, strict=True)):
            raise RefusedError("only axes of size 1 can be repeated; give data 1 for all others")
        sizes = [r * n for r, n in zip(repeats[1:], value.shape, strict=True)]
        return _repeated(call, value, sizes)
    if not isinstance(value, Const) or len(repeats) != value.array.ndim:
        raise RefusedError("it must have constants that are not quantized, and one repeat an axis")
    if prod(repeats) * value.array.size > limits.EXACT_ELEMENTS:
        raise RefusedError(f"its result must have at most {limits.EXACT_ELEMENTS} elements")
    return value.each(lambda a: np.tile(a, repeats))


def _repeated(call: Call, x: Data, sizes: list[int]) -> Known:
    if prod(sizes) == 0 or prod(sizes) > limits.ELEMENTS:
        raise RefusedError(f"it must give 1 to {limits.ELEMENTS} elements")
    return stretched(call, call.settled(x), tuple(sizes))
