"""Matrices in logic are built to each channel's range, and compute the same, in hardware too."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from bitrill.arith.unrolled_plan import unrolled_plan
from bitrill.errors import SpecError
from bitrill.ir import Graph, IntType, Ranges, Sink, Source, Stage, Tensor
from bitrill.lowering import to_folded
from bitrill.ops import MatVec, Threshold
from bitrill.passes.spans import set_spans
from graphs.cases import Case
from graphs.playing import check

X, OUT = IntType(-4, 3), IntType(0, 15)


def network(*, wide: bool = False) -> Graph:
    """6-5-4, 4-bit activations of which four of five channels have 0, 1, 2 and 3 bits."""
    rng, x = np.random.default_rng(3), Tensor((6,), X)
    first = MatVec(
        name="a",
        inputs=("input",),
        operands=(x,),
        weight_type=IntType(-7, 7),
        weights=rng.integers(-7, 8, (5, 6)),
    )
    t = first.y.type
    limits = np.sort(rng.integers(t.lo // 2, t.hi // 2, (5, OUT.hi)), axis=1)
    for c, levels in enumerate((0, 1, 3, 7)):
        limits[c, levels:] = limits[c, levels:] if wide else t.hi + 1
    act = Threshold(
        name="b",
        inputs=("a",),
        operands=(first.y,),
        thresholds=limits,
        inverted=np.array([False] * 4 + [True]),
        out=OUT,
    )
    last = MatVec(
        name="c",
        inputs=("b",),
        operands=(act.y,),
        weight_type=IntType(-7, 7),
        weights=rng.integers(-7, 8, (4, 5)),
    )
    sink = Sink(shape=(4,), edge="c", tensor=last.y, scale=(Fraction(1),), offset=(Fraction(0),))
    source = Source(shape=(6,), tensor=x, raw_scale="1")
    nodes = (first, act, last)
    return Graph(name="g", stage=Stage.INTEGER, source=source, nodes=nodes, sink=sink)


def unrolled(graph: Graph) -> Graph:
    return to_folded(graph, style="unrolled")


def test_columns_and_sums_have_the_values_that_occur() -> None:
    graph = network()
    after = unrolled(graph)
    assert after["c"].spans == ((0, 0), (0, 1), (0, 3), (0, 7), (1, 15))
    ends = after["c"].row_ranges
    x = np.stack(np.meshgrid(*(np.arange(lo, hi + 1) for lo, hi in after["c"].spans)), -1)
    y = x.reshape(-1, 5) @ after["c"].weights.T
    assert (ends.lo == y.min(0)).all()
    assert (ends.hi == y.max(0)).all()
    assert after["c"].y.type == IntType(int(y.min()), int(y.max()))
    assert unrolled(network(wide=True))["c"].spans[:4] == ((0, 15),) * 4
    assert unrolled_plan(after["c"]).luts < unrolled_plan(unrolled(network(wide=True))["c"]).luts


def test_folded_matrices_and_changeable_constants_have_no_spans() -> None:
    graph = network()
    assert to_folded(graph)["c"].spans == ()
    assert set_spans(graph, {"c"}, {"b"})["c"].spans == ()
    chosen: dict[str, dict[str, Any]] = {n: {"style": "runtime"} for n in ("a", "b")}
    after = to_folded(graph, folding=chosen | {"c": {"style": "unrolled"}})
    assert after["c"].spans == ()


def test_the_hardware_is_built_to_them() -> None:
    case = Case(network(), {n: {"style": "unrolled"} for n in "ac"}, 5)
    assert case.folded()["c"].spans
    check(case)


def test_a_span_that_is_too_narrow_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    ranges = Threshold.ranges

    def half(op: Threshold, *xs: Ranges) -> tuple[Ranges, ...]:
        (y,) = ranges(op, *xs)
        return (Ranges(y.lo, np.maximum(y.lo, y.hi // 2)),)

    monkeypatch.setattr(Threshold, "ranges", half)
    with pytest.raises(AssertionError):
        check(Case(network(), {n: {"style": "unrolled"} for n in "ac"}, 5))


def test_spans_outside_the_type_are_refused() -> None:
    with pytest.raises(SpecError, match="c: spans must be 5 parts of uint4"):
        network()["c"].replace(spans=((0, 16),) * 5)
