"""Host rules for a classifier's end: Softmax, and the decisions ArgMax, ArgMin and TopK.

A decision is made in hardware, by exact integers, where its scores stand in the order of a layer's
integers: channels of one place each. Elsewhere the host makes it, of float64.
"""

from dataclasses import replace

import numpy as np

from ....errors import SpecError, UnsupportedError
from ....ops import ArgMax
from ....passes.head import integer_scores
from ....real import at
from ...symbolic import Data, HostCall, Hosted, RefusedError, decided
from ...symbolic.hosted import Scores
from ..signature import since, until
from .host_table import host

ONE_AXIS = 13
"""First opset at which Softmax is along one axis, the last one by default."""


@host("Softmax", axis=int)
@host("LogSoftmax", axis=int)
def softmax(call: HostCall) -> Hosted:
    """Along one axis; before opset 13 over all axes from ``axis`` on."""
    axis = call.int_attribute("axis", 1 if call.opset < ONE_AXIS else -1)
    return softmax_of(call, call.numbers(0), axis, call.opset, call.node.op)


def softmax_of(call: HostCall, x: Hosted, axis: int, opset: int, op: str) -> Hosted:
    """Return the Softmax of ``x``, or its logarithm, as an opset has it."""
    old, axis = opset < ONE_AXIS, call.axis(axis, len(x.shape) + 1)
    along = tuple(range(axis - 1, len(x.shape))) if old else (axis - 1,)
    return x.then(op, None, {"axis": axis, "rest": int(old)}, scores=_grouped(x, along))


def _grouped(x: Hosted, axes: tuple[int, ...]) -> Scores | None:
    """Return the scores of ``x``, compared along ``axes`` of its shape alone."""
    if x.scores is None:
        return None
    data = x.scores.data
    numbers = np.arange(data.size).reshape(data.shape)
    first = numbers[tuple(slice(0, 1) if a in axes else slice(None) for a in range(numbers.ndim))]
    groups = np.empty(data.size, np.int64)
    groups[data.stream] = np.broadcast_to(first, data.shape).reshape(-1)
    same = x.scores.groups[data.stream].reshape(data.shape)
    start = same[tuple(slice(0, 1) if a in axes else slice(None) for a in range(same.ndim))]
    return Scores(data, groups) if (same == start).all() else None


@host("ArgMax", axis=int, keepdims=int, select_last_index=since(12, int))
@host("ArgMin", axis=int, keepdims=int, select_last_index=since(12, int))
def arg_max(call: HostCall) -> Hosted:
    """Return the index of the highest (lowest) number along an axis."""
    x = call.hosted(0)
    axis = call.axis(call.int_attribute("axis", 0), len(x.shape) + 1)
    keep = bool(call.int_attribute("keepdims", 1))
    last = bool(call.int_attribute("select_last_index", 0))
    sign = 1 if call.node.op == "ArgMax" else -1
    shape = (*x.shape[: axis - 1], *([1] if keep else []), *x.shape[axis:])
    made = _in_hardware(call, x, axis, 1, sign=sign, last=last)
    if made is not None:
        return decided(call, replace(made, shape=shape))
    attributes = {"axis": axis, "keepdims": int(keep), "last": int(last)}
    return x.then(call.node.op, shape, attributes, dtype="int64")


@host(
    "TopK",
    inputs={1: 1, 10: 2},
    outputs="all",
    axis=int,
    k=until(9, int),
    largest=since(11, int),
    sorted=since(11, int),
)
def top_k(call: HostCall) -> tuple[Hosted, ...]:
    """Return the best numbers along an axis, best first, and their indices."""
    x = call.hosted(0)
    axis = call.axis(call.int_attribute("axis", -1), len(x.shape) + 1)
    given = [call.int_attribute("k", 0)]
    if call.has(1):
        given = call.integer_list(1, "k")
    size = x.shape[axis - 1]
    if len(given) != 1 or not 1 <= given[0] <= size:
        raise RefusedError(f"its k must be one integer of 1 to {size}, not {given[:8]}")
    k, largest = given[0], call.int_attribute("largest", 1)
    shape = (*x.shape[: axis - 1], k, *x.shape[axis:])
    attributes = {"axis": axis, "k": k, "largest": largest}
    values = x.then("TopK", shape, attributes)
    made = _in_hardware(call, x, axis, k, sign=1 if largest else -1, last=False)
    if made is not None:
        return values, decided(call, replace(made, shape=shape))
    return values, x.then("TopKIndices", shape, attributes, dtype="int64")


def _in_hardware(
    call: HostCall, x: Hosted, axis: int, k: int, *, sign: int, last: bool
) -> Data | None:
    """Return the edge of an `ArgMax` of the scores of ``x``, or None where there is none."""
    if x.scores is None:
        return None
    data = x.scores.data
    stream = np.moveaxis(data.stream.reshape(data.shape), axis - 1, -1)
    groups = x.scores.groups[stream]
    n = data.channels
    of_one_place = stream.shape[-1] == n and (stream == stream[..., :1] + np.arange(n)).all()
    if not of_one_place or (stream[..., 0] % n).any() or (groups != groups[..., :1]).any():
        return None
    meaning, edge = data.meaning("its scores"), call.builder.edges[data.edge]
    scale, offset = ([at(v, c) * sign for c in range(n)] for v in (meaning.scale, meaning.offset))
    try:
        gain, bias = integer_scores(scale, offset, edge.type)
        if last:  # no ties are left, and the last of equals is ahead
            if (int(abs(gain).max()) + int(abs(bias).max())) * n >= 1 << 48:
                return None
            gain, bias = gain * n, bias * n + np.arange(n)
        node = call.emit(ArgMax, data.edge, gain=gain, offset=bias, k=k)
    except (SpecError, UnsupportedError):
        return None
    places = stream[..., :1] // n * k + np.arange(k)
    made = np.moveaxis(places, -1, axis - 1)
    return replace(data.placed(node.name, node.y.shape, made), type=node.y.type)
