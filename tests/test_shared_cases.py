"""Small models of the kinds that people have: accepted exactly, or refused with the true reason.

They lie in a folder ``cases`` beside the shared models, whose table says what is right. Accepted
ones are compared with ONNX Runtime, qonnx or an evaluator of the tests by the verb `check`, so that
each difference is proven to lie at a boundary.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from bitrill import flow
from bitrill.errors import BitrillError
from bitrill.frontend import load_model
from bitrill.train.onnx_execution import QonnxNetwork
from frontend.float_evaluator import evaluate_all
from frontend.runtime import session
from support import shared_case

BRANCHES = (
    "the scales of the branches of Concat node '%s', whose channels this node adds up, lie on one"
    " grid"
)

REFUSED = {
    "attention": "Softmax node 'node_softmax'",
    "brev_qonnx_mlp_noinq": "Gemm node 'node_linear': it takes unquantized floats; quantize the",
    "bug09_flat": f"Gemm node 'node_linear': {BRANCHES % 'node_cat'}",
    "bug09_plain": f"Conv node 'node_Conv_110': {BRANCHES % 'node_cat'}",
    "concat_20": "must have at most 1048576 elements",
    "ext_dir": "external data",
    "pad_100000": "must have at most 1048576 elements",
    "pixelshuffle_bias": "a bias or batch norm before it gives them several",
    "t_concat_unequal_scales": f"Conv node 'node_Conv_68': {BRANCHES % 'node_cat'}",
    "yolo_concat": f"Conv node 'node_conv2d_5': {BRANCHES % 'node_cat_2'}",
}
"""Cases that no integers of fixed scale can give, or that are too large; part of the reason."""

QONNX = """
act16_dense act16_one_neuron argmax_nokeep avg_ceil brev_qonnx_mlp_gelu brev_qonnx_mlp_sigmoid
brev_qonnx_mlp_tanh brev_qonnx_tokens_linear ceil_const_bits focus heads_flat in_28_28_1_reshape
in_hw_unsqueeze linear_on_sequence matmul_data_data max_min_ops maxpool_100 one_value opset_21
pad_op reducemean_noaxes resize_sizes_axes_18 round_round_to_zero seg_argmax
softmax_unsqueeze_argmax
split_names_torch sum_of_three_m_three t_relu_out_float t_se_block t_sigmoid_out t_slice_unused
topk_values_as_output trap_a2q trap_one_bit_unsigned z_half zero_concat zero_gamma_residual
weights_folded_floats_on_grid
"""
"""Cases that qonnx evaluates."""

EVALUATED = """
hgq_per_act_bits hgq_per_weight_bits quant_no_domain resize_nhwc t_two_outputs
uint8_typed_input_cast
"""
"""Cases that qonnx cannot run: bits for each element, no domain, layouts, several outputs."""

RUNTIME = "brev_qcdq_mlp hand_fakequant_mlp ort_qdq_mlp qx_to_qcdq"
"""Cases that ONNX Runtime evaluates as they are; it optimises `ort_qop_cnn`."""

ACCEPTED = [
    *[("qonnx", name) for name in QONNX.split()],
    *[("evaluator", name) for name in EVALUATED.split()],
    *[("runtime", name) for name in RUNTIME.split()],
    ("optimized runtime", "ort_qop_cnn"),
]

FRAMES = 6


def outputs(path: Path, judge: str, x: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs of a model by name, one frame at a time."""
    if judge == "qonnx":
        network = QonnxNetwork.load(path)
        return {network.output: np.concatenate([network.run(f[None]).output for f in x])}
    if judge == "evaluator":
        model = onnx.load(path)
        rows = [[y.v.astype(np.float32) for y in evaluate_all(model, f[None])] for f in x]
        names = [y.name for y in model.graph.output]
        return {n: np.concatenate(ys) for n, ys in zip(names, zip(*rows, strict=True), strict=True)}
    made = session(onnx.load(path), optimize=judge == "optimized runtime")
    names, given = [y.name for y in made.get_outputs()], made.get_inputs()[0].name
    frames = [made.run(None, {given: f[None]}) for f in x]
    return {n: np.concatenate(ys) for n, ys in zip(names, zip(*frames, strict=True), strict=True)}


@pytest.mark.parametrize(("judge", "name"), ACCEPTED)
def test_an_accepted_case_is_the_network_that_others_run(judge: str, name: str) -> None:
    path = shared_case(f"{name}.onnx")
    shape = load_model(path).source.shape
    rng, size = np.random.default_rng(0), (FRAMES, *shape)
    x = rng.normal(0, 1.5, size).astype(np.float32)
    if name == "uint8_typed_input_cast":
        x = rng.integers(0, 256, size, np.uint8)
    done = flow.check(path, inputs=x, outputs=outputs(path, judge, x), progress=lambda *_: None)
    assert done.ok, done.faults


def test_every_case_is_tested() -> None:
    files = {p.stem for p in shared_case("README.md").parent.glob("*.onnx")}
    assert files == {*REFUSED, *(name for _, name in ACCEPTED)}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_case_tells_its_reason(name: str) -> None:
    with pytest.raises(BitrillError) as told:
        flow.inspect(shared_case(f"{name}.onnx"))
    assert REFUSED[name] in str(told.value)
