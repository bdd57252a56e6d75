"""The evaluator cuts, borders, reduces and chooses as ONNX Runtime does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from frontend.float_evaluator import evaluate
from onnx import TensorProto, helper, numpy_helper

AXES = np.array([2, -1])
COLUMN = np.float32([[[2.0]], [[-1.0]]])
PADS = np.array([1, -1, 2, 0])
CASES: list[tuple[str, int, list[Any], dict[str, Any]]] = [
    ("Pad", 7, [], {"pads": [0, 0, 1, -1, 0, 0, 2, 1], "value": 2.5}),
    ("Pad", 13, [np.array([0, 1, 1, 2, 0, 2, -2, 0]), np.float32(-3)], {}),
    ("Pad", 18, [PADS, np.float32(1), AXES], {"mode": "constant"}),
    *(
        (op, opset, more, {"keepdims": keep} | attributes)
        for op in ("ReduceMax", "ReduceMean", "ReduceSum")
        for keep in (0, 1)
        for opset, more, attributes in (
            (11, [], {"axes": [2, -1]}),
            (12, [], {}),
            (18, [np.array([-2])], {}),
            (18, [], {"noop_with_empty_axes": 1}),
            (18, [np.array([], np.int64)], {"noop_with_empty_axes": 0}),
        )
    ),
    *(
        (op, 13, [np.float32([[[2.0]], [[-1.0]]]), np.float32(0.5)], {})
        for op in ("Max", "Min", "Sum")
    ),
    ("Mean", 13, [np.float32(1), np.float32(2.0), np.float32(3)], {}),
    ("Ceil", 13, [], {}),
    ("Floor", 13, [], {}),
    *(
        (
            "Resize",
            13,
            [None, np.float32([1, 1, s, 2])],
            {"coordinate_transformation_mode": b, "nearest_mode": r},
        )
        for s in (0.5, 2, 3)
        for b in ("asymmetric", "half_pixel", "align_corners")
        for r in ("floor", "round_prefer_floor", "round_prefer_ceil", "ceil")
    ),
    *(
        ("Resize", 18, [None, None, np.array([8, 9])], {"axes": [2, 3]} | p)
        for p in ({}, {"keep_aspect_ratio_policy": "not_larger"})
    ),
    ("Resize", 10, [np.float32([1, 1, 2, 2])], {}),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_the_evaluator_agrees_with_onnx_runtime(case: int) -> None:
    runtime = pytest.importorskip("onnxruntime")
    op, opset, more, attributes = CASES[case]
    rng = np.random.default_rng(case)
    names = ["" if c is None else f"c{k}" for k, c in enumerate(more)]
    graph = helper.make_graph(
        [helper.make_node(op, ["x", *names], ["y"], **attributes)],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (2, 2, 4, 3))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(c, n) for c, n in zip(more, names, strict=True) if n],
    )
    proto = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", opset)])
    # integers of which every sum and every average over the elements here is a float
    x = rng.integers(-64, 64, (2, 2, 4, 3)) * 96 + (op in ("Ceil", "Floor")) / 4
    x = x.astype(np.float32)
    (want,) = runtime.InferenceSession(proto.SerializeToString()).run(None, {"x": x})
    got = evaluate(proto, x).v
    assert got.shape == want.shape
    assert np.array_equal(got.astype(np.float32), want)
