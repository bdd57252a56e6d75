"""Plans unrolled matrix units, whose weights are wired into the adders: sums and registers.

An input element of ``n`` bits is the number ``u + offset`` with ``u`` unsigned: ``u`` is the bit of
a bipolar element, or the code of a signed one with the top bit complemented. `shared_columns` plans
the adders.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256

from ..ir import IntType
from .adder_graph import AdderGraph, Number
from .matrix_protocols import ConstantMatrix
from .shared_columns import Problem, Way, cheapest, share


@dataclass(frozen=True, eq=False)
class UnrolledPlan:
    """An adder graph, and the pipeline stage in which each of its sums is ready.

    ``ready``: for each number of the graph, the stage in whose register it is, 0 if it has no
    register; ``rows_ready``: the same for each row.
    """

    graph: AdderGraph
    ready: tuple[int, ...]
    rows_ready: tuple[int, ...]

    @property
    def latency(self) -> int:
        """The last stage, in which every row is ready."""
        return max(1, *self.rows_ready)

    @property
    def luts(self) -> float:
        """Physical LUTs of the sums, as planned."""
        return self.graph.luts

    @property
    def flops(self) -> int:
        """Register bits: between the stages of sums, and for numbers that are read later."""
        graph = self.graph
        last = list(self.ready)
        heaps = []
        sums = zip(graph.numbers, self.ready, strict=True)
        for n, ready in [s for s in sums if s[0].operands]:
            heaps.append((graph.plan(n), n.operands, ready))
        for r, ready in zip(graph.rows, self.rows_ready, strict=True):
            heaps.append((graph.row_plan(r), r.operands, ready))
        total = sum(heap.flops for heap, _, _ in heaps)
        for heap, operands, ready in heaps:
            for o in operands:
                last[o.number] = max(last[o.number], ready - len(heap.stages))
        inputs = zip(graph.numbers[: graph.n_inputs], self.ready, strict=False)
        total += sum(n.bits * ready for n, ready in inputs)
        waits = zip(graph.numbers, self.ready, last, strict=True)
        total += sum(n.bits * (until - ready) for n, ready, until in waits)
        rows = zip(graph.rows, self.rows_ready, strict=True)
        return total + sum(row.width * (self.latency - ready) for row, ready in rows)


def unrolled_plan(op: ConstantMatrix) -> UnrolledPlan:
    """The plan of a matrix, made once for equal matrices and types."""
    return _plan(_key(op))


def estimated_luts(op: ConstantMatrix) -> float:
    """LUTs of the sums of a matrix, estimated from a sample of its rows, without the whole plan."""
    return _way(_key(op))[1]


@dataclass(frozen=True)
class _Key:
    """Cache key of a plan: matrices with the same weights and types are equal."""

    digest: str
    op: ConstantMatrix = field(compare=False)


def _key(op: ConstantMatrix) -> _Key:
    types = (op.weights.shape, op.weight_type, op.x.type, op.y.type, op.spans)
    key = sha256(repr(types).encode())
    key.update(op.weights.tobytes())
    return _Key(key.hexdigest(), op)


@lru_cache(maxsize=64)
def _way(key: _Key) -> tuple[Way, float]:
    return cheapest(problem(key.op))


@lru_cache(maxsize=64)
def _plan(key: _Key) -> UnrolledPlan:
    graph = share(problem(key.op), _way(key)[0])
    return _staged(graph, first=int(key.op.x.type.coding.one_hot))


def problem(op: ConstantMatrix) -> Problem:
    """The sums of a matrix; XNOR-popcount counts the elements that agree."""
    agree = (op.weights < 0).sum(1) if op.popcount else 0 * op.weights[:, 0]
    numbers = (element(op.x.type),) * op.cols
    if op.spans:
        numbers = tuple(
            element(IntType(lo, hi)) if lo < hi else Number(0, lo) for lo, hi in op.spans
        )
    y = op.row_ranges
    ends = zip(y.lo.tolist(), y.hi.tolist(), strict=True)
    return Problem(op.weights, agree, numbers, tuple(IntType(lo, hi) for lo, hi in ends))


def element(t: IntType) -> Number:
    """An element of the input as a number of the adder graph."""
    offset = -(1 << t.bits - 1) if t.signed else 0
    return Number(t.coding.operand[1] - offset, offset)


def _staged(graph: AdderGraph, first: int) -> UnrolledPlan:
    """Assign pipeline stages to the sums of a graph.

    ``first``: the stage in whose register the input's planes are: 1 if they are decoded, else 0.
    """
    ready = [first] * graph.n_inputs
    for number in graph.numbers[graph.n_inputs :]:
        begin = max(ready[o.number] for o in number.operands)
        ready.append(begin + len(graph.plan(number).stages))
    rows = [
        max((ready[o.number] for o in r.operands), default=0) + len(graph.row_plan(r).stages)
        for r in graph.rows
    ]
    return UnrolledPlan(graph, tuple(ready), tuple(rows))
