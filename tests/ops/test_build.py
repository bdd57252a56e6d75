"""Components of operators: found by name, and refused with a clear error."""

from __future__ import annotations

import pytest
from amaranth.hdl import Fragment
from amaranth.lib import wiring
from bitrill.errors import SpecError
from bitrill.ir import Operator
from bitrill.ops import OPERATORS, Convert
from bitrill_hw.design import build
from bitrill_hw.ops.convert import ConvertCore
from ops.suite import suite_of

SUITES = [suite_of(op.kind) for op in OPERATORS]


def made(op: Operator) -> wiring.Component:
    """The component, elaborated, since Amaranth warns of unused ones."""
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


@pytest.mark.parametrize(
    "component", ["bitrill_hw.ops.none:Core", "bitrill_hw.ops.convert:None", "ConvertCore"]
)
def test_a_component_that_cannot_be_imported_is_named(component: str) -> None:
    class Other(Convert, abstract=True):
        pass

    Other.component = component
    op = next(iter(suite_of("convert")().instances().values()))
    other = Other(name="odd", inputs=op.inputs, operands=op.operands, impl=op.impl)
    with pytest.raises(SpecError, match="odd: component of convert must be 'module:Class' that"):
        build.component(other)


def test_a_component_may_be_a_class_or_a_function() -> None:
    class Other(Convert, abstract=True):
        pass

    op = next(iter(suite_of("convert")().instances().values()))
    for given in (ConvertCore, lambda op: ConvertCore(op)):
        Other.component = given
        other = Other(name="odd", inputs=op.inputs, operands=op.operands, impl=op.impl)
        assert isinstance(made(other), ConvertCore)
