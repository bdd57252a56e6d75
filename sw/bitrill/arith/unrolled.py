"""A matrix-vector unit with the matrix in its logic: its adder graph, and in which stage what is.

An input element of ``n`` bits is the number ``u + offset`` with ``u`` unsigned: a bipolar one its
bit, a signed one its code with the top bit complemented.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from ..errors import FitError
from ..ir.types import IntType
from ..parts.devices import DEFAULT_PART, Part, part_of
from .adder_graph import AdderGraph, Number
from .shared_columns import Problem, Way, cheapest, share

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

    @property
    def flops(self) -> int:
        """Bits in registers: between the stages of sums, and of numbers until they are read."""
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
        return total + graph.width * sum(self.latency - ready for ready in self.rows_ready)


def unrolled_plan(op: MatVec) -> UnrolledPlan:
    """The plan of an ``op``, made once for equal matrices and types."""
    return _plan(_key(op))


class _Key:
    """An operator, equal to others of the same matrix and types."""

    def __init__(self, digest: str, op: MatVec):
        self.digest, self.op = digest, op

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.digest == other.digest


def _key(op: MatVec) -> _Key:
    key = sha256(repr((op.weights.shape, op.weight_type, op.x.type, op.y.type)).encode())
    key.update(op.weights.tobytes())
    return _Key(key.hexdigest(), op)


@lru_cache(maxsize=64)
def _way(key: _Key) -> tuple[Way, float]:
    return cheapest(problem(key.op))


@lru_cache(maxsize=64)
def _plan(key: _Key) -> UnrolledPlan:
    return _staged(share(problem(key.op), _way(key)[0]), first=int(key.op.x.type.coding.one_hot))


def require_room(nodes: Iterable[Any], part: Part | None) -> None:
    """Raise `FitError` unless ``part`` (`DEFAULT_PART`, if None) has the LUTs for the sums of all
    unrolled ones of ``nodes``: estimated from a sample of their rows, before any is planned."""
    part = part or part_of(DEFAULT_PART)
    unrolled = [n for n in nodes if n.kind == "matvec" and n.folded.style == "unrolled"]
    luts = {n.name: round(_way(_key(n))[1]) for n in unrolled}
    if sum(luts.values()) > part.lcs:
        each = ", ".join(f"{n.name} {n.cols}x{n.rows} {luts[n.name]}" for n in unrolled)
        raise FitError(
            f"the unrolled matrices do not fit {part.name}: their sums take about"
            f" {sum(luts.values())} LUTs of {part.lcs} ({each}); fold some of them",
            over=[f"lcs {sum(luts.values())} of {part.lcs}"],
        )


def problem(op: MatVec) -> Problem:
    """What an ``op`` asks of the adders: of XNOR-popcount, that it counts what agrees."""
    agree = (op.weights < 0).sum(1) if op.popcount else 0 * op.weights[:, 0]
    number = element(op.x.type)
    return Problem(op.weights, agree, (number,) * op.cols, op.y.type.bits)


def element(t: IntType) -> Number:
    """An element of the input as a number."""
    offset = -(1 << t.bits - 1) if t.signed else 0
    return Number(t.coding.operand[1] - offset, offset)


def _staged(graph: AdderGraph, first: int) -> UnrolledPlan:
    """``first``: the stage in whose register the input's planes are: 1, where they are decoded."""
    ready = [first] * graph.n_inputs
    for number in graph.numbers[graph.n_inputs :]:
        begin = max(ready[o.number] for o in number.operands)
        ready.append(begin + len(graph.plan(number).stages))
    rows = [
        max((ready[o.number] for o in r.operands), default=0) + len(graph.row_plan(r).stages)
        for r in graph.rows
    ]
    return UnrolledPlan(graph, tuple(ready), tuple(rows))
