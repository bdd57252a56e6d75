"""Every operator, style, memory and way to multiply in a second simulator, which knows X."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth import Module, Signal
from bitrill.ir import Impl, IntType, Operator, Tensor
from bitrill.ops import OPERATORS, Lookup, Window
from bitrill_hw.pipeline.stream import OneToOne
from hw.matvec import test_writable
from ops import test_multiply, test_select, test_shared_values, test_sparse
from ops.suite import OperatorSuite, several, suite_of
from sim.icarus_bench import Specimen, run
from support import optional_tool

EVENTS = 40
"""Beats and steps of a frame of the specimens, about."""

TOGETHER = 30
"""Specimens of one run; a compiler's time grows faster than the text."""

Form = tuple[str, str, str, str]
"""Kind, style, way to multiply and memory of an operator."""


def form(op: Operator) -> Form:
    impl = op.folded
    return op.kind, impl.style, impl.multiply, impl.memory


def suites() -> Iterator[OperatorSuite]:
    """The suites of every registered operator, of every way to multiply, and of what is written."""
    yield from (suite_of(cls.kind)() for cls in OPERATORS)
    yield from (test_multiply.TestSerial(), test_multiply.TestDsp())
    yield from (test_sparse.TestSparse(), test_select.TestSelect())
    yield from (test_shared_values.TestIndexed(), test_shared_values.TestPrefix())
    yield test_shared_values.TestHashed()
    yield from (test_writable.TestRuntimeMatVec(), test_writable.TestRuntimeDepthwise())
    yield test_writable.TestRuntimeThreshold()


def instances() -> Iterator[tuple[str, Specimen]]:
    """Every instance that the suites have, with two corners and two random frames."""
    found = [(suite, *named) for suite in suites() for named in suite.instances().items()]
    matrices = test_writable.TestRuntimeMatVec()
    found += [(matrices, *named) for named in test_writable.cases("streamed").items()]
    for suite, name, op in found:
        frames = (x[[0, 1, -2, -1]] for x in several(suite.frames(op)))
        yield f"{' '.join(form(op))}: {name}", Specimen(op, tuple(frames))


def events(op: Operator) -> int:
    """Beats and steps of a frame."""
    return sum(op.schedule().sizes.values())


def specimens() -> dict[str, Specimen]:
    """An instance of each form that the suites have: the one with nearest to `EVENTS` events."""
    best: dict[Form, tuple[str, Specimen]] = {}
    for name, specimen in sorted(instances(), key=lambda s: abs(events(s[1].op) - EVENTS)):
        best.setdefault(form(specimen.op), (name, specimen))
    return dict(best.values())


def missing(kinds: Iterable[type[Operator]], forms: Iterable[Form]) -> set[tuple[str, str]]:
    """The operators' styles and ways to multiply, each with its kind, that no form has."""
    have = {(kind, word) for kind, style, way, _ in forms for word in (style, way)}
    return {(cls.kind, word) for cls in kinds for word in (*cls.styles, *cls.ways)} - have


def test_every_operator_style_and_way_to_multiply_in_a_second_simulator(tmp_path: Path) -> None:
    """Icarus starts with X in every register, and the bench offers X where it offers nothing."""
    optional_tool("iverilog")
    chosen = specimens()
    assert missing(OPERATORS, [form(s.op) for s in chosen.values()]) == set()
    assert run(chosen, tmp_path) == []


@pytest.mark.nightly
def test_every_instance_of_every_suite_in_a_second_simulator(tmp_path: Path) -> None:
    optional_tool("iverilog")
    found = list(instances())
    assert len(found) > 400
    for k in range(0, len(found), TOGETHER):
        assert run(dict(found[k : k + TOGETHER]), tmp_path) == []


def test_an_operator_without_a_specimen_is_missed() -> None:
    assert missing([Lookup], []) == {("lookup", "folded"), ("lookup", "lut")}
    assert missing([Window], [("window", "folded", "lut", "block")]) == {("window", "parallel")}


def identity() -> Lookup:
    """An operator of one lane that changes nothing."""
    t = IntType(0, 15)
    return Lookup(
        name="same",
        inputs=("input",),
        operands=(Tensor((6,), t),),
        table=np.arange(16)[None],
        out=t,
        impl=Impl(),
    )


class Wire(OneToOne):
    """Hardware of one lane that passes beats on, with a fault."""

    i: Any
    o: Any

    def __init__(self, op: Operator, fault: str):
        self.fault = fault
        super().__init__(op)

    def elaborate(self, platform: object) -> Module:
        m, valid, x = Module(), self.i.valid, self.i.payload
        m.d.sync += Signal(name="clocked").eq(valid)
        m.d.comb += [
            self.o.payload.eq(x ^ 1 if self.fault == "wrong" else x),
            self.o.valid.eq({"hasty": valid | (x == 0), "short": 0}.get(self.fault, valid)),
            self.i.ready.eq(1 if self.fault == "eager" else self.o.ready),
        ]
        return m


def test_planted_faults_are_seen(tmp_path: Path) -> None:
    optional_tool("iverilog")
    op, x = identity(), np.arange(6).reshape(1, 6)
    told = {
        "right": None,
        "wrong": "wrong, out: beat 0 is 1 and must be 0",
        "hasty": "hasty, out: valid is unknown",
        "eager": "eager, out: a beat is taken back",
        "short": "short, out: beats are missing",
    }
    faults = run({name: Specimen(op, (x,), Wire(op, name)) for name in told}, tmp_path, 500)
    assert {f.split(",")[0] for f in faults} == {f"FAULT {name}" for name in told if told[name]}
    assert {f"FAULT {why}" for why in told.values() if why} <= set(faults)
