"""Import rules from outside of Bitrill: from a test, or from an installed package."""

from __future__ import annotations

import importlib
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from bitrill.errors import SpecError, UnsupportedError
from bitrill.frontend import (
    Body,
    BodyNode,
    Call,
    Const,
    Data,
    Known,
    RefusedError,
    load_model,
    rule,
)
from bitrill.frontend.rules import table
from bitrill.ir import IntType, registry
from bitrill.lowering import to_integer
from bitrill.ops import Lookup, MatVec
from bitrill.real import Affine
from frontend.onnx_models import Net, imported, save
from onnx import helper
from support import ROOT

DOMAIN = "tests.example"
VERSION = 3
BODY = Body(
    "Absolute", ("X",), ("bits",), (BodyNode("Y", "Abs", ("X",)),), domain=DOMAIN, version=VERSION
)


def absolute(call: Call) -> Known:
    """``|x|`` of integers that mean ``scale * integer``."""
    x, meaning = call.integers_of(0)
    if any(meaning.offset):
        raise RefusedError("its data must have the zero point 0")
    assert x.type is not None
    if call.int_attribute("bits", 8) < x.type.bits:
        raise RefusedError(f"its data must have at most {call.int_attribute('bits', 8)} bits")
    values = np.abs(x.type.values())
    out = IntType.for_range(lo=0, hi=int(values.max()))
    node = call.emit(Lookup, x.edge, table=values[None], out=out)
    return replace(call.result(node, Affine(meaning.scale)), shape=x.shape, order=x.order)


def distance(call: Call) -> tuple[Known, ...]:
    """Gives two constants, of which a model may read both."""
    return Const(np.full(4, 2.0)), Const(np.full(4, 3.0))


@pytest.fixture(autouse=True)
def rules(monkeypatch):
    """Rules that hold for one test."""
    monkeypatch.setattr(table, "RULES", dict(table.RULES))
    rule("Absolute", domain=DOMAIN, inputs=1, layout="same", body=BODY, bits=int)(absolute)


def model(*functions: onnx.FunctionProto, version: int = VERSION, **attributes: int):
    """``y = w @ |x|``, by a function of an own domain."""
    net = Net(1, 6, opset=13, ir=10)
    x = net.node("Absolute", net.quant("x", 0.5), domain=DOMAIN, name="size", **attributes)
    proto = net.proto(net.dense(x, 6, 3))
    proto.opset_import.append(helper.make_opsetid(DOMAIN, version))
    proto.functions.extend(functions)
    return proto


@pytest.mark.parametrize("functions", [(), (BODY.proto(),)], ids=["no function", "its function"])
def test_an_own_function_is_imported_by_its_rule(tmp_path: Path, functions) -> None:
    graph = imported(model(*functions), tmp_path)
    assert [type(n) for n in graph] == [Lookup, MatVec]
    assert graph.nodes[0].name == "size"
    x = np.random.default_rng(0).normal(0, 3, (50, 6)).astype(np.float32)
    q = np.clip(np.round(x / np.float32(0.5)), -8, 7).astype(np.int64)
    layer = graph.nodes[1]
    assert isinstance(layer, MatVec)
    want = np.abs(q) @ layer.weights.T
    assert np.array_equal(graph.run_floats(x), want)
    assert np.array_equal(to_integer(graph).run_floats(x), want)


def test_the_example_of_the_documentation(tmp_path: Path) -> None:
    text = (ROOT / "docs/format.md").read_text()
    example = text.split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {"__name__": "example"}
    exec(example, names)
    net = Net(1, 6, opset=13)
    x = net.node("Absolute", net.quant("x", 0.5), domain="example")
    proto = net.proto(net.dense(x, 6, 3))
    proto.opset_import.append(helper.make_opsetid("example", 1))
    proto.functions.append(names["BODY"].proto())
    assert [type(n) for n in imported(proto, tmp_path)] == [Lookup, MatVec]


def test_its_refusal_names_the_node(tmp_path: Path) -> None:
    with pytest.raises(
        UnsupportedError, match=r"Absolute node 'size': its data must have at most 3 bits"
    ):
        imported(model(bits=3), tmp_path)


def test_its_attributes_are_checked(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"its attributes must be among bits, not 'bytes'"):
        imported(model(bytes=3), tmp_path)


def test_an_attribute_that_the_rule_reads_as_another_type(tmp_path: Path) -> None:
    @rule("Odd", domain=DOMAIN, inputs=1, bits=str)
    def odd(call: Call) -> Known:
        call.int_attribute("bits", 1)
        return call.value(0)

    net = Net(1, 6, ir=8)
    with pytest.raises(UnsupportedError, match=r"Odd node .*: attribute bits has the wrong type"):
        imported(net.proto(net.node("Odd", net.quant("x", 0.5), domain=DOMAIN, bits="8")), tmp_path)


def test_refusals_list_it_and_its_domain(tmp_path: Path) -> None:
    net = Net(1, 6)
    x = net.node("Atanh", net.quant("x", 0.5))
    proto = net.proto(net.node("Relu", x, domain="os.path"))
    with pytest.raises(UnsupportedError) as info:
        imported(proto, tmp_path)
    assert "accepted are Abs, Absolute, Add, ArgMax, " in str(info.value)
    assert ", com.microsoft, tests.example, not 'os.path'" in str(info.value)


def test_a_function_whose_body_differs_is_refused(tmp_path: Path) -> None:
    other = replace(BODY, nodes=(BodyNode("Y", "Neg", ("X",)),)).proto()
    with pytest.raises(
        UnsupportedError,
        match="Absolute must be, node by node, as its import rule declares it: node 0 must",
    ):
        imported(model(other), tmp_path)


def test_a_function_that_no_rule_accepts_is_refused(tmp_path: Path) -> None:
    other = replace(BODY, name="Other").proto()
    with pytest.raises(
        UnsupportedError,
        match=r"function 'Other' of domain 'tests.example' is not accepted; only IntSoftmax,"
        r" L1Conv, L1MatMul, LogQuant, LutLayer and Thermometer of domain bitrill, Absolute of"
        r" domain tests.example are",
    ):
        imported(model(other), tmp_path)


def test_any_body_where_the_rule_says_so(tmp_path: Path) -> None:
    rule("Absolute", domain=DOMAIN, inputs=1, body="any")(absolute)
    other = replace(BODY, nodes=(BodyNode("Y", "Neg", ("X",)),)).proto()
    assert len(imported(model(other), tmp_path).nodes) == 2


def test_the_domains_version_is_the_bodys(tmp_path: Path) -> None:
    with pytest.raises(
        UnsupportedError, match=r"must declare version 3 of domain tests.example, not 2"
    ):
        imported(model(version=2), tmp_path)


def test_two_rules_of_one_operator_are_refused_by_both_names() -> None:
    with pytest.raises(
        SpecError,
        match=r"operator Absolute of domain 'tests.example' must have one import rule, not both"
        r" tests.frontend.test_own_rule.absolute and tests.frontend.test_own_rule.distance",
    ):
        rule("Absolute", domain=DOMAIN, inputs=1)(distance)
    with pytest.raises(SpecError, match=r"operator Quant of domain 'onnx.brevitas' must have one"):
        rule("Quant", domain="onnx.brevitas", inputs=1)(distance)


def test_a_rule_that_is_defined_again_takes_its_own_place() -> None:
    rule("Absolute", domain=DOMAIN, inputs=(1, 2))(absolute)
    assert table.RULES[DOMAIN, "Absolute"].inputs == {1: (1, 2)}


def test_a_body_of_another_name_is_refused() -> None:
    with pytest.raises(
        SpecError, match=r"body of Size of domain 'tests.example' must be of that name and domain"
    ):
        rule("Size", domain=DOMAIN, inputs=1, body=BODY)(absolute)


def test_all_outputs_where_the_rule_says_so(tmp_path: Path) -> None:
    rule("Pair", domain="tests.pairs", inputs=0, outputs="all")(distance)
    net = Net(1, 6)
    x = net.dense(net.quant("x", 0.5), 6, 4)
    net.nodes.append(helper.make_node("Pair", [], ["a", "b"], domain="tests.pairs"))
    graph = imported(net.proto(net.node("Add", x, net.node("Mul", "a", "b"))), tmp_path)
    assert graph.sink.offset == (6,)


def test_an_own_quantizer_makes_a_network_quantized(tmp_path: Path) -> None:
    @rule("Whole", domain=DOMAIN, inputs=1, quantizer=True)
    def whole(call: Call) -> Data:
        return call.data(0)

    net = Net(1, 6, declare=False)
    proto = net.proto(net.node("Whole", "x", domain=DOMAIN))
    with pytest.raises(UnsupportedError) as info:
        imported(proto, tmp_path)
    assert "has no quantizer" not in str(info.value)


def install(folder: Path, monkeypatch, name: str, text: str) -> None:
    """A package of one module with an entry point, as pip would leave it."""
    (folder / f"{name}.py").write_text(text)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{name} = {name}\n")
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()


@pytest.fixture
def fresh(monkeypatch):
    """A registry that has loaded no package."""
    monkeypatch.setattr(registry, "_loaded", set())
    monkeypatch.setattr(registry, "_failed", {})


PACKAGE = """
from bitrill.frontend import rule

@rule("Same", domain="tests.package", inputs=1)
def same(call):
    return call.value(0)
"""


def same(folder: Path) -> Path:
    net = Net(1, 6)
    x = net.node("Same", net.quant("x", 0.5), domain="tests.package")
    return save(net.proto(net.dense(x, 6, 3)), folder)


def test_a_packages_rule_is_found_by_its_entry_point(tmp_path: Path, monkeypatch, fresh) -> None:
    install(tmp_path, monkeypatch, "bitrill_same_rule", PACKAGE)
    assert [type(n) for n in load_model(same(tmp_path))] == [MatVec]


def test_a_package_that_fails_is_warned_of_and_named(
    tmp_path: Path, monkeypatch, fresh, caplog
) -> None:
    install(tmp_path, monkeypatch, "bitrill_broken_rule", "import no_such_module\n")
    with caplog.at_level(logging.WARNING, "bitrill"):
        assert len(imported(model(), tmp_path).nodes) == 2
    (line,) = [r.getMessage() for r in caplog.records]
    assert "bitrill_broken_rule" in line
    assert "No module named 'no_such_module'" in line
    with pytest.raises(UnsupportedError) as info:
        load_model(same(tmp_path))
    assert "not 'tests.package'; package bitrill_broken_rule = bitrill_broken_rule" in str(
        info.value
    )
    assert "could not be imported: ModuleNotFoundError: No module named 'no_such" in str(info.value)
