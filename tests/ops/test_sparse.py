"""The sparse unit of `MatVec`: hardware and schedule, its steps, planted faults, refusals."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from bitrill.arith.column_steps import ColumnPlans
from bitrill.errors import SpecError
from bitrill.ir import Impl, IntType, Operator
from bitrill.ops import MatVec
from bitrill.ops.units import Sparse
from bitrill_hw.design.build import component
from ops import test_matvec as whole
from ops.faults import is_found
from ops.suite import OperatorSuite

INT4, UINT4 = IntType(-7, 7), IntType(0, 15)


def sparse(
    rows: int,
    cols: int,
    pe: int,
    simd: int,
    w: IntType = INT4,
    x: IntType = UINT4,
    *,
    kept: float = 0.5,
    memory: str = "distributed",
    primitives: str = "portable",
    **more: Any,
) -> MatVec:
    """A matrix that keeps this share of its blocks of ``pe`` rows by ``simd`` columns."""
    op = whole.matvec(rows, cols, pe, simd, w, x, primitives=primitives, **more)
    blocks = np.random.default_rng(1).random((rows // pe, 1, cols // simd, 1)) < kept
    weights = (op.weights.reshape(rows // pe, pe, cols // simd, simd) * blocks).reshape(rows, cols)
    impl = Impl(pe=pe, simd=simd, style="sparse", memory=memory, primitives=primitives)  # pyright: ignore
    return op.replace(weights=weights, impl=impl)


class TestSparse(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        return {
            "unlike numbers of steps": sparse(6, 10, 2, 2),
            "block memory": sparse(6, 12, 2, 3, INT4, IntType(-4, 3), memory="block"),
            "more beats than steps": sparse(2, 12, 1, 1, kept=0.1),
            "one step a group": sparse(6, 3, 1, 3),
            "many vectors": sparse(4, 6, 2, 2, vectors=(3, 2)),
            "a codebook": sparse(4, 8, 2, 2, IntType.of_entries(whole.BOOKS[6]), IntType(-4, 3)),
        }

    def corners(self, op: Operator) -> np.ndarray:
        return whole.TestMatVec.corners(self, op)  # pyright: ignore

    def oracle(self, op: Operator, x: Any) -> list:  # pyright: ignore
        return whole.TestMatVec.oracle(self, op, x)  # pyright: ignore


@pytest.mark.parametrize(("pe", "simd"), [(1, 1), (2, 3), (3, 2), (6, 1)])
def test_steps_are_the_blocks_with_weights(pe: int, simd: int) -> None:
    rng = np.random.default_rng(4)
    weights = rng.integers(-1, 2, (6, 12)) * (rng.random((6, 12)) < 0.2)
    plan = ColumnPlans(weights != 0).at(pe, simd)
    wanted: list[list[int]] = []
    for r in range(0, 6, pe):
        blocks = [(c, weights[r : r + pe, c : c + simd]) for c in range(0, 12, simd)]
        wanted.append([c // simd for c, block in blocks if any(block.ravel().tolist())] or [0])
    assert plan.beats.tolist() == [beat for group in wanted for beat in group]
    assert plan.counts.tolist() == [len(group) for group in wanted]
    assert plan.groups.tolist() == [g for g, group in enumerate(wanted) for _ in group]
    assert np.flatnonzero(plan.last).tolist() == (np.cumsum(plan.counts) - 1).tolist()
    assert (weights[~plan.read((6, 12), pe, simd)] == 0).all()


def test_half_of_the_blocks_take_half_of_the_cycles_and_of_the_memory() -> None:
    op = sparse(32, 32, 4, 4)
    steps = int((np.abs(op.weights.reshape(8, 4, 8, 4)).sum((1, 3)) > 0).sum())
    assert (op.cost().cycles, op.beats_in, op.beats_out) == (steps, 8, 8)
    assert op.cost().weight_bits == steps * (4 * 4 * 4 + 3 + 1)
    assert len(op.weight_words()) == steps < 40


FAULTY = sparse(6, 10, 2, 2)


@pytest.mark.nightly
@pytest.mark.parametrize("fault", ["two indices swapped", "a last flag lost", "one too many"])
def test_a_fault_in_the_index_memory_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = Sparse().index_words(FAULTY).copy()
    places = np.flatnonzero(words[:, -1])
    if fault == "two indices swapped":
        words[[0, 1], :-1] = words[[1, 0], :-1]
    else:
        words[places[0] - (fault == "one too many"), -1] ^= 1
    assert not is_found(FAULTY, component(FAULTY))
    monkeypatch.setattr(Sparse, "index_words", lambda *_: words)
    assert is_found(FAULTY, component(FAULTY))


@pytest.mark.parametrize(
    ("op", "pe", "simd", "message"),
    [
        (whole.matvec(4, 6, 2, 2), 2, 2, "fc: a matvec of style 'sparse' must have weights that"),
        (FAULTY, 6, 2, "fc: PE of style 'sparse' must be below all 6 rows"),
        (FAULTY, 4, 2, "fc: PE must divide 6 rows, not 4"),
        (FAULTY, 2, 4, "fc: SIMD must divide 10 columns, not 4"),
        (
            FAULTY.replace(impl=None).freed(),
            2,
            2,
            "fc: the weights of style 'sparse' must be const",
        ),
    ],
)
def test_what_it_cannot_have_is_refused(op: MatVec, pe: int, simd: int, message: str) -> None:
    with pytest.raises(SpecError, match=re.escape(message)):
        op.replace(impl=Impl(pe=pe, simd=simd, style="sparse"))
