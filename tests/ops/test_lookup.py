"""Tests of the operator `Lookup`: golden model, hardware and schedule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import Lookup
from bitrill.passes.rebuild import with_operands
from ops.suite import OperatorSuite

U, S = IntType(0, 5), IntType(-3, 4)


def lookup(
    x: IntType,
    out: IntType,
    pe: int,
    *,
    channels: int = 4,
    tables: int | None = None,
    pixels: tuple[int, ...] = (),
    **impl: Any,
) -> Lookup:
    """A `Lookup` with ``tables`` random tables over every value."""
    rng = np.random.default_rng(3)
    return Lookup(
        name="leaky",
        inputs=("input",),
        operands=(Tensor((*pixels, channels), x),),
        table=rng.choice(out.values(), (tables or channels, x.n_values)),
        out=out,
        impl=Impl(pe=pe, simd=pe, **impl),
    )


class TestLookup(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        constant = lookup(U, U, 2)
        return {
            "signed of unsigned": lookup(U, S, 2),
            "unsigned of signed, pixels": lookup(S, U, 1, pixels=(2, 2)),
            "bipolar of signed": lookup(S, BIPOLAR, 4, memory="block"),
            "signed of bipolar": lookup(BIPOLAR, S, 2),
            "one table": lookup(S, S, 2, tables=1),
            "one channel": lookup(S, U, 1, channels=1, pixels=(3,)),
            "constant": constant.replace(table=np.full_like(constant.table, 3)),
        }

    def corners(self, op: Operator) -> np.ndarray:
        """Every value of every channel."""
        values = op.x.type.values()
        return np.stack([np.full(op.x.shape, v) for v in values])

    def oracle(self, op: Operator, *x: Any) -> list:
        assert isinstance(op, Lookup)
        if isinstance(x[0][0], list):
            return [self.oracle(op, inner) for inner in x[0]]
        tables = op.table.tolist() * (len(x[0]) // len(op.table))
        values = op.x.type.values().tolist()
        return [t[values.index(v)] for t, v in zip(tables, x[0], strict=True)]


def test_on_a_narrower_operand_the_table_keeps_the_values_that_are_left() -> None:
    op = lookup(S, U, 2).replace(impl=None)
    narrow = with_operands(op, (Tensor((4,), IntType(-1, 2)),))
    x = np.repeat(np.arange(-1, 3)[:, None], 4, 1)
    assert (narrow.eval(x) == op.eval(x)).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"table": np.zeros((3, 6), int)},
            r"leaky: table must have shape \[4, 6\] or \[1, 6\], not \[3, 6\]",
        ),
        ({"table": np.zeros((4, 5), int)}, r"leaky: table must have shape .* not \[4, 5\]"),
        ({"table": np.full((4, 6), 5)}, r"leaky: table must hold values of int4\[-3\.\.4\]"),
        ({"table": np.full((4, 6), 0.5)}, "leaky: table must hold integers, not float64"),
        (
            {
                "operands": (Tensor((1,), IntType(0, 1 << 16)),),
                "table": np.zeros((1, (1 << 16) + 1), int),
            },
            "leaky: x must have at most 16 bits, not 17",
        ),
        ({"impl": Impl(pe=3, simd=3)}, r"leaky: PE must divide 4 channels, not 3"),
        ({"impl": Impl(pe=2, simd=1)}, r"leaky: SIMD must equal PE \(2\), not 1"),
    ],
)
def test_refusals(changes: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        lookup(U, S, 2).replace(**changes)
