"""Host rules that reduce axes to one number each."""

from collections.abc import Callable

from ...symbolic import HostCall, Hosted, RefusedError
from ..signature import since, until
from .host_table import Function, host


def _declare(op: str, opset: int) -> Callable[[Function], Function]:
    """Declare the rule of a reduction whose axes are an input from ``opset`` on."""
    return host(
        op,
        inputs={1: 1, opset: (1, 2)},
        instead=True,
        axes=until(opset - 1, tuple),
        keepdims=int,
        noop_with_empty_axes=since(opset, int),
    )


@_declare("ReduceMax", 18)
@_declare("ReduceMean", 18)
@_declare("ReduceMin", 18)
@_declare("ReduceSum", 13)
def reduce(call: HostCall) -> Hosted:
    """Reduce the axes that an attribute or an input lists."""
    x, keep = call.numbers(0), call.int_attribute("keepdims", 1)
    listed = list(call.list_attribute("axes"))
    if call.has(1):
        listed = call.integer_list(1, "its axes")
    if not listed:
        if call.int_attribute("noop_with_empty_axes", 0):
            return x
        raise RefusedError("its axes must be given, and not be that of the batch")
    axes = sorted(call.axes(listed, len(x.shape) + 1))
    shape = [1 if a in axes else n for a, n in enumerate(x.shape, 1) if keep or a not in axes]
    return x.then(call.node.op, tuple(shape), {"axes": tuple(axes), "keepdims": keep})
