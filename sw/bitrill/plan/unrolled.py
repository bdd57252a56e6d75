"""A matrix-vector unit with the matrix in its logic: its adder graph, and in which stage what is.

An input element of ``n`` bits is the number ``u + offset`` with ``u`` unsigned: a bipolar one its
bit, a signed one its code with the top bit complemented.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..ir.types import IntType
from .adders import AdderGraph, Number
from .sharing import Problem, share

if TYPE_CHECKING:
    from ..ops.matvec import MatVec


@dataclass(frozen=True, eq=False)
class UnrolledPlan:
    """``ready``: for each number of the graph, and ``rows_ready`` for each row, the stage in whose
    register it is, 0 for what is there without one; ``latency``: the last stage, in which all rows
    are."""

    graph: AdderGraph
    ready: tuple[int, ...]
    rows_ready: tuple[int, ...]

    @property
    def latency(self) -> int:
        return max(1, *self.rows_ready)

    @property
    def luts(self) -> float:
        """Physical LUTs of the sums, as planned."""
        return self.graph.luts


_plans: weakref.WeakKeyDictionary[MatVec, UnrolledPlan] = weakref.WeakKeyDictionary()


def unrolled_plan(op: MatVec) -> UnrolledPlan:
    """The plan of an ``op``, made once."""
    if op not in _plans:
        _plans[op] = _staged(share(problem(op)))
    return _plans[op]


def problem(op: MatVec) -> Problem:
    """What an ``op`` asks of the adders: of XNOR-popcount, that it counts what agrees."""
    agree = (op.weights < 0).sum(1) if op.popcount else 0 * op.weights[:, 0]
    number = element(op.x.type)
    return Problem(op.weights, agree, (number,) * op.cols, op.y.type.bits)


def element(t: IntType) -> Number:
    """An element of the input as a number."""
    if t.coding == "bipolar":
        return Number(1, 0)
    offset = -(1 << t.bits - 1) if t.signed else 0
    return Number(t.hi - offset, offset)


def _staged(graph: AdderGraph) -> UnrolledPlan:
    ready = [0] * graph.n_inputs
    for number in graph.numbers[graph.n_inputs :]:
        begin = max(ready[o.number] for o in number.operands)
        ready.append(begin + len(graph.plan(number).stages))
    rows = [
        max((ready[o.number] for o in r.operands), default=0) + len(graph.row_plan(r).stages)
        for r in graph.rows
    ]
    return UnrolledPlan(graph, tuple(ready), tuple(rows))
