"""Refusals name the node that they are about, every one in the way, and a way out that works."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from bitrill.errors import UnsupportedError
from frontend.agreement import agrees
from frontend.onnx_models import Net, imported
from onnx import TensorProto, helper

SCALES = (0.4582, 0.6173)


def reasons(net: Net, output: str, folder: Path) -> tuple[str, ...]:
    with pytest.raises(UnsupportedError) as caught:
        imported(net.proto(output), folder)
    return caught.value.reasons


def branches(net: Net) -> tuple[str, str]:
    """Two branches of two channels whose scales are in no small ratio."""
    x = net.quant("x", 0.5)
    first, second = (net.quant(net.conv(x, 2, 2, 1, 1, seed=k), s) for k, s in enumerate(SCALES))
    return first, second


def test_one_layer_for_each_branch_is_the_same_function_and_accepted(tmp_path: Path) -> None:
    """Branches of scales in no ratio come together behind the layer, where a quantizer decides."""
    w = np.random.default_rng(5).integers(-3, 4, (3, 4, 1, 1)).astype(np.float32)
    protos = []
    for split in (True, False):
        net = Net(1, 2, 4, 4)
        one, other = branches(net)
        if split:
            parts = [
                net.node("Conv", b, net.const(v)) for b, v in ((one, w[:, :2]), (other, w[:, 2:]))
            ]
            x = net.node("Add", *parts)
        else:
            x = net.node("Conv", net.node("Concat", one, other, axis=1), net.const(w))
        protos.append(net.proto(net.quant(x, 2.0)))
    graph = imported(protos[0], tmp_path)
    for proto in protos:
        assert agrees(graph, proto) >= 8


def product(net: Net) -> tuple[str, str]:
    """A sine, which is refused, and a product of activations behind it."""
    x = net.quant("x", 0.5)
    unknown = net.node("Sin", net.conv(x, 2, 2, 1, 1), name="sine")
    return x, unknown


def test_nodes_behind_a_refused_one_are_checked(tmp_path: Path) -> None:
    net = Net(1, 2, 4, 4)
    x, unknown = product(net)
    found = reasons(net, net.node("Gemm", unknown, x, name="bmm"), tmp_path)
    assert [r.split(":")[0] for r in found] == ["Sin node 'sine'", "Gemm node 'bmm'"]
    assert "both its operands depend on the model's input" in found[1]


def test_constants_made_by_refused_nodes_are_no_activations(tmp_path: Path) -> None:
    net = Net(1, 2, 4, 4)
    w = net.node("Sin", net.const(np.ones((3, 2, 1, 1))), name="sine")
    found = reasons(net, net.node("Conv", net.quant("x", 0.5), w), tmp_path)
    assert [r.split(":")[0] for r in found] == ["Sin node 'sine'"]


@pytest.mark.parametrize("declared", [True, False])
def test_layers_behind_a_quantizer_behind_a_refused_node_are_checked(
    tmp_path: Path, declared: bool
) -> None:
    net = Net(1, 2, 4, 4)
    _, unknown = product(net)
    x = net.quant(unknown, 0.5)
    proto = net.proto(net.conv(x, 3, 5, 1, 1))
    if declared:
        declare(proto, unknown, (1, 2, 4, 4))
    with pytest.raises(UnsupportedError) as caught:
        imported(proto, tmp_path)
    assert len(caught.value.reasons) == 1 + declared
    assert not declared or "its weights must have 2 channels a group, not 5" in str(caught.value)


def declare(proto: onnx.ModelProto, tensor: str, shape: tuple[int | str, ...]) -> None:
    info = helper.make_tensor_value_info(tensor, TensorProto.FLOAT, shape)
    proto.graph.value_info.append(info)


DECLARED: dict[str, tuple[tuple[int | str, ...], bool]] = {
    "as built": ((1, 3, 4, 4), True),
    "named sizes": (("n", "c", 4, "w"), True),
    "another size": ((1, 3, 4, 5), False),
    "another batch": ((2, 3, 4, 4), False),
    "fewer axes": ((1, 3, 16), False),
}


@pytest.mark.parametrize("case", DECLARED)
def test_declared_shapes_are_what_is_built(tmp_path: Path, case: str) -> None:
    shape, right = DECLARED[case]
    net = Net(1, 2, 4, 4)
    inner = net.conv(net.quant("x", 0.5), 3, 2, 1, 1)
    proto = net.proto(net.quant(inner, 0.5))
    declare(proto, inner, shape)
    if right:
        assert imported(proto, tmp_path).nodes
        return
    told = str([s if isinstance(s, int) else "free" for s in shape]).replace("[", r"\[")
    with pytest.raises(
        UnsupportedError,
        match=rf"Conv node .* is declared as {told}, and its shape is \[1, 3, 4, 4\]",
    ):
        imported(proto, tmp_path)


def test_the_declared_batch_may_be_any_where_the_model_leaves_it_open(tmp_path: Path) -> None:
    net = Net("N", 2, 4, 4)
    inner = net.conv(net.quant("x", 0.5), 3, 2, 1, 1)
    proto = net.proto(net.quant(inner, 0.5))
    declare(proto, inner, (7, 3, 4, 4))
    assert imported(proto, tmp_path).nodes
