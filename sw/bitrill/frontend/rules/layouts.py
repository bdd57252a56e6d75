"""Lets rules work on data whose channels are the last axis.

The channels of an edge are innermost whatever the model's layout, and a Transpose between both
layouts costs nothing (`Data.is_last`). So a rule written for channels first can be used for both.
"""

from collections.abc import Callable, Iterable
from typing import TypeAlias

import numpy as np

from ..symbolic import Call, Const, Data, Known, RefusedError, rank_of, transposed

Apply: TypeAlias = Callable[[Call], Known | tuple[Known, ...]]


def axis_of(axis: int, rank: int, name: str = "axis") -> int:
    """Return an axis as a number from 0 on, or refuse it; negative ones count from the end."""
    if not -rank <= axis < rank:
        raise RefusedError(f"{name} must be -{rank}..{rank - 1}, not {axis}")
    return axis % rank


def axes_of(axes: Iterable[int], rank: int) -> tuple[int, ...]:
    """Return axes as numbers from 0 on; refuse one that is not there, and one given twice."""
    chosen = tuple(axis_of(a, rank, "axes") for a in axes)
    if len({*chosen}) < len(chosen):
        raise RefusedError(f"its axes must be different, not {list(chosen)[:8]}")
    return chosen


def on_last(apply: Callable[[Call], Known], *, operands: int = 1) -> Callable[[Call], Known]:
    """Return the channels-last form of a rule, which transposes the first ``operands`` inputs."""

    def turned(call: Call) -> Known:
        values = list(call.values)
        for i in range(operands):
            values[i] = _first(call.value(i))
        out = apply(Call(call.builder, call.node, values))
        rank = rank_of(out)
        return transposed(out, (0, *range(2, rank), 1))

    return turned


def either(apply: Apply, *, axes_input: int | None = None, sizes_input: int | None = None) -> Apply:
    """Return a rule that also works if all data have channels last, from one for channels first.

    The axes in attributes ``axis`` and ``axes`` and in the constant input ``axes_input`` are
    renumbered; ``sizes_input`` may be a constant, too.
    """

    def both(call: Call) -> Known | tuple[Known, ...]:
        data = [v for v in call.values if isinstance(v, Data)]
        listed = [i for i in (axes_input, sizes_input) if i is not None and call.has(i)]
        constants = len([v for v in call.values if v is not None]) - len(data) - len(listed)
        if not data or constants or not all(d.is_last for d in data):
            return apply(call)
        rank = rank_of(data[0])
        turn = {0: 0, rank - 1: 1} | {a: a + 1 for a in range(1, rank - 1)}
        values = [v.first() if isinstance(v, Data) else v for v in call.values]
        if axes_input is not None and call.has(axes_input):
            axes = call.integer_list(axes_input, "axes")
            values[axes_input] = Const(np.array([turn[a] for a in axes_of(axes, rank)], np.int64))
        attributes = dict(call.attributes)
        if "axis" in attributes:
            attributes["axis"] = turn[axis_of(call.int_attribute("axis", 0), rank)]
        if "axes" in attributes:
            axes = call.list_attribute("axes")
            attributes["axes"] = tuple(turn[a] for a in axes_of(axes, rank))
        out = apply(Call(call.builder, call.node, values, attributes))
        return tuple(map(_last, out)) if isinstance(out, tuple) else _last(out)

    return both


def _last(value: Known) -> Known:
    return value.last() if isinstance(value, Data) and value.is_image else value


def _first(value: Known) -> Known:
    rank = rank_of(value)
    if rank < 2:
        raise RefusedError("its operands must have at least 2 axes, the last for the channels")
    return transposed(value, (0, rank - 1, *range(1, rank - 1)))
