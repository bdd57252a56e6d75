"""Tests of the operator `MatVec`: golden model, hardware and schedule."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from bitrill.arith.accumulate import starts, stored_weights, sum_plan
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import MatVec
from ops.suite import OperatorSuite

TERNARY = IntType(-1, 1)
POT = IntType(-4, 4, "pot")
BOOKS = (
    (0, 1),
    (-7, 0),
    (-3, 0, 5),
    (-128, -1, 100, 127),
    (-90, -41, -20, -5, 0, 17, 45, 101),
    (-128, -77, -40, -11, 0, 13, 43, 91, 127),
    (-128, -101, -77, -60, -40, -21, -11, -3, 0, 3, 13, 29, 43, 64, 91, 127),
)
LOG = IntType(0, 64, "log2")


def matvec(
    rows: int,
    cols: int,
    pe: int,
    simd: int,
    weight_type: IntType = BIPOLAR,
    x: IntType = BIPOLAR,
    *,
    memory: str = "distributed",
    primitives: str = "portable",
    style: str = "folded",
    vectors: tuple[int, ...] = (),
    seed: int = 3,
) -> MatVec:
    rng = np.random.default_rng(seed)
    return MatVec(
        name="fc",
        inputs=("input",),
        operands=(Tensor((*vectors, cols), x),),
        weights=rng.choice(weight_type.values(), (rows, cols)),
        weight_type=weight_type,
        impl=Impl(pe=pe, simd=simd, memory=memory, primitives=primitives, style=style),  # pyright: ignore
    )


def unrolled(
    rows: int, cols: int, weight_type: IntType = BIPOLAR, x: IntType = BIPOLAR, **more: Any
) -> MatVec:
    return matvec(rows, cols, rows, cols, weight_type, x, style="unrolled", **more)


def with_zeros(op: MatVec) -> MatVec:
    """A row and a column of zeros, and two equal rows."""
    weights = op.weights.copy()
    weights[1], weights[:, 2], weights[3] = 0, 0, weights[0]
    return op.replace(weights=weights)


def bordered(
    places: tuple[int, ...],
    taps: tuple[int, ...],
    channels: int,
    rows: int,
    pe: int,
    simd: int,
    *,
    memory: str = "distributed",
) -> MatVec:
    """First taps lie outside at the first places, the last ones at the last, and some by chance."""
    rng = np.random.default_rng(5)
    inside = [rng.random((n, k)) < 0.8 for n, k in zip(places, taps, strict=True)]
    for axis in inside:
        axis[0, 0] = axis[-1, -1] = False
        axis[len(axis) // 2] = True
    cols = channels * int(np.prod(taps))
    op = matvec(rows, cols, pe, simd, vectors=places, memory=memory)
    return op.replace(inside=tuple(inside))


class TestMatVec(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        return {
            # the structure, on the smallest arithmetic
            "folded both ways": matvec(6, 8, 2, 4),
            "block memory": matvec(6, 8, 2, 4, memory="block"),
            "one pass": matvec(4, 8, 4, 2),
            "one pass, block memory": matvec(4, 8, 4, 2, memory="block"),
            "one beat": matvec(6, 7, 3, 7),
            "one step": matvec(3, 7, 3, 7),
            "one step, block memory": matvec(3, 7, 3, 7, memory="block"),
            "one lane": matvec(3, 5, 1, 1),
            "one by one": matvec(1, 1, 1, 1),
            "short passes": matvec(12, 4, 1, 2),
            "many vectors": matvec(4, 6, 2, 3, vectors=(3, 2)),
            "a whole frame": matvec(4, 12, 2, 3).replace(operands=(Tensor((2, 3, 2), BIPOLAR),)),
            "deep sum": matvec(2, 98, 1, 49),
            # behind a border
            "border, a tap a beat": bordered((3, 2), (2, 3), 2, 6, 3, 2),
            "border, one lane": bordered((2, 3), (2, 2), 2, 2, 1, 1),
            "border, odd lanes": bordered((3,), (3,), 2, 4, 2, 3),
            "border, taps in a beat": bordered((3, 3), (2, 2), 2, 4, 2, 4),
            "border, one step": bordered((3, 3), (3, 2), 2, 3, 3, 12),
            "border, block memory": bordered((3, 2), (2, 2), 4, 4, 2, 2, memory="block"),
            "border, block memory, one lane": bordered((4,), (3,), 2, 2, 2, 1, memory="block"),
            # the arithmetic
            "bipolar, unsigned x": matvec(6, 6, 1, 3, BIPOLAR, IntType(0, 3)),
            "bipolar, signed x": matvec(6, 6, 2, 2, BIPOLAR, IntType(-4, 3)),
            "bipolar, one beat": matvec(6, 3, 1, 3, BIPOLAR, IntType(0, 3)),
            "bipolar, one bit x": matvec(4, 6, 4, 3, BIPOLAR, IntType(0, 1)),
            "bipolar, signed one bit x": matvec(4, 6, 2, 3, BIPOLAR, IntType(-1, 0)),
            "ternary, bipolar x": matvec(4, 8, 2, 4, TERNARY),
            "ternary, unsigned x": matvec(8, 8, 2, 4, TERNARY, IntType(0, 3)),
            "ternary, signed x": matvec(4, 6, 4, 3, TERNARY, IntType(-8, 7)),
            "int2, bipolar x": matvec(4, 6, 2, 3, IntType(-2, 1)),
            "int4, unsigned x": matvec(4, 4, 2, 2, IntType(-7, 7), IntType(0, 15)),
            "int4, signed x": matvec(4, 4, 2, 2, IntType(-8, 7), IntType(-8, 7)),
            "int8, signed x": matvec(2, 4, 1, 2, IntType(-128, 127), IntType(-128, 127)),
            "pot, unsigned x": matvec(4, 12, 2, 6, POT, IntType(0, 15)),
            "pot, signed x": matvec(4, 4, 2, 2, IntType(-8, 8, "pot"), IntType(-4, 3)),
            "pot, a shifter": matvec(4, 4, 2, 2, IntType(-64, 64, "pot"), IntType(-8, 7)),
            "pot of two terms": matvec(4, 4, 2, 2, IntType(-8, 8, "pot", 2), IntType(0, 15)),
            "pot of three terms": matvec(4, 3, 2, 3, IntType(-12, 12, "pot", 3), IntType(-2, 1)),
            "three entries": matvec(4, 6, 2, 3, IntType.of_entries(BOOKS[2]), IntType(0, 15)),
            "eight entries": matvec(4, 4, 2, 2, IntType.of_entries(BOOKS[4]), IntType(-4, 3)),
            "16 entries": matvec(4, 8, 4, 2, IntType.of_entries(BOOKS[6]), IntType(-8, 7)),
            "16 entries, bipolar x": matvec(4, 8, 2, 4, IntType.of_entries(BOOKS[6])),
            "four entries, block memory": matvec(
                4, 4, 2, 2, IntType.of_entries(BOOKS[3]), IntType(0, 3), memory="block"
            ),
            # logarithmic x
            "bipolar, log x": matvec(4, 12, 2, 6, BIPOLAR, LOG),
            "bipolar, log x, block memory": matvec(4, 12, 4, 6, BIPOLAR, LOG, memory="block"),
            "ternary, log x": matvec(4, 4, 2, 2, TERNARY, LOG),
            "int4 of sign and magnitude, log x": matvec(4, 4, 2, 2, IntType(-7, 7), LOG),
            "int8, log x": matvec(2, 4, 2, 2, IntType(-128, 127), LOG),
            "pot, log x": matvec(4, 4, 2, 2, IntType(-8, 8, "pot"), IntType(0, 4, "log2")),
            "16 entries, log x": matvec(4, 4, 2, 2, IntType.of_entries(BOOKS[6]), LOG),
            "unsigned weights": matvec(4, 4, 2, 2, IntType(0, 5), IntType(-3, 2)),
            "one weight": matvec(4, 4, 2, 2, IntType(-3, -3), IntType(-3, 2)),
            # the matrix in the logic
            "unrolled": unrolled(6, 20),
            "unrolled, one by one": unrolled(1, 1),
            "unrolled, deep": unrolled(2, 70),
            "unrolled, many vectors": unrolled(4, 6, vectors=(3,)),
            "unrolled, ternary, bipolar x": with_zeros(unrolled(7, 13, TERNARY)),
            "unrolled, ternary, unsigned x": with_zeros(unrolled(5, 12, TERNARY, IntType(0, 3))),
            "unrolled, bipolar, signed x": unrolled(3, 9, BIPOLAR, IntType(-4, 3)),
            "unrolled, int4, signed x": with_zeros(unrolled(5, 9, IntType(-8, 7), IntType(-3, 3))),
            "unrolled, unsigned weights": unrolled(4, 6, IntType(0, 5), IntType(-3, 2)),
            "unrolled, bipolar, log x": unrolled(3, 9, BIPOLAR, LOG),
            "unrolled, int4, log x": with_zeros(unrolled(5, 9, IntType(-8, 7), LOG)),
            "unrolled, codebook, log x": unrolled(3, 5, IntType.of_entries(BOOKS[6]), LOG),
            "unrolled, all zero, log x": unrolled(2, 3, IntType(0, 0), IntType(0, 4, "log2")),
            "unrolled, all zero": unrolled(2, 3, IntType(0, 0), IntType(0, 3)),
        }

    def corners(self, op: Operator) -> np.ndarray:
        """Frames at one end; each row's highest and lowest sum; single elements."""
        assert isinstance(op, MatVec)
        t, n = op.x.type, op.cols
        ends = np.array([[t.lo] * n, [t.hi] * n])
        highest = np.where(op.weights > 0, t.hi, t.lo)[:3]
        lowest = np.where(op.weights > 0, t.lo, t.hi)[:3]
        single = np.where(np.eye(n, dtype=bool), t.hi, t.lo)[[0, -1]]
        vectors = np.concatenate([ends, highest, lowest, single])
        return np.resize(vectors, (len(vectors), *op.x.shape))

    def oracle(self, op: Operator, x: list) -> list:
        assert isinstance(op, MatVec)
        if isinstance(x[0], list) and len(op.y.shape) < len(op.x.shape):
            return self.oracle(op, np.array(x).ravel().tolist())  # the frame is one vector
        if op.inside is not None:
            return self.behind_a_border(op, x, [])
        if isinstance(x[0], list):
            return [self.oracle(op, inner) for inner in x]
        out = []
        for row in op.weights.tolist():
            if op.popcount:
                out.append(sum(a == b for a, b in zip(row, x, strict=True)))
            elif op.x.type.coding.is_bipolar:
                out.append(sum(w for w, b in zip(row, x, strict=True) if b == 1))
            else:
                out.append(sum(w * v for w, v in zip(row, x, strict=True)))
        return out

    def behind_a_border(self, op: MatVec, x: list, place: list[int]) -> list:
        """The number of agreements; taps outside have the weights -1 and +1 in turn."""
        assert op.inside is not None
        if isinstance(x[0], list):
            return [self.behind_a_border(op, inner, [*place, k]) for k, inner in enumerate(x)]
        taps = [axis.shape[1] for axis in op.inside]
        out = []
        for row in op.weights.tolist():
            agree = 0
            for c, v in enumerate(x):
                tap, lies = c // (len(x) // int(np.prod(taps))), True
                for axis, p in reversed([*zip(op.inside, place, strict=True)]):
                    tap, t = divmod(tap, axis.shape[1])
                    lies = lies and bool(axis[p, t])
                agree += v == (row[c] if lies else (1 if c % 2 else -1))
            out.append(agree)
        return out

    def test_a_border_of_one_value_counts_nothing(self) -> None:
        """``w @ x`` as if x were 0 outside, at every place, by constants."""
        rng = np.random.default_rng(2)
        op = bordered((3, 4), (2, 3), 4, 5, 5, 4)
        assert op.inside is not None
        rows, columns = op.inside
        mask = (rows[:, None, :, None] & columns[None, :, None, :]).reshape(3, 4, 6).repeat(4, 2)
        x = rng.choice([-1, 1], (6, 3, 4, 24))
        for value in (-1, 1):
            y = op.eval(np.where(mask, x, value))
            assert (op.dot_gain * y + op.dot_offset == (x * mask) @ op.weights.T).all()

    def test_dot_products_follow_from_the_result(self, op: Operator) -> None:
        assert isinstance(op, MatVec)
        if op.inside is not None:
            return
        x = self.frames(op)
        vectors = x.reshape(len(x), *op.y.shape[:-1], op.cols)
        assert (op.dot_gain * op.eval(x) + op.dot_offset == vectors @ op.weights.T).all()

    def test_rows_start_differently_somewhere(self) -> None:
        """Else a table of starts would be a constant, and its address untested."""
        ops = [op for op in self.instances().values() if isinstance(op, MatVec)]
        tables = [starts(op).reshape(op.neuron_fold, -1) for op in ops]
        assert sum(bool((t != t[0]).any()) for t in tables) >= 3

    def test_the_range_is_reached_at_both_ends(self, op: Operator) -> None:
        """The range is no wider than needed (XNOR counts always have 0..cols)."""
        assert isinstance(op, MatVec)
        if not op.popcount:
            t = op.x.type
            lo, hi = (0, 1) if t.coding.is_bipolar else (t.lo, t.hi)
            sums = [
                [sum(pick(w * lo, w * hi) for w in row) for row in op.weights.tolist()]
                for pick in (min, max)
            ]
            assert (op.y.type.lo, op.y.type.hi) == (min(sums[0]), max(sums[1]))


@pytest.mark.parametrize(
    ("weight", "x"),
    list(
        product(
            (
                BIPOLAR,
                TERNARY,
                IntType(-2, 1),
                IntType(0, 3),
                IntType(-1, 0),
                IntType(-7, 7),
                IntType(-8, 7),
                IntType(0, 9),
                POT,
                *(IntType(-m, m, "pot") for m in (1, 2, 8, 16, 64, 128)),
                *(IntType(-2 * m, 2 * m, "pot", 2) for m in (1, 4, 16)),
                IntType(-12, 12, "pot", 3),
                *map(IntType.of_entries, BOOKS),
            ),
            (
                BIPOLAR,
                IntType(0, 1),
                IntType(0, 5),
                IntType(-2, 1),
                IntType(-1, 0),
                IntType(-8, 7),
                IntType(0, 63),
                *(IntType(0, m, "log2") for m in (1, 4, 64, 1024)),
            ),
        )
    ),
    ids=str,
)
def test_planned_bits_and_starts_make_the_product(weight: IntType, x: IntType) -> None:
    """For every weight and value of one lane, before any hardware."""
    values = weight.values().tolist()
    op = MatVec(
        name="fc",
        inputs=("input",),
        operands=(Tensor((1,), x),),
        weights=np.array(values)[:, None],
        weight_type=weight,
        impl=Impl(pe=1, simd=1),
    )
    columns = np.array([g.column for g in sum_plan(op).products.gates])
    for v in x.values():
        total = starts(op) + (gates(op, x.encode(np.array([v]))) << columns).sum(1)
        y = op.eval(np.array([[v]])).astype(int)[0]
        assert ((total - y) % (1 << op.y.type.bits) == 0).all(), v


def gates(op: MatVec, x: np.ndarray) -> np.ndarray:
    """The value of all gates of a step, ``[rows, gates]``: of a vector ``x`` of codes."""
    plan, w = sum_plan(op).products, stored_weights(op)
    found: dict[str, list[np.ndarray]] = {"p": [], "i": [], "": []}

    def read(kind: str, n: int, plane: int) -> np.ndarray:
        if kind == "w":
            return w[:, n, plane]
        return np.full(op.rows, x[n] >> plane & 1) if kind == "x" else found[kind][n]

    for kind, several in (("p", plan.shared), ("i", plan.inner), ("", plan.gates)):
        for g in several:
            index = sum(read(*s) << i for i, s in enumerate(g.inputs))
            found[kind].append(
                np.array([g.table >> k & 1 for k in range(1 << len(g.inputs))])[index]
            )
    return np.stack(found[""], 1) if found[""] else np.zeros((op.rows, 0), int)


@pytest.mark.parametrize("simd", [*range(1, 14), 32, 49])
@pytest.mark.parametrize("x", [BIPOLAR, IntType(0, 5), IntType(-2, 1)], ids=str)
@pytest.mark.parametrize(
    "weight", [BIPOLAR, TERNARY, IntType(-2, 1), IntType(0, 1), IntType(-4, 3), POT], ids=str
)
def test_planned_bits_of_all_lanes_make_the_sum(weight: IntType, x: IntType, simd: int) -> None:
    """The planned bits add up to the sum, for many lanes, random weights and inputs."""
    op = matvec(16, simd, 16, simd, weight, x)
    rng = np.random.default_rng(simd)
    vectors = rng.choice(x.values(), (6, simd))
    vectors[0], vectors[1] = x.lo, x.hi
    columns = np.array([g.column for g in sum_plan(op).products.gates])
    for v, y in zip(vectors, op.eval(vectors).astype(int), strict=True):
        total = starts(op) + (gates(op, x.encode(v)) << columns).sum(1)
        assert ((total - y) % (1 << op.y.type.bits) == 0).all()


@pytest.mark.parametrize("simd", [*range(1, 40), 49, 64, 128, 784])
@pytest.mark.parametrize("weight", [BIPOLAR, TERNARY], ids=str)
def test_counters_keep_the_sum_and_leave_rows_for_the_chain(simd: int, weight: IntType) -> None:
    """Every bit is used once; weights in and out of each counter and of the whole agree."""
    op = matvec(2, simd, 1, simd, weight)
    plan = sum_plan(op)
    rng = np.random.default_rng(simd)
    columns = [g.column for g in plan.products.gates] + list(range(len(plan.start)))
    weight_of = dict(enumerate(columns))
    for ones in (1.0, 0.5):
        value = {b: int(rng.random() < ones) for b in weight_of}
        total = sum(v << weight_of[b] for b, v in value.items())
        column = dict(weight_of)
        for c in plan.counters:
            assert {column[b] for b in c.inputs} == {c.column}
            assert {column[b] for b in c.above} <= {c.column + 1}
            counted = sum(value.pop(b) for b in c.inputs) + 2 * sum(value.pop(b) for b in c.above)
            for place, b in enumerate(c.outputs):
                column[b], value[b] = c.column + place, counted >> place & 1
        assert sorted(value) == sorted(b for c in plan.columns for b in c)
        assert all(column[b] == k for k, bits in enumerate(plan.columns) for b in bits)
        assert [len(c) for c in plan.columns] <= [3 + plan.carry] + [2] * plan.width
        assert max(map(len, plan.columns[1:]), default=0) <= 2
        assert (sum(v << column[b] for b, v in value.items()) - total) % (1 << plan.width) == 0
    assert plan.width == op.y.type.bits


def test_cost_counts_the_replay_buffer_only_where_there_is_one() -> None:
    assert matvec(4, 8, 2, 4).cost().state_bits == 16
    assert matvec(4, 8, 4, 4).cost().state_bits == 0
    assert matvec(4, 8, 4, 4).replace(impl=None).cost().cycles == 0
    assert matvec(4, 8, 2, 4, TERNARY, vectors=(5,)).cost().weight_bits == 64
    assert matvec(4, 8, 2, 4, vectors=(5,)).cost().macs == 160


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": np.ones((2, 3))}, "fc: weights must hold integers, not float64"),
        ({"weights": np.ones(4, int)}, r"weights must be a non-empty array of 2 axes, not \(4,\)"),
        ({"weights": np.ones((0, 4), int)}, r"must be a non-empty array of 2 axes, not \(0, 4\)"),
        ({"weights": np.ones((2, 3), int)}, "fc: weights must have 4 columns, not 3"),
        (
            {"weights": np.zeros((2, 4), int)},
            r"fc: weights must be values of bipolar, not 0 \(row 0, column 0\)",
        ),
        (
            {"weights": np.ones((2, 4), int), "weight_type": LOG},
            r"fc: the type of weights must not be log3\[0\.\.64\], which activations alone have",
        ),
        (
            {"weights": np.full((2, 4), 7), "weight_type": TERNARY},
            r"fc: weights must be values of int2\[-1\.\.1\], not 7 \(row 0, column 0\)",
        ),
        (
            {"weights": np.array([[4, 0, 1, -2], [2, 2, 3, 1]]), "weight_type": POT},
            r"fc: weights must be values of pot\[-4\.\.4\], not 3 \(row 1, column 2\)",
        ),
        ({"impl": Impl(pe=3, simd=1)}, r"fc: PE must divide 2 rows, not 3 \(nearest: 2\)"),
        ({"impl": Impl(pe=0, simd=1)}, r"fc: PE must divide 2 rows, not 0 \(nearest: 1\)"),
        (
            {"impl": Impl(pe=1, simd=3)},
            r"fc: SIMD must divide 4 columns, not 3 \(nearest: 2 or 4\)",
        ),
        (
            {"impl": Impl(pe=1, simd=1, style="search")},
            "fc: the style of a matvec must be 'folded' or 'indexed' or 'hashed' or 'prefix' or"
            " 'runtime' or 'streamed' or 'sparse' or 'unrolled', not 'search'",
        ),
        (
            {"impl": Impl(pe=1, simd=4, style="unrolled")},
            "fc: PE and SIMD of an unrolled matvec must be all 2 rows and 4 columns, not 1 and 4",
        ),
        (
            {"inside": (np.zeros((1, 1), bool),)},
            r"fc: inside must have the places \(\), not \(1,\)",
        ),
        ({"inside": (np.zeros(2, bool),)}, "fc: inside must be a non-empty array of 2 axes"),
        ({"inputs": ()}, "fc: inputs and operands must be equally many, not 0 and 1"),
    ],
)
def test_refusals(changes: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        matvec(2, 4, 1, 1).replace(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inside": ()}, r"fc: inside must have the places \(3,\), not \(\)"),
        ({"inside": (np.zeros((2, 3), bool),)}, r"inside must have the places \(3,\), not \(2,\)"),
        (
            {"inside": (np.zeros((3, 4), bool),)},
            "fc: a tap must have an even number of columns, not 6 / 4 of them",
        ),
        (
            {"inside": (np.zeros((3, 6), bool),)},
            "fc: a tap must have an even number of columns, not 6 / 6 of them",
        ),
        ({"inside": (np.ones((3, 3), bool),)}, "fc: some tap must lie outside, or inside be None"),
        ({"weight_type": TERNARY}, "fc: inside must stand beside bipolar x and weights alone"),
    ],
)
def test_refusals_of_a_border(changes: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        bordered((3,), (3,), 2, 2, 1, 1).replace(**changes)


def test_time_needs_a_folding() -> None:
    with pytest.raises(SpecError, match=r"fc must be folded \(impl set\) for this, and is not"):
        matvec(2, 4, 1, 1).replace(impl=None).schedule()
