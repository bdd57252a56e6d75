"""Small models of the kinds that people have: accepted exactly, or refused with the true reason.

They lie in a folder ``cases`` beside the shared models. Accepted ones are compared with ONNX
Runtime or qonnx by the verb `check`, so that each difference is proven to lie at a boundary.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from bitrill import flow
from bitrill.errors import BitrillError
from bitrill.frontend import load_model
from bitrill.train.executor import QonnxNetwork
from frontend.runtime import session
from support import shared_case

REFUSED = {
    "attention": "Transpose node 'node_transpose'",
    "concat_20": "must give at most 1048576 elements",
    "ext_dir": "external data",
    "matmul_data_data": "MatMul node 2 (gives 'a')",
    "pad_100000": "must have at most 1048576 elements",
    "pixelshuffle_bias": "a bias or batch norm in front of it gives them several",
    "t_se_block": "Mul node 'node_mul'",
}
"""Cases that no integers of fixed scale can give, or that are too large; part of the reason."""

QONNX = """
act16_dense act16_one_neuron argmax_nokeep avg_ceil brev_qonnx_mlp_gelu brev_qonnx_mlp_sigmoid
brev_qonnx_mlp_tanh brev_qonnx_tokens_linear ceil_const_bits focus in_28_28_1_reshape
in_hw_unsqueeze linear_on_sequence max_min_ops maxpool_100 one_value opset_21 pad_op
resize_sizes_axes_18 seg_argmax softmax_unsqueeze_argmax split_names_torch sum_of_three_m_three
t_relu_out_float t_sigmoid_out t_slice_unused topk_values_as_output trap_a2q
trap_one_bit_unsigned z_half zero_concat zero_gamma_residual weights_folded_floats_on_grid
"""
"""Cases that qonnx evaluates."""

RUNTIME = "brev_qcdq_mlp hand_fakequant_mlp ort_qdq_mlp qx_to_qcdq"
"""Cases that ONNX Runtime evaluates as they are; it optimises `ort_qop_cnn`."""

ACCEPTED = [
    *[("qonnx", name) for name in QONNX.split()],
    *[("runtime", name) for name in RUNTIME.split()],
    ("optimized runtime", "ort_qop_cnn"),
]

FRAMES = 6


def outputs(path: Path, judge: str, x: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs of a model by name, one frame at a time."""
    if judge == "qonnx":
        network = QonnxNetwork.load(path)
        return {network.output: np.concatenate([network.run(f[None]).output for f in x])}
    made = session(onnx.load(path), optimize=judge == "optimized runtime")
    names, given = [y.name for y in made.get_outputs()], made.get_inputs()[0].name
    frames = [made.run(None, {given: f[None]}) for f in x]
    return {n: np.concatenate(ys) for n, ys in zip(names, zip(*frames, strict=True), strict=True)}


@pytest.mark.parametrize(("judge", "name"), ACCEPTED)
def test_an_accepted_case_is_the_network_that_others_run(judge: str, name: str) -> None:
    path = shared_case(f"{name}.onnx")
    shape = load_model(path).source.shape
    x = np.random.default_rng(0).normal(0, 1.5, (FRAMES, *shape)).astype(np.float32)
    done = flow.check(path, inputs=x, outputs=outputs(path, judge, x), progress=lambda *_: None)
    assert done.ok, done.faults


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_case_tells_its_reason(name: str) -> None:
    with pytest.raises(BitrillError) as told:
        flow.inspect(shared_case(f"{name}.onnx"))
    assert REFUSED[name] in str(told.value)
