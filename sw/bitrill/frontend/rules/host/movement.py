"""Host rules that move elements: shapes, axes, parts, concatenation."""

from dataclasses import replace
from itertools import accumulate

from ....errors import SpecError, UnsupportedError
from ...symbolic import Call, Data, HostCall, Hosted, RefusedError
from ...symbolic.hosted import FLOAT, Applied, Scores, ordered
from ..joins import split_sizes
from ..shapes import slices
from ..table import RULES
from .host_table import also

FLOATS = {1: "float32", 10: "float16", 11: "float64"}
INTEGERS = {2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64"}
"""Integer types that outputs may have: numpy's names, by ONNX's numbers."""


@also("Identity")
@also("Dropout")
@also("Flatten")
@also("Reshape")
@also("Squeeze")
@also("Transpose")
@also("Unsqueeze")
def moved(call: HostCall) -> Hosted:
    """Move elements as the operator's import rule moves data."""
    x = call.hosted(0)
    expression = ordered(x.expression, _by_rule(call, stand_in(x.shape)))
    return replace(x, expression=expression, scores=_moved_scores(call, x))


def stand_in(shape: tuple[int, ...]) -> Data:
    """Return data of that shape on an edge that is in no graph."""
    return Data("", None, shape, (*shape[1:], shape[0]) if shape else (1,))


def _by_rule(call: HostCall, data: Data) -> Data:
    rule = RULES["", call.node.op]
    result = rule.apply(Call(call.builder, call.node, [data, *call.values[1:]]))
    if not isinstance(result, Data):
        raise RefusedError("it must have one result")
    return result


def _moved_scores(call: HostCall, x: Hosted) -> Scores | None:
    """Return the scores of ``x``, moved like its elements; None if that is refused."""
    if x.scores is None:
        return None
    try:
        return replace(x.scores, data=_by_rule(call, x.scores.data))
    except (RefusedError, SpecError, UnsupportedError):
        return None


@also("Cast")
def cast(call: HostCall) -> Hosted:
    """Cast to another type of numbers, or of integers."""
    x, to = call.hosted(0), call.int_attribute("to", 0)
    if to not in FLOATS and to not in INTEGERS:
        raise RefusedError("it must cast to floats of 16, 32 or 64 bits, or to integers")
    if to in FLOATS:
        if x.dtype == FLOAT and to != 10:  # outputs are cast to their own type anyway
            return x
        return x.then("Cast", None, {"to": "float64" if to != 10 else "float16"}, dtype=FLOAT)
    if x.dtype == INTEGERS[to]:
        return x
    return x.then("Cast", None, {"to": INTEGERS[to]}, dtype=INTEGERS[to])


@also("Concat", instead=True)
def concat(call: HostCall) -> Hosted:
    """Concatenate values along an axis."""
    values = [call.hosted(i) for i in range(len(call.operands))]
    first = values[0]
    axis = call.axis(call.int_attribute("axis", 0), len(first.shape) + 1)
    rests = {v.shape[: axis - 1] + v.shape[axis:] for v in values if len(v.shape) >= axis}
    if len({len(v.shape) for v in values}) != 1 or len(rests) != 1:
        shapes = " and ".join(str(["batch", *v.shape]) for v in values)
        raise RefusedError(
            f"its operands must have the same shape except for axis {axis}, not {shapes}"
        )
    if len({v.dtype for v in values}) != 1:
        raise RefusedError("its operands must have the same type")
    size = sum(v.shape[axis - 1] for v in values)
    shape = (*first.shape[: axis - 1], size, *first.shape[axis:])
    made = Applied("Concat", tuple(v.expression for v in values), shape, {"axis": axis})
    reason = next((v.reason for v in values if v.reason), "")
    return Hosted(made, first.dtype, first.origin, reason)


@also("Slice", instead=True)
def slice_(call: HostCall) -> Hosted:
    """Take a part along some axes."""
    x = call.hosted(0)
    starts, ends, given, steps = slices(call)
    axes = call.axes(given, len(x.shape) + 1)
    ranges = [
        range(*slice(s, None if d < 0 and e < -(1 << 30) else e, d).indices(x.shape[a - 1]))
        for s, e, a, d in zip(starts, ends, axes, steps, strict=True)
    ]
    return parts(x, dict(zip(axes, ranges, strict=True)))


def parts(x: Hosted, ranges: dict[int, range]) -> Hosted:
    """Return the elements of ``x`` at ``ranges`` of some axes."""
    shape = list(x.shape)
    for axis, r in ranges.items():
        if not len(r):
            raise RefusedError(f"it must take at least one element along axis {axis}")
        shape[axis - 1] = len(r)
    return x.then(
        "Slice",
        tuple(shape),
        {
            "axes": tuple(ranges),
            "starts": tuple(r.start for r in ranges.values()),
            "sizes": tuple(map(len, ranges.values())),
            "steps": tuple(r.step for r in ranges.values()),
        },
    )


@also("Split", instead=True)
def split(call: HostCall) -> tuple[Hosted, ...]:
    """Split along an axis; the sizes are an attribute, an input, or equal."""
    x = call.hosted(0)
    axis = call.axis(call.int_attribute("axis", 0), len(x.shape) + 1)
    sizes = split_sizes(call, x.shape[axis - 1])
    ends = list(accumulate(sizes))
    return tuple(
        parts(x, {axis: range(end - size, end)}) for size, end in zip(sizes, ends, strict=True)
    )
