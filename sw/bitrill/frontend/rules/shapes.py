"""Rules for ONNX operators that compute and change shapes, and for computed constants."""

from dataclasses import replace
from math import inf, nextafter, prod

import numpy as np

from ..reader import limits
from ..symbolic import Call, Const, Data, Known, Quantized, RefusedError, transposed
from . import crops, joins
from .layouts import axes_of, axis_of, either
from .table import rule, since, until


@rule("Identity", inputs=1, layout="same", integers="kept")
@rule(
    "Dropout",
    inputs={1: 1, 12: (1, 3)},
    outputs="first read",
    layout="same",
    ratio=until(11, float),
    seed=since(12, int),
)
def identity(call: Call) -> Known:
    """Return the value unchanged, as Dropout does outside training."""
    if call.has(1):
        call.number(1, "its ratio")
    if call.has(2) and call.integers(2, "training_mode").any():
        raise RefusedError("training_mode must be false")
    return call.value(0)


@rule(
    "Constant",
    inputs=0,
    value=np.ndarray,
    value_float=since(12, float),
    value_int=since(12, int),
    value_floats=since(12, list),
    value_ints=since(12, tuple),
)
def constant(call: Call) -> Known:
    """Return the attribute's value."""
    given = [k for k in call.attributes if k.startswith("value")]
    if len(given) != 1:
        raise RefusedError(f"one value must be given, not {len(given)}")
    value = call.attributes[given[0]]
    if isinstance(value, np.ndarray):
        return Const(value)
    array = np.array(value, np.float32 if "float" in given[0] else np.int64)
    if not np.isfinite(array).all():
        raise RefusedError("its value must be finite, but holds NaN or infinity")
    return Const(array)


@rule("Cast", inputs=1, layout="same", integers="read", to=int, saturate=since(19, int))
def cast(call: Call) -> Known:
    """Cast constants as ONNX does; data are exact and stay as they are."""
    value, to = call.value(0), call.int_attribute("to", 0)
    if call.int_attribute("saturate", 1) != 1:
        raise RefusedError("saturate must be 1: it is for floats of 8 bits")
    to_float, to_int = to in (1, 10, 11), to in (6, 7)
    if not (to_float or to_int):
        raise RefusedError("it must cast to float (16, 32, 64 bits) or int32 or int64")
    if isinstance(value, Data | Quantized):
        if to_int:
            raise RefusedError("only constants may be cast to integers; use Quant for data")
        return replace(value, stored="") if isinstance(value, Data) else value
    if value.array.dtype == object:
        if to_int:
            raise RefusedError("computed parameters must not be cast to integers")
        return value
    if to_float and value.depends_on_batch:
        raise RefusedError("the size of the batch must not be cast to float")
    dtype = {1: np.float32, 10: np.float16, 11: np.float64, 6: np.int32, 7: np.int64}[to]
    largest = -float(np.iinfo(dtype).min) if to_int else nextafter(float(np.finfo(dtype).max), inf)
    if value.array.size and np.abs(value.array.astype(np.float64)).max() >= largest:
        raise RefusedError("every number must fit the type it is cast to")
    array = value.array.astype(dtype)
    return Const(array.astype(np.int64) if to_int else array, value.batch)


@rule("Shape", inputs=1, integers="read", start=since(15, int), end=since(15, int))
def shape(call: Call) -> Known:
    value, batch = call.value(0), None
    if isinstance(value, Data):
        sizes = np.array([call.builder.batch, *value.shape], np.int64)
        if call.builder.batch_is_free:
            batch = np.arange(len(sizes)) == 0
    else:
        sizes = np.array(_array(value).shape, np.int64)
    start, end = call.attributes.get("start", 0), call.attributes.get("end", len(sizes))
    return Const(sizes[start:end], None if batch is None else batch[start:end])


def _array(value: Const | Quantized) -> np.ndarray:
    return value.integers if isinstance(value, Quantized) else value.array


def _const(call: Call, i: int) -> Const:
    value = call.value(i)
    if not isinstance(value, Const):
        raise RefusedError("only constants (shapes) are accepted here, not data")
    return value


@rule("Concat", inputs=(1, limits.NODE_ITEMS), layout="either", integers="kept", axis=int)
@either
def concat(call: Call) -> Known:
    """Concatenate constants, or branches of the network."""
    if "axis" not in call.attributes:
        raise RefusedError("attribute axis must be given")
    if any(isinstance(v, Data) for v in call.values):
        return joins.concat(call)
    values = [_const(call, i) for i in range(len(call.values))]
    arrays = [v.array for v in values]
    axis = axis_of(call.int_attribute("axis", 0), arrays[0].ndim)
    rests = {a.shape[:axis] + a.shape[axis + 1 :] if a.ndim > axis else None for a in arrays}
    if len({a.ndim for a in arrays}) != 1 or len(rests) != 1:
        raise RefusedError("its operands must have the same shape except for one axis")
    if len({a.dtype for a in arrays}) != 1:
        raise RefusedError("its operands must have the same type")
    if sum(a.size for a in arrays) > limits.EXACT_ELEMENTS:
        raise RefusedError(f"its result must have at most {limits.EXACT_ELEMENTS} elements")
    return Const(np.concatenate(arrays, axis), np.concatenate([v.marks for v in values], axis))


@rule(
    "Slice",
    inputs={1: 1, 10: (3, 5)},
    layout="either",
    integers="kept",
    starts=until(9, tuple),
    ends=until(9, tuple),
    axes=until(9, tuple),
)
def slice_(call: Call) -> Known:
    """Slice constants or data."""
    value = call.value(0)
    starts, ends, axes, steps = slices(call)
    if isinstance(value, Data):
        parts = crops.slice_parts(call, value, starts, ends, axes, steps)
        first = parts[0] if parts else range(0)
        whole = value.type is not None and not value.is_last and first.step == 1
        if axes in ([1], [-len(value.shape)]) and whole:
            return joins.slice_of(call, first.start, first.stop)
        return crops.sliced(call, value, parts)
    value = _const(call, 0)
    parts = [slice(None)] * value.array.ndim
    axes = axes_of(axes, value.array.ndim)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        # an end of the most negative integer means "to the front" when going backwards
        stop = None if step < 0 and end < -(1 << 30) else end
        parts[axis] = slice(start, stop, step)
    return value.each(lambda a: a[tuple(parts)])


def slices(call: Call) -> tuple[list[int], ...]:
    """Return starts, ends, axes and steps: inputs, or (before opset 10) attributes."""
    if call.opset >= 10:
        starts, ends = call.integer_list(1, "starts"), call.integer_list(2, "ends")
        axes = call.integer_list(3, "axes") if call.has(3) else list(range(len(starts)))
        steps = call.integer_list(4, "steps") if call.has(4) else [1] * len(starts)
    else:
        starts, ends = list(call.list_attribute("starts")), list(call.list_attribute("ends"))
        given = call.list_attribute("axes") if "axes" in call.attributes else range(len(starts))
        axes, steps = list(given), [1] * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise RefusedError("starts, ends, axes and steps must be equally many, and no step zero")
    return starts, ends, axes, steps


@rule("Squeeze", inputs={1: 1, 13: (1, 2)}, integers="kept", axes=until(12, tuple))
@rule("Unsqueeze", inputs={1: 1, 13: 2}, integers="kept", axes=until(12, tuple))
def squeeze(call: Call) -> Known:
    """Drop or add axes of size 1; the axes are an attribute or an input."""
    value, is_squeeze = call.value(0), call.node.op == "Squeeze"
    axes = list(call.list_attribute("axes"))
    if call.has(1):
        axes = call.integer_list(1, "axes")
    elif not axes and not is_squeeze:
        raise RefusedError("axes must be given")
    if not axes and (call.has(1) or "axes" in call.attributes):
        raise RefusedError("axes must not be an empty list")
    old = _full_shape(call, value)
    if is_squeeze:
        drop = {*axes_of(axes, len(old))} or {i for i, s in enumerate(old) if s == 1}
        if any(old[a] != 1 for a in drop):
            raise RefusedError(f"the axes squeezed must have size 1, not those of {list(old)}")
        new = [s for i, s in enumerate(old) if i not in drop]
    else:
        rank = len(old) + len(axes)
        if rank > limits.RANK:
            raise RefusedError(f"its axes must give at most {limits.RANK} axes, not {rank}")
        added = {*axes_of(axes, rank)}
        rest = iter(old)
        new = [1 if i in added else next(rest) for i in range(rank)]
        drop = added
    if isinstance(value, Data) and 0 in drop:
        raise RefusedError("the batch axis must stay the first")
    return _reshaped(call, value, tuple(new))


def _full_shape(call: Call, value: Known) -> tuple[int, ...]:
    if isinstance(value, Data):
        return (call.builder.batch, *value.shape)
    return _array(value).shape


@rule("Flatten", inputs=1, integers="kept", axis=int)
def flatten(call: Call) -> Known:
    """Reshape to two axes."""
    value = call.value(0)
    old, axis = _full_shape(call, value), call.int_attribute("axis", 1)
    if not -len(old) <= axis <= len(old):
        raise RefusedError(f"axis must be -{len(old)}..{len(old)}, not {axis}")
    axis = axis + len(old) if axis < 0 else axis
    return _reshaped(call, value, (prod(old[:axis]), prod(old[axis:])))


@rule("Reshape", inputs=2, integers="kept", allowzero=since(14, int))
def reshape(call: Call) -> Known:
    """Return the same elements in another shape."""
    value, target = call.value(0), _const(call, 1)
    old, new = _full_shape(call, value), target.array
    marks = target.marks
    if new.dtype != np.int64 or new.ndim != 1 or not 1 <= new.size <= limits.RANK:
        raise RefusedError(f"the shape must be 1 to {limits.RANK} integers")
    if marks[1:].any() or (marks.any() and not isinstance(value, Data)):
        raise RefusedError("only the first axis may have the size of the batch")
    sizes = [int(s) for s in new]
    if not call.int_attribute("allowzero", 0):
        if any(s == 0 and i >= len(old) for i, s in enumerate(sizes)):
            raise RefusedError(f"the shape {sizes} must not copy axes that {list(old)} lacks")
        sizes = [old[i] if s == 0 else s for i, s in enumerate(sizes)]
    if any(s < -1 for s in sizes) or sizes.count(-1) > 1:
        raise RefusedError(
            f"the shape must have sizes of at least 0 and at most one -1, not {sizes}"
        )
    known = prod(s for s in sizes if s != -1)
    if -1 in sizes and known and prod(old) % known == 0:
        sizes[sizes.index(-1)] = prod(old) // known
    if -1 in sizes or prod(sizes) != prod(old):
        raise RefusedError(
            f"the shape must keep {prod(old)} elements, not make {list(old)} {sizes}"
        )
    return _reshaped(call, value, tuple(sizes))


def _reshaped(call: Call, value: Known, new: tuple[int, ...]) -> Known:
    """Return ``value`` with the full shape ``new``, which has the same number of elements."""
    if isinstance(value, Const):
        return value.each(lambda a: a.reshape(new))
    if isinstance(value, Quantized):
        return Quantized(value.integers.reshape(new), _reshaped_scale(call, value, new), value.type)
    if not new or new[0] != call.builder.batch:
        raise RefusedError(
            f"the batch axis must stay the first, not {[call.builder.batch, *value.shape]}"
            f" become {list(new)}"
        )
    return replace(value, shape=new[1:])


def _reshaped_scale(call: Call, weights: Quantized, new: tuple[int, ...]) -> np.ndarray:
    """Return the scales in another shape, with axes of size 1 where possible."""
    if weights.scale.size == 1:
        return weights.scale.reshape((1,) * len(new))
    call.builder.work.spend(weights.integers.size)
    scale = np.broadcast_to(weights.scale, weights.integers.shape).reshape(new)
    for axis in range(len(new)):
        first = scale.take([0], axis)
        if (scale == first).all():
            scale = first
    return scale


@rule("Transpose", inputs=1, integers="kept", perm=tuple)
def transpose(call: Call) -> Known:
    """Move axes; the batch axis of data must stay the first."""
    value = call.value(0)
    old = _full_shape(call, value)
    perm = call.list_attribute("perm")
    if "perm" not in call.attributes:
        perm = tuple(reversed(range(len(old))))
    if sorted(perm) != list(range(len(old))):
        raise RefusedError(f"perm must order the {len(old)} axes, not be {list(perm)}")
    if isinstance(value, Data) and perm[0] != 0:
        raise RefusedError("the batch axis must stay the first")
    return transposed(value, perm)
