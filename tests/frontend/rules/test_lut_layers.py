"""Layers of truth tables and thermometer codes: LutLayer and Thermometer of domain ``bitrill``."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import pytest
from bitrill.errors import UnsupportedError
from bitrill.frontend import load_model
from bitrill.frontend.reader.local_functions import (
    LUT_LAYER,
    OPSETS,
    THERMOMETER,
    lut_layer_function,
    thermometer_function,
)
from bitrill.ir import BIPOLAR, IntType
from bitrill.lowering import to_integer
from bitrill.ops import MatVec, Tables
from frontend.onnx_models import QONNX, Net, imported, save
from frontend.reader.test_functions import Quant
from onnx import helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from support import ROOT


class BipolarQuant(OpRun):
    """QONNX's BipolarQuant for the reference evaluator."""

    op_domain = QONNX

    def _run(self, x: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray]:
        return (np.where(x >= 0, scale, -scale).astype(np.float32),)


def drawn(rows: int, k: int, n: int, base: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random wires to ``n`` features, and tables of 0 and 1."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, n, (rows, k)), rng.integers(0, 2, (rows, base**k))


def classifier(net: Net, x: str, rows: int, groups: int) -> str:
    """Groups of tables' ones, counted."""
    ones = np.repeat(np.eye(groups), rows // groups, 0)
    return net.node("MatMul", x, net.const(ones))


def network() -> tuple[Net, str]:
    """Sixteen features, a thermometer code, two layers of tables, and counts of four classes."""
    net = Net("b", 16, opset=15)
    rng = np.random.default_rng(5)
    bits = net.thermometer("x", rng.integers(0, 16, 24), rng.normal(0, 1, 24))
    hidden = net.lut_layer(bits, *drawn(20, 6, 24))
    return net, classifier(net, net.lut_layer(hidden, *drawn(8, 3, 20, seed=1)), 8, 4)


def agrees(net: Net, out: str, x: np.ndarray, folder: Path) -> None:
    """Check the golden model against onnx's reference evaluator, which runs the bodies."""
    x = x.astype(np.float32)
    proto = net.proto(out)
    (wanted,) = ReferenceEvaluator(proto, new_ops=[Quant, BipolarQuant]).run(None, {"x": x})
    for graph in (imported(proto, folder), to_integer(imported(proto, folder))):
        assert np.array_equal(graph.run_floats(x), wanted)


def test_the_page_has_the_bodies() -> None:
    page = (ROOT / "docs/format.md").read_text()
    for body in (LUT_LAYER, THERMOMETER):
        for node in body.nodes:
            name, value = node.attribute or ("", "")
            value = list(value) if isinstance(value, tuple) else value
            told = f"{name} = {value}" if name else ""
            line = f"| {node.output} | {node.op} | {', '.join(node.inputs)} | {told} |"
            assert line.replace("  ", " ") in page


@pytest.mark.parametrize("opset", [OPSETS[0], OPSETS[-1]])
def test_onnx_takes_the_functions(opset: int) -> None:
    net, out = network()
    net.opset = opset
    proto = net.proto(out)
    del proto.functions[:]
    proto.functions.extend([lut_layer_function(opset), thermometer_function(opset)])
    proto.graph.output[0].CopyFrom(
        helper.make_tensor_value_info(out, onnx.TensorProto.FLOAT, ["b", 4])
    )
    onnx.checker.check_model(proto)


def test_a_network_is_what_its_bodies_compute(tmp_path: Path) -> None:
    net, out = network()
    agrees(net, out, np.random.default_rng(1).normal(0, 1, (200, 16)), tmp_path)


@pytest.mark.parametrize(
    ("quantizer", "base"),
    [
        (lambda n: n.quant("x", 1.0, bits=1.0, signed=0), 2),
        (
            lambda n: n.node(
                "Add", n.node("BipolarQuant", "x", n.const(0.5), domain=QONNX), n.const(0.5)
            ),
            2,
        ),
        (lambda n: n.quant("x", 1.0, bits=2.0, signed=0), 4),
        (lambda n: n.node("Add", n.quant("x", 1.0, bits=2.0, narrow=1), n.const(1.0)), 3),
        (lambda n: n.node("Neg", n.quant("x", 1.0, 3.0, bits=2.0, signed=0)), 4),
    ],
)
def test_every_meaning_of_the_bits(
    quantizer: Callable[[Net], str], base: int, tmp_path: Path
) -> None:
    """Bits, signs, numbers of two bits, three values, falling ones."""
    net = Net("b", 7, opset=15)
    out = net.lut_layer(quantizer(net), *drawn(9, 3, 7, base), base)
    agrees(net, out, np.random.default_rng(1).normal(0, 2, (200, 7)), tmp_path)


def test_limits_of_raw_integers_are_tables_of_them(tmp_path: Path) -> None:
    """On the chip a thermometer bit is a table of one pixel; equal ones are one LUT."""
    net = Net("b", 4, opset=15)
    limits = [0.5, 0.25, 0.5, 0.0625, 0.9]
    out = net.thermometer("x", [1, 1, 1, 3, 0], limits)
    path = save(net.proto(net.node("MatMul", out, net.const(np.eye(5)))), tmp_path)
    graph = load_model(path, raw_input=IntType(0, 255), raw_scale=Fraction(1, 255))
    (tables,) = (n for n in graph.nodes if isinstance(n, Tables))
    assert tables.table.shape == (5, 256)
    assert tables.plan.registers == 4
    x = np.random.default_rng(0).integers(0, 256, (300, 4))
    wanted = x[:, [1, 1, 1, 3, 0]] >= [128, 64, 128, 16, 230]
    assert np.array_equal(graph.run(x), wanted)


def test_signs_and_counts(tmp_path: Path) -> None:
    """Tables of -1 and +1 are bipolar; groups of ones become a matrix of 0 and 1."""
    net = Net("b", 7, opset=15)
    wires, tables = drawn(8, 3, 7)
    out = net.lut_layer(net.quant("x", 1.0, bits=1.0, signed=0), wires, 2 * tables - 1)
    graph = imported(net.proto(classifier(net, out, 8, 2)), tmp_path)
    layer, counts = graph.nodes
    assert isinstance(layer, Tables)
    assert layer.out == BIPOLAR
    assert isinstance(counts, MatVec)
    assert counts.weight_type == IntType(0, 1)


Maker = Callable[[Net], str]


def layer(x: str = "", **parts: object) -> Maker:
    """A layer over six bits with some parts changed."""
    wires, tables = drawn(4, 3, 6)

    def make(net: Net) -> str:
        given = {"wires": wires, "powers": [1, 2, 4]}
        given |= {"starts": 8 * np.arange(4), "tables": tables} | parts
        data = x and net.quant("x", 1.0, bits=2.0, signed=0)
        data = data or net.quant("x", 1.0, bits=1.0, signed=0)
        held = [
            net.const(v, np.int64 if name == "wires" else np.float32) for name, v in given.items()
        ]
        return net.node("LutLayer", data, *held, domain="bitrill")

    return make


REFUSED: dict[str, tuple[Maker, str]] = {
    "a wire to no input": (
        layer(wires=np.array([[0, 1, 2], [3, 4, 6]])),
        "its wires must lead to the data's 6 features, not to 6",
    ),
    "wires of one axis": (layer(wires=[1, 2, 3]), r"its wires must be [tables, inputs], not of"),
    "tables of a wrong length": (
        layer(tables=np.zeros((4, 16))),
        "its tables must have shape [4, 8], not [4, 16]",
    ),
    "more inputs than twelve": (
        layer(wires=np.zeros((4, 13)), powers=2.0 ** np.arange(13), tables=np.zeros((4, 8192))),
        "its powers must be 13 powers of one base from 2 on, one for each wire of a table, and"
        " tables of at most 4096 entries",
    ),
    "other powers": (layer(powers=[1, 2, 5]), "its powers must be 1, 2, 2**2 .., the first wire"),
    "other starts": (layer(starts=[0, 8, 16, 25]), "its starts must be 0, 8, .., one for each"),
    "tables of fractions": (layer(tables=np.full((4, 8), 0.5)), "its tables must hold whole"),
    "data that are no bits": (
        layer("two bits"),
        "its data must be whole numbers 0 .. 1, as its powers say",
    ),
    "limits that do not fit": (
        lambda n: n.thermometer("x", [1, 2], [0.5]),
        "its limits must be 2, one for each feature that it reads, not of shape [1]",
    ),
    "a feature that is not there": (
        lambda n: n.thermometer("x", [6], [0.5]),
        "its features must lead to the data's 6 features, not to 6",
    ),
    "a falling input": (
        lambda n: n.thermometer(n.node("Neg", "x"), [1], [0.5]),
        "the model's float input must be scaled by numbers above zero",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str, tmp_path: Path) -> None:
    make, message = REFUSED[name]
    net = Net("b", 6, opset=15)
    with pytest.raises(UnsupportedError) as caught:
        imported(net.proto(make(net)), tmp_path)
    assert message in str(caught.value)
