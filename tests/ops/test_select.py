"""The selecting unit of `MatVec`: hardware and schedule, its lanes, planted faults, refusals."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from bitrill.arith.lane_choice import LaneChoices
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator
from bitrill.ops import MatVec
from bitrill.ops.units import Select
from bitrill_hw.design.build import component
from ops import test_matvec as whole
from ops.faults import is_found
from ops.suite import OperatorSuite

INT4, UINT4 = IntType(-7, 7), IntType(0, 15)


def select(
    rows: int,
    cols: int,
    pe: int,
    simd: int,
    w: IntType = INT4,
    x: IntType = UINT4,
    *,
    n: int = 2,
    m: int = 4,
    group: int = 1,
    memory: str = "distributed",
    primitives: str = "portable",
) -> MatVec:
    """A matrix with ``n`` of each ``m`` columns, the same ones for ``group`` rows."""
    op = whole.matvec(rows, cols, pe, simd, w, x, primitives=primitives)
    rng = np.random.default_rng(1)
    rank = np.argsort(rng.random((rows // group, cols // m, m)), axis=-1)
    kept = (rank < n).repeat(group, axis=0).reshape(rows, cols)
    impl = Impl(pe=pe, simd=simd, multiply="select", memory=memory, primitives=primitives)  # pyright: ignore
    return op.replace(weights=op.weights * kept, impl=impl)


class TestSelect(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        return {
            "two of four": select(6, 8, 2, 4),
            "block memory": select(4, 16, 2, 8, INT4, IntType(-4, 3), memory="block"),
            "indices shared by a group": select(4, 8, 2, 4, group=2),
            "one of eight, one step": select(2, 8, 2, 8, n=1, m=8),
            "bipolar x": select(4, 8, 2, 4, IntType(-1, 1), BIPOLAR),
        }

    def corners(self, op: Operator) -> np.ndarray:
        return whole.TestMatVec.corners(self, op)  # pyright: ignore

    def oracle(self, op: Operator, x: Any) -> list:  # pyright: ignore
        return whole.TestMatVec.oracle(self, op, x)  # pyright: ignore


@pytest.mark.parametrize(("n", "m", "group"), [(2, 4, 1), (1, 4, 2), (3, 8, 3), (1, 2, 1)])
def test_lanes_read_every_weight_once(n: int, m: int, group: int) -> None:
    op = select(6, 16, group, m, n=n, m=m, group=group)
    choices = LaneChoices(op.weights != 0)
    for c in choices.at(group, m):
        places = c.places(choices.nonzero, group)
        assert (np.diff(places, axis=1) > 0).all()
        total = np.zeros_like(op.weights)
        np.put_along_axis(total, places, np.take_along_axis(op.weights, places, 1), 1)
        assert (total == op.weights).all()
        indices = c.indices(places)
        assert indices.min() >= 0
        assert indices.max() < c.inputs
        for lane in range(places.shape[1]):
            read = c.inputs_of(lane)
            assert [read[i] for i in indices[:, lane]] == places[:, lane].tolist()
    assert min(c.n / c.m for c in choices.at(group, m)) <= n / m


def test_two_of_four_take_half_of_the_lanes_and_fewer_bits() -> None:
    op = select(8, 32, 4, 8)
    assert (op.lanes, op.cost().cycles, op.beats_in) == (4, 8, 4)
    assert op.cost().weight_bits == 8 * 16 * (4 + 2)
    assert len(op.weight_words()[0]) == 4 * 4 * (4 + 2)
    assert len(select(8, 32, 4, 8, group=4).weight_words()[0]) == 4 * 4 * 4 + 4 * 2


FAULTY = select(6, 8, 2, 4)


@pytest.mark.nightly
@pytest.mark.parametrize("shared", [False, True])
def test_two_indices_swapped_are_found(shared: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    op = select(4, 16, 2, 8, n=1, group=2) if shared else FAULTY
    words = Select().index_words(op).copy()
    (a, b), *_ = (
        (a, b)
        for a in range(words.shape[1])
        for b in range(a)
        if (words[:, a] != words[:, b]).any()
    )
    words[:, [a, b]] = words[:, [b, a]]
    assert not is_found(op, component(op))
    monkeypatch.setattr(Select, "index_words", lambda *_: words)
    assert is_found(op, component(op))


@pytest.mark.parametrize(
    ("op", "simd", "message"),
    [
        (whole.matvec(4, 8, 2, 2), 4, "fc: a matvec with multiply 'select' must have constant"),
        (FAULTY, 2, "fc: multiply 'select' must have a zero in each 2, 4, 8 or 16 neighbouring"),
        (FAULTY, 3, "fc: SIMD must divide 8 columns, not 3"),
        (
            FAULTY.replace(impl=None).freed(),
            4,
            "fc: a matvec with multiply 'select' must have const",
        ),
    ],
)
def test_what_it_cannot_have_is_refused(op: MatVec, simd: int, message: str) -> None:
    with pytest.raises(SpecError, match=re.escape(message)):
        op.replace(impl=Impl(pe=2, simd=simd, multiply="select"))
