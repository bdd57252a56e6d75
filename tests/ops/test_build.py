"""From operators to components."""

from __future__ import annotations

from typing import ClassVar

import pytest
from amaranth.hdl import Fragment
from amaranth.lib import wiring
from bitrill.errors import StageError
from bitrill.ir import Operator
from bitrill.ops import OPERATORS, Convert
from bitrill_hw.design import build
from ops.suite import suite_of

SUITES = [suite_of(op.kind) for op in OPERATORS]


def made(op: Operator) -> wiring.Component:
    """The component, elaborated: Amaranth warns of one that nobody uses."""
    core = build.component(op)
    Fragment.get(core, None)
    return core


def test_every_operator_has_a_component_and_a_suite() -> None:
    built = {}
    for suite in SUITES:
        op = next(iter(suite().instances().values()))
        built[type(op)] = made(op)
    assert set(built) == set(OPERATORS)
    for kind, core in built.items():
        assert isinstance(core, wiring.Component)
        assert type(core).__name__ == f"{kind.__name__}Core"


def test_payloads_are_the_lanes_of_the_edges() -> None:
    for suite in SUITES:
        for op in suite().instances().values():
            core = made(op)
            assert len(core.i.payload) == op.lanes_in * op.x.type.bits
            assert len(core.o.payload) == op.lanes_out * op.y.type.bits


def test_an_operator_without_hardware_is_refused() -> None:
    class Other(Convert):
        kind: ClassVar[str] = "other"

    op = next(iter(suite_of("convert")().instances().values()))
    other = Other(name="odd", inputs=op.inputs, operands=op.operands, impl=op.impl)
    build_of_other = build.register.dispatch(object)
    with pytest.raises(StageError, match="odd: no hardware for operator other"):
        build_of_other(other)
