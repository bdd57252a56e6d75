"""Registers after so many logic levels, on six-input and four-input LUTs: exact to the cycle."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from bitrill.ir import IntType, Operator
from ops import test_matvec as matvecs
from ops.suite import OperatorSuite
from ops.test_matvec import POT, TERNARY, matvec


def at(op: Any, levels: int, primitives: str = "portable") -> Any:
    """``op`` with other logic levels and primitives."""
    return op.replace(impl=dataclasses.replace(op.folded, levels=levels, primitives=primitives))


class TestLevels(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        deep, small = matvec(2, 98, 1, 49), matvec(4, 12, 2, 6, memory="block")
        wide = matvec(4, 6, 2, 3, IntType(-8, 7), IntType(-4, 3))
        return {
            **{f"{n} levels": at(deep, n) for n in (1, 3, 4)},
            **{f"{n} levels, xc7": at(wide, n, "xc7") for n in (1, 3, 4)},
            **{f"{n} levels, ecp5": at(small, n, "ecp5") for n in (1, 2, 3, 4)},
            "deep sum, gowin": at(deep, 3, "gowin"),
            "deep sum, ice40": at(matvec(2, 64, 2, 32, memory="block"), 2, "ice40"),
            "ternary, ecp5": at(matvec(4, 8, 2, 4, TERNARY, IntType(0, 3)), 1, "ecp5"),
            "int4, ice40": at(wide, 2, "ice40"),
            "pot, gowin": at(matvec(4, 6, 2, 3, POT, IntType(0, 15)), 3, "gowin"),
            "one lane, ice40": at(matvec(3, 5, 1, 1), 1, "ice40"),
            "one step, ecp5": at(matvec(3, 7, 3, 7, memory="block"), 2, "ecp5"),
            "one by one, gowin": at(matvec(1, 1, 1, 1), 2, "gowin"),
        }

    def corners(self, op: Operator) -> np.ndarray:
        return matvecs.TestMatVec().corners(op)

    def oracle(self, op: Operator, x: list) -> list:
        return matvecs.TestMatVec().oracle(op, x)


def test_fewer_levels_take_more_registers() -> None:
    for primitives in ("portable", "ecp5"):
        op = matvec(2, 98, 1, 49, memory="block")
        latencies = [at(op, n, primitives).latency for n in (1, 2, 3)]
        assert latencies == sorted(set(latencies), reverse=True), primitives
