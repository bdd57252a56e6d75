"""The evaluator computes over space what ONNX Runtime does: equal on small integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from frontend.float_evaluator import evaluate
from onnx import TensorProto, helper, numpy_helper

SAME = [{"auto_pad": "SAME_UPPER"}, {"auto_pad": "SAME_LOWER"}, {"pads": [1, 0, 2, 1]}]
POOLS = [
    {"kernel_shape": [2, 3], "strides": [s, s], "pads": [1, 0, 1, 1], "ceil_mode": c}
    for s in (1, 2, 3)
    for c in (0, 1)
]
CASES: list[tuple[str, tuple[int, ...], list[Any], dict[str, Any]]] = [
    *(("Conv", (1, 4, 5, 6), [(6, 4, 2, 3), (6,)], k) for k in SAME),
    ("Conv", (1, 4, 5, 6), [(6, 2, 2, 3)], {"group": 2, "strides": [2, 3], "dilations": [2, 1]}),
    ("Conv", (1, 4, 9), [(4, 1, 3)], {"group": 4, "dilations": [2]}),
    ("ConvTranspose", (1, 4, 3, 3), [(4, 2, 2, 3), (2,)], {"strides": [2, 1]}),
    (
        "ConvTranspose",
        (1, 4, 3, 3),
        [(4, 3, 2, 3)],
        {"strides": [2, 3], "group": 2, "pads": [1, 0, 0, 2], "output_padding": [1, 0]},
    ),
    *(("MaxPool", (1, 2, 5, 6), [], k) for k in POOLS),
    *(("AveragePool", (1, 2, 5, 6), [], k | {"kernel_shape": [2, 2]}) for k in POOLS[:1]),
    *(
        (
            "AveragePool",
            (1, 2, 5, 6),
            [],
            POOLS[0] | {"kernel_shape": [2, 2], "count_include_pad": i},
        )
        for i in (0, 1)
    ),
    ("GlobalAveragePool", (1, 2, 4, 4), [], {}),
    ("GlobalMaxPool", (1, 2, 4, 4), [], {}),
    ("ReduceMean", (1, 2, 4, 4), [], {"axes": [2, 3], "keepdims": 0}),
    *(
        (
            "Resize",
            (1, 2, 3, 4),
            [np.float32([]), np.float32([1, 1, 2, 3])],
            {"coordinate_transformation_mode": b, "nearest_mode": r},
        )
        for b in ("asymmetric", "half_pixel")
        for r in ("floor", "round_prefer_floor", "round_prefer_ceil")
    ),
    ("DepthToSpace", (1, 8, 2, 3), [], {"blocksize": 2}),
    ("DepthToSpace", (1, 8, 2, 3), [], {"blocksize": 2, "mode": "CRD"}),
    ("SpaceToDepth", (1, 2, 4, 6), [], {"blocksize": 2}),
    ("LeakyRelu", (1, 2, 3), [], {"alpha": 0.5}),
    ("PRelu", (1, 2, 3), [(2, 1)], {}),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_the_evaluator_agrees_with_onnx_runtime(case: int) -> None:
    runtime = pytest.importorskip("onnxruntime")
    op, shape, more, attributes = CASES[case]
    rng = np.random.default_rng(case)
    constants = [
        c if isinstance(c, np.ndarray) else rng.integers(-8, 8, c).astype(np.float32) for c in more
    ]
    names = [f"c{k}" for k in range(len(constants))]
    graph = helper.make_graph(
        [helper.make_node(op, ["x", *names], ["y"], **attributes)],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(c, n) for c, n in zip(constants, names, strict=True)],
    )
    proto = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
    # integers of which every sum and every average over 1, 2, 4 or 16 places is a float
    x = (rng.integers(-64, 64, shape) * 48).astype(np.float32)
    (want,) = runtime.InferenceSession(proto.SerializeToString()).run(None, {"x": x})
    got = evaluate(proto, x).v
    assert np.array_equal(got, want)
