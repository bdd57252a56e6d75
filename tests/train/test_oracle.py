"""The comparison: rounding at a boundary is proven and passes, a wrong decision never does."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from bitrill.errors import MismatchError, SpecError, UnsupportedError
from bitrill.frontend import load_model
from bitrill.lowering import to_integer
from bitrill.ops import Threshold
from bitrill.real import ROUNDINGS
from bitrill.train import datasets
from bitrill.train.bounds import Value
from bitrill.train.onnx_execution import QonnxNetwork
from bitrill.train.oracle import Side, compare, golden_side
from onnx import TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"
THIRD = np.float32(1) / np.float32(3)


def network(
    nodes: list[onnx.NodeProto], constants: dict[str, Any], shape: tuple[int, ...]
) -> QonnxNetwork:
    """A model from ``x`` (``[N, *shape]``) to ``y``; lists become float32, arrays stay."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, *shape])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(
                v if isinstance(v, np.ndarray) else np.array(v, np.float32), name
            )
            for name, v in constants.items()
        ],
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid(QONNX, 2)]
    return QonnxNetwork(helper.make_model(graph, opset_imports=opsets))


def quant(x: str, y: str, *, scale: str = "one", bits: str = "four", **attributes: Any) -> Any:
    given = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND"} | attributes
    return helper.make_node("Quant", [x, scale, "zero", bits], [y], name=y, domain=QONNX, **given)


def at_a_boundary() -> QonnxNetwork:
    """``round(x / 3 - 1/2)``: at x = 3 exactly 0.50000003 and so 1, in float32 0.5 and so 0."""
    node = helper.make_node
    nodes = [
        quant("x", "q"),
        node("Mul", ["q", "third"], ["m"], name="m"),
        node("Add", ["m", "minus"], ["a"], name="a"),
        quant("a", "r"),
        node("Neg", ["r"], ["y"], name="n"),
    ]
    constants = {"one": 1, "zero": 0, "four": 4, "third": THIRD, "minus": -0.5}
    return network(nodes, constants, (3,))


X = np.array([[3, 0, 5], [1, 3, -3]], np.float32)


def side(n: QonnxNetwork, change: Callable[[np.ndarray], None], exact: bool = False) -> Side:
    """The network's own answers, the last quantizer's changed."""
    trace = n.run(X)
    given = [g.copy() for g in trace.given]
    change(given[-1])
    return Side("other", given, -given[-1], exact=exact)


def test_a_difference_at_a_boundary_is_proven():
    n = at_a_boundary()
    assert n.run(X).given[1].tolist() == [[0, 0, 1], [0, 0, -2]]

    def up(y: np.ndarray) -> None:
        y[0, 0] = y[1, 1] = 1

    for exact in (False, True):
        report = compare(n, X, side(n, up, exact))
        assert [(d.node, d.index, d.ours, d.theirs) for d in report.differences[:2]] == [
            ("r", (0, 0), 0, 1),
            ("r", (1, 1), 0, 1),
        ]
        first = report.differences[0]
        assert first.exact == float(Fraction(float(THIRD)) * 3 - Fraction(1, 2)) > 0.5
        assert first.exact - first.bound <= 0.5
        assert "qonnx 0, other side 1; exactly 0.50000002980232" in str(first)
        assert report.to_json()["differences"] == len(report.differences)


@pytest.mark.parametrize(("index", "value"), [((0, 0), -1), ((0, 0), 2), ((0, 1), 1), ((1, 2), 0)])
def test_a_wrong_decision_is_no_rounding(index: tuple[int, int], value: int):
    def wrong(y: np.ndarray) -> None:
        y[index] = value

    n = at_a_boundary()
    want = rf"other differ at r in 1 of 6 values, .* sample {index[0]}, element \[{index[1]}\]"
    with pytest.raises(MismatchError, match=want):
        compare(n, X, side(n, wrong))


def test_an_exact_side_must_decide_exactly():
    """The golden model must not round: at x = -3 the value is -1.50000003, so the level is -2."""
    n = at_a_boundary()

    def up(y: np.ndarray) -> None:
        y[1, 2] = -1

    assert n.run(X).given[1][1, 2] == -2
    assert compare(n, X, side(n, up)).differences[0].theirs == -1
    with pytest.raises(MismatchError, match=r"differ at r in 1 of 6 .* exact numbers decide -2"):
        compare(n, X, side(n, up, exact=True))


def test_the_first_wrong_node_is_named():
    n = at_a_boundary()
    trace = n.run(X)
    first = trace.given[0] + np.array([[1, 0, 0], [0, 0, 0]], np.float32)
    with pytest.raises(MismatchError, match=r"differ at q in 1 of 6 values.*; numbers within the"):
        compare(n, X, Side("other", [first, trace.given[1]], trace.output))


def test_values_off_the_grid_are_told():
    n = at_a_boundary()

    def between(y: np.ndarray) -> None:
        y[1, 0] = 0.25

    with pytest.raises(
        MismatchError, match=r"r: 0\.25 at \[1, 0\] is none of the values -8\.\.7 times 1\.0"
    ):
        compare(n, X, side(n, between))


def test_quantizers_must_be_equally_many():
    n = at_a_boundary()
    trace = n.run(X)
    with pytest.raises(MismatchError, match="holds 2 quantizers of activations, other ran 1"):
        compare(n, X, Side("other", trace.given[:1], trace.output))
    with pytest.raises(SpecError, match="replace must hold 2 arrays, not 1"):
        n.run(X, trace.given[:1])


def test_what_cannot_be_judged_is_no_proof():
    nodes = [
        helper.make_node("Erf", ["x"], ["e"], name="erf"),
        quant("e", "r"),
        helper.make_node("Neg", ["r"], ["y"], name="n"),
    ]
    n = network(nodes, {"one": 1, "zero": 0, "four": 4}, (3,))

    def up(y: np.ndarray) -> None:
        y[0, 0] += 1

    with pytest.raises(MismatchError, match=r"it cannot be judged through Erf \(erf\)"):
        compare(n, X, side(n, up))


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize(
    ("signed", "narrow", "span"),
    [(1, 0, (-8, 7)), (1, 1, (-7, 7)), (0, 0, (0, 15)), (0, 1, (0, 14))],
)
def test_quantizers_decide_as_qonnx_does(
    rounding: str, signed: int, narrow: int, span: tuple[int, int]
):
    """Quantizers agree with qonnx on quarters, where only the quantizer itself rounds."""
    nodes = [
        quant("x", "q", scale="half", signed=signed, narrow=narrow, rounding_mode=rounding),
        helper.make_node("Neg", ["q"], ["y"]),
    ]
    n = network(nodes, {"half": 0.5, "zero": 0, "four": 4}, (161,))
    x = np.arange(-80, 81, dtype=np.float32)[None] / 8
    trace = n.run(x)
    (q,) = n.quantizers
    codes = q.decode(trace.given[0])
    assert (codes.min(), codes.max()) == (q.lo, q.hi) == span
    for i, v in enumerate(x[0]):
        decided = q.decide(Value.of(float(v)), (0, i), exact=True)
        assert decided == (codes[0, i], codes[0, i])


def every_element(n: QonnxNetwork, x: np.ndarray) -> int:
    """Check the exact elements against qonnx's floats, for all tensors; how many there were."""
    trace = n.run(x)
    scalars = n.scalars(trace)
    count = 0
    for node in n.nodes:
        y = trace.arrays[node.output[0]]
        if y.dtype != np.float32:
            continue
        for index in itertools.product(*map(range, y.shape)):
            value = scalars(node.output[0], index)
            assert value.may_be(float(y[index])), (node.name, index)
            assert value.err * 10_000 < 1 + value.size, (node.name, index)
            count += 1
    return count


@pytest.mark.parametrize("groups", [1, 2])
def test_elements_of_convolutions_and_pools(groups: int):
    rng = np.random.default_rng(groups)
    node = helper.make_node
    nodes = [
        quant("x", "q", scale="tenth"),
        node(
            "Conv",
            ["q", "w", "b"],
            ["c"],
            group=groups,
            strides=[2, 1],
            pads=[1, 0, 0, 2],
            dilations=[1, 2],
        ),
        node("BatchNormalization", ["c", "s", "b", "b", "v"], ["n"], epsilon=1e-3),
        node("Relu", ["n"], ["r"]),
        node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], pads=[0, 1, 0, 0]),
        node("AveragePool", ["p"], ["a"], kernel_shape=[2, 1], pads=[1, 0, 0, 0]),
        node(
            "AveragePool",
            ["a"],
            ["ai"],
            kernel_shape=[2, 1],
            pads=[1, 0, 0, 0],
            count_include_pad=1,
        ),
        node("Concat", ["a", "ai"], ["cat"], axis=1),
        node("GlobalAveragePool", ["cat"], ["g"]),
        node("ReduceMean", ["cat", "axes"], ["m"], keepdims=0),
        node("Flatten", ["g"], ["f"]),
        node("Mul", ["f", "m"], ["y"]),
    ]
    constants = {
        "one": 1,
        "zero": 0,
        "four": 4,
        "tenth": 0.1,
        "axes": np.array([2, -1]),
        "w": rng.standard_normal((4, 4 // groups, 2, 2)).astype(np.float32),
        "b": rng.standard_normal(4).astype(np.float32),
        "s": [1, -2, 0.5, 3],
        "v": [1, 2, 0.3, 4],
    }
    n = network(nodes, constants, (4, 5, 6))
    assert every_element(n, rng.standard_normal((2, 4, 5, 6)).astype(np.float32)) > 400


def test_elements_of_dense_layers_and_norms():
    rng = np.random.default_rng(0)
    node = helper.make_node
    nodes = [
        node("Reshape", ["x", "flat"], ["f"]),
        quant("f", "q", scale="tenth", rounding_mode="FLOOR"),
        node("Transpose", ["w"], ["wt"], perm=[1, 0]),
        node("MatMul", ["q", "wt"], ["m"]),
        node("Gemm", ["m", "v", "b"], ["g"], transB=1),
        node("Sub", ["g", "b"], ["s"]),
        node("Pow", ["var", "half"], ["root"]),
        node("Sqrt", ["var"], ["root2"]),
        node("Div", ["s", "root"], ["d"]),
        node("Div", ["d", "root2"], ["d2"]),
        node("Clip", ["d2", "low", "high"], ["c"]),
        node("Unsqueeze", ["c", "axis"], ["u"]),
        node("Squeeze", ["u", "axis"], ["z"]),
        node("Neg", ["z"], ["y"]),
    ]
    constants = {
        "zero": 0,
        "four": 4,
        "tenth": 0.1,
        "half": 0.5,
        "low": -1,
        "high": 0.75,
        "flat": np.array([1, 6]),
        "axis": np.array([1]),
        "var": [2, 3, 0.1, 7, 1],
        "w": rng.standard_normal((4, 6)).astype(np.float32),
        "v": rng.standard_normal((5, 4)).astype(np.float32),
        "b": rng.standard_normal(5).astype(np.float32),
    }
    n = network(nodes, constants, (2, 3))
    assert every_element(n, rng.standard_normal((3, 2, 3)).astype(np.float32)) > 200


def test_a_fixed_batch_of_one_takes_any():
    for flat, allowzero in (([1, 6], 1), ([1, -1], 0)):
        nodes = [helper.make_node("Reshape", ["x", "flat"], ["y"], allowzero=allowzero)]
        n = network(nodes, {"flat": np.array(flat)}, (2, 3))
        assert n.run(np.zeros((7, 2, 3), np.float32)).output.shape == (7, 6)


def test_brevitas_name_of_rounding_to_zero_is_known():
    constants = {"one": 1, "zero": 0, "four": 4}
    n = network([quant("x", "y", rounding_mode="round_to_zero")], constants, (4,))
    x = np.array([[-2.75, -0.5, 0.5, 3.75]], np.float32)
    assert n.run(x).output.tolist() == [[-2, 0, 0, 3]]
    assert n.quantizers[0].decide(Value.of(Fraction(-11, 4)), (0, 0)) == (-2, -2)


def test_what_cannot_be_run_is_told(tmp_path: Path):
    odd = helper.make_node("Quant", ["x"], ["y"], name="odd", domain="os")
    with pytest.raises(UnsupportedError, match="odd: Quant of the domain 'os' cannot be run"):
        network([odd], {}, (3,))
    multi = helper.make_node("MultiThreshold", ["x"], ["y"], name="mt", domain=QONNX)
    with pytest.raises(UnsupportedError, match="mt: MultiThreshold of the domain"):
        network([multi], {}, (3,))
    short = helper.make_node("Quant", ["x"], ["y"], name="short", domain=QONNX)
    with pytest.raises(UnsupportedError, match="short: Quant must have 4 inputs, not 1"):
        network([short], {}, (3,))
    loose = helper.make_node("Quant", ["x", "x", "zero", "four"], ["y"], name="l", domain=QONNX)
    with pytest.raises(UnsupportedError, match="l: scale, zero point and bits must be constants"):
        network([loose], {"zero": 0, "four": 4}, (3,))
    with pytest.raises(UnsupportedError, match="y: rounding ODD is none of ROUND, HALF_EVEN"):
        network([quant("x", "y", rounding_mode="odd")], {"one": 1, "zero": 0, "four": 4}, (3,))
    n = at_a_boundary().model
    n.graph.input.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [1]))
    with pytest.raises(UnsupportedError, match="one input and one output, not 2 and 1"):
        QonnxNetwork(n)
    (tmp_path / "m.onnx").write_bytes(b"\xff\xff no model")
    with pytest.raises(SpecError, match=r"m\.onnx must be an ONNX model: "):
        QonnxNetwork.load(tmp_path / "m.onnx")


def test_the_golden_model_agrees_on_every_test_image(finished: Path):
    n = QonnxNetwork.load(finished / "model.onnx")
    graph = to_integer(load_model(finished / "model.onnx"))
    x, _ = datasets.load("digits", "test")
    report = compare(n, x, golden_side(n, graph, x))
    assert (report.samples, len(report.nodes), report.decisions) == (360, 5, ())


def test_a_threshold_moved_by_one_is_caught(finished: Path):
    n = QonnxNetwork.load(finished / "model.onnx")
    graph = to_integer(load_model(finished / "model.onnx"))
    x, _ = datasets.load("digits", "test")
    node = [op for op in graph if isinstance(op, Threshold)][1]
    moved = node.thresholds.copy()
    inputs = graph.trace(graph.source.quantize(x))[node.inputs[0]]
    values, counts = np.unique(inputs[:, 7], return_counts=True)
    level = int(values[counts.argmax()])  # the value that channel 7 takes most often
    moved[7] = level + 1 if moved[7] <= level else level
    broken = graph.replace(
        nodes=tuple(op.replace(thresholds=moved) if op is node else op for op in graph)
    )
    assert not np.array_equal(moved, node.thresholds)
    with pytest.raises(
        MismatchError, match=r"the golden model differ at .* in \d+ of 23040 values"
    ):
        compare(n, x, golden_side(n, broken, x))
