"""Tests of adder graphs: sums that rows share are exact, and cheaper than separate sums."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from bitrill.arith.adder_graph import AdderGraph, Builder, Number, Operand, heights, signed_digits
from bitrill.arith.columns import LUT, PLAIN, ColumnChain, choose
from bitrill.arith.common_terms import paired
from bitrill.arith.compress import KINDS
from bitrill.arith.heaps import ONE, HeapPlan, hands_on, heap_plan
from bitrill.arith.shared_columns import Problem, Way, cheapest, share
from bitrill.arith.unrolled_plan import unrolled_plan
from bitrill.errors import FitError
from bitrill.folding.fold import require_room
from bitrill.ir import BIPOLAR, Impl, IntType, Tensor
from bitrill.ops import MatVec
from bitrill.parts.devices import part_of

HEAPS = [
    ((), 3, 5),
    ((1,), 1, 0),
    ((2,), 2, 0),
    ((3,), 2, 0),
    ((4,), 3, 0),
    ((7,), 3, 0),
    ((8,), 4, 0),
    ((24,), 5, 0),
    ((98,), 7, 0),
    ((3, 3, 3), 5, 0),
    ((4, 4, 4, 4), 6, 0),
    ((2, 2, 2), 3, 7),
    ((1, 2, 3, 4, 5), 8, 21),
    ((5, 0, 0, 2), 6, 32),
    ((0, 0, 6), 5, 1),
    ((9, 9), 3, 0),
    ((16, 16, 16), 7, 85),
]


def added(plan: HeapPlan, bits: np.ndarray) -> np.ndarray:
    """The sum of ``bits [n, inputs]`` by a plan: counters, then the remaining columns."""
    values = dict(enumerate(bits.T)) | {ONE: np.ones(len(bits), np.int64)}
    for stage in plan.stages:
        for level in stage:
            for counter in level:
                total = sum(values[b] for b in counter.inputs)
                total = total + sum(2 * values[b] for b in counter.above)
                for k, out in enumerate(counter.outputs):
                    values[out] = total >> k & 1
                for b in counter.taken:
                    if b != ONE:
                        del values[b]  # a bit is counted once
    total = np.zeros(len(bits), np.int64)
    for k, column in enumerate(plan.columns):
        for b in column:
            total += values[b] << k
    return total % (1 << plan.width)


@pytest.mark.parametrize(("heap", "width", "constant"), HEAPS)
def test_a_heap_s_plan_adds_its_bits(heap: tuple[int, ...], width: int, constant: int) -> None:
    plan = heap_plan(heap, width, constant)
    rng = np.random.default_rng(1)
    n = sum(heap)
    bits = np.concatenate(
        [np.zeros((1, n), int), np.ones((1, n), int), rng.integers(0, 2, (64, n))]
    )
    weights = np.array([1 << k for k, h in enumerate(heap) for _ in range(h)], np.int64)
    assert (added(plan, bits) == (bits @ weights + constant) % (1 << width)).all()


@pytest.mark.parametrize(("heap", "width", "constant"), HEAPS)
def test_what_is_left_fits_the_chain(heap: tuple[int, ...], width: int, constant: int) -> None:
    """A LUT has room for three bits and one that is handed; the lowest place for one more."""
    plan = heap_plan(heap, width, constant)
    low, high = plan.chain
    handed = False
    for k, column in enumerate(plan.columns):
        if not low <= k < high:
            assert len(column) <= 1
            continue
        handed, before = hands_on(len(column), handed, lowest=k == low), handed
        assert len(column) <= 2 + handed - (before and not handed) + (k == low)
    assert not handed or high == width


@pytest.mark.parametrize("least", [7, 3])
@pytest.mark.parametrize(("heap", "width"), [h[:2] for h in HEAPS])
def test_without_a_chain_full_counters_leave_short_columns(
    heap: tuple[int, ...], width: int, least: int
) -> None:
    plan = heap_plan(heap, width, 0, least)
    bits = np.random.default_rng(1).integers(0, 2, (64, sum(heap)))
    weights = np.array([1 << k for k, h in enumerate(heap) for _ in range(h)], np.int64)
    assert (added(plan, bits) == (bits @ weights) % (1 << width)).all()
    assert plan.chain == (0, 0)
    assert max(map(len, plan.columns)) < least
    sizes = {len(c.inputs) for stage in plan.stages for level in stage for c in level}
    assert sizes <= {7, least}
    assert plan.result == tuple(map(len, plan.columns))


def spent(counts: tuple[int, ...], choices: tuple[tuple[int, ...], ...]) -> int | None:
    """What choices for all columns cost with the chain behind them; None where they leave more than
    it takes, or find too few bits."""
    bits, cost = [*counts, 0, 0], 0
    for c, choice in enumerate(choices):
        for kind, times in zip(KINDS, choice, strict=True):
            for _ in range(times):
                if bits[c] < kind.takes or (kind.above and bits[c + 1] < (c + 1 < len(counts))):
                    return None
                bits[c] -= kind.takes - 1
                bits[c + 1] += kind.up[0]
                bits[c + 2] += kind.up[1]
                cost += LUT * kind.luts
    left = bits[: len(counts)]
    low = next((c for c, n in enumerate(left) if n > 1), None)
    if low is None:
        return cost
    high, handed = max(c for c, n in enumerate(left) if n), False
    for c in range(low, len(left)):
        if left[c] > 3 + (c == low):
            return None
        if c > high and not handed:
            break
        handed = hands_on(left[c], handed, lowest=c == low)
        two = handed or (c == low and left[c] > 2)
        cost += LUT if two else PLAIN
    return cost


@pytest.mark.parametrize(
    "counts", [(5, 5), (7, 4), (6, 6, 1), (4, 7), (3, 3, 3), (8, 2), (1, 6, 2), (5, 6)]
)
def test_no_choice_of_counters_costs_less(counts: tuple[int, ...]) -> None:
    counts = (*counts, 0, 0)
    each = [c for c in product(range(2), range(2), range(3), range(2), range(4)) if sum(c) < 4]
    best = min(
        cost
        for some in product(each, repeat=len(counts) - 2)
        if (cost := spent(counts, (*some, (0,) * 5, (0,) * 5))) is not None
    )
    assert spent(counts, tuple(choose(counts, ColumnChain(False)))) <= best


def test_bits_out_of_a_lut_leave_a_level_less_to_the_first_stage() -> None:
    for heap in ((40,), (4, 4, 4), (7,)):
        stages = heap_plan(heap, 8, 0, None, True).stages
        assert len(stages[0]) <= 2
        assert heap_plan(heap, 8, 0, None, True).luts == heap_plan(heap, 8, 0).luts
    assert len(heap_plan((40,), 8, 0).stages[0]) == 3


@pytest.mark.parametrize(("bits", "luts"), [(3, 1), (6, 2), (7, 2), (14, 7), (15, 7)])
def test_a_popcount_costs_what_its_counters_do(bits: int, luts: int) -> None:
    assert heap_plan((bits,), bits.bit_length(), 0).luts <= luts


@pytest.mark.parametrize("value", [*range(-40, 41), 1 << 30, -(1 << 31) + 1])
def test_signed_digits_make_the_value_and_none_are_adjacent(value: int) -> None:
    digits = signed_digits(value)
    assert sum((-1 if negative else 1) << shift for shift, negative in digits) == value
    shifts = [shift for shift, _ in digits]
    assert all(b - a > 1 for a, b in pairwise(shifts))


def problem(weights: np.ndarray, greatest: int = 1, offset: int = 0) -> Problem:
    reach = int(abs(weights).sum(1).max()) * max(greatest + offset, -offset, 1) + 1
    base = np.arange(len(weights)) - 2
    inputs = (Number(greatest, offset),) * weights.shape[1]
    bits = (2 * reach + len(weights)).bit_length() + 1
    return Problem(weights, base, inputs, (IntType(0, (1 << bits) - 1),) * len(weights))


def random(rows: int, cols: int, low: int, high: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high, (rows, cols), endpoint=True)


def signs(rows: int, cols: int, seed: int = 5) -> np.ndarray:
    return 2 * random(rows, cols, 0, 1, seed) - 1


@pytest.mark.parametrize(
    "given",
    [
        problem(signs(1, 1)),
        problem(signs(20, 33)),
        problem(random(13, 17, -1, 1)),
        problem(random(9, 12, -1, 1), 3),
        problem(random(9, 12, -8, 7), 6, -3),
        problem(random(4, 9, -128, 127), 255, -128),
        problem(np.zeros((3, 4), np.int64)),
        problem(np.array([[4, 0, -4], [0, 0, 0], [8, 0, -8], [-4, 0, 4]])),
    ],
    ids=lambda p: f"{p.weights.shape}",
)
def test_a_graph_computes_the_matrix(given: Problem) -> None:
    computes(share(given), given)


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize(
    "given",
    [
        problem(random(16, 12, -1, 1)),
        problem(random(16, 12, -1, 1), 3),
        problem(signs(9, 8), 3, -2),
    ],
    ids=str,
)
def test_a_graph_of_pairs_computes_the_matrix(given: Problem, size: int) -> None:
    rows = tuple(range(len(given.weights)))
    computes(share(given, Way(rows, size, False, pairs=True)), given)
    wider = problem(3 * given.weights, given.inputs[0].greatest, given.inputs[0].offset)
    computes(share(wider, Way(rows, size, True, pairs=True)), wider)


def test_pairs_pay_where_many_rows_have_them() -> None:
    """Two columns that 24 rows add, and two of which each takes half."""
    weights = random(24, 6, -1, 1)
    weights[:, :2] = 1
    weights[:12, 2:4], weights[12:, 2:4] = (1, -1), (-1, 1)
    given = problem(weights, 3)
    builder = Builder(list(given.inputs))
    left, terms = paired(builder, weights, [Operand(k) for k in range(6)])
    assert not left[:, :4].any()
    assert [n.operands for n in builder.numbers[6:8]] == [
        (Operand(0), Operand(1)),
        (Operand(2), Operand(3, negative=True)),
    ]
    assert len(terms) == left.shape[1]


def test_pairs_of_which_few_rows_make_use_are_not_built() -> None:
    weights = random(3, 8, -1, 1)
    builder = Builder([Number(3, 0)] * 8)
    left, terms = paired(builder, weights, [Operand(k) for k in range(8)])
    assert (left == weights).all()
    assert (len(terms), builder.luts) == (8, 0)


def computes(graph: AdderGraph, given: Problem) -> None:
    """Check all results modulo the width, and that they fit it."""
    rng = np.random.default_rng(2)
    greatest, offset = given.inputs[0].greatest, given.inputs[0].offset
    n = given.weights.shape[1]
    bits = np.concatenate(
        [np.zeros((1, n), int), np.full((1, n), greatest), rng.integers(0, greatest + 1, (40, n))]
    )
    exact = (bits + offset) @ given.weights.T + given.base
    assert (graph.eval(bits) == exact % (1 << given.width)).all()
    assert (abs(exact) < 1 << given.width - 1).all()  # so nothing was hidden by the modulus


def cost(weights: np.ndarray) -> float:
    return share(problem(weights)).luts


def test_complements_of_full_counters_cost_no_constant() -> None:
    """Seven inputs that agree in sign over two rows, and seven that do not."""
    weights = np.array([[1] * 7 + [1] * 7, [1] * 7 + [-1] * 7])
    graph = share(Problem(weights, np.array([0, 7]), (Number(1, 0),) * 14, (IntType(0, 15),) * 2))
    assert [row.constant % 16 for row in graph.rows] == [0, 0]


def test_zeros_cost_nothing() -> None:
    weights = signs(8, 24)
    wider = np.zeros((8, 48), np.int64)
    wider[:, ::2] = weights
    assert cost(wider) == cost(weights)


def test_what_rows_have_in_common_is_built_once() -> None:
    """Equal rows, opposite ones, and ones of twice the weight: a sum each and the constants."""
    row = random(1, 40, -1, 1)
    alone, all_ = cost(row), cost(np.concatenate([row, row, -row, 2 * row]))
    assert all_ <= alone + 4 * 7


def test_sharing_pays() -> None:
    """64 rows of 256 signs: half of what the rows alone take."""
    weights = signs(64, 256)
    alone = 64 * heap_plan((256,), 9, 0).luts
    assert cost(weights) < alone / 2


def test_the_estimate_is_near_the_plan() -> None:
    given = problem(signs(64, 200, seed=9))
    assert abs(cheapest(given)[1] / share(given).luts - 1) < 0.25


def test_heights_are_those_of_shifted_numbers() -> None:
    assert heights([((1, 1), 0), ((1, 3, 1), 1), ((2,), 4)]) == (1, 2, 3, 1, 2)
    assert heights([]) == ()


def matvec(weights: np.ndarray, weight_type: IntType, x: IntType) -> MatVec:
    rows, cols = weights.shape
    return MatVec(
        name="fc",
        inputs=("input",),
        operands=(Tensor((cols,), x),),
        weights=weights,
        weight_type=weight_type,
        impl=Impl(pe=rows, simd=cols, style="unrolled"),
    )


def test_a_number_is_read_no_sooner_than_it_is_ready() -> None:
    plan = unrolled_plan(matvec(random(12, 30, -3, 3), IntType(-3, 3), IntType(0, 7)))
    graph: AdderGraph = plan.graph
    assert len(graph.rows) == 12
    for k, number in enumerate(graph.numbers[graph.n_inputs :], graph.n_inputs):
        begin = plan.ready[k] - len(graph.plan(number).stages)
        assert all(plan.ready[o.number] <= begin and o.number < k for o in number.operands)
    for row, ready in zip(graph.rows, plan.rows_ready, strict=True):
        begin = ready - len(graph.row_plan(row).stages)
        assert all(plan.ready[o.number] <= begin for o in row.operands)
        assert ready <= plan.latency


def test_equal_operators_share_a_plan() -> None:
    op = matvec(signs(4, 9), BIPOLAR, BIPOLAR)
    assert unrolled_plan(op) is unrolled_plan(op.replace(name="other"))
    assert unrolled_plan(op) is not unrolled_plan(op.replace(weights=-op.weights))


def test_a_matrix_too_large_for_the_part_is_refused_with_numbers() -> None:
    op = matvec(signs(256, 600), BIPOLAR, BIPOLAR)
    with pytest.raises(
        FitError,
        match=r"the unrolled matrices do not fit xc7s6: their sums take about \d{5} LUTs of 3750"
        r" \(fc 600x256 \d{5}\); fold some of them",
    ):
        require_room([op], part_of("xc7s6"))
    require_room([op], part_of("xc7z020"))
    require_room([op.replace(impl=Impl(pe=1, simd=1))], part_of("xc7s6"))
