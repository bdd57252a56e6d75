"""Bit-serial and DSP units of `MatVec`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bitrill.arith.bitserial import pairs, serial_plan
from bitrill.arith.dsp_packing import dsp_plan, packing
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import MatVec
from ops import test_matvec as whole
from ops.suite import OperatorSuite

INT = {b: IntType(-(1 << b - 1), (1 << b - 1) - 1) for b in range(1, 9)}
UINT = {b: IntType(0, (1 << b) - 1) for b in range(1, 9)}
EVEN8 = IntType(-127, 127)


def matvec(multiply: str, *told: Any, levels: int = 2, **more: Any) -> MatVec:
    op = whole.matvec(*told, **more)
    return op.replace(impl=Impl(**{**vars(op.folded), "multiply": multiply, "levels": levels}))


class _Multiplied(OperatorSuite):
    def corners(self, op: Operator) -> np.ndarray:
        return whole.TestMatVec.corners(self, op)  # pyright: ignore

    def oracle(self, op: Operator, x: Any) -> list:  # pyright: ignore
        return whole.TestMatVec.oracle(self, op, x)  # pyright: ignore


def extremes(op: MatVec) -> MatVec:
    """Rows with all weights at one end of the range, for the largest sums."""
    weights = op.weights.copy()
    weights[0], weights[1] = op.weight_type.lo, op.weight_type.hi
    return op.replace(weights=weights)


class TestSerial(_Multiplied):
    def instances(self) -> dict[str, Operator]:
        def serial(*told: Any, **more: Any) -> MatVec:
            op = matvec("serial", *told, **more)
            return extremes(op) if op.rows > 1 else op

        return {
            # the structure
            "folded both ways": serial(6, 8, 2, 4, INT[2], UINT[2]),
            "block memory": serial(4, 8, 2, 4, INT[2], INT[2], memory="block"),
            "one pass": serial(2, 8, 2, 2, INT[3], UINT[2]),
            "one beat": serial(4, 7, 2, 7, INT[2], INT[3]),
            "one beat, one pass": serial(3, 3, 3, 3, INT[3], INT[2]),
            "three beats": serial(6, 6, 2, 2, INT[3], INT[2]),
            "three beats, block memory": serial(6, 9, 1, 3, INT[2], INT[3], memory="block"),
            "three passes": serial(3, 8, 1, 4, INT[3], UINT[2]),
            "one lane": serial(2, 3, 1, 1, INT[2], UINT[2]),
            "one by one": serial(1, 1, 1, 1, INT[2], INT[2]),
            "many vectors": serial(2, 4, 1, 2, INT[2], UINT[2], vectors=(2, 2)),
            "many lanes": serial(2, 34, 2, 17, INT[3], INT[2]),
            "one level": serial(2, 18, 2, 9, INT[2], INT[2], levels=1),
            "three levels": serial(2, 18, 2, 9, INT[2], INT[2], levels=3),
            "four inputs": serial(2, 12, 2, 6, INT[2], INT[2], primitives="ice40", memory="block"),
            "xc7": serial(2, 32, 2, 16, INT[2], INT[2], primitives="xc7"),
            # the arithmetic
            "ternary": serial(4, 6, 2, 3, IntType(-1, 1), UINT[2]),
            "bipolar x": serial(4, 6, 2, 3, INT[4], BIPOLAR),
            "one bit x": serial(4, 6, 2, 3, INT[3], UINT[1]),
            "signed one bit x": serial(4, 6, 2, 3, INT[3], INT[1]),
            "one bit weights": serial(4, 6, 2, 3, UINT[1], INT[4]),
            "weights of 0 and -1": serial(4, 6, 2, 3, INT[1], INT[3]),
            "unsigned weights": serial(4, 6, 2, 3, UINT[3], INT[3]),
            "unsigned both": serial(2, 4, 2, 2, UINT[4], UINT[3]),
            "one weight": serial(4, 4, 2, 2, IntType(-3, -3), INT[3]),
            "no weight": serial(4, 4, 2, 2, IntType(0, 0), INT[3]),
            **{
                f"{w} by {x}": serial(2, 4, 2, 2, INT[w], (INT if n % 2 else UINT)[x])
                for n, (w, x) in enumerate([(3, 4), (5, 3), (6, 5), (7, 2), (8, 1), (2, 6)])
            },
            "8 by 8": serial(2, 2, 2, 2, INT[8], INT[8]),
        }


class TestDsp(_Multiplied):
    def instances(self) -> dict[str, Operator]:
        def dsp(*told: Any, **more: Any) -> MatVec:
            op = matvec("dsp", *told, **more)
            return extremes(op) if op.rows > 1 else op

        return {
            # the structure
            "folded both ways": dsp(6, 8, 3, 4, INT[8], INT[8]),
            "block memory": dsp(6, 8, 2, 4, INT[8], UINT[8], memory="block"),
            "one pass": dsp(4, 8, 4, 2, INT[4], INT[4]),
            "one beat": dsp(6, 7, 3, 7, INT[4], UINT[4]),
            "one step": dsp(3, 5, 3, 5, INT[4], INT[4]),
            "one lane": dsp(4, 5, 2, 1, INT[8], INT[8]),
            "one row": dsp(3, 6, 1, 3, INT[8], INT[8]),
            "one by one": dsp(1, 1, 1, 1, INT[2], INT[2]),
            "many vectors": dsp(4, 6, 2, 3, INT[4], INT[4], vectors=(3, 2)),
            "chains of all": dsp(4, 8, 4, 4, INT[4], UINT[4]),
            "unequal chains": dsp(4, 14, 4, 7, INT[4], UINT[4]),
            "chains of four": dsp(4, 8, 4, 8, EVEN8, INT[8]),
            "chains of four, block memory": dsp(4, 8, 2, 4, EVEN8, INT[8], memory="block"),
            "one level": dsp(2, 8, 2, 8, INT[8], UINT[8], levels=1),
            "three levels": dsp(2, 8, 2, 8, INT[8], UINT[8], levels=3),
            "four inputs": dsp(2, 6, 2, 6, INT[8], UINT[8], primitives="ecp5"),
            "xc7": dsp(4, 8, 4, 8, INT[4], INT[4], primitives="xc7"),
            # the arithmetic
            "six rows": dsp(6, 6, 6, 3, INT[2], UINT[2]),
            "many rows": dsp(10, 6, 10, 3, IntType(-1, 1), UINT[1]),
            "unsigned both": dsp(4, 6, 4, 3, UINT[4], UINT[4]),
            "unsigned weights": dsp(4, 6, 4, 3, UINT[8], INT[8]),
            "wide": dsp(2, 3, 2, 3, IntType(-(1 << 15), 1 << 14), IntType(-(1 << 13), 5)),
            "wide x": dsp(3, 2, 3, 2, INT[8], IntType(-(1 << 17), 1)),
            "one weight": dsp(4, 4, 2, 2, IntType(-3, -3), INT[3]),
            "no weight": dsp(4, 4, 2, 2, IntType(0, 0), INT[3]),
            **{
                f"{w} by {x}": dsp(3, 4, 3, 4, INT[w], (INT if n % 2 else UINT)[x])
                for n, (w, x) in enumerate([(3, 4), (4, 1), (5, 3), (6, 5), (7, 2), (8, 7), (2, 6)])
            },
        }


SCALARS = [
    (w, x)
    for w in (*INT.values(), *UINT.values(), EVEN8, IntType(-1, 1), IntType(-3, -2))
    for x in (*INT.values(), *UINT.values())
]


@pytest.mark.parametrize("simd", [1, 2, 3, 5, 8])
def test_fields_hold_all_sums_of_a_chain(simd: int) -> None:
    """Of every width: no field borrows or carries, and the word and its product fit the ports."""
    for w, x in SCALARS:
        for pe in (1, 2, 5, 30):
            found = packing(w, x, pe, simd)
            assert sum(found.chains) == simd
            assert sum(found.groups(pe)) == pe
            ends = [a * b for a in (w.lo, w.hi, 0) for b in (x.lo, x.hi)]
            for lanes in set(found.chains):
                low = found.bias(lanes) + lanes * min(ends)
                high = found.bias(lanes) + lanes * max(ends)
                assert low >= 0
                assert high < 1 << found.width(lanes)
                assert found.rows == 1 or found.width(lanes) <= found.spacing
            ones = sum(1 << found.spacing * k for k in range(found.rows))
            assert w.lo * ones >= -(1 << 24)
            assert w.hi * ones < 1 << 24
            assert found.spacing * (found.rows - 1) + found.width(found.chain) <= 48


@pytest.mark.parametrize(
    ("weight", "x", "rows", "chain"),
    [
        (INT[8], INT[8], 2, 2),
        (INT[8], UINT[8], 2, 1),
        (EVEN8, INT[8], 2, 4),
        (EVEN8, UINT[8], 2, 2),
        (INT[4], INT[4], 3, 4),
        (INT[4], UINT[4], 3, 4),
        (INT[4], INT[8], 2, 4),
        (INT[2], UINT[2], 6, 1),
        (INT[3], INT[3], 5, 1),
    ],
)
def test_rows_that_share_a_slice(weight: IntType, x: IntType, rows: int, chain: int) -> None:
    found = packing(weight, x, 16, 8)
    assert (found.rows, found.chain) == (rows, chain)
    assert found.slices(16) == -(-16 // rows) * 8


@pytest.mark.parametrize(("w", "x"), [(2, 2), (4, 4), (8, 3), (1, 5)])
def test_pairs_of_planes_make_the_product(w: int, x: int) -> None:
    for weight in (INT[w], UINT[w]):
        order = pairs(weight, INT[x])
        assert [p.w + p.x for p in order] == sorted(p.w + p.x for p in order)
        assert sum(p.halves for p in order) == w + x - 2
        for a in weight.values().tolist():
            for b in INT[x].values().tolist():
                terms = [
                    (1 - 2 * p.negative) * (a >> p.w & 1) * (b >> p.x & 1) << p.w + p.x
                    for p in order
                ]
                assert sum(terms) == a * b


def test_cost_and_memory_of_serial_products() -> None:
    op = matvec("serial", 8, 16, 2, 4, INT[4], UINT[3])
    assert op.cost().cycles == 12 * 4 * 4
    assert op.cost().weight_bits == 8 * 16 * 4
    assert op.cost().state_bits == 2 * 16 * 3
    assert matvec("serial", 2, 16, 2, 4, INT[4], UINT[3]).cost().state_bits == 2 * 16 * 3
    assert op.replace(impl=None).cost().state_bits == 0


def test_the_serial_accumulator_is_narrower_than_the_result() -> None:
    op = matvec("serial", 8, 256, 8, 8, INT[8], INT[8])
    plan = serial_plan(op)
    assert (op.y.type.bits, plan.total.bits, plan.shifts) == (23, 12, 14)


def test_cost_of_products_in_slices() -> None:
    op = matvec("dsp", 8, 16, 4, 4, INT[8], INT[8])
    assert op.cost().cycles == 8
    assert op.cost().weight_bits == 8 * 4 * 2 * (8 + 9)
    assert dsp_plan(op).packing.slices(4) == 8


@pytest.mark.parametrize(
    ("multiply", "weight", "x", "message"),
    [
        (
            "serial",
            BIPOLAR,
            BIPOLAR,
            r"fc: the weights of multiply 'serial' must be integers, not bipolar \("
            r"multiply 'lut' takes them at once\)",
        ),
        (
            "serial",
            whole.POT,
            UINT[2],
            r"fc: the weights of multiply 'serial' must be integers, not pot\[-4\.\.4\]",
        ),
        (
            "serial",
            IntType.of_entries((-3, 0, 5)),
            UINT[2],
            "fc: the weights of multiply 'serial' must be integers, not codebook",
        ),
        (
            "serial",
            INT[2],
            whole.LOG,
            "fc: x of multiply 'serial' must be integers or bipolar, not log3",
        ),
        (
            "serial",
            UINT[1],
            BIPOLAR,
            "fc: multiply 'serial' must have more than one pair of planes, not 1 bit by 1",
        ),
        (
            "dsp",
            whole.POT,
            UINT[2],
            r"fc: the weights of multiply 'dsp' must be integers, not pot\[-4\.\.4\]",
        ),
        (
            "dsp",
            BIPOLAR,
            UINT[2],
            "fc: the weights of multiply 'dsp' must be integers, not bipolar",
        ),
        ("dsp", INT[2], BIPOLAR, "fc: x of multiply 'dsp' must be integers, not bipolar"),
        ("dsp", INT[2], whole.LOG, "fc: x of multiply 'dsp' must be integers, not log3"),
        (
            "dsp",
            INT[2],
            IntType(0, (1 << 18) - 1),
            "fc: multiply 'dsp' takes weights of at most 25 bits and x of at most 18,"
            " signs included, not x of 19 bits",
        ),
        ("dsp", IntType(0, 1 << 24), UINT[1], "signs included, not weights of 26 bits"),
    ],
)
def test_refusals(multiply: str, weight: IntType, x: IntType, message: str) -> None:
    op = MatVec(
        name="fc",
        inputs=("input",),
        operands=(Tensor((4,), x),),
        weight_type=weight,
        weights=np.full((2, 4), weight.values()[0]),
    )
    with pytest.raises(SpecError, match=message):
        op.replace(impl=Impl(pe=2, simd=2, multiply=multiply))  # pyright: ignore


@pytest.mark.parametrize("multiply", ["serial", "dsp"])
def test_other_styles_multiply_in_luts(multiply: str) -> None:
    op = whole.matvec(2, 4, 2, 4, INT[2], UINT[2])
    with pytest.raises(
        SpecError, match=f"fc: multiply of style 'unrolled' must be 'lut', not '{multiply}'"
    ):
        op.replace(impl=Impl(pe=2, simd=4, style="unrolled", multiply=multiply))  # pyright: ignore


def test_other_operators_multiply_in_luts() -> None:
    from bitrill.ops import ArgMax

    with pytest.raises(SpecError, match="top: multiply of a argmax must be 'lut', not 'dsp'"):
        ArgMax(
            name="top",
            inputs=("input",),
            operands=(Tensor((4,), INT[4]),),
            gain=np.ones(4, int),
            offset=np.zeros(4, int),
            impl=Impl(multiply="dsp"),
        )
